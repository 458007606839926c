"""Which steps belong to one client's handshake: pure rules over the few handshakes that are kept (decision 0025).

From the authorization request on there are sure signs: the challenge, the code made for it, the grant made of that.
What comes before is told apart by where it comes from, so two clients of one place may be mixed up there; each step
stays true by itself. Not where events come from, and not what a handshake's state means (``verdict.py``).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from hub.observe import blacken
from hub.store.oauth import Folded, Handshake, Outcome, Step, StepName
from hub.upstream.headers import DOCTOR

MOST = 50
"""Handshakes that are kept."""

MOST_STRANGERS = 35
MOST_KNOCKS = 20
MOST_DOCTORS = 6
"""Of those, at most so many for which nobody signed in, that never named a client, and of ``hub doctor``: whoever asks
without end must not push out the others."""

MOST_STEPS = 24
TEXT_CHARACTERS = 300
NAME_CHARACTERS = 120

CLAUDE = "Claude"
"""The place of all of Claude's own addresses: one handshake comes from several of them."""

CLAUDE_HOSTS = frozenset({"claude.ai", "claude.com"})

PAUSE = timedelta(minutes=10)
"""The longest pause between two steps without a person."""

BETWEEN_KNOCKS = timedelta(seconds=15)
"""A client that comes without a token this long after it read the documents begins anew."""

TOKEN_LOST = timedelta(seconds=30)
"""Within this after the token, a request without one from the same place is the client whose token got lost."""

_KNOCKS = frozenset({"request", "challenge"})
_DOCUMENTS = frozenset({"resource", "server"})
_MERGED = 6


@dataclass(frozen=True, slots=True)
class Visitor:
    """Where a request came from. ``place`` is what stands for all addresses of one subscriber."""

    address: str
    place: str
    agent: str


@dataclass(frozen=True, slots=True)
class Event:
    """One step a client took, and what became known of it by that."""

    step: StepName
    outcome: Outcome
    text: str
    visitor: Visitor
    client_id: str | None = None
    client_name: str | None = None
    host: str | None = None
    user_name: str | None = None
    thread: str | None = None
    grant_id: str | None = None


def plain(text: str | None, most: int = TEXT_CHARACTERS) -> str:
    """A text from outside as it may be kept: one short line, nothing in it that looks like a secret."""
    line = "".join(one if one.isprintable() else " " for one in (text or "")[: 4 * most])
    return str(blacken(" ".join(line.split())))[:most]


def is_done(one: Handshake) -> bool:
    """Whether the client has its tools."""
    return any(step.name == "list" and step.outcome == "ok" for step in one.steps)


def is_doctors(one: Handshake) -> bool:
    """Whether these are the steps of ``hub doctor``, which does as clients do."""
    return any(DOCTOR in step.agent for step in one.steps)


def folded(
    known: Sequence[Handshake], events: Iterable[tuple[datetime, Event]], new_id: Callable[[datetime], str]
) -> Folded:
    """The rows as they are after ``events``, each with its time; ``known`` is newest first."""
    rows = list(known)
    changed: dict[str, Handshake] = {}
    for at, event in events:
        found = _belongs(rows, event, at)
        if found is None and event.step in ("entry", "list"):
            continue  # of a grant whose handshake is over, or not kept any more
        if found is not None and found.grant_id is not None and event.step == "challenge":
            continue  # its request was told already as the first call that failed
        before = found or Handshake(new_id(at), at, at, event.visitor.place)
        after = _after(before, _told(found, event), at)
        if found is None:
            rows.insert(0, after)
        else:
            rows[rows.index(found)] = after
        changed[after.id] = after
    kept = {one.id for one in _kept(rows)}
    ids = {one.id for one in known}
    return Folded([one for one in changed.values() if one.id in kept], ids - kept)


def _told(found: Handshake | None, event: Event) -> Event:
    """A request without a token is the first call of a client whose token should have come with it."""
    if found is not None and found.grant_id is not None and event.step == "request":
        text = f"came without the token it had just been given ({event.text})"
        return replace(event, step="entry", outcome="wrong", text=text)
    return event


def _belongs(rows: Sequence[Handshake], event: Event, at: datetime) -> Handshake | None:
    """The handshake this event is part of; None where a new one begins."""
    doctors = DOCTOR in event.visitor.agent
    open_rows = [one for one in rows if not is_done(one) and is_doctors(one) == doctors]
    if event.grant_id is not None:
        found = next((one for one in open_rows if one.grant_id == event.grant_id), None)
        if found is not None or event.thread is None:
            return found
    if event.thread is not None:
        found = next((one for one in open_rows if one.thread == event.thread), None)
        return found or _authorized(open_rows, event, at)
    near = [one for one in open_rows if one.place == event.visitor.place and at - one.seen_at <= PAUSE]
    if event.step in _KNOCKS:
        return next((one for one in near if _takes_knock(one, event, at)), None)
    early = [one for one in near if one.thread is None and one.grant_id is None]
    if event.step in _DOCUMENTS:
        return next(iter(early), None)
    if event.step == "registration":
        return next((one for one in early if one.client_id is None), None)
    if event.step == "token":
        mine = [one for one in open_rows if one.client_id == event.client_id and one.thread is not None]
        return next((one for one in mine if at - one.seen_at <= PAUSE), None)
    return _authorized(open_rows, event, at)


def _takes_knock(one: Handshake, event: Event, at: datetime) -> bool:
    since = at - one.seen_at
    if one.grant_id is not None:
        token_was_last = one.steps[-1].name in ("token", "entry")
        return token_was_last and since <= TOKEN_LOST
    if one.thread is not None or one.client_id is not None:
        return False
    read = any(step.name in _DOCUMENTS for step in one.steps)
    return event.step == "challenge" or not read or since <= BETWEEN_KNOCKS


def _authorized(rows: Sequence[Handshake], event: Event, at: datetime) -> Handshake | None:
    """Whose authorization request this is, which a browser brings: by the client it registered as, else the newest
    that has come as far, one of the same place or of Claude's first."""
    waiting = [one for one in rows if one.thread is None and one.grant_id is None and at - one.seen_at <= PAUSE]
    named = next((one for one in waiting if one.client_id is not None and one.client_id == event.client_id), None)
    if named is not None:
        return named
    nameless = [one for one in waiting if one.client_id is None and any(step.name == "server" for step in one.steps)]
    places = [event.visitor.place]
    if event.host in CLAUDE_HOSTS:
        places = [CLAUDE]
    ranked = [one for place in places for one in nameless if one.place == place]
    return next(iter(ranked or nameless), None)


def _after(one: Handshake, event: Event, at: datetime) -> Handshake:
    return replace(
        one,
        seen_at=at,
        client_id=event.client_id or one.client_id,
        client_name=event.client_name or one.client_name,
        host=event.host or one.host,
        user_name=event.user_name or one.user_name,
        thread=event.thread or one.thread,
        grant_id=event.grant_id or one.grant_id,
        steps=_with(one.steps, event, at),
    )


def _with(steps: tuple[Step, ...], event: Event, at: datetime) -> tuple[Step, ...]:
    """The steps with this one more; one that was among the last already is only counted."""
    moment, visitor = at.timestamp(), event.visitor
    for place in range(len(steps) - 1, max(-1, len(steps) - 1 - _MERGED), -1):
        held = steps[place]
        if (held.name, held.outcome, held.text) == (event.step, event.outcome, event.text):
            again = replace(held, at=moment, count=held.count + 1, address=visitor.address, agent=visitor.agent)
            return (*steps[:place], again, *steps[place + 1 :])
    new = Step(event.step, event.outcome, event.text, moment, moment, 1, visitor.address, visitor.agent)
    return (*steps[: MOST_STEPS - 1], new)


def _kept(rows: Sequence[Handshake]) -> list[Handshake]:
    """The newest; of those that did not come far, fewer."""
    doctors = [one for one in rows if is_doctors(one)][MOST_DOCTORS:]
    strangers = [one for one in rows if one.user_name is None and one not in doctors]
    knocks = [one for one in strangers if one.client_id is None and one.thread is None][MOST_KNOCKS:]
    strangers = [one for one in strangers if one not in knocks][MOST_STRANGERS:]
    too_many = {one.id for one in (*doctors, *knocks, *strangers)}
    return [one for one in rows if one.id not in too_many][:MOST]
