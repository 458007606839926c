"""How often may be tried to sign in: per account, per address, and per account from one address.

An account that is attacked from many places still lets its owner in from theirs for a while, and by passkey always, for
there is nothing to guess. Names that nobody bears are counted like the others. The counters are the store's.
"""

from datetime import datetime, timedelta

from hub.clock import Clock
from hub.identity.people.refusals import TooManyAttempts
from hub.store import Store
from hub.store.users import name_key

WINDOW = timedelta(minutes=15)
PER_ACCOUNT_AND_ADDRESS = 10
PER_ACCOUNT = 60
PER_ADDRESS = 100
"""Wrong passwords in a quarter of an hour."""

CODE_WINDOW = timedelta(hours=1)
PER_ACCOUNT_CODES = 10
"""Wrong codes in an hour, after a right password. Three in a million fit: a chance in four after a year of trying."""

BEGINNINGS = 300
"""Steps begun from one address in a quarter of an hour that cost a row each."""


class Brake:
    """Counts attempts before they are made, and takes back the good ones."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._attempts = store.attempts
        self._clock = clock

    async def password(self, name: str, neighbourhood: str) -> None:
        """Count a password. Raises ``TooManyAttempts``."""
        account = name_key(name)
        await self._count(f"address\0{neighbourhood}", PER_ADDRESS, WINDOW)
        await self._count(f"here\0{account}\0{neighbourhood}", PER_ACCOUNT_AND_ADDRESS, WINDOW)
        await self._count(f"account\0{account}", PER_ACCOUNT, WINDOW)

    async def password_fits(self, name: str, neighbourhood: str) -> None:
        """Take the last password back: it was right."""
        account = name_key(name)
        await self._attempts.forgive(f"address\0{neighbourhood}", f"account\0{account}")
        await self._attempts.clear(f"here\0{account}\0{neighbourhood}")

    async def code(self, user_id: str) -> None:
        """Count a code of an authenticator app, or a recovery code. Raises ``TooManyAttempts``."""
        await self._count(f"code\0{user_id}", PER_ACCOUNT_CODES, CODE_WINDOW)

    async def code_fits(self, user_id: str) -> None:
        """Take the last code back: it was right. The wrong ones before it stay counted."""
        await self._attempts.forgive(f"code\0{user_id}")

    async def beginning(self, neighbourhood: str) -> None:
        """Count a step that anyone may begin. Raises ``TooManyAttempts``."""
        await self._count(f"begin\0{neighbourhood}", BEGINNINGS, WINDOW)

    async def _count(self, key: str, limit: int, window: timedelta) -> None:
        until: datetime | None = await self._attempts.count(key, limit, window)
        if until is not None:
            raise TooManyAttempts((until - self._clock.now()).total_seconds())
