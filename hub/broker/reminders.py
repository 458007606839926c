"""Client secrets that end soon, or have: told to the operator before accounts fail for it.

Not the refusal itself: an ended secret is an ``OperatorNeeded`` where it would be used (``clients.py``).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from hub.broker.clients import ClientCredentials, ended
from hub.clock import Clock
from hub.sdk.provider import OAuthMethod, Provider

AHEAD = timedelta(days=30)
"""How long before its end a secret is reminded of."""


@dataclass(frozen=True, slots=True)
class Reminder:
    """One client secret: its provider, the last day it is good for, and what the operator does about it."""

    provider: str
    ends: date
    tell: str


class Reminders:
    """Looks through the client credentials. ``provider`` finds a declaration by name."""

    def __init__(self, clients: ClientCredentials, clock: Clock, provider: Callable[[str], Provider | None]) -> None:
        self._clients = clients
        self._clock = clock
        self._provider = provider

    async def all(self) -> list[Reminder]:
        """The secrets that end within ``AHEAD`` or have ended, the most urgent first. Raises ``StoreUnavailable``."""
        found = [await self.of(name) for name in await self._clients.names()]
        return sorted((one for one in found if one is not None), key=lambda one: (one.ends, one.provider))

    async def of(self, name: str) -> Reminder | None:
        """The reminder for this provider, if there is one."""
        credential = await self._clients.find(name)
        if credential is None or credential.secret is None or credential.secret_expires is None:
            return None
        ends, today = credential.secret_expires, self._clock.now().date()
        if ends - today > AHEAD:
            return None
        provider = self._provider(name)
        title = provider.title if provider is not None else name
        ways = provider.methods.values() if provider is not None else ()
        place = next((one.app.register_at for one in ways if isinstance(one, OAuthMethod)), None)
        if ends < today:
            return Reminder(name, ends, ended(title, place, name, credential))
        days = (ends - today).days
        when = "today" if days == 0 else "tomorrow" if days == 1 else f"in {days} days"
        return Reminder(
            name, ends, f"The client secret at {title} ends on {ends} ({when}). {credential.fix(name, place)}"
        )
