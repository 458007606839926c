"""The vault: an account's secrets as one sealed text, bound to its row and its owner.

Not the rows (the store's), and not the keys (``hub.seal``).
"""

from typing import Any

import orjson

from hub.clock import Clock
from hub.seal import Box, KeyRing, SealBroken

Secrets = dict[str, Any]
"""What is secret about one account, by name: ``token``, ``refresh_token``, ``key``, and whatever was pasted."""


class Vault:
    """Seals and opens what is secret."""

    def __init__(self, ring: KeyRing, clock: Clock) -> None:
        self._connections: Box = ring.box("connection")
        self._clients: Box = ring.box("client credential")
        self._clock = clock

    def seal(self, secrets: Secrets, *, id: str, user_id: str) -> str:
        """The secrets of a connection, sealed."""
        return self._connections.seal(orjson.dumps(secrets), bound=f"{id}:{user_id}")

    def open(self, sealed: str, *, id: str, user_id: str) -> Secrets | None:
        """The secrets of a connection; None where they were given up, or are another row's or person's."""
        try:
            plain = self._connections.open(sealed, bound=f"{id}:{user_id}", now=self._clock.time())
        except SealBroken:
            return None
        held: Secrets = orjson.loads(plain)
        return held

    def seal_client(self, secret: str, provider: str) -> str:
        """A client secret, sealed."""
        return self._clients.seal(secret.encode(), bound=provider)

    def open_client(self, sealed: str, provider: str) -> str | None:
        """A client secret; None where it cannot be opened."""
        try:
            return self._clients.open(sealed, bound=provider, now=self._clock.time()).decode()
        except SealBroken:
            return None
