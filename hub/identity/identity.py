"""Authentication of MCP clients by token, from memory where it can be.

What was looked up is kept until a change of kind ``token`` or ``user`` drops it; expiry and a disabled user are
checked at every use. Not the HTTP around it (401 and its headers are the wire's).
"""

import hmac
from collections import OrderedDict
from datetime import datetime, timedelta

from hub.clock import Clock
from hub.identity.caller import Caller
from hub.seal import fingerprint
from hub.store import EVERYTHING, Change, Store, Token, User
from hub.store.tokens import PREFIX

MAX_TOKEN = 256
"""Longer texts are no tokens of ours and are not even hashed."""

TOUCH_EVERY = timedelta(minutes=1)
"""How often at most a token's last use is written."""


class Identity:
    """Tells who a token belongs to. Keeps at most ``limit`` tokens in memory, and as many wrong ones."""

    def __init__(self, store: Store, clock: Clock, *, limit: int = 10_000) -> None:
        self._store = store
        self._clock = clock
        self._limit = limit
        self._known: OrderedDict[str, tuple[Token, User, Caller]] = OrderedDict()
        self._unknown: OrderedDict[str, None] = OrderedDict()
        self._touched: dict[str, datetime] = {}
        self._changes = 0
        store.changes.watch(self._drop)

    async def authenticate(self, token: str) -> Caller | None:
        """The caller, or None when the token is unknown, revoked, expired, or its user disabled.

        Raises ``StoreUnavailable`` when it is not in memory and the database does not answer.
        """
        if not token.startswith(PREFIX) or len(token) > MAX_TOKEN or not token.isascii():
            return None
        digest = fingerprint(token)
        held = self._known.get(digest)
        if held is not None:
            self._known.move_to_end(digest)
        elif digest in self._unknown:
            return None
        else:
            held = await self._look_up(digest)
        if held is None:
            return None
        row, user, caller = held
        # The row was found by this digest; compared again in constant time in case the lookup was laxer than that.
        if not hmac.compare_digest(row.hash, digest):
            return None
        now = self._clock.now()
        if not user.enabled or row.revoked_at is not None or (row.expires_at is not None and row.expires_at <= now):
            return None
        self._touch(row, now)
        return caller

    async def _look_up(self, digest: str) -> tuple[Token, User, Caller] | None:
        before = self._changes
        found = await self._store.tokens.by_hash(digest)
        held = None
        if found is not None:
            row, user = found
            held = (row, user, Caller(user.id, user.name, row.id, row.effects, user.role == "admin"))
        # A change that was told while we read may have made this old; then it is good for this once only.
        if before == self._changes:
            if held is None:
                self._unknown[digest] = None
            else:
                self._known[digest] = held
            for memory in (self._known, self._unknown):
                while len(memory) > self._limit:
                    memory.popitem(last=False)
        return held

    def _touch(self, row: Token, now: datetime) -> None:
        last = self._touched.get(row.id, row.last_used_at)
        if last is not None and now - last < TOUCH_EVERY:
            return
        if len(self._touched) >= self._limit:
            self._touched.clear()
        self._touched[row.id] = now
        self._store.tokens.touch(row.id, now)

    def _drop(self, change: Change) -> None:
        if change.kind not in ("token", "user", EVERYTHING):
            return
        self._changes += 1
        self._unknown.clear()
        if change.kind == EVERYTHING:
            self._known.clear()
            return
        stale = [
            digest
            for digest, (row, user, _) in self._known.items()
            if (row.id if change.kind == "token" else user.id) == change.key
        ]
        for digest in stale:
            del self._known[digest]
