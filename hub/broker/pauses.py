"""Until when accounts' vendors asked to be left alone, or gave no answer, as the calls of this process saw it.

In memory only, and it holds up no call: it is told to people and models (``health.py``). Not the pause after a failed
renewal, which is in the row (``renewal.py``).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from hub.clock import Clock
from hub.errors import HubBusy, ProviderUnavailable, RateLimited
from hub.store.connections import Connection

LONGEST = 3600.0
"""Seconds for which a vendor's word is remembered at most."""

UNTOLD = 60.0
"""Seconds where the vendor does not say how long."""

MOST = 10_000
"""How many accounts are remembered."""


@dataclass(frozen=True, slots=True)
class Pause:
    """What an account's vendor said last, and until when that holds."""

    kind: Literal["rate_limited", "provider_down"]
    until: datetime
    why: str


class Pauses:
    """What is remembered, by account."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.held: dict[tuple[str, str], Pause] = {}
        """What is remembered, also what holds no longer; empty where nobody asked for anything."""

    def note(self, kept: Connection, title: str, wrong: ProviderUnavailable) -> None:
        """Remember why a request of this account came to nothing, for as long as ``wrong`` says."""
        if isinstance(wrong, HubBusy):
            return
        limited, before = isinstance(wrong, RateLimited), self.of(kept.provider, kept.id)
        if before is not None and before.kind == "rate_limited" and not limited:
            return
        if len(self.held) >= MOST:
            now = self._clock.now()
            for key in [key for key, one in self.held.items() if one.until <= now]:
                del self.held[key]
            if len(self.held) >= MOST:
                self.held.clear()
        seconds = UNTOLD if wrong.after is None else wrong.after
        until = self._clock.now() + timedelta(seconds=min(max(seconds, 1.0), LONGEST))
        if limited:
            pause = Pause("rate_limited", until, f"{title} asked to be sent nothing until then (rate limit).")
        else:
            pause = Pause("provider_down", until, f"{title} gave no usable answer to the last request.")
        self.held[kept.provider, kept.id] = pause

    def answered(self, kept: Connection) -> None:
        """Forget that the vendor gave no answer: it has given one. What it asked for stands."""
        one = self.of(kept.provider, kept.id)
        if one is not None and one.kind == "provider_down":
            del self.held[kept.provider, kept.id]

    def of(self, provider: str, id: str) -> Pause | None:
        """What holds now for the account of this id at a provider, if anything does."""
        found = self.held.get((provider, id))
        if found is not None and found.until <= self._clock.now():
            del self.held[provider, id]
            return None
        return found
