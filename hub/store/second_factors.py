"""Secrets of authenticator apps (TOTP, RFC 6238) and recovery codes.

The secrets come sealed, the codes as hashes. A time step is accepted once and a code is used once, whatever runs at the
same time. Not the arithmetic of either (``identity/people``).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import delete, func, insert, select, update

from hub.clock import Clock
from hub.store.database import Database
from hub.store.people_tables import recovery_codes, totp_secrets


@dataclass(frozen=True, slots=True)
class TotpSecret:
    """A person's sealed secret, and the last time step a code of it was accepted for."""

    sealed: str = field(repr=False)
    last_step: int


class SecondFactors:
    """The tables of TOTP secrets and recovery codes."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def totp(self, user_id: str) -> TotpSecret | None:
        """The person's secret."""
        query = select(totp_secrets.c.secret, totp_secrets.c.last_step).where(totp_secrets.c.user_id == user_id)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).one_or_none()
            return None if row is None else TotpSecret(row.secret, row.last_step)

    async def put_totp(self, user_id: str, sealed: str, step: int) -> None:
        """Keep a secret in place of what there was; ``step`` is that of the code that proved it."""
        row = {"user_id": user_id, "secret": sealed, "last_step": step, "created_at": self._clock.now()}
        async with self._database.write() as connection:
            await connection.execute(delete(totp_secrets).where(totp_secrets.c.user_id == user_id))
            await connection.execute(insert(totp_secrets), row)

    async def spend_step(self, user_id: str, step: int) -> bool:
        """Note that a code of this time step was shown; False where it, or a later one, was before."""
        fresh = update(totp_secrets).where(totp_secrets.c.user_id == user_id, totp_secrets.c.last_step < step)
        async with self._database.write() as connection:
            return bool((await connection.execute(fresh.values(last_step=step))).rowcount)

    async def remove_totp(self, user_id: str) -> bool:
        """Forget the person's secret; returns whether there was one."""
        mine = delete(totp_secrets).where(totp_secrets.c.user_id == user_id)
        async with self._database.write() as connection:
            return bool((await connection.execute(mine)).rowcount)

    async def put_codes(self, user_id: str, hashes: Iterable[str]) -> None:
        """Keep these recovery codes in place of all there were."""
        now = self._clock.now()
        rows = [{"hash": hash, "user_id": user_id, "created_at": now} for hash in hashes]
        async with self._database.write() as connection:
            await connection.execute(delete(recovery_codes).where(recovery_codes.c.user_id == user_id))
            if rows:
                await connection.execute(insert(recovery_codes), rows)

    async def spend_code(self, user_id: str, hash: str) -> bool:
        """Use a recovery code up; False where it is not the person's or was used."""
        unused = update(recovery_codes).where(
            recovery_codes.c.user_id == user_id, recovery_codes.c.hash == hash, recovery_codes.c.used_at.is_(None)
        )
        async with self._database.write() as connection:
            return bool((await connection.execute(unused.values(used_at=self._clock.now()))).rowcount)

    async def codes_left(self, user_id: str) -> int:
        """How many recovery codes the person has not used."""
        query = select(func.count()).where(recovery_codes.c.user_id == user_id, recovery_codes.c.used_at.is_(None))
        async with self._database.read() as connection:
            return int((await connection.execute(query)).scalar_one())
