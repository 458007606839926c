"""Legacy sessions: a sealed token instead of a table, so that any replica knows every session.

A session exists only where the client declared something the back channel is needed for. Not a login: each request
carries its own token, and a session opens only for the user it was made for (2025-11-25, basic/transports, Session
Management).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from hub.clock import Clock
from hub.mcp_server.limits import Limits
from hub.mcp_server.tables import Table
from hub.seal import KeyRing, SealBroken
from hub.store import Sessions as Rows

_KEPT = {"elicitation": ("form", "url"), "sampling": ("tools", "context"), "roots": ("listChanged",)}
"""The capabilities a session remembers, and which of their parts: only what bears on what the hub may ask, so that
no client can make the token long."""


@dataclass(frozen=True, slots=True)
class Session:
    """One client's session. ``key`` is its random part and names it in tables; ``expires`` in epoch seconds."""

    key: str
    user: str
    version: str
    capabilities: Mapping[str, Any]
    expires: float


class SessionUnknown(Exception):
    """The session id is not ours, another user's, expired or ended: the client must begin again (404)."""


def back_channel(capabilities: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a client's capabilities that need the back channel, trimmed to what the hub uses."""
    kept: dict[str, Any] = {}
    for name, parts in _KEPT.items():
        declared = capabilities.get(name)
        if isinstance(declared, dict):
            kept[name] = {part: {} for part in parts if isinstance(declared.get(part), dict | bool)}
    return kept


class Sessions:
    """Opens, finds and ends sessions. ``rows`` is where all processes find that one was ended."""

    def __init__(
        self, ring: KeyRing, clock: Clock, random: Callable[[int], bytes], limits: Limits, rows: Rows | None = None
    ) -> None:
        self._box = ring.box("mcp session")
        self._clock = clock
        self._random = random
        self._limits = limits
        self._rows = rows
        self._found: Table[Session] = Table(limits.remembered)
        # Those that ended. With a store it only bridges the moment until ``_found`` is rid of them.
        self._ended: Table[None] = Table(limits.remembered)

    def open(self, user: str, version: str, capabilities: Mapping[str, Any]) -> str:
        """A new session's id; ``capabilities`` as ``back_channel`` gives them."""
        key = self._random(16).hex()
        expires = self._clock.time() + self._limits.session
        plain = orjson.dumps({"k": key, "v": version, "c": capabilities, "e": expires})
        return self._box.seal(plain, bound=user, expires=expires)

    async def find(self, token: str, user: str) -> Session:
        """The session of that id; raises ``SessionUnknown``, and ``StoreUnavailable`` for one not in memory."""
        session = self._found.get(token)
        now = self._clock.time()
        if session is None:
            session = self._opened(token, user, now)
            if self._rows is not None and await self._rows.ended(session.key):
                raise SessionUnknown
            # One that ended while we looked is in the other table by now.
            if session.key not in self._ended:
                self._found.put(token, session)
        if session.user != user or session.expires <= now or session.key in self._ended:
            raise SessionUnknown
        return session

    def _opened(self, token: str, user: str, now: float) -> Session:
        try:
            plain = orjson.loads(self._box.open(token, bound=user, now=now))
        except SealBroken:
            raise SessionUnknown from None
        return Session(plain["k"], user, plain["v"], plain["c"], plain["e"])

    async def end(self, session: Session) -> None:
        """End a session; ``find`` refuses it from now on, in all processes within a second. Raises
        ``StoreUnavailable``."""
        if self._rows is not None:
            await self._rows.end(session.key, datetime.fromtimestamp(session.expires, UTC))
        self.ended(session.key)

    def ended(self, key: str) -> None:
        """A session was ended, here or elsewhere."""
        self._ended.put(key, None)
        for token in [token for token, session in self._found.items() if session.key == key]:
            del self._found[token]

    def forget(self) -> None:
        """Ends may have been missed: look each session up anew."""
        if self._rows is not None:
            self._found.clear()
