"""What the routes tell the connection trace: each step of a client, as it is answered, in words for the operator.

No text here holds a token, code, verifier or state. Nothing is decided: a step that cannot be noted is left out.
"""

import ipaddress
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from aiohttp import web
from yarl import URL

from hub.identity import Caller, Identity
from hub.identity.oauth.correlation import CLAUDE, Event, Visitor
from hub.identity.oauth.request import AuthorizationRequest
from hub.identity.oauth.trace import Trace, thread_of
from hub.seal import fingerprint
from hub.store import Store
from hub.store.oauth import Outcome, StepName
from hub.web.client_address import client_address, neighbourhood

CLAUDE_ADDRESSES = ipaddress.ip_network("160.79.104.0/21")
"""From where Claude's own servers connect (claude.com/docs/connectors/building/authentication)."""

_LONGEST = 256
_MCP = "/mcp"


class Arrivals:
    """Notes what clients do on their way to the hub, as ``hub.mcp_server.door.Arrivals`` and for the routes here."""

    def __init__(self, trace: Trace, identity: Identity, store: Store) -> None:
        self._trace = trace
        self._identity = identity
        self._store = store

    # -- the endpoint ----------------------------------------------------------------------------------------

    @property
    def newcomers(self) -> Collection[str]:
        """Grants whose client has not asked for its tools yet."""
        return self._trace.newcomers.keys()

    def knocked(self, request: web.Request) -> None:
        """A request that is answered with 401."""
        visitor = visitor_of(request)
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        what = f"{request.method} {request.path}"
        if "Authorization" not in request.headers:
            self._trace.note(Event("request", "ok", f"{what} without a token", visitor))
        elif scheme.lower() != "bearer":
            self._trace.note(Event("request", "wrong", f"{what} with a header that is not Bearer", visitor))
        else:
            door = request.path.strip("/").partition("/")[2] or None

            async def more(event: Event) -> Event:
                grant, reason = await self._identity.refusal(token.strip(), door)
                step: StepName = "request" if grant is None else "entry"
                return replace(event, step=step, grant_id=grant, text=f"{what}: {reason}")

            self._trace.note(Event("request", "wrong", f"{what} with a token", visitor), more)
            return
        self._trace.note(Event("challenge", "ok", "told where to look", visitor))

    def turned_away(self, request: web.Request, status: int) -> None:
        """A request that is refused for its host or origin."""
        if status == 421:
            text = f"came for the host {request.headers.get('Host', '')}, which is not that of public_url"
        else:
            text = f"came from the web origin {request.headers.get('Origin', '')}, which may not call the hub"
        self._trace.note(Event("request", "wrong", text, visitor_of(request)))

    def listed(self, caller: Caller, tools: int) -> None:
        """A newcomer is told its tools."""
        visitor = self._trace.newcomers.pop(caller.token_id or "", None)
        if visitor is not None:
            self._trace.note(Event("list", "ok", f"{tools} tools", visitor, grant_id=caller.token_id))

    def refused(self, caller: Caller, reason: str) -> None:
        """A newcomer's request is refused for what it says."""
        visitor = self._trace.newcomers.get(caller.token_id or "")
        if visitor is not None:
            text = f"its request was refused: {reason}"
            self._trace.note(Event("entry", "wrong", text, visitor, grant_id=caller.token_id))

    # -- documents, registration, tokens -----------------------------------------------------------------------

    def document(self, request: web.Request, step: StepName) -> None:
        """A client reads one of the two documents."""
        self._trace.note(Event(step, "ok", request.path, visitor_of(request)))

    def registered(self, request: web.Request, made: Mapping[str, Any]) -> None:
        """A client registered itself."""
        uri = str(made["redirect_uris"][0])
        visitor, host = visitor_of(request), URL(uri, encoded=True).host
        text = f"as {made['client_name']}, back to {host}"
        self._trace.note(
            Event(
                "registration",
                "ok",
                text,
                visitor,
                client_id=made["client_id"],
                client_name=made["client_name"],
                host=host,
            )
        )

    def not_registered(self, request: web.Request, reason: str) -> None:
        """A registration is refused."""
        self._trace.note(Event("registration", "wrong", reason, visitor_of(request)))

    def redeemed(self, request: web.Request, params: Mapping[str, str]) -> None:
        """A code was exchanged for tokens."""
        self._of_code(Event("token", "ok", "code exchanged", visitor_of(request)), params)

    def not_redeemed(self, request: web.Request, params: Mapping[str, str], reason: str) -> None:
        """A token request is refused; only those with a code are part of a handshake."""
        if params.get("grant_type") != "refresh_token":
            self._of_code(Event("token", "wrong", reason, visitor_of(request)), params)

    def _of_code(self, event: Event, params: Mapping[str, str]) -> None:
        code = params.get("code", "")

        async def more(event: Event) -> Event:
            row = await self._store.codes.get(fingerprint(code)) if 0 < len(code) <= _LONGEST else None
            if row is None:
                return event
            grant = row.grant_id if event.outcome == "ok" else None
            named = replace(event, client_id=row.client_id, client_name=row.client_name, host=row.host)
            return replace(named, thread=thread_of(row.challenge), grant_id=grant)

        self._trace.note(replace(event, client_id=params.get("client_id") or None), more)

    # -- the person --------------------------------------------------------------------------------------------

    def asked(
        self,
        request: web.Request,
        asked: AuthorizationRequest,
        step: StepName,
        outcome: Outcome,
        text: str,
        user: str | None = None,
    ) -> None:
        """A step of a request that is right in itself."""
        event = Event(
            step,
            outcome,
            text,
            visitor_of(request),
            client_id=asked.client_id,
            client_name=asked.client_name,
            host=asked.redirect.host,
            user_name=user,
            thread=thread_of(asked.challenge),
        )
        self._trace.note(event)

    def not_asked(self, request: web.Request, params: Sequence[tuple[str, str]], reason: str) -> None:
        """An authorization request that is wrong."""
        given = dict(params)
        challenge = given.get("code_challenge", "")
        event = Event(
            "authorize",
            "wrong",
            reason,
            visitor_of(request),
            client_id=given.get("client_id") or None,
            thread=thread_of(challenge) if 0 < len(challenge) <= _LONGEST else None,
        )
        self._trace.note(event)

    def not_signed_in(self, request: web.Request, next: str, reason: str) -> None:
        """A sign-in that would have led back to an authorization request failed."""
        if not next.startswith("/authorize?"):
            return
        challenge = URL(next, encoded=True).query.get("code_challenge", "")
        if 0 < len(challenge) <= _LONGEST:
            self._trace.note(Event("sign_in", "wrong", reason, visitor_of(request), thread=thread_of(challenge)))


def visitor_of(request: web.Request) -> Visitor:
    """Where a request comes from, as handshakes are told apart by."""
    address = client_address(request)
    return Visitor(address, place_of(address), request.headers.get("User-Agent", ""))


def place_of(address: str) -> str:
    """What stands for all addresses of one subscriber; Claude's servers are one."""
    try:
        if ipaddress.ip_address(address) in CLAUDE_ADDRESSES:
            return CLAUDE
    except ValueError:
        return address
    return neighbourhood(address)
