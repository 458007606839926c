"""``hub doctor --watch``: clients on their way to the hub, step by step, as it happens. Not the trace itself."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from hub.clock import Clock
from hub.identity.oauth.correlation import CLAUDE, CLAUDE_HOSTS, is_doctors
from hub.identity.oauth.verdict import TITLES, State, origin, verdict
from hub.store.oauth import Handshake, Handshakes, Step

LOOK_SECONDS = 1.0
"""How often it is looked."""

RECENT = timedelta(minutes=10)
"""What happened so shortly before is told, too."""

SILENT_SECONDS = 20.0
"""After so long without a client, it is said what that means."""

NOT_REACHED = (
    "Claude has not reached us: DNS, port or a bot rule. Press Connect in Claude if you have not; then run hub doctor, "
    "best from another network, to see which it is."
)


class Watch:
    """Tells what is new of handshakes, in lines for a terminal or as JSON."""

    def __init__(self, begun: datetime, *, as_json: bool) -> None:
        self._begun = begun
        self._json = as_json
        self._told: dict[str, tuple[tuple[tuple[str, str, str, int], ...], State | None]] = {}
        self._reached = False
        self._warned = False

    def news(self, handshakes: Sequence[Handshake], now: datetime) -> list[str]:
        """The lines for what happened since it was asked last; ``handshakes`` newest first."""
        lines: list[str] = []
        for one in reversed(handshakes):
            if one.seen_at < self._begun - RECENT:
                continue
            self._reached = self._reached or (not is_doctors(one) and (one.place == CLAUDE or one.host in CLAUDE_HOSTS))
            lines += self._of(one, now)
        if not self._reached and not self._warned and (now - self._begun).total_seconds() >= SILENT_SECONDS:
            self._warned = True
            lines.append(self._silence(bool(self._told)))
        return lines

    def _of(self, one: Handshake, now: datetime) -> list[str]:
        keys = tuple((step.name, step.outcome, step.text, step.count) for step in one.steps)
        known, state = self._told.get(one.id, ((), None))
        found = verdict(one, now)
        self._told[one.id] = (keys, found.state)
        if keys == known and found.state == state:
            return []
        if self._json:
            return [orjson.dumps(told(one, now)).decode()]
        label = f"{one.id[-4:]}  {one.client_name or one.client_id or one.place}"
        label += " (hub doctor)" if is_doctors(one) else ""
        new = [step for step, key in zip(one.steps, keys, strict=True) if key not in known]
        lines = [_line(label, step) for step in new]
        if found.state in ("stopped", "connected") and (found.state != state or new):
            lines.append(f"          {label}: {found.sentence}.")
        return lines

    def _silence(self, others: bool) -> str:
        if self._json:
            return orjson.dumps({"state": "silent", "text": NOT_REACHED}).decode()
        return f"{NOT_REACHED} (Other clients have.)" if others else NOT_REACHED


def told(one: Handshake, now: datetime) -> dict[str, Any]:
    """A handshake as JSON."""
    found = verdict(one, now)
    held = {name: getattr(one, name) for name in ("id", "place", "client_id", "client_name", "host", "user_name")}
    return {
        **held,
        "begun_at": one.begun_at,
        "seen_at": one.seen_at,
        "state": found.state,
        "step": found.step,
        "text": found.text,
        "steps": [asdict(step) for step in one.steps],
    }


def _line(label: str, step: Step) -> str:
    at = datetime.fromtimestamp(step.at, UTC)
    times = f" ({step.count} times)" if step.count > 1 else ""
    mark = {"ok": "", "waits": " ...", "wrong": " WRONG"}[step.outcome]
    return f"{at:%H:%M:%S}  {label}: {TITLES[step.name]}{mark}: {step.text}{times}, from {origin(step)}"


async def watch(
    handshakes: Handshakes, clock: Clock, tell: Callable[[str], None], *, as_json: bool, seconds: float | None
) -> None:
    """Tell of clients until cancelled, or for so many ``seconds``. Raises ``StoreUnavailable``."""
    watching = Watch(clock.now(), as_json=as_json)
    ends = None if seconds is None else clock.monotonic() + seconds
    while True:
        for line in watching.news(await handshakes.recent(), clock.now()):
            tell(line)
        if ends is not None and clock.monotonic() >= ends:
            return
        await clock.sleep(LOOK_SECONDS)
