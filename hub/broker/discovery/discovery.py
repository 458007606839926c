"""``Discovery``: asks an MCP server where people sign in, and that place how. Fetches; believes what fits together.

Each address is asked by itself through the guarded way out, to its very host. What is read is ``metadata.py``'s.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson

from hub.broker.discovery.metadata import (
    Challenge,
    Issuer,
    Resource,
    challenge_of,
    issuer_of,
    issuer_places,
    resource_of,
    resource_places,
    usable,
)
from hub.broker.endpoint import reach_of
from hub.broker.refused import ConnectRefused
from hub.errors import HubError, ProviderUnavailable
from hub.sdk.http import Outgoing, Reply, Send
from hub.sdk.provider import McpOAuthMethod, Provider

TIMEOUT = 15.0
"""Seconds each question may take."""

BYTES_MAX = 200_000
"""Bytes of one document."""

ISSUERS_MAX = 5
"""How many of the issuers that a server names are asked."""

_REVISION = "2026-07-28"
_META = "io.modelcontextprotocol/"
_PROBE = orjson.dumps(
    {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/list",
        "params": {
            "_meta": {
                f"{_META}protocolVersion": _REVISION,
                f"{_META}clientInfo": {"name": "connector-hub", "version": "1"},
                f"{_META}clientCapabilities": {},
            }
        },
    }
)
"""What most servers want an account for, so that they say so."""


@dataclass(frozen=True, slots=True)
class Found:
    """Where an account of a server is connected, and with which scopes to begin."""

    resource: str
    issuer: Issuer
    scopes: tuple[str, ...]


class Discovery:
    """Asks servers."""

    def __init__(self, send: Send) -> None:
        self._send = send

    async def found(self, provider: Provider, method: McpOAuthMethod) -> Found:
        """Where an account is connected.

        Raises ``ConnectRefused`` (what the server says does not fit together), ``OperatorNeeded`` (an address that the
        hub may not reach) and ``ProviderUnavailable``.
        """
        url = method.resource
        plain = url.startswith("http://")
        challenge = await self._challenge(provider, url)
        resource = await self._resource(provider, url, challenge, plain=plain)
        issuer = await self._issuer(provider, resource, plain=plain)
        scopes = method.scopes or challenge.scopes or resource.scopes or ()
        # MCP specification, basic/authorization, Refresh Tokens: asked for where the issuer knows it.
        if "offline_access" in issuer.scopes and "offline_access" not in scopes:
            scopes = (*scopes, "offline_access")
        return Found(resource.identifier, issuer, scopes)

    async def _challenge(self, provider: Provider, url: str) -> Challenge:
        """What the server answers to somebody without an account."""
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": _REVISION,
            "Mcp-Method": "tools/list",
        }
        outgoing = Outgoing("POST", url, headers, _PROBE, repeatable=True)
        reply = await self._send(outgoing, reach_of(provider, url), timeout=TIMEOUT)
        if reply.status not in (401, 403):
            return Challenge()
        return challenge_of(reply.headers.get("www-authenticate", ""))

    async def _resource(self, provider: Provider, url: str, challenge: Challenge, *, plain: bool) -> Resource:
        if challenge.metadata is not None:
            if not usable(challenge.metadata, plain=plain):
                raise ConnectRefused(
                    f"{provider.title} cannot be connected: it says that its metadata is at an address that is no "
                    "public https one."
                )
            data = await self._document(provider, (challenge.metadata,))
        else:
            data = await self._document(provider, resource_places(url))
        if data is None:
            # Before 2025-06-18 servers were their own authorization servers (2025-03-26, basic/authorization).
            parts = urlsplit(url)
            return Resource(url, (f"{parts.scheme}://{parts.netloc}",), None)
        return resource_of(data, url, provider.title)

    async def _issuer(self, provider: Provider, resource: Resource, *, plain: bool) -> Issuer:
        """The first of the resource's issuers that answers. Raises ``ConnectRefused``."""
        for identifier in resource.issuers[:ISSUERS_MAX]:
            if not usable(identifier, plain=plain) or urlsplit(identifier).query:
                raise ConnectRefused(
                    f"{provider.title} cannot be connected: it names an authorization server that is no public https "
                    "address."
                )
            data = await self._document(provider, issuer_places(identifier))
            if data is not None:
                return issuer_of(data, identifier, provider.title, plain=plain)
        raise ConnectRefused(
            f"{provider.title} cannot be connected: it does not say where people sign in (RFC 9728, RFC 8414). It may "
            "need no account, or take a key only."
        )

    async def _document(self, provider: Provider, places: Iterable[str]) -> Any:
        """The first document there is; None where there is none. Raises ``ProviderUnavailable`` where none answered."""
        down: HubError | None = None
        for place in places:
            headers = {"Accept": "application/json", "MCP-Protocol-Version": _REVISION}
            outgoing = Outgoing("GET", place, headers, repeatable=True)
            try:
                reply = await self._send(outgoing, reach_of(provider, place), timeout=TIMEOUT)
            except ProviderUnavailable as wrong:
                down = wrong
                continue
            if reply.status >= 500:
                down = ProviderUnavailable(f"{urlsplit(place).hostname} answered HTTP {reply.status}.")
            found = _object(reply)
            if found is not None:
                return found
        if down is not None:
            raise down
        return None


def _object(reply: Reply) -> dict[str, Any] | None:
    if reply.status != 200 or len(reply.body) > BYTES_MAX:
        return None
    try:
        found = orjson.loads(reply.body)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None
