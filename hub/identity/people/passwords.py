"""Passwords: which are good enough, and their hashes (argon2id, RFC 9106).

Hashing runs in threads, few at a time, for each takes tens of megabytes. Not where hashes are kept (``store``).
"""

import asyncio
import re
import unicodedata
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST = 10
LONGEST = 256
"""Characters of a password; the upper bound only keeps the hash from being fed novels."""

_DIFFERENT = 5
_AT_ONCE = 2

_WORN = re.compile(
    r"(pass?w[o0]rd|qwert[yz](uiop)?|letmein|iloveyou|welcome|changeme|admin(istrator)?|basketball|abcdefghij"
    r"|correct ?horse ?battery ?staple|1q2w3e4r5t|1qaz2wsx3edc)[0-9!?.]*|[0-9]{1,14}[a-z]?"
)
"""What is tried first by whoever tries at all."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one hash costs: KiB of memory, and passes over it. The default exceeds OWASP's least (46 MiB, 1 pass)."""

    memory: int = 47_104
    passes: int = 2


def normal(password: str) -> str:
    """The password as it is hashed, the same from every keyboard (NFKC, as NIST SP 800-63B, section 5.1.1.2 says)."""
    return unicodedata.normalize("NFKC", password)


def weakness(password: str, name: str) -> str | None:
    """Why a password is not good enough for the user ``name``; None when it is."""
    plain = normal(password)
    if len(plain) < SHORTEST:
        return f"A password has at least {SHORTEST} characters; a few words in a row are easy to keep."
    if len(plain) > LONGEST:
        return f"A password has at most {LONGEST} characters."
    folded = plain.casefold()
    if len(set(folded)) < _DIFFERENT or _WORN.fullmatch(folded):
        return "This password is among the first that anyone would try; choose another."
    if name.casefold() in folded and len(folded) - len(name) < SHORTEST - 2:
        return "This password is hardly more than the user name; choose another."
    return None


class PasswordHashes:
    """Makes and checks hashes."""

    def __init__(self, cost: Cost | None = None) -> None:
        chosen = cost or Cost()
        self._hasher = PasswordHasher(time_cost=chosen.passes, memory_cost=chosen.memory, parallelism=1)
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        """The hash of a password."""
        async with self._turn:
            return await asyncio.to_thread(self._hasher.hash, normal(password))

    async def fits(self, hash: str | None, password: str) -> bool:
        """Whether the password is that of the hash. Takes as long where there is none: the time tells nothing."""
        if self._nobody is None:
            self._nobody = await self.hash("nobody has this one")
        async with self._turn:
            fitting = await asyncio.to_thread(self._verify, hash or self._nobody, normal(password[: LONGEST * 4]))
        return fitting and hash is not None

    def outdated(self, hash: str) -> bool:
        """Whether the hash was made at another cost than today's."""
        return self._hasher.check_needs_rehash(hash)

    def _verify(self, hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(hash, password)
        except (VerificationError, InvalidHashError):
            return False
