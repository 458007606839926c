"""Streamable HTTP, the client's side, in both eras (specification 2026-07-28 and 2025-11-25, basic/transports).

Redirects are not followed: a server's address is what was agreed to. Which era is spoken is ``client.py``'s.
"""

import asyncio
from collections.abc import Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any, Protocol, runtime_checkable

import orjson

from hub.sdk.http import Outgoing
from hub.upstream.errors import Lost, NotSent, TransportError
from hub.upstream.mcp.events import Event, Events
from hub.upstream.mcp.wire import (
    CALLS,
    MODERN,
    OF_A_CALL,
    SAID_MAX,
    Conversation,
    Message,
    NotMcp,
    SessionEnded,
    Unauthorized,
    heard,
    parsed,
)
from hub.upstream.streaming import Streamed

BODY_MAX = 16_000_000
"""Bytes of one JSON answer."""

HEAD_SECONDS = 60.0
"""How long a server may take to begin its answer to what is not a call."""

_RESUMED = 5
"""How often a stream that was cut off is taken up again for one request."""

_ACCEPT = "application/json, text/event-stream"


@runtime_checkable
class Streams(Protocol):
    """The guarded way out (``hub.upstream.transport.AioTransport``)."""

    def stream(self, outgoing: Outgoing, *, connector: str, timeout: float) -> AbstractAsyncContextManager[Streamed]:
        """The reply to ``outgoing`` as it comes."""
        ...


class StreamableHttp:
    """One server at ``url``, asked for ``connector``; ``headers`` go with each request."""

    def __init__(self, streams: Streams, url: str, connector: str, headers: Mapping[str, str]) -> None:
        self._streams = streams
        self._url = url
        self._connector = connector
        self._headers = headers
        self._version: str | None = None
        self._calls: dict[object, _Reading] = {}
        self.session: str | None = None
        self.listening = asyncio.Event()
        """Set while the stream of a GET is open."""
        self.silent = False
        """Whether the server has no such stream."""

    def settled(self, version: str) -> None:
        """See ``Wire``."""
        self._version = version
        self.silent = False

    async def request(
        self, message: Message, hear: Conversation, *, headers: Mapping[str, str], seconds: float | None
    ) -> Message:
        """See ``Wire``."""
        try:
            async with asyncio.timeout(seconds):
                return await self._request(message, hear, headers)
        except TimeoutError:
            await self._cancel(message)
            raise Lost(f"no whole answer within {seconds:g} s") from None
        except asyncio.CancelledError:
            await self._cancel(message)
            raise

    async def _cancel(self, message: Message) -> None:
        """Tell the server that nobody waits any more. Before 2026-07-28 a stream that ends does not say it
        (2025-11-25, basic/transports, Sending Messages to the Server)."""
        if self._version in (None, MODERN) or message.get("method") not in CALLS:
            return
        told = {"requestId": message["id"], "reason": "nobody waits for it any more"}
        with suppress(TransportError, Unauthorized, SessionEnded, NotMcp, TimeoutError):
            async with asyncio.timeout(1):
                await self.notify({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": told})

    async def _request(self, message: Message, hear: Conversation, headers: Mapping[str, str]) -> Message:
        outgoing = self._post(message, headers)
        reading = _Reading(message["id"], hear)
        if message.get("method") in CALLS:
            self._calls[reading.id] = reading
        try:
            return await self._answered(message, outgoing, reading, hear)
        finally:
            self._calls.pop(reading.id, None)

    async def _answered(self, message: Message, outgoing: Outgoing, reading: "_Reading", hear: Conversation) -> Message:
        async with self._streams.stream(outgoing, connector=self._connector, timeout=240.0) as reply:
            if reply.headers.get("content-type", "").lower().startswith("text/event-stream") and reply.status == 200:
                self._remember(message, reply)
                answer = await self._events(reply, reading, hear)
            else:
                raw = await self._checked(reply)
                self._remember(message, reply)
                # Servers that refuse before they have read the request cannot name it in their error.
                asked = (message["id"], None)
                answers = [one for one in parsed(raw) if one.get("id") in asked and ("error" in one or "result" in one)]
                answer = answers[0] if answers else None
                if answer is None:
                    raise Lost("its answer is to another request")
        for _ in range(_RESUMED):
            if answer is not None or reading.last is None:
                break
            await asyncio.sleep(reading.retry)
            again = self._get({"Last-Event-ID": reading.last})
            async with self._streams.stream(again, connector=self._connector, timeout=HEAD_SECONDS) as reply:
                if reply.status != 200:
                    break
                answer = await self._events(reply, reading, hear)
        if answer is None:
            raise Lost("its stream ended without an answer")
        return answer

    async def _events(self, reply: Streamed, reading: "_Reading", hear: Conversation) -> Message | None:
        events = Events()
        try:
            async for piece in reply.pieces():
                for event in events.feed(piece):
                    reading.note(event)
                    for one in parsed(event.data) if event.kind == "message" and event.data else []:
                        if "method" in one:
                            await self._hear(one, reading, hear)
                        elif one.get("id") == reading.id:
                            return one
        except Lost:
            if reading.last is None:
                raise
        return None

    async def _hear(self, message: Message, reading: "_Reading", hear: Conversation) -> None:
        if reading.id is not None:
            reading.count()
        elif "id" in message:
            # A question may wait for a person; what else comes by this stream must not wait for that.
            reading.answer(self._reply(message, hear))
            return
        await self._reply(message, hear)

    async def _reply(self, message: Message, hear: Conversation) -> None:
        response = await heard(message, hear)
        if response is not None:
            await self.notify(response)

    async def notify(self, message: Message) -> None:
        """See ``Wire``; also answers the server's own requests."""
        outgoing = self._post(message, {})
        async with self._streams.stream(outgoing, connector=self._connector, timeout=HEAD_SECONDS) as reply:
            if reply.status >= 300:
                await self._checked(reply)

    async def listen(self, hear: Conversation) -> None:
        """See ``Wire``: the stream of a GET (2025-11-25, Listening for Messages from the Server).

        Many servers send there what belongs to a call: it goes to the call it names, or to the only one under way.
        """
        reading = _Reading(None, hear)
        outgoing = self._get({}, standing=True)
        async with self._streams.stream(outgoing, connector=self._connector, timeout=HEAD_SECONDS) as reply:
            if reply.status != 200 or not reply.headers.get("content-type", "").startswith("text/event-stream"):
                self.silent = reply.status in (200, 400, 404, 405, 501)
                raise NotMcp(reply.status, "it has no stream of its own")
            self.listening.set()
            try:
                await self._events(reply, reading, self._astray(hear))
            finally:
                self.listening.clear()
                for task in reading.answering:
                    task.cancel()

    def _astray(self, hear: Conversation) -> Conversation:
        """``hear`` for what belongs to no call."""

        async def heard_astray(method: str, params: Mapping[str, Any]) -> Message | None:
            call = self._calls.get(params.get("progressToken"))
            if call is None and method.startswith(OF_A_CALL) and len(self._calls) == 1:
                call = next(iter(self._calls.values()))
            if call is None:
                return await hear(method, params)
            call.count()
            return await call.hear(method, params)

        return heard_astray

    async def close(self) -> None:
        """End the session, where there is one (2025-11-25, Session Management)."""
        if self.session is None:
            return
        outgoing = Outgoing("DELETE", self._url, self._all({}))
        with suppress(TransportError, TimeoutError):
            async with self._streams.stream(outgoing, connector=self._connector, timeout=5.0):
                pass

    def _post(self, message: Message, headers: Mapping[str, str]) -> Outgoing:
        held = self._all({"Content-Type": "application/json", "Accept": _ACCEPT, **headers})
        standing = message.get("method") == "subscriptions/listen"
        return Outgoing("POST", self._url, held, orjson.dumps(message), standing=standing)

    def _get(self, headers: Mapping[str, str], *, standing: bool = False) -> Outgoing:
        held = self._all({"Accept": "text/event-stream", **headers})
        return Outgoing("GET", self._url, held, repeatable=True, standing=standing)

    def _all(self, headers: Mapping[str, str]) -> dict[str, str]:
        held = {**self._headers, **headers}
        if self._version is not None:
            held["MCP-Protocol-Version"] = self._version
        if self.session is not None:
            held["Mcp-Session-Id"] = self.session
        return held

    def _remember(self, message: Message, reply: Streamed) -> None:
        given = reply.headers.get("mcp-session-id")
        if message.get("method") == "initialize" and given and given.isascii() and given.isprintable():
            self.session = given

    async def _checked(self, reply: Streamed) -> bytes:
        """The body of an answer that is JSON; raises what its status means."""
        status = reply.status
        if status in (401, 403):
            raise Unauthorized
        if 300 <= status < 400:
            raise NotMcp(status, "it redirects to another address, which is not followed; write that address instead")
        if status == 429 or status >= 500:
            raise NotSent(f"it answers HTTP {status}")
        raw = await reply.body(BODY_MAX)
        ended = status == 404
        if status < 300:
            return raw
        if reply.headers.get("content-type", "").startswith("application/json"):
            with suppress(Lost):
                answers = parsed(raw)
                known = [one for one in answers if isinstance(one.get("error"), dict)]
                # Some servers answer an ended session with 400, without having read whose request it was.
                unread = status == 400 and all(one.get("id") is None for one in known)
                if known and not (self.session is not None and (status == 404 or unread)):
                    return raw
                ended = ended or (unread and bool(known))
        if self.session is not None and ended:
            self.session = None
            raise SessionEnded
        raise NotMcp(status, f"it answers HTTP {status}")


class _Reading:
    """Where the reading of one request's answer stands."""

    def __init__(self, id: object, hear: Conversation) -> None:
        self.id = id
        self.hear = hear
        self.last: str | None = None
        self.retry = 1.0
        self.said = 0
        self.answering: set[asyncio.Task[None]] = set()

    def count(self) -> None:
        """One more message. Raises ``NotMcp`` where they are too many."""
        self.said += 1
        if self.said > SAID_MAX:
            raise NotMcp(200, f"it sent more than {SAID_MAX:,} messages during one request")

    def answer(self, work: Coroutine[Any, Any, None]) -> None:
        """Answer a question beside what else comes. One that cannot be sent is the server's to miss."""

        async def answered() -> None:
            with suppress(TransportError, Unauthorized, SessionEnded, NotMcp, TimeoutError):
                await work

        task = asyncio.create_task(answered())
        self.answering.add(task)
        task.add_done_callback(self.answering.discard)

    def note(self, event: Event) -> None:
        """Remember where an event stands in its stream."""
        if event.retry is not None:
            self.retry = min(event.retry / 1000, 30.0)
        if event.id:
            self.last = event.id
