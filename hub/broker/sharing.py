"""Sharing: who besides its owner may use an account. Own by default; only an admin's own account can be shared.

Nobody, the operator and admins included, makes another's account usable by anyone. What a share then allows is decided
where accounts are chosen (``broker.py``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from hub.errors import HubError
from hub.store import Store, User
from hub.store.connections import Connection
from hub.store.shares import Share


class ShareRefused(HubError):
    """An account cannot be shared so; the text says why."""


Reach = Literal["nobody", "reading", "everything"]
"""What everybody of the hub may do with an account."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How the account of this ``label`` is shared: what everyone may, and the names of those who may use it for
    everything (``whole``) and for ``reading`` only. Of two that concern somebody the wider one holds."""

    label: str
    everyone: Reach
    whole: tuple[str, ...] = ()
    reading: tuple[str, ...] = ()


class Sharing:
    """Shares accounts, and stops that."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def share(self, id: str, names: Sequence[str] | None, *, read_only: bool, by: User | None = None) -> None:
        """Share an account with these people, or with everyone (None). ``by`` is the admin who does, who must own it;
        None for the operator. Raises ``ShareRefused``."""
        kept = await self._own(id, by)
        owner = await self._owner(kept)
        with_whom: list[str | None] = [None]
        if names is not None:
            with_whom = [await self._person(name, owner) for name in names]
        if not with_whom:
            raise ShareRefused("Say with whom: everyone, or the names of people of this hub.")
        for user_id in with_whom:
            await self._store.shares.put(Share(kept.id, user_id, read_only))

    async def bounds(self, id: str, *, by: User | None = None) -> Bounds:
        """How an account is shared now. Raises ``ShareRefused``."""
        kept = await self._own(id, by)
        found = await self._store.shares.of(kept.id)
        names = {one.id: one.name for one in await self._store.users.list()}
        everyone = next((one for one in found if one.user_id is None), None)

        def named(*, read_only: bool) -> tuple[str, ...]:
            mine = [one.user_id for one in found if one.user_id is not None and one.read_only == read_only]
            return tuple(sorted(names[id] for id in mine if id in names))

        common: Reach = "nobody" if everyone is None else "reading" if everyone.read_only else "everything"
        return Bounds(kept.label, common, named(read_only=False), named(read_only=True))

    async def change(self, id: str, bounds: Bounds, *, by: User | None = None) -> None:
        """Share an account as ``bounds`` say, in place of however it was shared before. Raises ``ShareRefused``, and
        then nothing is changed."""
        kept = await self._own(id, by)
        owner = await self._owner(kept)
        both = {name.casefold() for name in bounds.whole} & {name.casefold() for name in bounds.reading}
        if both:
            raise ShareRefused(f"{', '.join(sorted(both))} stands in both lists: for everything, or for reading only?")
        wanted = {await self._person(name, owner): False for name in bounds.whole}
        wanted |= {await self._person(name, owner): True for name in bounds.reading}
        shares = [Share(kept.id, user_id, read_only) for user_id, read_only in wanted.items()]
        if bounds.everyone != "nobody":
            shares.append(Share(kept.id, None, bounds.everyone == "reading"))
        await self._store.shares.replace(kept.id, shares)

    async def stop(self, id: str, *, by: User | None = None) -> bool:
        """Share an account with nobody any more; returns whether it was shared. Raises ``ShareRefused``."""
        return await self._store.shares.remove((await self._own(id, by)).id)

    async def _owner(self, kept: Connection) -> User:
        owner = await self._store.users.get(kept.user_id)
        if owner is None or owner.role != "admin" or not owner.enabled:
            named = owner.name if owner is not None else "its owner"
            raise ShareRefused(f"{named} is no admin: only an admin's own account can be shared.")
        return owner

    async def _own(self, id: str, by: User | None) -> Connection:
        kept = await self._store.connections.get(id)
        if kept is None or (by is not None and kept.user_id != by.id):
            raise ShareRefused("You have no such account." if by is not None else f"There is no account {id!r}.")
        return kept

    async def _person(self, name: str, owner: User) -> str:
        user = await self._store.users.by_name(name)
        if user is None:
            raise ShareRefused(f"There is no user {name!r}; nothing was changed.")
        if user.id == owner.id:
            raise ShareRefused(f"It is {user.name}'s own account.")
        return user.id
