"""``People``: the people of this hub, how they come in, and what admins do about them.

Joins the parts of this room. Not the pages; those ask here.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from hub.clock import Clock
from hub.identity.people.account import Accounts
from hub.identity.people.brake import Brake
from hub.identity.people.ceremony import Ceremonies
from hub.identity.people.openid import Elsewhere, OpenId, OpenIdSettings
from hub.identity.people.passkeys import Passkeys
from hub.identity.people.passwords import Cost, PasswordHashes
from hub.identity.people.refusals import ChangeRefused, SignInRefused
from hub.identity.people.sign_in import Admitted, Browser, SecondStep, SignIn, Totp
from hub.sdk.http import Send
from hub.seal import KeyRing
from hub.store import NameRefused, Role, Store, User
from hub.store.invitations import Invitation

LINK_LIFE = timedelta(days=3)
"""How long a set-up link or an invitation may wait to be used."""

_SPENT = "This link does not lead anywhere any more."


@dataclass(frozen=True, slots=True)
class SetUp:
    """Whom a set-up link is for, and whether they could sign in before and with a second factor."""

    user: User
    known: bool
    second_factor: bool


class People:
    """The use cases around people. ``origin`` is ``public_url`` as browsers write it; ``send`` the one way out."""

    def __init__(
        self,
        store: Store,
        ring: KeyRing,
        clock: Clock,
        *,
        public_url: str,
        origin: str,
        openid: Mapping[str, OpenIdSettings] | None = None,
        send: Send | None = None,
        cost: Cost | None = None,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self.store = store
        self.clock = clock
        self._random = random
        self.brake = Brake(store, clock)
        ceremonies = Ceremonies(store, ring, clock)
        hashes = PasswordHashes(cost)
        totp = Totp(store, ring, clock)
        self.passkeys = Passkeys(store, ceremonies, public_url, origin, random)
        self.sign_in = SignIn(store, ceremonies, self.passkeys, hashes, totp, self.brake)
        self.accounts = Accounts(store, hashes, totp, self.brake, clock, random)
        self.openid = OpenId(openid or {}, send, ceremonies, clock, public_url, random)

    async def first_link(self) -> str | None:
        """The secret of a link that makes the first admin; None where there is a user."""
        if await self.store.users.count():
            return None
        return (await self.store.invitations.create("admin", "", None, LINK_LIFE))[1]

    async def set_up(self, secret: str) -> SetUp | None:
        """Whose set-up link this is; None where it is spent."""
        user = await self.store.setup_links.peek(secret)
        if user is None:
            return None
        account = await self.accounts.overview(user)
        known = account.has_password or account.second_factor or bool(account.identities)
        return SetUp(user, known, account.second_factor)

    async def finish_with_password(
        self, secret: str, password: str, browser: Browser, *, lost: bool
    ) -> Admitted | SecondStep:
        """Use a set-up link up by choosing a password. ``lost``: second factors are gone and are forgotten.

        Raises ``SignInRefused`` where the link is spent, ``ChangeRefused`` for a password that is too weak.
        """
        user = await self._holder(secret)
        self.accounts.approve(user, password)
        user = await self._taken(secret, user)
        await self._begin_anew(user, lost=lost)
        await self.accounts.set_password(user, password)
        return await self.sign_in.admit(user, browser, "/account", "link")

    async def begin_with_passkey(self, secret: str, browser: Browser) -> dict[str, Any]:
        """The options for the passkey of a set-up link's user. Raises ``SignInRefused``."""
        return await self.passkeys.begin_adding(await self._holder(secret), browser.visit)

    async def finish_with_passkey(
        self, secret: str, ceremony: str, credential: Any, name: str, browser: Browser, *, lost: bool
    ) -> Admitted:
        """Use a set-up link up by adding a passkey; it was used to prove the person, so they are signed in.

        Raises ``SignInRefused`` and ``ChangeRefused``.
        """
        user = await self._holder(secret)
        kept = await self.passkeys.add(user, browser.visit, ceremony, credential, name)
        try:
            user = await self._taken(secret, user)
        except SignInRefused:
            await self.store.passkeys.remove(user.id, kept.id)
            raise
        await self._begin_anew(user, lost=lost, but=kept.id)
        return await self.sign_in.open(user, browser, "/account", "passkey", strong=True)

    async def finish_with_identity(self, secret: str, who: Elsewhere, browser: Browser) -> Admitted | SecondStep:
        """Use a set-up link up by an identity at another sign-in. Raises ``SignInRefused``."""
        user = await self._taken(secret, await self._holder(secret))
        await self._connect(user, who)
        await self._begin_anew(user, lost=False)
        return await self.sign_in.admit(user, browser, "/account", who.provider)

    async def connect(self, user: User, who: Elsewhere) -> None:
        """Give a signed-in user an identity elsewhere. Raises ``SignInRefused`` where it is someone's."""
        await self._connect(user, who)

    async def come_in(self, who: Elsewhere, browser: Browser, next: str) -> Admitted | SecondStep:
        """Sign in by an identity elsewhere: its user, or, where the sign-in makes them, a new member.

        Never finds a user by anything but issuer and subject. Raises ``SignInRefused``.
        """
        user = await self.store.external_identities.user_of(who.issuer, who.subject)
        if user is None and who.just_in_time:
            user = await self._newcomer(who)
        if user is None or not user.enabled:
            raise SignInRefused(
                f"You are known at {who.title}, but not here yet. Ask an admin of this hub for an invitation; if you "
                "have an account here, sign in to it and add this sign-in on your account page."
            )
        await self.store.external_identities.used(who.issuer, who.subject, who.label)
        return await self.sign_in.admit(user, browser, next, who.provider)

    async def _newcomer(self, who: Elsewhere) -> User:
        """A new member, under a name nobody has. Raises ``SignInRefused`` where there is none."""
        for name in who.names():
            try:
                return await self.store.external_identities.add_user(name, "member", who.issuer, who.subject, who.label)
            except NameRefused:
                continue
        raise SignInRefused("No name could be found for you here. Ask an admin of this hub for an invitation.")

    async def _connect(self, user: User, who: Elsewhere) -> None:
        if not await self.store.external_identities.add(user.id, who.issuer, who.subject, who.label):
            mine = await self.store.external_identities.user_of(who.issuer, who.subject)
            if mine is None or mine.id != user.id:
                raise SignInRefused("This account elsewhere belongs to someone here already.")

    async def accept(self, secret: str, name: str) -> str:
        """Take an invitation up under this name; the secret of the set-up link that follows.

        Raises ``SignInRefused`` where it is spent, ``NameRefused`` for the name.
        """
        made = await self.store.invitations.accept(secret, name, LINK_LIFE)
        if made is None:
            raise SignInRefused(_SPENT)
        return made[1]

    async def invite(self, role: Role, name: str, admin: User) -> tuple[Invitation, str]:
        """An invitation and its secret."""
        return await self.store.invitations.create(role, name, admin.id, LINK_LIFE)

    async def reset(self, id: str) -> tuple[User, str]:
        """A set-up link for someone who lost theirs. Raises ``ChangeRefused``."""
        user = await self._person(id)
        return user, await self.store.setup_links.create(user.id, LINK_LIFE)

    async def disable(self, id: str, admin: User) -> User:
        """Shut someone out. Raises ``ChangeRefused``; also for oneself, so that an admin is left."""
        if id == admin.id:
            raise ChangeRefused("You cannot shut yourself out; another admin can.")
        user = await self._person(id)
        await self.store.users.disable(user.id)
        return user

    async def enable(self, id: str) -> User:
        """Let someone in again. Raises ``ChangeRefused``."""
        user = await self._person(id)
        await self.store.users.enable(user.id)
        return user

    async def set_role(self, id: str, role: Role, admin: User) -> User:
        """Give someone another role; their sessions end. Raises ``ChangeRefused``; also for oneself."""
        if id == admin.id:
            raise ChangeRefused("You cannot change your own role; another admin can.")
        user = await self._person(id)
        await self.store.users.set_role(user.id, role)
        return user

    async def end_sessions(self, id: str) -> User:
        """End all of someone's sessions. Raises ``ChangeRefused``."""
        user = await self._person(id)
        await self.store.web_sessions.end_all(user.id)
        return user

    async def _person(self, id: str) -> User:
        user = await self.store.users.get(id)
        if user is None:
            raise ChangeRefused("There is no such person.")
        return user

    async def _holder(self, secret: str) -> User:
        user = await self.store.setup_links.peek(secret)
        if user is None:
            raise SignInRefused(_SPENT)
        return user

    async def _taken(self, secret: str, holder: User) -> User:
        user = await self.store.setup_links.take(secret)
        if user is None or user.id != holder.id:
            raise SignInRefused(_SPENT)
        return user

    async def _begin_anew(self, user: User, *, lost: bool, but: str | None = None) -> None:
        """After a link was used: sessions of before end, and what was lost is forgotten, except the passkey ``but``."""
        await self.store.web_sessions.end_all(user.id)
        if not lost:
            return
        await self.store.second_factors.remove_totp(user.id)
        await self.store.second_factors.put_codes(user.id, [])
        for one in await self.store.passkeys.list(user.id):
            if one.id != but:
                await self.store.passkeys.remove(user.id, one.id)
