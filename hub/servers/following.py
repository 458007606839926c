"""``Following``: what a server says by itself on one connection: that its lists changed, and what it was to watch.

Not the connection (``link.py``, ``sessions.py``), and not what is done about it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from hub.clock import Clock
from hub.errors import HubError
from hub.servers.watched import Watched
from hub.upstream.errors import NotSent
from hub.upstream.mcp import Client, RpcError, SessionEnded, Unauthorized
from hub.upstream.mcp.wire import NotMcp

READ_AGAIN = 300.0
"""Seconds after which the lists of a server that tells of no changes are read again."""

SETTLE = 0.5
"""Seconds after a change was told of before the lists are read: changes come in rows."""

TOGETHER = 0.05
"""Seconds after somebody began to watch a resource before its server is told: people's clients begin together."""

ACKNOWLEDGED = 10.0
"""Seconds a server may take to say that it listens to what is watched now."""

CHANGES_APART = 5.0
"""Seconds at least between two readings, however often a server tells of changes."""


class Following:
    """One server of the connector ``name``, whatever connection there is to it. ``read`` reads its lists: when it told
    of changes, when its stream began anew, and each ``every`` seconds. ``updated`` is told of watched resources that
    changed, by the server's URIs."""

    def __init__(
        self,
        name: str,
        clock: Clock,
        *,
        read: Callable[[], Awaitable[None]],
        updated: Callable[[str], None],
        every: float | None = READ_AGAIN,
    ) -> None:
        self.watched = Watched(name)
        self._name = name
        self._clock = clock
        self._read = read
        self._updated = updated
        self._every = every
        self._heard = asyncio.Event()
        self._acknowledged = asyncio.Event()

    def again(self) -> None:
        """Read the lists soon: what was accepted of them changed."""
        self._heard.set()

    async def follow(self, client: Client, current: Callable[[], bool]) -> None:
        """Hear ``client`` while it is ``current``. Raises as ``Client.listen`` does when it is gone."""
        listening: asyncio.Task[bool] | None = self._listening(client)
        try:
            if self.watched.wanted and not client.modern:
                await self._watch(client, listening)
            while current():
                told = [asyncio.create_task(event.wait()) for event in (self._heard, self.watched.news)]
                waits: set[asyncio.Task[Any]] = {*told} if listening is None else {*told, listening}
                await asyncio.wait(waits, timeout=self._every, return_when=asyncio.FIRST_COMPLETED)
                for one in told:
                    one.cancel()
                if self.watched.news.is_set() and (listening is None or not listening.done()):
                    await self._clock.sleep(TOGETHER)
                    self.watched.news.clear()
                    listening = await self._watch(client, listening)
                    continue
                if listening is not None and listening.done():
                    gone = listening.exception()
                    if gone is not None and (client.tied or _final(gone)):
                        raise gone
                    if isinstance(gone, NotMcp | RpcError) or (gone is None and not listening.result()):
                        listening = None  # it tells of nothing: its lists are read every now and then
                        continue
                    await self._clock.sleep(CHANGES_APART)
                    listening = self._listening(client)
                await self._clock.sleep(SETTLE)
                self._heard.clear()
                await self._read()
                await self._clock.sleep(CHANGES_APART)
        finally:
            if listening is not None:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)

    def _listening(self, client: Client) -> asyncio.Task[bool]:
        listened = client.listen(self._changed, self.watched.wanted)
        return asyncio.create_task(listened, name=f"server {self._name} listens")

    async def _watch(self, client: Client, listening: asyncio.Task[bool] | None) -> asyncio.Task[bool] | None:
        """Tell the server which resources are watched now; the stream that hears of them. Raises as calls do."""
        if not client.has("resources", "subscribe"):
            return listening
        if not client.modern:
            await self.watched.tell(client)
            return listening
        # The new stream begins before the old one ends, so that nothing falls between.
        self._acknowledged.clear()
        fresh = self._listening(client)
        begun = asyncio.create_task(self._acknowledged.wait())
        await asyncio.wait({fresh, begun}, timeout=ACKNOWLEDGED, return_when=asyncio.FIRST_COMPLETED)
        begun.cancel()
        if listening is not None:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
        return fresh

    async def _changed(self, method: str, params: Mapping[str, Any]) -> dict[str, Any] | None:
        if method.endswith("/list_changed"):
            self._heard.set()
        elif method == "notifications/resources/updated":
            uri = params.get("uri")
            if isinstance(uri, str) and uri in self.watched.wanted:
                self._updated(uri)
        elif method == "notifications/subscriptions/acknowledged":
            self._acknowledged.set()
        if method == "ping":
            return {}
        if not method.startswith("notifications/"):
            raise RpcError(-32601, f"{method} is not answered here")
        return None


def _final(gone: BaseException) -> bool:
    """Whether what ended a stream ends what it was a part of, too."""
    if isinstance(gone, NotSent):
        return not gone.permanent  # the server is not there; without a place for a stream the rest goes on
    return isinstance(gone, Unauthorized | SessionEnded | HubError)
