"""Signing in: what is shown is judged, a second factor is asked for where the account has one, a session is opened.

Every way in comes through ``admit`` or a passkey. What is answered for accounts that do not exist, are disabled, or
have no password is the same, and takes as long. Not the pages, and not the cookie.
"""

from dataclasses import dataclass
from typing import Any

from hub.clock import Clock
from hub.identity.people.brake import Brake
from hub.identity.people.ceremony import Ceremonies
from hub.identity.people.codes import recovery_hash, totp_step
from hub.identity.people.passkeys import Passkeys
from hub.identity.people.passwords import PasswordHashes
from hub.identity.people.refusals import SignInRefused
from hub.seal import KeyRing, SealBroken
from hub.store import Store, User

WRONG = "The name or the password is wrong."
"""The one answer to whatever does not fit."""

_SECOND = "second"


@dataclass(frozen=True, slots=True)
class Browser:
    """Where a person sits: their visit, the address, its neighbourhood, and what the browser says it is."""

    visit: str
    address: str
    neighbourhood: str
    agent: str


@dataclass(frozen=True, slots=True)
class Admitted:
    """Somebody is signed in: ``secret`` is for the cookie, ``next`` the path they were on their way to."""

    user: User
    secret: str
    strong: bool
    next: str


@dataclass(frozen=True, slots=True)
class SecondStep:
    """The first factor was right; ``ceremony`` is to be brought back with a code or a passkey."""

    user: User
    ceremony: str
    codes: bool
    passkeys: bool


class Totp:
    """People's authenticator apps: their secrets, sealed."""

    def __init__(self, store: Store, ring: KeyRing, clock: Clock) -> None:
        self._rows = store.second_factors
        self._box = ring.box("totp")
        self._clock = clock

    def seal(self, user_id: str, secret: str, *, expires: float | None = None) -> str:
        """A secret as it is kept, and, for as long as it is only proposed, as it travels."""
        return self._box.seal(secret.encode(), bound=user_id, expires=expires)

    def open(self, user_id: str, sealed: str) -> str | None:
        """The secret; None where it is not this user's, or proposed too long ago."""
        try:
            return self._box.open(sealed, bound=user_id, now=self._clock.time()).decode()
        except SealBroken:
            return None

    def step(self, secret: str, code: str) -> int | None:
        """The time step whose code this is, about now."""
        return totp_step(secret, code, self._clock.time())

    async def fits(self, user_id: str, code: str) -> bool:
        """Whether this is a code of the person's app that was not shown before; it is spent by this."""
        held = await self._rows.totp(user_id)
        secret = self.open(user_id, held.sealed) if held is not None else None
        step = self.step(secret, code) if secret is not None else None
        return step is not None and await self._rows.spend_step(user_id, step)


class SignIn:
    """The ways in, except those through another sign-in (``openid.py``), which come to ``admit``."""

    def __init__(
        self,
        store: Store,
        ceremonies: Ceremonies,
        passkeys: Passkeys,
        hashes: PasswordHashes,
        totp: Totp,
        brake: Brake,
    ) -> None:
        self._store = store
        self._ceremonies = ceremonies
        self._passkeys = passkeys
        self._hashes = hashes
        self._totp = totp
        self._brake = brake

    async def with_password(self, name: str, password: str, browser: Browser, next: str) -> Admitted | SecondStep:
        """Sign in with a name and a password. Raises ``SignInRefused`` and ``TooManyAttempts``."""
        await self._brake.password(name, browser.neighbourhood)
        user = await self._store.users.by_name(name)
        # Asked for a user that is not there, too: the same work, whoever it is.
        hash = await self._store.passwords.hash_of(user.id if user is not None else "")
        fits = await self._hashes.fits(hash, password)
        if user is None or hash is None or not fits or not user.enabled:
            raise SignInRefused(WRONG)
        await self._brake.password_fits(name, browser.neighbourhood)
        if self._hashes.outdated(hash):
            await self._store.passwords.renew(user.id, hash, await self._hashes.hash(password))
        return await self.admit(user, browser, next, "password")

    async def admit(self, user: User, browser: Browser, next: str, method: str) -> Admitted | SecondStep:
        """Let in whoever showed one factor, or ask for the second where they have one."""
        codes = await self._store.second_factors.totp(user.id) is not None
        passkeys = self._passkeys.possible and bool(await self._store.passkeys.list(user.id))
        if not codes and not passkeys:
            return await self.open(user, browser, next, method, strong=False)
        held = {"user": user.id, "next": next, "method": method}
        return SecondStep(user, await self._ceremonies.begin(_SECOND, browser.visit, held), codes, passkeys)

    async def second_step(self, ceremony: str, browser: Browser) -> SecondStep:
        """The step that is under way. Raises ``SignInRefused`` where it is not any more."""
        user, _ = await self._under_way(ceremony, browser)
        codes = await self._store.second_factors.totp(user.id) is not None
        passkeys = self._passkeys.possible and bool(await self._store.passkeys.list(user.id))
        return SecondStep(user, ceremony, codes, passkeys)

    async def with_code(self, ceremony: str, code: str, browser: Browser) -> Admitted:
        """Take the second step with a code of an authenticator app or a recovery code.

        Raises ``SignInRefused`` and ``TooManyAttempts``.
        """
        user, held = await self._under_way(ceremony, browser)
        await self._brake.code(user.id)
        recovery = self._store.second_factors.spend_code
        if not await self._totp.fits(user.id, code) and not await recovery(user.id, recovery_hash(user.id, code)):
            raise SignInRefused("This code is wrong, or was used before.")
        if await self._ceremonies.take(ceremony, _SECOND, browser.visit) is None:
            raise SignInRefused("This sign-in is over. Begin anew.")
        await self._brake.code_fits(user.id)
        return await self.open(user, browser, held["next"], held["method"], strong=True)

    async def begin_passkey(self, browser: Browser, next: str, ceremony: str | None) -> dict[str, Any]:
        """The options to sign in with a passkey, or to take the second step ``ceremony`` with one."""
        await self._brake.beginning(browser.neighbourhood)
        if ceremony is None:
            return await self._passkeys.begin_using(browser.visit, held={"next": next})
        user, held = await self._under_way(ceremony, browser)
        return await self._passkeys.begin_using(browser.visit, user.id, {"next": held["next"], "second": ceremony})

    async def with_passkey(self, ceremony: str, credential: Any, browser: Browser) -> Admitted:
        """Sign in with what the authenticator said. Raises ``SignInRefused``."""
        user, held = await self._passkeys.use(browser.visit, ceremony, credential)
        second = held.get("second")
        if second is not None and await self._ceremonies.take(second, _SECOND, browser.visit) is None:
            raise SignInRefused("This sign-in is over. Begin anew.")
        return await self.open(user, browser, held["next"], "passkey", strong=True)

    async def renew(self, user: User, browser: Browser, session_id: str, method: str, *, strong: bool) -> Admitted:
        """A new session in place of this one, for someone who now has other rights or has proved more."""
        await self._store.web_sessions.end(user.id, session_id)
        return await self.open(user, browser, "/account", method, strong=strong)

    async def _under_way(self, ceremony: str, browser: Browser) -> tuple[User, dict[str, Any]]:
        held = await self._ceremonies.look(ceremony, _SECOND, browser.visit)
        user = await self._store.users.get(held["user"]) if held is not None else None
        if held is None or user is None or not user.enabled:
            raise SignInRefused("This sign-in is over. Begin anew.")
        return user, held

    async def open(self, user: User, browser: Browser, next: str, method: str, *, strong: bool) -> Admitted:
        """A session for someone who has shown all that is needed."""
        _, secret = await self._store.web_sessions.open(
            user.id, strong=strong, method=method, address=browser.address, agent=browser.agent
        )
        return Admitted(user, secret, strong, next)
