"""What legacy clients told the hub to remember: their log level, and the resources they watch.

Kept by session, or by user and token where there is none: sealed in the store, where every process finds it, with what
was used lately in memory. Without a store in memory only. Not sessions: those are sealed into their ids.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import orjson

from hub.clock import Clock
from hub.mcp_server.limits import Limits
from hub.mcp_server.tables import Table
from hub.sdk.talk import Level
from hub.seal import KeyRing, SealBroken
from hub.store import Sessions


@dataclass(frozen=True, slots=True)
class Notes:
    """One client's wishes: the level to log from, and the resources watched."""

    level: Level = "info"
    uris: frozenset[str] = frozenset()


_NONE = Notes()


class Interests:
    """The notes of all clients. What is asked of a key must have been loaded (``load``) in the same request."""

    def __init__(self, ring: KeyRing, clock: Clock, limits: Limits, rows: Sessions | None) -> None:
        self._box = ring.box("mcp session notes")
        self._clock = clock
        self._limits = limits
        self._rows = rows
        self._notes: Table[Notes] = Table(limits.remembered)
        self._changed: dict[str, set[Callable[[], None]]] = {}
        self._heard = 0

    def known(self, key: str) -> bool:
        """Whether there is nothing to ``load``."""
        return key in self._notes or self._rows is None

    async def load(self, key: str) -> None:
        """Have the notes of ``key`` in memory. Raises ``StoreUnavailable``."""
        while key not in self._notes and self._rows is not None:
            before = self._heard
            notes = self._opened(key, await self._rows.noted(_digest(key)))
            # What was told while we read may have made this old.
            if before == self._heard:
                self._notes.put(key, notes)

    def level(self, key: str) -> Level:
        """The level to log from; ``info`` until the client says otherwise."""
        return self._notes.get(key, _NONE).level

    def uris(self, key: str) -> frozenset[str]:
        """The resources watched."""
        return self._notes.get(key, _NONE).uris

    async def set_level(self, key: str, level: Level) -> None:
        """The client's ``logging/setLevel``. Raises ``StoreUnavailable``."""
        await self._amend(key, lambda notes: replace(notes, level=level))

    async def watch(self, key: str, uri: str) -> bool:
        """Watch a resource; False when that would be too many. Raises ``StoreUnavailable``."""
        full = False

        def more(notes: Notes) -> Notes:
            nonlocal full
            uris = notes.uris | {uri}
            full = len(uris) > self._limits.uris
            return notes if full else replace(notes, uris=uris)

        await self._amend(key, more)
        self._tell(key)
        return not full

    async def unwatch(self, key: str, uri: str) -> None:
        """Watch a resource no more. Raises ``StoreUnavailable``."""
        await self._amend(key, lambda notes: replace(notes, uris=notes.uris - {uri}))
        self._tell(key)

    async def _amend(self, key: str, change: Callable[[Notes], Notes]) -> None:
        if self._rows is None:
            self._notes.put(key, change(self._notes.get(key, Notes())))
            return
        after = Notes()
        expires = self._clock.now() + timedelta(seconds=self._limits.session)

        def sealed(before: str | None) -> str:
            nonlocal after
            after = change(self._opened(key, before))
            plain = orjson.dumps([after.level, sorted(after.uris)])
            return self._box.seal(plain, bound=key, expires=expires.timestamp())

        await self._rows.note(_digest(key), sealed, expires)
        self._notes.put(key, after)

    def _opened(self, key: str, sealed: str | None) -> Notes:
        if sealed is None:
            return Notes()
        try:
            level, uris = orjson.loads(self._box.open(sealed, bound=key, now=self._clock.time()))
        except SealBroken:
            return Notes()
        return Notes(level, frozenset(uris))

    def on_change(self, key: str, callback: Callable[[], None]) -> Callable[[], None]:
        """Call ``callback`` whenever the watched resources change; returns what ends that."""
        self._changed.setdefault(key, set()).add(callback)

        def stop() -> None:
            callbacks = self._changed.get(key, set())
            callbacks.discard(callback)
            if not callbacks:
                self._changed.pop(key, None)

        return stop

    async def noted(self, digest: str) -> None:
        """Another process, or this one, changed the notes of the key with this digest. Raises ``StoreUnavailable``."""
        self._heard += 1
        for key in [key for key in {*self._notes, *self._changed} if _digest(key) == digest]:
            self._notes.pop(key, None)
            if key in self._changed:
                await self.load(key)
                self._tell(key)

    async def forget(self) -> None:
        """Changes may have been missed: read everything anew. Raises ``StoreUnavailable``."""
        if self._rows is None:
            return
        self._heard += 1
        self._notes.clear()
        for key in list(self._changed):
            await self.load(key)
            self._tell(key)

    def _tell(self, key: str) -> None:
        for callback in tuple(self._changed.get(key, ())):
            callback()


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
