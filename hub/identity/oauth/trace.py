"""The connection trace: the latest clients' way to the hub, step by step, for admins and ``hub doctor --watch``.

Whoever answers a step notes it here, which costs them nothing: what was noted is written by a task of its own, many at
once. No token, code, verifier or state is ever noted. Not the audit (calls of tools), and nothing is decided by it.
"""

import asyncio
import os
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from functools import partial

from hub.clock import Clock
from hub.identity.oauth.correlation import NAME_CHARACTERS, Event, Visitor, folded, plain
from hub.identity.oauth.rates import Allowance
from hub.observe import log
from hub.seal import fingerprint
from hub.store import StoreUnavailable
from hub.store.identifiers import Random, new_id
from hub.store.oauth import Handshake, Handshakes

More = Callable[[Event], Awaitable[Event]]
"""Finds out more about an event before it is written, where that needs the database."""

_WAITING = 500
"""Events that wait to be written; more are lost."""

_NEWCOMERS = 1000
_ATTEMPTS = ("request", "challenge", "resource", "server", "registration")

_log = log("identity.oauth")


def thread_of(challenge: str) -> str:
    """What joins an authorization request with its code: a hash of the PKCE challenge."""
    return fingerprint(f"handshake {challenge}")


class Trace:
    """Notes events and tells of handshakes. ``newcomers`` are the grants that came to this process and have not asked
    for their tools yet, each with where it came from."""

    def __init__(self, handshakes: Handshakes, clock: Clock, random: Random = os.urandom) -> None:
        self._handshakes = handshakes
        self._clock = clock
        self._random = random
        self._noted: deque[tuple[datetime, Event, More | None]] = deque()
        self._task: asyncio.Task[None] | None = None
        self.newcomers: dict[str, Visitor] = {}
        # Anyone can take the first steps as often as they like; the table is for those who go on.
        self._of_place = Allowance(clock, 120, 60.0)
        self._of_all = Allowance(clock, 600, 60.0)

    def note(self, event: Event, more: More | None = None) -> None:
        """Have ``event`` written within a moment; what comes too often is left out. Raises nothing."""
        if event.step in _ATTEMPTS and (
            self._of_place.take(event.visitor.place) is not None or self._of_all.take("all") is not None
        ):
            return
        if len(self._noted) >= _WAITING:
            return
        self._noted.append((self._clock.now(), event, more))
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._write(), name="trace")

    def entered(self, grant_id: str, address: str | None, agent: str | None) -> None:
        """A grant's token opened the endpoint for the first time."""
        visitor = Visitor(address or "", address or "", agent or "")
        if len(self.newcomers) >= _NEWCOMERS:
            del self.newcomers[next(iter(self.newcomers))]
        self.newcomers[grant_id] = visitor
        self.note(Event("entry", "ok", "came with its token", visitor, grant_id=grant_id))

    async def recent(self) -> list[Handshake]:
        """The handshakes that are kept, newest first, with all that was noted in this process. Raises
        ``StoreUnavailable``."""
        await self.flush()
        return await self._handshakes.recent()

    async def flush(self) -> None:
        """Wait until all that was noted is written, or could not be."""
        if self._task is not None:
            await asyncio.wait({self._task})

    async def close(self) -> None:
        """Write what is left."""
        await self.flush()

    async def _write(self) -> None:
        while self._noted:
            noted = list(self._noted)
            self._noted.clear()
            try:
                events = [(at, _kept(event if more is None else await more(event))) for at, event, more in noted]
                await self._handshakes.fold(partial(folded, events=events, new_id=self._id))
            except StoreUnavailable as wrong:
                _log.warning("steps of handshakes could not be written", steps=len(noted), reason=str(wrong))

    def _id(self, at: datetime) -> str:
        return new_id(at, self._random)


def _kept(event: Event) -> Event:
    """The event with everything in it that came from outside made plain."""
    visitor = Visitor(event.visitor.address, event.visitor.place, plain(event.visitor.agent, NAME_CHARACTERS))
    return replace(
        event,
        text=plain(event.text).rstrip("."),
        visitor=visitor,
        client_id=plain(event.client_id) or None,
        client_name=plain(event.client_name, NAME_CHARACTERS) or None,
        host=plain(event.host, 200) or None,
        user_name=event.user_name,
    )
