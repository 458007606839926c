"""A person's own account: password, authenticator app, recovery codes, passkeys, tokens, sessions.

Whoever asks is signed in; how lately, the pages see to. Everything is asked for by user and id together, so that nobody
reaches another's. Not administration (``people.py``).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta

from hub.clock import Clock
from hub.identity.people.brake import Brake
from hub.identity.people.codes import new_recovery_codes, new_totp_secret, recovery_hash, totp_uri
from hub.identity.people.passkeys import HUB
from hub.identity.people.passwords import PasswordHashes, weakness
from hub.identity.people.refusals import ChangeRefused
from hub.identity.people.sign_in import Totp
from hub.sdk.tool import Effect
from hub.store import Store, Token, User
from hub.store.external_identities import ExternalIdentity
from hub.store.passkeys import Passkey
from hub.store.web_sessions import WebSession

PROPOSED = 900.0
"""Seconds a proposed secret of an authenticator app may wait for its first code."""

MOST_TOKENS = 50
"""Live access tokens one person may have made here."""


@dataclass(frozen=True, slots=True)
class Overview:
    """What the account page shows."""

    has_password: bool
    has_totp: bool
    codes_left: int
    passkeys: list[Passkey]
    identities: list[ExternalIdentity]
    sessions: list[WebSession]
    tokens: list[Token]

    @property
    def second_factor(self) -> bool:
        """Whether there is one."""
        return self.has_totp or bool(self.passkeys)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A secret for an authenticator app that no code has proved yet: for people, for the picture, and sealed."""

    secret: str
    uri: str
    sealed: str


class Accounts:
    """What people do with their own accounts."""

    def __init__(
        self,
        store: Store,
        hashes: PasswordHashes,
        totp: Totp,
        brake: Brake,
        clock: Clock,
        random: Callable[[int], bytes],
    ) -> None:
        self._store = store
        self._hashes = hashes
        self._totp = totp
        self._brake = brake
        self._clock = clock
        self._random = random

    async def overview(self, user: User) -> Overview:
        """All of an account; of tokens those that still work."""
        now = self._clock.now()
        tokens = [
            token
            for token in await self._store.tokens.list(user.id)
            if token.revoked_at is None and (token.expires_at is None or token.expires_at > now)
        ]
        return Overview(
            await self._store.passwords.hash_of(user.id) is not None,
            await self._store.second_factors.totp(user.id) is not None,
            await self._store.second_factors.codes_left(user.id),
            await self._store.passkeys.list(user.id),
            await self._store.external_identities.list(user.id),
            await self._store.web_sessions.list(user.id),
            tokens,
        )

    def approve(self, user: User, password: str) -> None:
        """Raises ``ChangeRefused`` where a password is too weak for this user."""
        wrong = weakness(password, user.name)
        if wrong is not None:
            raise ChangeRefused(wrong)

    async def set_password(self, user: User, password: str) -> None:
        """Give the user this password. Raises ``ChangeRefused`` for one that is too weak."""
        self.approve(user, password)
        await self._store.passwords.put(user.id, await self._hashes.hash(password))

    async def change_password(self, user: User, old: str, new: str, session_id: str, neighbourhood: str) -> None:
        """Replace a password by whoever knows it, and end all other sessions; the first password needs no old one.

        Raises ``ChangeRefused`` and ``TooManyAttempts``.
        """
        hash = await self._store.passwords.hash_of(user.id)
        if hash is not None:
            await self._brake.password(user.name, neighbourhood)
            if not await self._hashes.fits(hash, old):
                raise ChangeRefused("The old password is wrong.")
            await self._brake.password_fits(user.name, neighbourhood)
        await self.set_password(user, new)
        await self._store.web_sessions.end_all(user.id, but=session_id)

    async def remove_password(self, user: User) -> None:
        """Take the password away. Raises ``ChangeRefused`` where nothing else would let them in."""
        account = await self.overview(user)
        if not account.passkeys and not account.identities:
            raise ChangeRefused("Without a passkey or another sign-in the password is the only way in.")
        await self._store.passwords.remove(user.id)

    def propose_totp(self, user: User) -> Proposal:
        """A secret for an authenticator app; nothing is kept until ``confirm_totp``."""
        secret = new_totp_secret(self._random)
        sealed = self._totp.seal(user.id, secret, expires=self._clock.time() + PROPOSED)
        return Proposal(secret, totp_uri(secret, user.name, HUB), sealed)

    def proposed_totp(self, user: User, sealed: str) -> Proposal | None:
        """The same proposal again; None where it is too old, or not theirs."""
        secret = self._totp.open(user.id, sealed)
        return None if secret is None else Proposal(secret, totp_uri(secret, user.name, HUB), sealed)

    async def confirm_totp(self, user: User, sealed: str, code: str) -> list[str] | None:
        """Keep a proposed secret that the code proves; recovery codes where the person has none left, else None.

        Raises ``ChangeRefused``.
        """
        secret = self._totp.open(user.id, sealed)
        if secret is None:
            raise ChangeRefused("This took too long. Begin anew.")
        step = self._totp.step(secret, code)
        if step is None:
            raise ChangeRefused("This code does not fit. Is the time on your phone right?")
        await self._store.second_factors.put_totp(user.id, self._totp.seal(user.id, secret), step)
        return await self.first_codes(user)

    async def remove_totp(self, user: User) -> None:
        """Forget the authenticator app; with it the recovery codes where no passkey is left.

        Raises ``ChangeRefused`` where an admin would be left without a second factor.
        """
        keys = await self._store.passkeys.list(user.id)
        if user.role == "admin" and not keys:
            raise ChangeRefused("An admin needs a second factor: add a passkey first.")
        await self._store.second_factors.remove_totp(user.id)
        if not keys:
            await self._store.second_factors.put_codes(user.id, [])

    async def first_codes(self, user: User) -> list[str] | None:
        """Recovery codes where the person has none left; else None."""
        return None if await self._store.second_factors.codes_left(user.id) else await self.new_codes(user)

    async def new_codes(self, user: User) -> list[str]:
        """Recovery codes in place of all there were; they cannot be shown again."""
        codes = new_recovery_codes(self._random)
        await self._store.second_factors.put_codes(user.id, [recovery_hash(user.id, code) for code in codes])
        return codes

    async def remove_passkey(self, user: User, id: str) -> None:
        """Forget a passkey. Raises ``ChangeRefused``: there is none of this id, or it is needed."""
        account = await self.overview(user)
        rest = [one for one in account.passkeys if one.id != id]
        if len(rest) == len(account.passkeys):
            raise ChangeRefused("There is no such passkey.")
        if not rest and not account.has_password and not account.identities:
            raise ChangeRefused("This passkey is the only way in: set a password first.")
        if not rest and user.role == "admin" and not account.has_totp:
            raise ChangeRefused("An admin needs a second factor: set up an authenticator app first.")
        await self._store.passkeys.remove(user.id, id)
        if not rest and not account.has_totp:
            await self._store.second_factors.put_codes(user.id, [])

    async def remove_identity(self, user: User, id: str) -> None:
        """Take another sign-in from the account. Raises ``ChangeRefused``: there is none, or it is needed."""
        account = await self.overview(user)
        rest = [one for one in account.identities if one.id != id]
        if len(rest) == len(account.identities):
            raise ChangeRefused("There is no such sign-in.")
        if not rest and not account.has_password and not account.passkeys:
            raise ChangeRefused("This is the only way in: set a password or add a passkey first.")
        await self._store.external_identities.remove(user.id, id)

    async def new_token(
        self, user: User, name: str, effects: Iterable[Effect], days: int | None, profile: str | None = None
    ) -> str:
        """A personal access token that ends after ``days``, bound to the profile of that name; that there is one is for
        the caller to know. Raises ``ChangeRefused`` and ``NameRefused``."""
        if len((await self.overview(user)).tokens) >= MOST_TOKENS:
            raise ChangeRefused(f"There are {MOST_TOKENS} tokens already; revoke one first.")
        ends = None if days is None else self._clock.now() + timedelta(days=days)
        _, secret = await self._store.tokens.create(user.id, name, effects, ends, profile)
        return secret

    async def revoke_token(self, user: User, id: str) -> None:
        """End one of the user's tokens. Raises ``ChangeRefused`` where it is not theirs."""
        if all(token.id != id for token in await self._store.tokens.list(user.id)):
            raise ChangeRefused("There is no such token.")
        await self._store.tokens.revoke(id)

    async def end_session(self, user: User, id: str) -> None:
        """End one of the user's sessions. Raises ``ChangeRefused`` where it is not theirs."""
        if not await self._store.web_sessions.end(user.id, id):
            raise ChangeRefused("There is no such session.")
