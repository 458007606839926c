"""Making a recording from a real call: what was sent and answered is noted on the way and redacted.

The call is real: a tool that writes, writes. Not a proxy: only one call of one tool is recorded.
"""

import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from hub.clock import Clock
from hub.gateway import Gateway
from hub.gateway.accounts import Accounts
from hub.gateway.audit import Audit
from hub.identity import Caller
from hub.registry import Catalog
from hub.sdk.http import Outgoing, Reply
from hub.seal import KEY_BYTES, KeyRing
from hub.testing.bodies import answered, decoded, fields
from hub.testing.conversation import Conversation, Seen
from hub.testing.files import rehearsed_files
from hub.testing.recording import Recording, RecordingError, RecordingFile, load
from hub.testing.redaction import Redaction
from hub.testing.yaml_text import dump
from hub.upstream.transport import Transport
from hub.upstream.upstream import Upstream

KEPT_HEADERS = frozenset(
    {"content-type", "content-disposition", "content-range", "etag", "last-modified", "link", "location"}
    | {"retry-after", "x-next-page", "x-page", "x-per-page", "x-total", "x-total-count", "x-total-pages"}
)
"""Response headers that tools read; the others say nothing about the answer."""

MESSAGE_CHARACTERS = 120
"""How much of a failure's message a recording asks for."""


class RecordingTransport:
    """Passes round trips on to the network and notes them (``upstream.transport.Transport``)."""

    def __init__(self, network: Transport) -> None:
        self._network = network
        self.made: list[tuple[Outgoing, Reply]] = []

    async def exchange(
        self,
        outgoing: Outgoing,
        *,
        connector: str,
        timeout: float,  # noqa: ASYNC109 - the protocol's
    ) -> Reply:
        """See ``Transport``."""
        reply = await self._network.exchange(outgoing, connector=connector, timeout=timeout)
        self.made.append((outgoing, reply))
        return reply


class StillClock:
    """A clock whose date stands still, as it will when the recording is replayed; waiting takes its time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._at = clock.now().replace(microsecond=0)

    def now(self) -> datetime:
        """The moment it was made."""
        return self._at

    def time(self) -> float:
        """The same, in seconds since the epoch."""
        return self._at.timestamp()

    def monotonic(self) -> float:
        """As the clock below."""
        return self._clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        """As the clock below."""
        await self._clock.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Studio:
    """What a recording is made with: the catalog, the way out, the audit that a real call is written in, on whose
    behalf, and the connectors' settings."""

    catalog: Catalog
    transport: Transport
    audit: Audit
    clock: Clock
    caller: Caller
    settings: Mapping[str, Mapping[str, str]]
    accounts: Accounts | None = None

    async def record(
        self, full_name: str, arguments: Mapping[str, Any], *, source: str | None = None, hide_mails: bool = False
    ) -> dict[str, Any]:
        """Call ``full_name`` and return the recording as data, redacted.

        ``source`` is the page the API is described on; without it the address that was called. Raises
        ``RecordingError`` when the call asks something, sends nothing and has no ``source``, or found no network.
        """
        entry = self.catalog.tools[full_name]
        connector = entry.connector.name
        noted = RecordingTransport(self.transport)
        clock = StillClock(self.clock)
        ring = KeyRing([os.urandom(KEY_BYTES)])
        upstream = Upstream(noted, clock)
        gateway = Gateway(
            catalog=lambda: self.catalog,
            send=upstream.send,
            audit=self.audit,
            ring=ring,
            clock=clock,
            settings=self.settings,
            new_key=lambda: str(uuid.uuid4()),
            accounts=self.accounts,
            files=rehearsed_files(clock, upstream.send),
        )
        call = Recording(source="https://localhost/", arguments=dict(arguments), exchanges=[], result=None)
        seen = await Conversation(gateway, self.catalog, ring, clock, self.caller).hold(call, entry.full_name)
        if seen.kind == "internal":
            raise RecordingError(f"{full_name} failed unexpectedly, which is no recording: {seen.message}")
        if seen.kind == "unavailable" and not noted.made:
            raise RecordingError(f"The app was not reached, so there is nothing to record: {seen.message}")
        told = source or (_bare(noted.made[0][0].url) if noted.made else None)
        if told is None:
            raise RecordingError("The call sends nothing; give --source, the page its result can be checked by.")
        return _recording(told, clock.now(), dict(self.settings.get(connector, {})), arguments, noted, seen, hide_mails)


def _recording(
    source: str,
    at: datetime,
    settings: Mapping[str, str],
    arguments: Mapping[str, Any],
    noted: RecordingTransport,
    seen: Seen,
    hide_mails: bool,
) -> dict[str, Any]:
    exchanges = [{"request": _request(outgoing), "response": _response(reply)} for outgoing, reply in noted.made]
    redaction = Redaction(mails=hide_mails)
    for outgoing, reply in noted.made:
        redaction.headers(outgoing.headers)
        redaction.headers(reply.headers)
    redaction.values([dict(settings), dict(arguments), exchanges])
    data: dict[str, Any] = {"source": source, "at": at.isoformat().replace("+00:00", "Z")}
    if settings:
        data["settings"] = dict(settings)
    data |= {"arguments": dict(arguments), "exchanges": exchanges}
    if seen.kind is None:
        data["result"] = seen.forms[0]
    else:
        data["error"] = {"kind": seen.kind, "contains": seen.message[:MESSAGE_CHARACTERS]}
    redacted: dict[str, Any] = redaction.applied(data)
    return redacted


def _bare(url: str) -> str:
    return url.partition("#")[0].partition("?")[0]


def _request(outgoing: Outgoing) -> dict[str, Any]:
    request: dict[str, Any] = {"method": outgoing.method, "url": _bare(outgoing.url)}
    query = fields(parse_qsl(urlsplit(outgoing.url).query, keep_blank_values=True))
    if query:
        request["query"] = query
    if outgoing.body:
        kinds = [value for name, value in outgoing.headers.items() if name.lower() == "content-type"]
        request["body"] = decoded(outgoing.body, kinds[0] if kinds else "")
    return request


def _response(reply: Reply) -> dict[str, Any]:
    response: dict[str, Any] = {"status": reply.status}
    headers = {name: value for name, value in reply.headers.items() if name in KEPT_HEADERS}
    if headers:
        response["headers"] = headers
    if reply.body:
        response["body"] = answered(reply.body, headers.get("content-type", ""))
    return response


def write(path: Path, data: Mapping[str, Any]) -> RecordingFile:
    """Write a recording. Raises ``RecordingError`` when there is a file already, or it cannot be written."""
    text = dump(dict(data))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise RecordingError(f"{path} is there already; remove it, or give another --case.") from None
    except OSError as wrong:
        raise RecordingError(f"{path} cannot be written: {wrong.strerror}.") from None
    return load(path)
