"""Codes, grants and refresh tokens on both databases: each is used once, whoever is quicker."""

import asyncio
from datetime import timedelta

from hub.clock import FixedClock
from hub.store import Store
from hub.store.oauth import Code, Pair
from tests.store.conftest import Opener


def pair(clock: FixedClock, name: str) -> Pair:
    return Pair(f"access {name}", clock.now() + timedelta(hours=1), f"refresh {name}", clock.now() + timedelta(days=60))


async def code_of(store: Store, clock: FixedClock) -> Code:
    user = await store.users.add("ada")
    code = Code(
        hash="code",
        user_id=user.id,
        client_id="client",
        client_name="Client",
        client_kind="registered",
        redirect_uri="https://app.example/cb",
        host="app.example",
        challenge="x" * 43,
        resource="https://hub.example/mcp",
        effects=frozenset({"read"}),
        profile=None,
        expires_at=clock.now() + timedelta(seconds=60),
    )
    assert await store.codes.add(code)
    assert not await store.codes.add(code)
    return code


async def test_of_many_processes_one_redeems_a_code_and_one_exchanges_a_refresh_token(
    another: Opener, clock: FixedClock
) -> None:
    stores = [await another() for _ in range(3)]
    code = await code_of(stores[0], clock)
    made = await asyncio.gather(*(stores[n % 3].grants.create(code, pair(clock, f"first {n}")) for n in range(12)))
    assert made.count(True) == 1
    winner = made.index(True)
    held = await stores[1].grants.by_refresh(f"refresh first {winner}")
    assert held is not None
    rotated = await asyncio.gather(
        *(stores[n % 3].grants.rotate(held.hash, held.grant.id, pair(clock, "second")) for n in range(12))
    )
    assert rotated.count(True) == 1
    successor = await stores[2].grants.by_refresh("refresh second")
    assert successor is not None
    assert successor.used_at is None
    assert successor.grant.id == held.grant.id
    assert len(await stores[0].grants.list(code.user_id)) == 1


async def test_a_grant_that_ended_gives_no_more_tokens(store: Store, clock: FixedClock) -> None:
    code = await code_of(store, clock)
    assert await store.grants.create(code, pair(clock, "first"))
    held = await store.grants.by_access("access first")
    assert held is not None
    assert await store.grants.revoke(held.grant.id)
    assert not await store.grants.revoke(held.grant.id)
    assert not await store.grants.rotate("refresh first", held.grant.id, pair(clock, "second"))
    assert await store.grants.by_refresh("refresh second") is None


async def test_all_grants_of_a_host_end_together(store: Store, clock: FixedClock) -> None:
    code = await code_of(store, clock)
    assert await store.grants.create(code, pair(clock, "first"))
    assert await store.grants.revoke_host("other.example") == 0
    assert await store.grants.revoke_host("app.example") == 1
    assert await store.grants.list(code.user_id) == []
