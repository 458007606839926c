"""Streams that stay open to tell of changes: ``subscriptions/listen`` since 2026-07-28, GET before.

Each stream has its own small outbox: a change that is already waiting is not added again, so a slow reader costs a
bounded amount of memory, and one that takes nothing is dropped. What changed is the gateway's to know.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import orjson
from aiohttp import web

from hub.identity import Caller
from hub.mcp_server.door import Authenticate, Gateway, Subscription, Tasks, Wants
from hub.mcp_server.errors import INTERNAL_ERROR, INVALID_PARAMS, RpcError
from hub.mcp_server.interests import Interests
from hub.mcp_server.limits import Limits
from hub.mcp_server.messages import RequestId, notification_message, result_message
from hub.mcp_server.revisions import META_SERVER, META_SUBSCRIPTION
from hub.mcp_server.stream import EventStream
from hub.mcp_server.tasks import NOTIFICATION, detailed
from hub.mcp_server.trails import Trail
from hub.observe import log
from hub.store import Sessions, StoreUnavailable

_log = log("mcp_server")

Notification = dict[str, Any]

_LISTS = {"toolsListChanged": "tools", "promptsListChanged": "prompts", "resourcesListChanged": "resources"}
_LIST_METHODS = {f"notifications/{kind}/list_changed": kind for kind in _LISTS.values()}
_UPDATED = "notifications/resources/updated"


def parse_wants(params: Mapping[str, Any], limits: Limits) -> Wants:
    """The filter of ``subscriptions/listen``, cut to the number of resources the hub watches for one listener.

    Raises ``RpcError`` -32602 when it is missing or malformed.
    """
    asked = params.get("notifications")
    if not isinstance(asked, dict):
        raise RpcError(INVALID_PARAMS, "params.notifications must be an object saying what to listen for.")
    kinds: dict[str, bool] = {}
    for member, kind in _LISTS.items():
        value = asked.get(member, False)
        if not isinstance(value, bool):
            raise RpcError(INVALID_PARAMS, f"params.notifications.{member} must be true or false.")
        kinds[kind] = value
    return Wants(
        kinds["tools"],
        kinds["prompts"],
        kinds["resources"],
        _texts(asked, "resourceSubscriptions", limits.uris),
        _texts(asked, "taskIds", limits.uris),
    )


def _texts(asked: Mapping[str, Any], member: str, most: int) -> frozenset[str]:
    """The texts listed under ``member``, at most ``most``; raises ``RpcError`` -32602."""
    texts = asked.get(member, [])
    if not isinstance(texts, list) or not all(isinstance(one, str) for one in texts):
        raise RpcError(INVALID_PARAMS, f"params.notifications.{member} must be a list of texts.")
    return frozenset(list(dict.fromkeys(texts))[:most])


def _agreed(wants: Wants) -> dict[str, Any]:
    agreed: dict[str, Any] = {member: True for member, kind in _LISTS.items() if getattr(wants, kind)}
    if wants.uris:
        agreed["resourceSubscriptions"] = sorted(wants.uris)
    if wants.tasks:
        agreed["taskIds"] = sorted(wants.tasks)
    return agreed


def _wanted(note: Notification, wants: Wants) -> bool:
    kind = _LIST_METHODS.get(note["method"])
    if kind is not None:
        return bool(getattr(wants, kind))
    return bool(wants.uris if note["method"] == _UPDATED else wants.tasks if note["method"] == NOTIFICATION else False)


class Feed:
    """One listening stream at work: changes in on one side, bytes out on the other.

    ``wants`` is asked again after ``refresh``. ``allowed`` says whether the listener still may listen.
    """

    def __init__(
        self,
        stream: EventStream,
        caller: Caller,
        gateway: Gateway,
        wants: Callable[[], Wants],
        allowed: Callable[[], Any],
        limits: Limits,
    ) -> None:
        self._stream = stream
        self._caller = caller
        self._gateway = gateway
        self._wants = wants
        self._allowed = allowed
        self._limits = limits
        self._outbox: dict[tuple[str, str | None], Notification] = {}
        self._wake = asyncio.Event()
        self._stale = False
        self._stopping = False
        self._subscription: Subscription | None = None
        # What it is called among processes, and whether that has been told: what is told after that is newer.
        self.name = ""
        self.told = False
        self._readers: set[asyncio.Task[None]] = set()

    def stop(self) -> None:
        """End the stream from our side, after what is in the outbox."""
        self._stopping = True
        self._wake.set()

    def refresh(self) -> None:
        """What is wanted changed."""
        self._stale = True
        self._wake.set()

    def follow(self) -> None:
        """Begin to hear what is wanted now; what was followed before is closed after, so nothing falls between."""
        before, wants = self._subscription, self._wants()
        self._subscription = self._gateway.listeners.open(self._caller, wants)
        reader = asyncio.get_running_loop().create_task(self._read(self._subscription, wants))
        self._readers.add(reader)
        reader.add_done_callback(self._readers.discard)
        self._stale = False
        if before is not None:
            before.close()

    async def run(self, render: Callable[[Notification], bytes]) -> bool:
        """Carry changes until the hub ends the stream (True) or the reader is gone or may listen no more (False)."""
        loop = asyncio.get_running_loop()
        beat = loop.time() + self._limits.keepalive
        try:
            while True:
                await self._pause(min(self._limits.recheck, max(0.0, beat - loop.time())))
                if self._stream.gone or not await self._allowed():
                    return False
                if self._stale:
                    self.follow()
                while self._outbox:
                    note = self._outbox.pop(next(iter(self._outbox)))
                    if not await self._stream.send(render(note)):
                        return False
                if self._stopping:
                    return True
                if loop.time() >= beat:
                    await self._stream.beat()
                    beat = loop.time() + self._limits.keepalive
        finally:
            for reader in tuple(self._readers):
                reader.cancel()
            if self._subscription is not None:
                self._subscription.close()

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    async def _read(self, subscription: Subscription, wants: Wants) -> None:
        try:
            async for note in subscription:
                if not _wanted(note, wants):
                    continue
                params = note.get("params", {})
                self._outbox[(note["method"], params.get("uri") or params.get("taskId"))] = note
                if len(self._outbox) > 2 * self._limits.uris + len(_LISTS):
                    break
                self._wake.set()
        except Exception:  # the outermost edge of this task
            _log.exception("a subscription failed")
        # The gateway ended it, or the reader is far too slow: unless another took its place, nothing more will come.
        if self._subscription is subscription:
            self.stop()


class Listening:
    """All listening streams of this process."""

    def __init__(
        self,
        gateway: Gateway,
        authenticate: Authenticate,
        interests: Interests,
        server_info: Mapping[str, Any],
        limits: Limits,
        tasks: Tasks | None = None,
        rows: Sessions | None = None,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._tasks = tasks
        self._rows = rows
        self._random = random
        self._gateway = gateway
        self._authenticate = authenticate
        self._interests = interests
        self._server_info = dict(server_info)
        self._limits = limits
        self._feeds: set[Feed] = set()
        self._by_session: dict[str, Feed] = {}
        self._count: Counter[str] = Counter()

    async def listen(
        self, request: web.Request, headers: Mapping[str, str], known: RequestId, caller: Caller, wants: Wants
    ) -> web.StreamResponse:
        """Serve ``subscriptions/listen`` (2026-07-28, basic/patterns/subscriptions).

        Raises ``RpcError`` (HTTP 429) when the user has too many streams open.
        """
        tag = {META_SUBSCRIPTION: known}
        stream = EventStream(request, headers, self._limits)

        def render(note: Notification) -> bytes:
            params = note.get("params", {})
            if note["method"] == NOTIFICATION:
                params = detailed(params)
            return notification_message(note["method"], {**params, "_meta": {**params.get("_meta", {}), **tag}})

        with self._feed(request, stream, caller, lambda: wants) as feed:
            feed.follow()
            acknowledged = {"_meta": tag, "notifications": _agreed(wants)}
            await stream.send(notification_message("notifications/subscriptions/acknowledged", acknowledged))
            if self._tasks is not None:
                # What happened between the task's beginning and this stream's would else be missed.
                for task in wants.tasks:
                    await self._tasks.tell(task)
            if await feed.run(render):
                # cancellation.mdx wants a notification here, subscriptions.mdx this result. The official client takes
                # the notification, sent before the result, for a lost stream, and reads nothing after the result.
                result = {"resultType": "complete", "_meta": {META_SERVER: self._server_info, **tag}}
                await stream.send(result_message(known, orjson.dumps(result)))
        return await stream.close()

    async def legacy(
        self, request: web.Request, headers: Mapping[str, str], caller: Caller, key: str, session: str | None
    ) -> web.StreamResponse:
        """Serve GET (2025-11-25, basic/transports, Listening for Messages): list changes, and the resources watched
        under ``key``. A session has one such stream, as a message must not go out on two: a new one ends the last, in
        another process within a second.

        Raises ``RpcError`` (HTTP 429) when the user has too many streams open.
        """
        stream = EventStream(request, headers, self._limits)

        def wants() -> Wants:
            return Wants(tools=True, prompts=True, resources=True, uris=self._interests.uris(key))

        def render(note: Notification) -> bytes:
            return notification_message(note["method"], note.get("params"))

        if session is not None and (last := self._by_session.get(session)) is not None:
            last.stop()
        with self._feed(request, stream, caller, wants) as feed:
            if session is not None:
                self._by_session[session] = feed
            stop = self._interests.on_change(key, feed.refresh)
            try:
                feed.follow()
                if session is not None:
                    # Before the client hears that it listens here: what it opens then, elsewhere, is the later one.
                    await self._tell(session, feed)
                await stream.open()
                await feed.run(render)
            finally:
                stop()
                if session is not None and self._by_session.get(session) is feed:
                    del self._by_session[session]
        return await stream.close()

    async def resume(
        self, request: web.Request, headers: Mapping[str, str], caller: Caller, trail: Trail, number: int
    ) -> web.StreamResponse:
        """Serve GET with ``Last-Event-ID``: what a call's stream has said since event ``number``, and says until its
        end (2025-11-25, basic/transports, Resumability). Raises ``RpcError`` (HTTP 429) as ``legacy`` does."""
        stream = EventStream(request, headers, self._limits)
        loop = asyncio.get_running_loop()
        with self._counted(caller.user_id), trail.reading():
            await stream.open()
            beat = loop.time() + self._limits.keepalive
            while await self._authenticate(request) is not None:
                trail.news.clear()
                for last, event in trail.after(number):
                    if not await stream.replay(event):
                        break
                    number = last
                if trail.ended or stream.gone:
                    break
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._limits.recheck):
                        await trail.news.wait()
                if loop.time() >= beat:
                    await stream.beat()
                    beat = loop.time() + self._limits.keepalive
        return await stream.close()

    async def _tell(self, session: str, feed: Feed) -> None:
        """Tell other processes that the session listens here now."""
        if self._rows is None:
            return
        feed.name = self._random(16).hex()
        try:
            await self._rows.listen(session, feed.name)
        except StoreUnavailable as wrong:
            _log.warning("other processes do not hear that a session listens here", reason=str(wrong))

    def opened(self, session: str, name: str) -> None:
        """A session began to listen by the stream ``name``, here or elsewhere: one that it had before ends. Two that
        began at once hear of each other in the same order everywhere, so that the last one stays."""
        feed = self._by_session.get(session)
        if feed is None:
            return
        if feed.name == name:
            feed.told = True
        elif feed.told:
            feed.stop()

    def end_session(self, session: str) -> None:
        """End the stream of a session that ended."""
        feed = self._by_session.get(session)
        if feed is not None:
            feed.stop()

    def close(self) -> None:
        """End all streams, each with its final result where it has one."""
        for feed in self._feeds:
            feed.stop()

    @contextmanager
    def _feed(
        self, request: web.Request, stream: EventStream, caller: Caller, wants: Callable[[], Wants]
    ) -> Iterator[Feed]:
        async def allowed() -> bool:
            # A token revoked while the stream is open must hear nothing more.
            return await self._authenticate(request) is not None

        feed = Feed(stream, caller, self._gateway, wants, allowed, self._limits)
        with self._counted(caller.user_id):
            self._feeds.add(feed)
            try:
                yield feed
            finally:
                self._feeds.discard(feed)

    @contextmanager
    def _counted(self, user: str) -> Iterator[None]:
        """One more stream of this user; raises ``RpcError`` (HTTP 429) when that would be too many."""
        if self._count[user] >= self._limits.streams:
            text = f"{self._limits.streams} listening streams are open for this user; close one first."
            raise RpcError(INTERNAL_ERROR, text, status=429)
        self._count[user] += 1
        try:
            yield
        finally:
            self._count[user] -= 1
            if not self._count[user]:
                del self._count[user]
