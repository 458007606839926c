"""Authentication of MCP clients by token, from memory where it can be: personal access tokens, and those of grants.

What was looked up is kept until a change of kind ``token`` or ``user`` drops it, and believed only while changes are
heard of (``Changes.fresh``), so that a revocation holds within a second whatever else the process does; expiry, a
disabled user and the door the token was made for are checked at every use. Not the HTTP around it (401 and its headers
are the wire's).
"""

import asyncio
import hmac
import os
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import blake2b
from types import MappingProxyType

from hub.clock import Clock
from hub.identity.caller import Caller
from hub.identity.profile import Profile, Profiles
from hub.identity.resources import resource_of
from hub.seal import fingerprint
from hub.store import EVERYTHING, Change, Store, User
from hub.store.oauth import ACCESS_PREFIX
from hub.store.tokens import PREFIX

MAX_TOKEN = 256
"""Longer texts are no tokens of ours and are not even hashed."""

TOUCH_EVERY = 60.0
"""Seconds between writes of a token's last use, at least."""

AGENT_CHARACTERS = 200
"""How much of a client's own description is kept."""

_ACCESS_LENGTH = len(ACCESS_PREFIX) + 43
_NO_PROFILES: Mapping[str, Profile] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Held:
    """A token that was looked up. ``resource`` is what a grant's token is for, None for others; ``id`` is the
    token's or the grant's. When it ends and when it was used are seconds since the epoch."""

    hash: str
    id: str
    user: User
    caller: Caller
    expires_at: float | None
    last_used_at: float | None
    resource: str | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request comes from, for the person who looks at their grants."""

    address: str | None = None
    agent: str | None = None


Lookup = asyncio.Task[Held | None]

Arrived = Callable[[str, Origin], None]


class Identity:
    """Tells who a token belongs to. Keeps at most ``limit`` tokens in memory, and as many wrong ones.

    ``public_url`` is the hub's origin, of which a grant's token names its resource. ``arrived`` is told the id of a
    grant that is used for the first time, and from where. ``random`` makes the key tokens are remembered by.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        public_url: str = "",
        profiles: Profiles = _NO_PROFILES,
        limit: int = 10_000,
        arrived: Arrived | None = None,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._store = store
        self._key = random(32)
        self._clock = clock
        self._public_url = public_url
        self._profiles = profiles
        self._limit = limit
        self._arrived = arrived
        self._known: OrderedDict[bytes, Held] = OrderedDict()
        self._unknown: OrderedDict[bytes, None] = OrderedDict()
        self._looking: dict[bytes, Lookup] = {}
        self._touched: dict[str, float] = {}
        self._changes = 0
        store.changes.watch(self._drop)

    async def authenticate(
        self, token: str, door: str | None = None, origin: Callable[[], Origin] = Origin
    ) -> Caller | None:
        """The caller at a door (a profile's name, or None for the whole hub), or None when the token is unknown,
        revoked, expired, not for this door, or its user disabled. ``origin`` is asked where the request comes from
        when that is to be noted.

        Raises ``StoreUnavailable`` when the database does not answer, and the token is not in memory or what is there
        cannot be believed any more.
        """
        if not token.startswith(PREFIX) or len(token) > MAX_TOKEN or not token.isascii():
            return None
        if not self._store.changes.fresh:
            await self._store.changes.catch_up()
        # Never the token itself, and not what the database finds it by, which is dearer to make.
        mark = blake2b(token.encode(), key=self._key).digest()
        held = self._known.get(mark)
        if held is not None:
            self._known.move_to_end(mark)
        elif mark in self._unknown:
            return None
        else:
            held = await self._looked_up(mark, token)
        if held is None:
            return None
        now = self._clock.time()
        if not held.user.enabled or (held.expires_at is not None and held.expires_at <= now):
            return None
        caller = self._at(held, door)
        if caller is not None:
            self._touch(held, now, origin)
        return caller

    async def refusal(self, token: str, door: str | None) -> tuple[str | None, str]:
        """Why ``authenticate`` refused this token, for the operator: the id of its grant, and words. Never for whoever
        sent it. Raises ``StoreUnavailable``."""
        right = token.startswith(PREFIX) and len(token) <= MAX_TOKEN and token.isascii()
        if not right:
            return None, "its token is none of this hub's"
        digest = fingerprint(token)
        if token.startswith(ACCESS_PREFIX):
            return await self._grants_refusal(digest, door)
        found = await self._store.tokens.by_hash(digest)
        if found is None:
            return None, "its token is unknown to the hub"
        row, user = found
        return None, _ended(row.revoked_at is not None, row.expires_at, user, self._clock.now()) or (
            f"its token is bound to the profile {row.profile}"
        )

    async def _grants_refusal(self, digest: str, door: str | None) -> tuple[str | None, str]:
        found = await self._store.grants.by_access(digest)
        if found is None:
            return None, "its token is unknown to the hub, or was pruned after it expired"
        grant, here = found.grant, resource_of(self._public_url, door)
        ended = _ended(grant.revoked_at is not None, found.expires_at, found.user, self._clock.now())
        return grant.id, ended or f"its token is for {grant.resource}, and it came to {here}"

    def _at(self, held: Held, door: str | None) -> Caller | None:
        """The caller at this door; None where their token is not for it (RFC 8707: for one resource only)."""
        caller = held.caller
        if held.resource is not None:
            return caller if held.resource == resource_of(self._public_url, door) else None
        if door is None or (caller.profile is not None and caller.profile.name == door):
            return caller
        narrower = self._profiles.get(door)
        if caller.profile is not None or narrower is None:
            return None
        return replace(caller, profile=narrower, effects=caller.effects & narrower.effects, admin=False)

    async def _looked_up(self, mark: bytes, token: str) -> Held | None:
        """Look a token up once, however many requests bring it at the same time."""
        looking = self._looking.get(mark)
        if looking is None:
            looking = self._looking[mark] = asyncio.get_running_loop().create_task(self._look_up(mark, token))
            looking.add_done_callback(lambda done: self._looked(mark, done))
        return await asyncio.shield(looking)

    def _looked(self, mark: bytes, done: Lookup) -> None:
        if self._looking.get(mark) is done:
            del self._looking[mark]
        if not done.cancelled():
            done.exception()  # those who wait raise it; where nobody does any more, it is nobody's

    async def _look_up(self, mark: bytes, token: str) -> Held | None:
        before = self._changes
        digest = fingerprint(token)
        granted = token.startswith(ACCESS_PREFIX) and len(token) == _ACCESS_LENGTH
        held = await (self._of_grant(digest) if granted else self._of_token(digest))
        # The row was found by this digest; compared again in constant time in case the lookup was laxer than that.
        if held is not None and not hmac.compare_digest(held.hash, digest):
            held = None
        # A change that was told while we read may have made this old; then it is good for this once only.
        if before == self._changes:
            if held is None:
                self._unknown[mark] = None
            else:
                self._known[mark] = held
            for memory in (self._known, self._unknown):
                while len(memory) > self._limit:
                    memory.popitem(last=False)
        return held

    async def _of_token(self, digest: str) -> Held | None:
        found = await self._store.tokens.by_hash(digest)
        if found is None:
            return None
        row, user = found
        profile = self._profiles.get(row.profile) if row.profile is not None else None
        if row.revoked_at is not None or (profile is None and row.profile is not None):
            return None
        effects = row.effects if profile is None else row.effects & profile.effects
        admin = user.role == "admin" and profile is None
        caller = Caller(user.id, user.name, row.id, effects, admin, profile)
        return Held(row.hash, row.id, user, caller, _seconds(row.expires_at), _seconds(row.last_used_at))

    async def _of_grant(self, digest: str) -> Held | None:
        found = await self._store.grants.by_access(digest)
        if found is None:
            return None
        grant, user = found.grant, found.user
        profile = self._profiles.get(grant.profile) if grant.profile is not None else None
        if grant.revoked_at is not None or (profile is None and grant.profile is not None):
            return None
        effects = grant.effects if profile is None else grant.effects & profile.effects
        caller = Caller(user.id, user.name, grant.id, effects, False, profile, grant.client_name)
        times = _seconds(found.expires_at), _seconds(grant.used_at)
        return Held(found.hash, grant.id, user, caller, *times, grant.resource)

    def _touch(self, held: Held, now: float, origin: Callable[[], Origin]) -> None:
        last = self._touched.get(held.id, held.last_used_at)
        if last is not None and now - last < TOUCH_EVERY:
            return
        if len(self._touched) >= self._limit:
            self._touched.clear()
        self._touched[held.id] = now
        if held.resource is None:
            self._store.tokens.touch(held.id, self._clock.now())
        else:
            told = origin()
            agent = "".join(one for one in told.agent or "" if one.isprintable())[:AGENT_CHARACTERS]
            self._store.grants.touch(held.id, self._clock.now(), told.address, agent or None)
            if last is None and self._arrived is not None:
                self._arrived(held.id, told)

    def _drop(self, change: Change) -> None:
        if change.kind not in ("token", "user", EVERYTHING):
            return
        self._changes += 1
        # Who comes after the change must not be told what was read before it.
        self._looking.clear()
        self._unknown.clear()
        if change.kind == EVERYTHING:
            self._known.clear()
            return
        stale = [
            mark
            for mark, held in self._known.items()
            if (held.id if change.kind == "token" else held.user.id) == change.key
        ]
        for mark in stale:
            del self._known[mark]


def _seconds(at: datetime | None) -> float | None:
    return None if at is None else at.timestamp()


def _ended(revoked: bool, expires_at: datetime | None, user: User, now: datetime) -> str | None:
    """Why a token that is known opens nothing at any door; None where it would."""
    if revoked:
        return "its token was revoked"
    if expires_at is not None and expires_at <= now:
        return "its token has expired"
    return None if user.enabled else "its user is disabled"
