"""Legacy sessions: a sealed token instead of a table, so that any replica knows every session.

A session exists only where the client declared something the back channel is needed for. Not a login: each request
carries its own token, and a session opens only for the user it was made for (2025-11-25, basic/transports, Session
Management).
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson

from hub.clock import Clock
from hub.mcp_server.limits import Limits
from hub.sdk.talk import Level
from hub.seal import KeyRing, SealBroken

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
    """Opens, finds and ends sessions."""

    def __init__(self, ring: KeyRing, clock: Clock, random: Callable[[int], bytes], limits: Limits) -> None:
        self._box = ring.box("mcp session")
        self._clock = clock
        self._random = random
        self._limits = limits
        self._found: Table[Session] = Table(limits.remembered)
        # One that was ended is refused until it would have expired anyway, or until the table is full.
        self._ended: Table[float] = Table(limits.remembered)

    def open(self, user: str, version: str, capabilities: Mapping[str, Any]) -> str:
        """A new session's id; ``capabilities`` as ``back_channel`` gives them."""
        key = self._random(16).hex()
        expires = self._clock.time() + self._limits.session
        plain = orjson.dumps({"k": key, "v": version, "c": capabilities, "e": expires})
        return self._box.seal(plain, bound=user, expires=expires)

    def find(self, token: str, user: str) -> Session:
        """The session of that id; raises ``SessionUnknown``."""
        session = self._found.get(token)
        now = self._clock.time()
        if session is None:
            try:
                plain = orjson.loads(self._box.open(token, bound=user, now=now))
            except SealBroken:
                raise SessionUnknown from None
            session = Session(plain["k"], user, plain["v"], plain["c"], plain["e"])
            self._found.put(token, session)
        if session.user != user or session.expires <= now or self._ended.get(session.key) is not None:
            raise SessionUnknown
        return session

    def end(self, session: Session) -> None:
        """End a session; ``find`` refuses it from now on (in this process)."""
        self._ended.put(session.key, session.expires)


T = TypeVar("T")


class Table(OrderedDict[str, T]):
    """A bounded table: the entry set longest ago makes room."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size

    def put(self, key: str, value: T) -> None:
        """Set an entry."""
        self[key] = value
        self.move_to_end(key)
        if len(self) > self._size:
            self.popitem(last=False)


class Interests:
    """What legacy clients told the hub to remember: their log level, and the resources they watch.

    Kept by session, or by user and token where there is none; bounded, in memory, gone with the process.
    """

    def __init__(self, limits: Limits) -> None:
        self._levels: Table[Level] = Table(limits.remembered)
        self._uris: Table[frozenset[str]] = Table(limits.remembered)
        self._most = limits.uris
        self._changed: dict[str, set[Callable[[], None]]] = {}

    def level(self, key: str) -> Level:
        """The level to log from; ``info`` until the client says otherwise."""
        return self._levels.get(key, "info")

    def set_level(self, key: str, level: Level) -> None:
        """The client's ``logging/setLevel``."""
        self._levels.put(key, level)

    def uris(self, key: str) -> frozenset[str]:
        """The resources watched."""
        return self._uris.get(key, frozenset())

    def watch(self, key: str, uri: str) -> bool:
        """Watch a resource; False when that would be too many."""
        uris = self.uris(key) | {uri}
        if len(uris) > self._most:
            return False
        self._uris.put(key, uris)
        self._tell(key)
        return True

    def unwatch(self, key: str, uri: str) -> None:
        """Watch a resource no more."""
        self._uris.put(key, self.uris(key) - {uri})
        self._tell(key)

    def on_change(self, key: str, callback: Callable[[], None]) -> Callable[[], None]:
        """Call ``callback`` whenever the watched resources change; returns what ends that."""
        self._changed.setdefault(key, set()).add(callback)

        def stop() -> None:
            callbacks = self._changed.get(key, set())
            callbacks.discard(callback)
            if not callbacks:
                self._changed.pop(key, None)

        return stop

    def _tell(self, key: str) -> None:
        for callback in tuple(self._changed.get(key, ())):
            callback()
