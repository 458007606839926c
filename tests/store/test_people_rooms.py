"""The rooms of how people sign in, on both databases: what is counted, taken or spent once stays so among processes."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import update

from hub.clock import FixedClock
from hub.store import NameTaken, Store
from hub.store.database import Database
from hub.store.people_tables import sign_in_attempts as attempts
from tests.store.conftest import Cluster, Opener

HOUR = timedelta(hours=1)


async def test_attempts_of_many_processes_share_one_counter(another: Opener, clock: FixedClock) -> None:
    stores = [await another(), await another()]
    counted = await asyncio.gather(*(stores[n % 2].attempts.count("ada", 5, HOUR) for n in range(12)))
    assert sorted(until is None for until in counted) == [False] * 7 + [True] * 5
    assert {until for until in counted if until is not None} == {clock.now() + HOUR}
    await stores[0].attempts.forgive("ada")
    assert await stores[1].attempts.count("ada", 5, HOUR) is None
    assert await stores[1].attempts.count("bob", 5, HOUR) is None
    clock.advance(3600)
    assert await stores[1].attempts.count("ada", 1, HOUR) is None
    assert await stores[0].attempts.count("ada", 1, HOUR) is not None


async def test_an_attempt_is_one_more_of_the_counter_another_process_begins_at_the_same_moment(
    cluster: Cluster, clock: FixedClock
) -> None:
    await cluster.execute("CREATE DATABASE counted")
    store, database = Store.open(cluster.url("counted"), clock), Database(cluster.url("counted"))
    await store.migrate()
    assert await store.attempts.count("ada", 5, HOUR) is None
    clock.advance(3600)
    async with database.write() as connection:
        await connection.execute(update(attempts).values(count=1, expires_at=clock.now() + HOUR))
        second = asyncio.create_task(store.attempts.count("ada", 5, HOUR))
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'counted' AND wait_event_type = 'Lock'"
        # It has seen the old counter, which is over, and waits to take its place.
        while not await cluster.fetch(waiting):
            assert not second.done()
    assert await second is None
    assert [await store.attempts.count("ada", 5, HOUR) is None for _ in range(4)] == [True, True, True, False]
    await database.close()
    await store.close()


async def test_a_ceremony_is_taken_once_by_the_browser_it_belongs_to(another: Opener, clock: FixedClock) -> None:
    stores = [await another(), await another()]
    rows = stores[0].ceremonies
    secret = rows.secret()
    await rows.open(secret, "passkey", "visit", "held", HOUR)
    assert await rows.peek(secret, "passkey", "other") is None
    assert await rows.take(secret, "second", "visit") is None
    taken = await asyncio.gather(*(stores[n % 2].ceremonies.take(secret, "passkey", "visit") for n in range(6)))
    assert sorted(map(str, taken)) == ["None"] * 5 + ["held"]
    late = rows.secret()
    await rows.open(late, "passkey", "visit", "held", HOUR)
    clock.advance(3600)
    assert await rows.take(late, "passkey", "visit") is None
    assert await rows.prune() == 1


async def test_an_invitation_makes_one_user_and_a_taken_name_leaves_it_as_it_was(another: Opener) -> None:
    stores = [await another(), await another()]
    await stores[0].users.add("ada")
    _, secret = await stores[0].invitations.create("member", "", "admin", HOUR)
    with pytest.raises(NameTaken):
        await stores[1].invitations.accept(secret, "ADA", HOUR)
    made = await asyncio.gather(*(stores[n % 2].invitations.accept(secret, f"bob{n}", HOUR) for n in range(6)))
    (one,) = [found for found in made if found is not None]
    assert await stores[1].setup_links.peek(one[1]) == one[0]
    assert len(await stores[0].users.list()) == 2


async def test_of_first_invitations_one_makes_a_user_in_all_processes(another: Opener) -> None:
    stores = [await another(), await another()]
    secrets = [(await store.invitations.create("admin", "", None, HOUR))[1] for store in stores]
    made = await asyncio.gather(
        *(stores[n].invitations.accept(secret, f"admin{n}", HOUR) for n, secret in enumerate(secrets)),
    )
    assert len([one for one in made if one is not None]) == 1
    assert len(await stores[0].users.list()) == 1


async def test_codes_and_steps_are_spent_once(another: Opener) -> None:
    stores = [await another(), await another()]
    user = await stores[0].users.add("ada")
    other = await stores[0].users.add("bob")
    await stores[0].second_factors.put_totp(user.id, "sealed", 7)
    steps = await asyncio.gather(*(stores[n % 2].second_factors.spend_step(user.id, 8) for n in range(6)))
    assert sorted(steps) == [False] * 5 + [True]
    assert not await stores[0].second_factors.spend_step(user.id, 7)
    await stores[0].second_factors.put_codes(user.id, ["one", "two"])
    assert not await stores[0].second_factors.spend_code(other.id, "one")
    codes = await asyncio.gather(*(stores[n % 2].second_factors.spend_code(user.id, "one") for n in range(6)))
    assert sorted(codes) == [False] * 5 + [True]
    assert await stores[1].second_factors.codes_left(user.id) == 1


async def test_sessions_end_with_their_user_and_with_their_role(store: Store, clock: FixedClock) -> None:
    user = await store.users.add("ada")
    for change in (store.users.disable(user.id), store.users.set_role(user.id, "admin")):
        await store.users.enable(user.id)
        _, secret = await store.web_sessions.open(
            user.id, strong=True, method="passkey", address="::1", agent="x" * 999
        )
        found = await store.web_sessions.find(secret)
        assert found is not None
        assert (found[0].strong, found[1].id) == (True, user.id)
        await change
        await store.users.enable(user.id)
        assert await store.web_sessions.find(secret) is None


async def test_a_session_that_was_opened_while_its_user_was_disabled_opens_nothing(store: Store) -> None:
    user = await store.users.add("ada")
    await store.users.disable(user.id)
    _, secret = await store.web_sessions.open(user.id, strong=True, method="passkey", address="::1", agent="")
    assert await store.web_sessions.find(secret) is None


async def test_an_identity_belongs_to_one_user_and_is_found_by_issuer_and_subject_together(store: Store) -> None:
    rows = store.external_identities
    ada = await rows.add_user("ada", "member", "https://a.example", "1", "ada@a.example")
    bob = await store.users.add("bob")
    assert not await rows.add(bob.id, "https://a.example", "1", "ada@a.example")
    assert await rows.add(bob.id, "https://b.example", "1", "ada@a.example")
    assert (await rows.user_of("https://a.example", "1"), await rows.user_of("https://a.example", "2")) == (ada, None)
    assert await rows.user_of("https://b.example", "1") == bob
    with pytest.raises(NameTaken):
        await rows.add_user("eve", "member", "https://a.example", "1", "ada@a.example")
    assert await store.users.by_name("eve") is None


async def test_a_passkey_is_known_once(store: Store) -> None:
    ada, bob = await store.users.add("ada"), await store.users.add("bob")
    key = await store.passkeys.add(ada.id, "phone", "credential", "public", 0)
    assert key is not None
    assert await store.passkeys.add(bob.id, "phone", "credential", "public", 0) is None
    assert await store.passkeys.by_credential("credential") == (key, ada)
    assert not await store.passkeys.remove(bob.id, key.id)
    assert await store.passkeys.remove(ada.id, key.id)
