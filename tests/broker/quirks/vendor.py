"""A vendor with any quirk: an OAuth server and an API whose every answer a test can bend, and which repeats whatever it
is sent in its errors, headers and redirects. Not a certified one: that is ``tests/broker/oidc``."""

import base64
import hashlib
import itertools
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

from aiohttp import web

from tests.plants import MARK

PLANTED = MARK
"""How every secret of these tests begins: what the scan of the whole run looks for."""

KEY = PLANTED + "key-0123456789"

Answer = Callable[["Asked"], web.Response | Awaitable[web.Response]]


@dataclass
class Asked:
    """One request as it came: the path below the vendor's own, the pairs of query and body, the headers."""

    method: str
    path: str
    query: dict[str, str]
    form: dict[str, str]
    headers: Mapping[str, str]
    body: bytes
    raw_query: str

    @property
    def pairs(self) -> dict[str, str]:
        """Query and body together."""
        return {**self.query, **self.form}

    @property
    def basic(self) -> str:
        """The user and password of HTTP Basic."""
        kind, _, rest = self.headers.get("Authorization", "").partition(" ")
        return base64.b64decode(rest).decode() if kind == "Basic" else ""

    @property
    def shown(self) -> str:
        """All of it, as a careless vendor repeats it."""
        return f"{self.raw_query} {dict(self.headers)} {self.body.decode('utf-8', 'replace')} {self.basic}"


def told(data: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A JSON answer."""
    return web.Response(status=status, body=json.dumps(data).encode(), content_type="application/json", headers=headers)


@dataclass
class Vendor:
    """One vendor at ``base``. ``on`` overrides what is answered at a path; ``asked`` is all that came."""

    name: str
    base: str
    client_id: str = "client-1"
    client_secret: str = PLANTED + "client-secret"
    person: str = "ada"
    on: dict[str, Answer] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    good: set[str] = field(default_factory=set)
    more: dict[str, Any] = field(default_factory=dict)
    challenge: str | None = None
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def last(self, path: str) -> Asked:
        """The last request at a path."""
        return [one for one in self.asked if one.path == path][-1]

    def count(self, path: str) -> int:
        """How many came at a path."""
        return sum(one.path == path for one in self.asked)

    def minted(self, kind: str = "access") -> str:
        """A new token, which the API accepts."""
        token = f"{PLANTED}{kind}-{self.name}-{next(self._numbers)}"
        self.good.add(token)
        return token

    def tokens(self, **more: Any) -> dict[str, Any]:
        """What a token endpoint answers."""
        held = {"access_token": self.minted(), "refresh_token": self.minted("refresh"), "expires_in": 3600}
        return {**held, "token_type": "Bearer", "scope": "read", **self.more, **more}

    async def answer(self, request: web.Request, path: str) -> web.StreamResponse:
        """Answer one request."""
        body = await request.read()
        form: dict[str, str] = {}
        if request.content_type == "application/json" and body:
            held = json.loads(body)
            form = {key: str(value) for key, value in held.items()} if isinstance(held, dict) else {}
        elif request.content_type == "application/x-www-form-urlencoded":
            form = dict(parse_qsl(body.decode(), keep_blank_values=True))
        raw = request.rel_url.raw_query_string
        query = dict(parse_qsl(raw, keep_blank_values=True))
        asked = Asked(request.method, path, query, form, request.headers.copy(), body, raw)
        self.asked.append(asked)
        usual: dict[str, Answer] = {"/authorize": self.agreed, "/token": self.token, "/me": self.me}
        made = self.on.get(path, usual.get(path, self.api))(asked)
        return made if isinstance(made, web.Response) else await made

    def agreed(self, asked: Asked) -> web.Response:
        """The vendor's page, at which the person always agrees."""
        self.challenge = asked.query.get("code_challenge")
        return self.back(asked, code="code-1")

    def back(self, asked: Asked, **query: str) -> web.Response:
        """Lead the browser back."""
        given = {"state": asked.query["state"], **query}
        raise web.HTTPFound(f"{asked.query['redirect_uri']}?{urlencode(given)}")

    def knows(self, asked: Asked) -> bool:
        """Whether the client showed itself, by Basic or in the body."""
        pair = f"{self.client_id}:{self.client_secret}"
        return asked.basic == pair or (
            asked.pairs.get("client_id") == self.client_id and asked.pairs.get("client_secret") == self.client_secret
        )

    def token(self, asked: Asked) -> web.Response:
        """The token endpoint: strict about the client, the code, its verifier and refresh tokens."""
        if not self.knows(asked):
            return self.refused(asked, "invalid_client", 401)
        grant = asked.pairs.get("grant_type")
        if grant == "refresh_token":
            token = asked.pairs.get("refresh_token", "")
            if token not in self.good:
                return self.refused(asked, "invalid_grant")
            self.good.discard(token)
        elif grant == "authorization_code" and self.challenge is not None:
            digest = hashlib.sha256(asked.pairs.get("code_verifier", "").encode()).digest()
            if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != self.challenge:
                return self.refused(asked, "invalid_grant")
        return told(self.tokens())

    def refused(self, asked: Asked, error: str, status: int = 400) -> web.Response:
        """An error that repeats everything it was sent."""
        held = {"error": error, "error_description": f"{error}: {asked.shown}", "seen": asked.shown}
        return told(held, status, {"X-Seen": asked.headers.get("Authorization", "") or asked.body.decode()[:500]})

    def signed(self, asked: Asked) -> bool:
        """Whether something good is on the request, wherever it stands."""
        text = f"{asked.path}?{asked.raw_query} {dict(asked.headers)} {asked.basic}"
        return any(token in text for token in self.good)

    def me(self, asked: Asked) -> web.Response:
        """Whose account it is."""
        if not self.signed(asked):
            return self.refused(asked, "invalid_token", 401)
        return told({"id": f"id-{self.person}", "name": self.person, "dc": "us1", "mailbox": "inbox"})

    def api(self, asked: Asked) -> web.Response:
        """Everything else: repeats what it was sent."""
        if not self.signed(asked):
            return self.refused(asked, "invalid_token", 401)
        if asked.path == "/away":
            raise web.HTTPFound(f"http://127.0.0.1:9/stolen?seen={asked.headers.get('Authorization', '')}")
        return told({"path": asked.path, "seen": asked.shown}, 200, {"X-Seen": asked.headers.get("Authorization", "-")})
