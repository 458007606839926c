"""Authlib's authorization server with one API behind it, run with the Python it is installed for (``make programs``).

    python server.py CLIENTS

``CLIENTS`` is JSON: by client id ``grant``, ``auth`` (how it shows itself at the token endpoint), ``jwks`` and
``secret``. Prints the port it listens on. What is checked is Authlib's own doing; here stand only the tables it asks a
program for, kept in memory. ``/control`` moves this process's clock, takes keys away, and tells what was counted.
Not a test, and not importable with the hub's own Python.
"""

import json
import os
import secrets
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from authlib.integrations.flask_oauth2 import (  # type: ignore[import-untyped]
    AuthorizationServer,
    ResourceProtector,
    current_token,
)
from authlib.oauth2.rfc6749 import ClientMixin, TokenMixin, grants  # type: ignore[import-untyped]
from authlib.oauth2.rfc6750 import BearerTokenValidator  # type: ignore[import-untyped]
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion, JWTBearerGrant  # type: ignore[import-untyped]
from flask import Flask, request  # type: ignore[import-not-found]
from joserfc.jwk import KeySet
from werkzeug.serving import make_server  # type: ignore[import-not-found]

LIFETIME = 3600
SIGNED = JWTBearerClientAssertion.CLIENT_AUTH_METHOD


@dataclass
class Client(ClientMixin):  # type: ignore[misc]
    """A row of the clients' table."""

    client_id: str
    grant: str
    auth: str = "none"
    secret: str = ""
    jwks: dict[str, Any] = field(default_factory=dict)
    scope: str = "notes:read"

    def get_client_id(self) -> str:
        return self.client_id

    def get_allowed_scope(self, scope: str | None) -> str:
        return " ".join(one for one in (scope or "").split() if one in self.scope.split())

    def check_client_secret(self, secret: str) -> bool:
        return secrets.compare_digest(self.secret, secret)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == self.auth

    def check_grant_type(self, grant: str) -> bool:
        return grant == self.grant


@dataclass
class Token(TokenMixin):  # type: ignore[misc]
    """A row of the tokens' table."""

    client_id: str
    scope: str
    ends: float

    def get_scope(self) -> str:
        return self.scope

    def is_expired(self) -> bool:
        return self.ends < time.time()

    def is_revoked(self) -> bool:
        return False


class Tables:
    """What Authlib asks for."""

    def __init__(self, clients: Mapping[str, Mapping[str, Any]]) -> None:
        self.clients = {name: Client(name, **told) for name, told in clients.items()}
        self.tokens: dict[str, Token] = {}
        self.used: set[str] = set()
        self.counted: Counter[str] = Counter()

    def save(self, token: Mapping[str, Any], asked: Any) -> None:
        """Keep a token that was given."""
        self.counted["tokens"] += 1
        ends = time.time() + token["expires_in"]
        self.tokens[token["access_token"]] = Token(asked.client.client_id, token.get("scope", ""), ends)

    def once(self, id: str) -> bool:
        """Whether an assertion's id was never used before."""
        fresh = id not in self.used
        self.used.add(id)
        return fresh


def keys_of(client: Client) -> Any:
    """The public keys a client is registered with."""
    return KeySet.import_key_set(client.jwks)  # type: ignore[arg-type]


def made(tables: Tables, audience: str) -> Flask:
    """The server; ``audience`` is who assertions must be for, its token endpoint."""

    class Bearer(JWTBearerGrant):  # type: ignore[misc]
        def get_audiences(self) -> list[str]:
            return [audience]

        def resolve_issuer_client(self, issuer: str) -> Client | None:
            return tables.clients.get(issuer)

        def resolve_client_public_key(self, client: Client) -> Any:
            return keys_of(client)

        def authenticate_user(self, subject: str) -> str | None:
            return subject if subject in tables.clients else None

        def has_granted_permission(self, client: Client, user: str) -> bool:
            return client.client_id == user

    class Signed(JWTBearerClientAssertion):  # type: ignore[misc]
        def get_audiences(self) -> list[str]:
            return [audience]

        def resolve_client_public_key(self, client: Client) -> Any:
            return keys_of(client)

        def validate_jti(self, claims: Mapping[str, Any], jti: str) -> bool:
            return tables.once(jti)

    class Credentials(grants.ClientCredentialsGrant):  # type: ignore[misc]
        TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic", SIGNED)

    class Known(BearerTokenValidator):  # type: ignore[misc]
        def authenticate_token(self, text: str) -> Token | None:
            return tables.tokens.get(text)

    app = Flask(__name__)
    grant = JWTBearerGrant.GRANT_TYPE
    app.config["OAUTH2_TOKEN_EXPIRES_IN"] = {"client_credentials": LIFETIME, grant: LIFETIME}
    server = AuthorizationServer(app, query_client=tables.clients.get, save_token=tables.save)
    server.register_grant(Bearer)
    server.register_grant(Credentials)
    server.register_client_auth_method(SIGNED, Signed())
    protected = ResourceProtector()
    protected.register_token_validator(Known())

    @app.post("/token")  # type: ignore[untyped-decorator]
    def token() -> Any:
        tables.counted["asked"] += 1
        return server.create_token_response()

    @app.get("/me")  # type: ignore[untyped-decorator]
    @protected("notes:read")  # type: ignore[untyped-decorator]
    def me() -> dict[str, str]:
        return {"id": current_token.client_id, "name": current_token.client_id}

    @app.get("/api")  # type: ignore[untyped-decorator]
    @protected("notes:read")  # type: ignore[untyped-decorator]
    def api() -> dict[str, str]:
        tables.counted["calls"] += 1
        return {"whose": current_token.client_id}

    return app


def controlled(app: Flask, tables: Tables) -> Flask:
    """The same with ``/control``."""
    machine = time.time

    @app.post("/control")  # type: ignore[untyped-decorator]
    def control() -> dict[str, int]:
        asked = request.get_json()
        if "time" in asked:
            ahead = asked["time"] - machine()
            time.time = lambda: machine() + ahead
        for name, jwks in asked.get("keys", {}).items():
            tables.clients[name].jwks = jwks
        if asked.get("forget"):
            tables.tokens.clear()
        return dict(tables.counted)

    return app


if __name__ == "__main__":
    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"  # loopback, without TLS
    listening = Flask("listening")
    running = make_server("127.0.0.1", 0, listening, threaded=True)
    held = Tables(json.loads(sys.argv[1]))
    running.app = controlled(made(held, f"http://127.0.0.1:{running.port}/token"), held)
    print(running.port, flush=True)
    running.serve_forever()
