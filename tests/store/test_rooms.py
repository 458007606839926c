"""Users, setup links and tokens, on both databases."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from hub.clock import FixedClock
from hub.sdk.tool import EFFECTS
from hub.seal import fingerprint
from hub.store import NameRefused, NameTaken, Store

HOUR = timedelta(hours=1)


async def test_a_user_is_found_by_id_and_by_name_in_any_case(store: Store, clock: FixedClock) -> None:
    added = await store.users.add(" Änne Groß ", "admin")
    assert (added.name, added.role, added.enabled, added.created_at) == ("Änne Groß", "admin", True, clock.now())
    assert await store.users.get(added.id) == added
    assert await store.users.by_name("ÄNNE GROSS") == added
    assert await store.users.by_name("Anne") is None
    assert await store.users.get("nobody") is None


async def test_two_users_never_share_a_name(store: Store) -> None:
    await store.users.add("Anna")
    with pytest.raises(NameTaken, match="'anna'"):
        await store.users.add("anna")
    assert [user.name for user in await store.users.list()] == ["Anna"]


@pytest.mark.parametrize("name", ["", "  ", "x" * 65, "a\nb", "a\x00", "a\u202eb", "a\u200bb"])
async def test_a_name_nobody_can_read_is_refused(store: Store, name: str) -> None:
    with pytest.raises(NameRefused):
        await store.users.add(name)


async def test_users_are_listed_by_name(store: Store) -> None:
    for name in ("cleo", "Ben", "anna"):
        await store.users.add(name)
    assert [user.name for user in await store.users.list()] == ["anna", "Ben", "cleo"]


async def test_a_user_is_disabled_and_enabled_once(store: Store, clock: FixedClock) -> None:
    user = await store.users.add("anna")
    assert await store.users.disable(user.id)
    assert not await store.users.disable(user.id)
    found = await store.users.get(user.id)
    assert found is not None
    assert found.disabled_at == clock.now()
    assert await store.users.enable(user.id)
    assert not await store.users.enable(user.id)
    assert await store.users.get(user.id) == user


async def test_a_token_is_found_by_its_hash_and_kept_as_nothing_else(store: Store, clock: FixedClock) -> None:
    user = await store.users.add("anna")
    token, secret = await store.tokens.create(user.id, "laptop", {"send", "read"}, clock.now() + HOUR)
    assert re.fullmatch(r"hub_[A-Za-z0-9_-]{43}", secret)
    assert token.effects == {"read", "send"}
    assert token.expires_at == clock.now() + HOUR
    assert await store.tokens.by_hash(fingerprint(secret)) == (token, user)
    assert await store.tokens.by_hash(fingerprint(secret + "x")) is None
    assert secret not in repr(token)
    assert token.hash not in repr(token)


async def test_two_tokens_have_two_secrets(store: Store) -> None:
    user = await store.users.add("anna")
    secrets = {(await store.tokens.create(user.id, "same", EFFECTS))[1] for _ in range(5)}
    assert len(secrets) == 5
    assert [token.name for token in await store.tokens.list(user.id)] == ["same"] * 5


async def test_a_revoked_token_is_found_no_more_but_stays_listed(store: Store, clock: FixedClock) -> None:
    user = await store.users.add("anna")
    token, secret = await store.tokens.create(user.id, "laptop", ["read"])
    clock.advance(5)
    assert await store.tokens.revoke(token.id)
    assert not await store.tokens.revoke(token.id)
    assert await store.tokens.by_hash(fingerprint(secret)) is None
    (listed,) = await store.tokens.list(user.id)
    assert listed.revoked_at == clock.now()


@pytest.mark.parametrize("effects", [[], ["read", "fly"]])
async def test_a_token_without_known_effects_is_refused(store: Store, effects: list[str]) -> None:
    user = await store.users.add("anna")
    with pytest.raises(ValueError, match="read, write, send, pay, destroy"):
        await store.tokens.create(user.id, "laptop", effects)  # type: ignore[arg-type]


async def test_a_token_or_link_for_nobody_is_refused(store: Store) -> None:
    with pytest.raises(IntegrityError):
        await store.tokens.create("nobody", "laptop", ["read"])
    with pytest.raises(IntegrityError):
        await store.setup_links.create("nobody", HOUR)


async def test_a_tokens_last_use_is_written(store: Store, clock: FixedClock) -> None:
    user = await store.users.add("anna")
    token, _ = await store.tokens.create(user.id, "laptop", ["read"])
    clock.advance(90)
    store.tokens.touch(token.id, clock.now())
    await store.audit.flush()
    (listed,) = await store.tokens.list(user.id)
    assert listed.last_used_at == clock.now()


async def test_a_setup_link_is_used_once(store: Store) -> None:
    user = await store.users.add("anna")
    secret = await store.setup_links.create(user.id, HOUR)
    assert await store.setup_links.peek(secret) == user
    assert await store.setup_links.peek(secret) == user
    assert await store.setup_links.take(secret) == user
    assert await store.setup_links.take(secret) is None
    assert await store.setup_links.peek(secret) is None


async def test_of_many_who_take_a_link_at_once_one_gets_it(another: Callable[[], Awaitable[Store]]) -> None:
    stores = [await another(), await another()]
    user = await stores[0].users.add("anna")
    for _ in range(10):
        secret = await stores[0].setup_links.create(user.id, HOUR)
        taken = await asyncio.gather(*(stores[n % 2].setup_links.take(secret) for n in range(6)))
        assert [found for found in taken if found is not None] == [user]


async def test_two_processes_that_read_before_they_write_do_not_trip_over_each_other(
    another: Callable[[], Awaitable[Store]],
) -> None:
    stores = [await another(), await another()]
    user = await stores[0].users.add("anna")
    links = [await stores[0].setup_links.create(user.id, HOUR) for _ in range(30)]
    taken = await asyncio.gather(*(stores[n % 2].setup_links.take(link) for n, link in enumerate(links)))
    assert taken == [user] * 30


async def test_a_setup_link_expires(store: Store, clock: FixedClock) -> None:
    user = await store.users.add("anna")
    secret = await store.setup_links.create(user.id, HOUR)
    clock.advance(3600)
    assert await store.setup_links.peek(secret) is None
    assert await store.setup_links.take(secret) is None


async def test_a_setup_link_of_a_disabled_user_does_not_work(store: Store) -> None:
    user = await store.users.add("anna")
    secret = await store.setup_links.create(user.id, HOUR)
    await store.users.disable(user.id)
    assert await store.setup_links.take(secret) is None
    await store.users.enable(user.id)
    assert await store.setup_links.take(secret) == user


async def test_an_unknown_setup_link_is_nobodys(store: Store) -> None:
    assert await store.setup_links.take("setup_guess") is None
