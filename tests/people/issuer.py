"""A small OpenID Connect issuer on loopback, whose answers can be bent. Its signatures are real."""

import base64
import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

CLIENT, SECRET = "hub", "a secret: with/odd+characters"


def _keys() -> list[RSAKey]:
    return [RSAKey.generate_key(2048, {"kid": f"key-{n}", "use": "sig"}, private=True) for n in range(2)]


@dataclass
class Issuer:
    """What it says about ``person``; ``bend`` changes claims of the next ID tokens, ``document`` what it publishes."""

    now: Callable[[], float] = time.time
    url: str = ""
    person: dict[str, Any] = field(default_factory=lambda: {"sub": "1001"})
    told_when_asked: dict[str, Any] = field(default_factory=dict)
    bend: dict[str, Any] = field(default_factory=dict)
    document: dict[str, Any] = field(default_factory=dict)
    keys: list[RSAKey] = field(default_factory=_keys)
    published: int = 1
    signs: int = 0
    algorithm: str = "RS256"
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)
    key_fetches: int = 0

    def app(self) -> web.Application:
        """Its routes."""
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", self._document)
        app.router.add_get("/authorize", self._authorize)
        app.router.add_post("/token", self._token)
        app.router.add_get("/keys", self._key_set)
        app.router.add_get("/userinfo", self._userinfo)
        return app

    async def _document(self, request: web.Request) -> web.Response:
        told = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "userinfo_endpoint": f"{self.url}/userinfo",
            "authorization_response_iss_parameter_supported": True,
            **self.document,
        }
        return web.json_response(told)

    async def _authorize(self, request: web.Request) -> web.Response:
        """Lets everyone in as ``person`` at once."""
        asked = dict(request.query)
        self.asked.append(asked)
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        back = {"code": code, "state": asked["state"], "iss": self.url}
        raise web.HTTPFound(f"{asked['redirect_uri']}?{urlencode(back)}")

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        asked = self.codes.pop(str(form["code"]), None)
        pair = base64.b64encode(b"hub:a+secret%3A+with%2Fodd%2Bcharacters").decode()
        verifier = base64.urlsafe_b64encode(hashlib.sha256(str(form["code_verifier"]).encode()).digest())
        right = (
            asked is not None
            and request.headers.get("Authorization") == f"Basic {pair}"
            and form["redirect_uri"] == asked["redirect_uri"]
            and verifier.rstrip(b"=").decode() == asked["code_challenge"]
        )
        if not right or asked is None:
            return web.json_response({"error": "invalid_grant"}, status=400)
        claims = {
            "iss": self.url,
            "aud": CLIENT,
            "nonce": asked["nonce"],
            "iat": int(self.now()),
            "exp": int(self.now()) + 300,
            **self.person,
            **self.bend,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        return web.json_response({"access_token": "at", "token_type": "Bearer", "id_token": self._signed(claims)})

    def _signed(self, claims: dict[str, Any]) -> str:
        key = self.keys[self.signs]
        header = {"alg": self.algorithm, "kid": key.kid or ""}
        if self.algorithm == "none":
            parts = [
                base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in (header, claims)
            ]
            return ".".join([*parts, ""])
        if self.algorithm == "HS256":  # signed with what is public
            public = OctKey.import_key(key.as_pem(private=False))
            return jwt.encode(header, claims, public, algorithms=["HS256"])
        return jwt.encode(header, claims, key, algorithms=[self.algorithm])

    async def _key_set(self, request: web.Request) -> web.Response:
        self.key_fetches += 1
        held = [key.as_dict(private=False) for key in self.keys[: self.published]]
        return web.json_response({"keys": [{"kty": "odd"}, *held]})

    async def _userinfo(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer at"
        return web.json_response({"sub": self.person["sub"], **self.told_when_asked})
