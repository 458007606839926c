"""Authentication by token: quick, and wrong for no longer than a second."""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from hub.clock import FixedClock
from hub.identity import Caller, Identity, local_caller
from hub.sdk.tool import EFFECTS
from hub.store import Role, Store, Token, Tokens, User
from tests.databases import furnish
from tests.waiting import A_SECOND

Opener = Callable[[], Awaitable[Store]]


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 11, 1, 12, 0, tzinfo=UTC))


@pytest.fixture
async def another(tmp_path: Path, clock: FixedClock) -> AsyncIterator[Opener]:
    """Opens one more store on the same database, as another process would."""
    async with AsyncExitStack() as stack:

        async def opened() -> Store:
            furnish(tmp_path)
            store = Store.open(f"sqlite+aiosqlite:///{tmp_path}/hub.db", clock)
            stack.push_async_callback(store.close)
            await store.migrate()
            return store

        yield opened


@pytest.fixture
async def store(another: Opener) -> Store:
    return await another()


@pytest.fixture
def queries() -> Iterator[list[str]]:
    """Every statement sent to the database from now on."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        sent.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield sent
    event.remove(Engine, "before_cursor_execute", note)


async def refusal_within_a_second(identity: Identity, secret: str, store: Store) -> None:
    async with asyncio.timeout(A_SECOND):
        while await identity.authenticate(secret) is not None:
            # From memory it answers without waiting for anything, so others must be let in.
            await store.ping()


async def test_a_token_tells_who_is_calling_and_what_it_allows(store: Store, clock: FixedClock) -> None:
    user = await store.users.add("anna")
    token, secret = await store.tokens.create(user.id, "laptop", ["read", "write"])
    caller = await Identity(store, clock).authenticate(secret)
    assert caller == Caller(user.id, "anna", token.id, frozenset({"read", "write"}))


@pytest.mark.parametrize("token", ["", "hub_", "hub_guess", "Bearer x", "hub_é", "hub_\ud800", "hub_" + "a" * 5000])
async def test_what_is_no_token_is_refused(store: Store, clock: FixedClock, token: str) -> None:
    assert await Identity(store, clock).authenticate(token) is None


async def test_a_token_that_differs_anywhere_is_refused(store: Store, clock: FixedClock) -> None:
    user = await store.users.add("anna")
    _, secret = await store.tokens.create(user.id, "laptop", ["read"])
    identity = Identity(store, clock)
    for wrong in (secret[:-1], secret + "A", secret.swapcase(), secret.upper(), " " + secret, secret + "\n"):
        assert await identity.authenticate(wrong) is None
    assert await identity.authenticate(secret) is not None


async def test_a_token_seen_before_asks_nothing_of_the_database(
    store: Store, clock: FixedClock, queries: list[str]
) -> None:
    user = await store.users.add("anna")
    _, secret = await store.tokens.create(user.id, "laptop", ["read"])
    identity = Identity(store, clock)
    await identity.authenticate(secret)
    await identity.authenticate("hub_wrong")
    queries.clear()
    for _ in range(100):
        assert await identity.authenticate(secret) is not None
        assert await identity.authenticate("hub_wrong") is None
    assert not [query for query in queries if query.lstrip().startswith("SELECT tokens")]


@pytest.mark.proves("personal-tokens")
async def test_a_revoked_token_is_refused_at_once(store: Store, clock: FixedClock) -> None:
    user = await store.users.add("anna")
    token, secret = await store.tokens.create(user.id, "laptop", ["read"])
    other, kept = await store.tokens.create(user.id, "phone", ["read"])
    identity = Identity(store, clock)
    assert await identity.authenticate(secret) is not None
    assert await identity.authenticate(kept) is not None
    await store.tokens.revoke(token.id)
    assert await identity.authenticate(secret) is None
    assert await identity.authenticate(kept) == Caller(user.id, "anna", other.id, frozenset({"read"}))


async def test_a_token_revoked_by_another_process_is_refused_within_a_second(
    another: Opener, clock: FixedClock
) -> None:
    here, there = await another(), await another()
    user = await here.users.add("anna")
    token, secret = await here.tokens.create(user.id, "laptop", ["read"])
    identity = Identity(here, clock)
    assert await identity.authenticate(secret) is not None
    await there.tokens.revoke(token.id)
    await refusal_within_a_second(identity, secret, here)


async def test_a_user_disabled_by_another_process_is_refused_within_a_second_and_their_token_for_good(
    another: Opener, clock: FixedClock
) -> None:
    here, there = await another(), await another()
    user = await here.users.add("anna")
    _, secret = await here.tokens.create(user.id, "laptop", ["read"])
    identity = Identity(here, clock)
    assert await identity.authenticate(secret) is not None
    await there.users.disable(user.id)
    await refusal_within_a_second(identity, secret, here)
    await here.users.enable(user.id)
    assert await identity.authenticate(secret) is None
    _, fresh = await here.tokens.create(user.id, "laptop", ["read"])
    assert await identity.authenticate(fresh) is not None


async def test_a_token_made_while_its_user_is_disabled_opens_nothing_until_they_are_let_in(
    store: Store, clock: FixedClock
) -> None:
    user = await store.users.add("anna")
    await store.users.disable(user.id)
    _, secret = await store.tokens.create(user.id, "laptop", ["read"])
    identity = Identity(store, clock)
    assert await identity.authenticate(secret) is None
    await store.users.enable(user.id)
    assert await identity.authenticate(secret) is not None


@pytest.mark.proves("personal-tokens")
async def test_a_token_works_until_it_expires(store: Store, clock: FixedClock) -> None:
    user = await store.users.add("anna")
    _, secret = await store.tokens.create(user.id, "laptop", ["read"], clock.now() + timedelta(minutes=1))
    identity = Identity(store, clock)
    assert await identity.authenticate(secret) is not None
    clock.advance(59)
    assert await identity.authenticate(secret) is not None
    clock.advance(1)
    assert await identity.authenticate(secret) is None


async def test_a_token_tried_before_it_was_made_works_once_it_is(tmp_path: Path, clock: FixedClock) -> None:
    # Randomness is passed in, so the secret to come is known beforehand.
    store = Store.open(f"sqlite+aiosqlite:///{tmp_path}/hub.db", clock, random=lambda count: bytes([7] * count))
    await store.migrate()
    user = await store.users.add("anna")
    secret = "hub_" + base64.urlsafe_b64encode(bytes([7] * 32)).rstrip(b"=").decode()
    identity = Identity(store, clock)
    assert await identity.authenticate(secret) is None
    assert (await store.tokens.create(user.id, "laptop", ["read"]))[1] == secret
    assert await identity.authenticate(secret) is not None
    await store.close()


class SlowTokens:
    """Tokens whose look-up has read its row but not yet returned it until ``go`` is set."""

    def __init__(self, tokens: Tokens) -> None:
        self.tokens = tokens
        self.has_read, self.go = asyncio.Event(), asyncio.Event()
        self.touch = tokens.touch

    async def by_hash(self, hash: str) -> tuple[Token, User] | None:
        found = await self.tokens.by_hash(hash)
        self.has_read.set()
        await self.go.wait()
        return found


async def test_a_revocation_during_the_look_up_is_not_forgotten(store: Store, clock: FixedClock) -> None:
    user = await store.users.add("anna")
    token, secret = await store.tokens.create(user.id, "laptop", ["read"])
    slow = SlowTokens(store.tokens)
    identity = Identity(cast(Store, SimpleNamespace(tokens=slow, changes=store.changes)), clock)
    first = asyncio.create_task(identity.authenticate(secret))
    await slow.has_read.wait()
    await store.tokens.revoke(token.id)
    slow.go.set()
    await first
    assert await identity.authenticate(secret) is None


async def test_no_more_tokens_are_kept_than_allowed_and_all_still_work(
    store: Store, clock: FixedClock, queries: list[str]
) -> None:
    user = await store.users.add("anna")
    secrets = [(await store.tokens.create(user.id, "laptop", ["read"]))[1] for _ in range(6)]
    identity = Identity(store, clock, limit=3)
    for secret in secrets:
        assert await identity.authenticate(secret) is not None
    queries.clear()
    for secret in secrets:
        assert await identity.authenticate(secret) is not None
    assert len([query for query in queries if query.lstrip().startswith("SELECT tokens")]) == 6


async def test_the_last_use_is_written_at_most_once_a_minute(
    store: Store, clock: FixedClock, queries: list[str]
) -> None:
    user = await store.users.add("anna")
    token, secret = await store.tokens.create(user.id, "laptop", ["read"])
    identity = Identity(store, clock)
    first = clock.now()
    for _ in range(6):
        await identity.authenticate(secret)
        clock.advance(9)
    await store.audit.flush()
    (listed,) = await store.tokens.list(user.id)
    assert listed.last_used_at == first
    clock.advance(10)
    await identity.authenticate(secret)
    await store.audit.flush()
    (listed,) = await store.tokens.list(user.id)
    assert listed.last_used_at == clock.now()
    assert len([query for query in queries if query.startswith("UPDATE tokens")]) == 2
    assert token.last_used_at is None


def test_the_local_user_may_do_everything() -> None:
    assert local_caller() == Caller("local", "local", None, frozenset(EFFECTS), admin=True)


async def test_only_an_administrators_token_speaks_for_an_administrator(store: Store, clock: FixedClock) -> None:
    people: list[tuple[str, Role]] = [("anna", "member"), ("root", "admin")]
    found = []
    for name, role in people:
        user = await store.users.add(name, role)
        _, secret = await store.tokens.create(user.id, "laptop", ["read"])
        caller = await Identity(store, clock).authenticate(secret)
        assert caller is not None
        found.append((caller.user_name, caller.admin))
    assert found == [("anna", False), ("root", True)]
