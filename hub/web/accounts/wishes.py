"""Which scopes a person who connects an account is asked for: what their clients may use, or what one call lacked.

Not the page (``connect_pages.py``), and not what a scope covers (the provider's declaration).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from hub.clock import Clock
from hub.gateway.accounts import Invited
from hub.gateway.scopes import asked_for, enabled_scopes
from hub.identity import Caller, Profiles
from hub.registry import Catalog, Loaded
from hub.sdk.provider import Provider
from hub.sdk.tool import EFFECTS, Effect
from hub.store import Store, User
from hub.store.connections import Connection


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for: ``scopes`` whole, and of them the ``more`` that the account does not have yet."""

    scopes: tuple[str, ...]
    more: tuple[str, ...]


class Wishes:
    """Says what to ask for."""

    def __init__(self, catalog: Callable[[], Catalog], store: Store, clock: Clock, profiles: Profiles) -> None:
        self._catalog = catalog
        self._grants = store.grants
        self._tokens = store.tokens
        self._clock = clock
        self._profiles = profiles

    async def of(
        self, user: User, loaded: Loaded, provider: Provider, invited: Invited | None, again: Connection | None
    ) -> Wish:
        """The scopes for a new account, or for one that is connected ``again``: then also those it has.

        Where a link says which scopes an account lacks, exactly these are asked for besides; else those of the tools
        that its client, or without a link any client of the person, may use. Raises ``StoreUnavailable``.
        """
        if invited is not None and invited.scopes and again is not None:
            wanted = invited.scopes
        else:
            wanted = enabled_scopes(loaded, await self.callers(user, invited))
        granted = again.scopes if again is not None else frozenset()
        scopes = asked_for(self._catalog(), provider, granted=granted, wanted=wanted)
        return Wish(scopes, provider.missing(granted, wanted) if granted else ())

    async def callers(self, user: User, invited: Invited | None = None) -> list[Caller]:
        """The person through each client that may call for them; through the one a link is for, where there is one.
        Where nothing is let in yet, as one that may do everything."""
        if invited is not None and invited.effects is not None:
            found = self._caller(user, invited.effects, invited.profile)
            return [found] if found is not None else []
        now = self._clock.now()
        held = [(one.effects, one.profile) for one in await self._grants.list(user.id)]
        held += [
            (one.effects, one.profile)
            for one in await self._tokens.list(user.id)
            if one.revoked_at is None and (one.expires_at is None or one.expires_at > now)
        ]
        if not held:
            # Nothing is let in yet that would say what is needed.
            held = [(frozenset(EFFECTS), None)]
        return [found for found in (self._caller(user, *one) for one in held) if found is not None]

    def _caller(self, user: User, effects: Iterable[Effect], profile: str | None) -> Caller | None:
        """The person as a client with these bounds calls for them; None for a profile that is no longer there."""
        if profile is not None and profile not in self._profiles:
            return None
        bounds = self._profiles[profile] if profile is not None else None
        return Caller(user.id, user.name, None, frozenset(effects), False, bounds)
