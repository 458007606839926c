"""What must be remembered between two steps of a browser: sealed, bound to the browser, for minutes, used once.

Not a session: whoever holds a ceremony has not signed in.
"""

from datetime import timedelta
from typing import Any

import orjson

from hub.clock import Clock
from hub.seal import KeyRing, SealBroken, fingerprint
from hub.store import Store

LIFE = timedelta(minutes=10)
"""How long a browser may take for one step."""


class Ceremonies:
    """Begins ceremonies and takes them up again."""

    def __init__(self, store: Store, ring: KeyRing, clock: Clock) -> None:
        self._rows = store.ceremonies
        self._box = ring.box("ceremony")
        self._clock = clock

    async def begin(self, kind: str, visit: str, held: dict[str, Any]) -> str:
        """Remember ``held`` for the browser of this visit; the secret by which it will be taken up."""
        secret = self._rows.secret()
        sealed = self._box.seal(orjson.dumps(held), bound=f"{kind}:{fingerprint(secret)}")
        await self._rows.open(secret, kind, visit, sealed, LIFE)
        return secret

    async def look(self, secret: str, kind: str, visit: str) -> dict[str, Any] | None:
        """What is remembered; None for another browser, another kind, too late, or unknown."""
        return self._opened(await self._rows.peek(secret, kind, visit), secret, kind)

    async def take(self, secret: str, kind: str, visit: str) -> dict[str, Any] | None:
        """The same, once."""
        return self._opened(await self._rows.take(secret, kind, visit), secret, kind)

    def _opened(self, sealed: str | None, secret: str, kind: str) -> dict[str, Any] | None:
        if sealed is None:
            return None
        try:
            plain = self._box.open(sealed, bound=f"{kind}:{fingerprint(secret)}", now=self._clock.time())
        except SealBroken:
            return None  # the hub's keys were changed since
        held: dict[str, Any] = orjson.loads(plain)
        return held
