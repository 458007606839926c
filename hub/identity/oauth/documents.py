"""Client ID Metadata Documents: a client whose id is the URL of what it says about itself.

Fetched in one guarded round trip over https: no redirect, no retry, five seconds, 10 kB, a public address
(2026-07-28, basic/authorization, "Client ID Metadata Documents"). Kept as long as the answer says, within bounds; what
failed is kept for a minute. Copies of Claude's own two documents come with the hub, for when they cannot be fetched.
"""

import asyncio
import re
from collections import OrderedDict
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hub.clock import Clock
from hub.errors import HubError
from hub.identity.oauth.client import Client, is_document_id, shown_name
from hub.identity.oauth.errors import ClientUnknown, RedirectRefused
from hub.identity.oauth.rates import Allowance
from hub.identity.oauth.redirects import parse_redirect
from hub.observe import log
from hub.sdk.http import Outgoing, Reply
from hub.upstream.errors import Lost, NotSent
from hub.upstream.transport import Transport

TIMEOUT = 5.0
"""Seconds a document may take."""

MAX_BYTES = 10_000
"""Bytes of a document."""

SHORTEST, LONGEST, DEFAULT = 300.0, 86_400.0, 3600.0
"""How long a document is kept, in seconds: at least, at most, and where its answer does not say."""

FAILED_SECONDS = 60.0
"""How long a failure is kept."""

_KEPT = 500
# As others read them where they are published, in August and September 2026, with one addition: Claude's names the
# callback of claude.ai only, but Anthropic's documentation for connectors asks to allow that of claude.com, too.
_PINNED = {
    "https://claude.ai/oauth/mcp-oauth-client-metadata": "claude.json",
    "https://claude.ai/oauth/claude-code-client-metadata": "claude-code.json",
}
_METHOD = "none"

_log = log("identity.oauth")


class Document(BaseModel):
    """What of a document counts (RFC 7591, section 2; the draft's section 4). Other members are ignored."""

    model_config = ConfigDict(extra="ignore", strict=True, hide_input_in_errors=True)

    client_id: str
    client_name: str = Field(min_length=1)
    redirect_uris: list[str] = Field(min_length=1, max_length=50)
    token_endpoint_auth_method: str = _METHOD
    client_secret: Any = None
    grant_types: list[str] | None = None


@dataclass(frozen=True, slots=True)
class _Kept:
    """A client, or why there is none, until ``expires`` (monotonic seconds)."""

    client: Client | None
    reason: str
    expires: float


class ClientDocuments:
    """Finds clients by their documents. ``transport`` must refuse what is not public, and replies above the cap."""

    def __init__(self, transport: Transport, clock: Clock) -> None:
        self._transport = transport
        self._clock = clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._under_way: dict[str, asyncio.Task[_Kept]] = {}
        self._allowance = Allowance(clock, 10, 60.0)

    async def find(self, id: str) -> Client:
        """The client whose document is at ``id``. Raises ``ClientUnknown``, which says what is wrong with it."""
        if not is_document_id(id):
            raise ClientUnknown("the client id is no https URL of a metadata document.")
        kept = self._kept.get(id)
        if kept is None or kept.expires <= self._clock.monotonic():
            kept = await self._fetched(id)
        if kept.client is None:
            raise ClientUnknown(kept.reason)
        return kept.client

    async def _fetched(self, id: str) -> _Kept:
        """Fetch once, however many ask at the same time."""
        under_way = self._under_way.get(id)
        if under_way is None:
            under_way = self._under_way[id] = asyncio.get_running_loop().create_task(self._fetch(id))
            under_way.add_done_callback(lambda _: self._under_way.pop(id, None))
        return await asyncio.shield(under_way)

    async def _fetch(self, id: str) -> _Kept:
        now = self._clock.monotonic()
        try:
            reply = await self._reply(id)
            client = client_of(id, reply.body)
            seconds = _seconds(reply)
        except (HubError, NotSent, Lost) as wrong:
            pinned = _pinned(id)
            if pinned is None:
                kept = _Kept(None, f"its metadata document cannot be used: {wrong}", now + FAILED_SECONDS)
            else:
                _log.info("a pinned client document is used", client=id, reason=str(wrong))
                kept = _Kept(pinned, "", now + SHORTEST)
        else:
            kept = _Kept(client, "", now + seconds)
        self._kept[id] = kept
        self._kept.move_to_end(id)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return kept

    async def _reply(self, id: str) -> Reply:
        host = id.split("/")[2]
        if self._allowance.take(host) is not None:
            raise ClientUnknown("too many documents of this host were asked for; try again in a minute.")
        outgoing = Outgoing("GET", id, {"Accept": "application/json"}, None, True)
        reply = await self._transport.exchange(outgoing, connector="hub", timeout=TIMEOUT)
        if reply.status != 200:
            raise ClientUnknown(f"{host} answered HTTP {reply.status}.")
        if len(reply.body) > MAX_BYTES:
            raise ClientUnknown(f"it is larger than {MAX_BYTES} bytes.")
        kind = reply.headers.get("content-type", "").split(";")[0].strip().lower()
        if kind != "application/json" and not kind.endswith("+json"):
            raise ClientUnknown(f"it is {kind or 'of no stated type'}, not JSON.")
        return reply


def client_of(id: str, body: bytes) -> Client:
    """The client a document describes. Raises ``ClientUnknown``."""
    try:
        document = Document.model_validate(orjson.loads(body))
    except orjson.JSONDecodeError:
        raise ClientUnknown("it is not JSON.") from None
    except ValidationError as wrong:
        first = wrong.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(step) for step in first["loc"]) or "the document"
        raise ClientUnknown(f"{place}: {first['msg']}.") from None
    if document.client_id != id:
        raise ClientUnknown("its client_id is not the URL it is at.")
    if document.token_endpoint_auth_method != _METHOD or document.client_secret is not None:
        raise ClientUnknown("it asks for a client authentication other than none, which the hub does not offer for it.")
    if document.grant_types is not None and "authorization_code" not in document.grant_types:
        raise ClientUnknown("its grant_types lack authorization_code.")
    for uri in document.redirect_uris:
        _check_redirect(uri)
    name = shown_name(document.client_name, id.split("/")[2])
    return Client(id, name, "document", tuple(document.redirect_uris), frozenset({_METHOD}))


def _check_redirect(uri: str) -> None:
    try:
        parse_redirect(uri)
    except RedirectRefused as wrong:
        raise ClientUnknown(str(wrong)) from None


def _pinned(id: str) -> Client | None:
    name = _PINNED.get(id)
    if name is None:
        return None
    return client_of(id, (files("hub.identity.oauth") / "pinned" / name).read_bytes())


def _seconds(reply: Reply) -> float:
    told = reply.headers.get("cache-control", "").lower()
    if "no-store" in told or "no-cache" in told:
        return SHORTEST
    age = re.search(r"(?:^|[\s,])max-age=([0-9]{1,9})", told)
    return DEFAULT if age is None else min(LONGEST, max(SHORTEST, float(age[1])))
