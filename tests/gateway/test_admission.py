"""Who gets a place, who waits, and who is told to come back."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from hub.errors import HubBusy
from hub.gateway.admission import Admission, Place, Room


async def turns() -> None:
    """Let everything that can go on do so."""
    for _ in range(10):
        await asyncio.sleep(0)


async def waiting(*waits: Coroutine[Any, Any, None]) -> list[asyncio.Task[None]]:
    """These, begun in this order."""
    begun = []
    for one in waits:
        begun.append(asyncio.ensure_future(one))
        await turns()
    return begun


async def test_those_who_wait_get_places_users_in_turn() -> None:
    admission = Admission(Room(calls=1, per_user=3))
    assert admission.taken("ada")
    told: list[str] = []

    async def wait(user: str) -> None:
        await admission.wait(user)
        told.append(user)

    waits = await waiting(*(wait(user) for user in ("ada", "ada", "ada", "bob")))
    for user in ("ada", "ada", "bob", "ada"):
        admission.leave(user)
        await turns()
    assert told == ["ada", "bob", "ada", "ada"]
    await asyncio.gather(*waits)


async def test_one_users_queue_is_bounded_and_leaves_room_for_others() -> None:
    admission = Admission(Room(calls=1, per_user=1, waiting=3))
    assert admission.taken("ada")
    waits = await waiting(admission.wait("ada"))
    with pytest.raises(HubBusy, match="of your calls"):
        await admission.wait("ada")
    waits += await waiting(admission.wait("bob"))
    assert admission.waiting == 2
    for user in ("ada", "ada", "bob"):
        admission.leave(user)
        await turns()
    await asyncio.gather(*waits)
    assert (admission.running, admission.waiting) == (0, 0)


async def test_the_queue_of_all_is_bounded() -> None:
    admission = Admission(Room(calls=1, waiting=1))
    assert admission.taken("ada")
    (wait,) = await waiting(admission.wait("bob"))
    with pytest.raises(HubBusy, match="as many calls under way"):
        await admission.wait("eve")
    wait.cancel()
    await turns()
    assert admission.waiting == 0


async def test_a_place_given_to_one_who_was_cancelled_at_that_moment_is_given_on() -> None:
    admission = Admission(Room(calls=1))
    assert admission.taken("ada")
    first, second = await waiting(admission.wait("bob"), admission.wait("eve"))
    admission.leave("ada")
    first.cancel()
    await second
    assert (admission.running, admission.waiting) == (1, 0)


async def test_a_call_that_comes_back_waits_where_a_new_one_is_refused() -> None:
    admission = Admission(Room(calls=1, waiting=0, patience=0))
    place = Place(admission, "ada")
    await place.take()
    answered = asyncio.Event()

    async def ask() -> None:
        async with place.lent():
            await answered.wait()

    (asking,) = await waiting(ask())
    assert admission.taken("bob")
    answered.set()
    await turns()
    assert not asking.done()
    with pytest.raises(HubBusy):
        await admission.wait("eve")
    admission.leave("bob")
    await asking
    place.leave()
    assert (admission.running, admission.lent, admission.waiting) == (0, 0, 0)


async def test_two_questions_at_once_lend_one_place_and_the_first_answer_takes_it_again() -> None:
    admission = Admission(Room(calls=1))
    place = Place(admission, "ada")
    await place.take()
    answers = (asyncio.Event(), asyncio.Event())

    async def ask(answered: asyncio.Event) -> None:
        async with place.lent():
            await answered.wait()

    first, second = await waiting(*(ask(one) for one in answers))
    assert (admission.running, admission.lent) == (0, 1)
    answers[0].set()
    await first
    assert (admission.running, admission.lent) == (1, 0)
    answers[1].set()
    await second
    place.leave()
    assert (admission.running, admission.lent) == (0, 0)


@pytest.mark.parametrize("taken", [True, False])
async def test_a_call_cancelled_while_it_waits_for_a_person_leaves_nothing_behind(taken: bool) -> None:
    admission = Admission(Room(calls=1))
    place = Place(admission, "ada")
    await place.take()

    async def ask() -> None:
        try:
            async with place.lent():
                await asyncio.Event().wait()
        finally:
            place.leave()

    (asking,) = await waiting(ask())
    if taken:
        assert admission.taken("bob")
    asking.cancel()
    await asyncio.wait((asking,))
    assert (admission.running, admission.lent) == (int(taken), 0)
    # Nor was bob's place given away meanwhile.
    assert admission.taken("eve") is not taken


async def test_a_call_that_ends_before_its_question_is_answered_takes_no_place_again() -> None:
    admission = Admission(Room(calls=1))
    place = Place(admission, "ada")
    await place.take()
    answered = asyncio.Event()

    async def ask() -> None:
        async with place.lent():
            await answered.wait()

    (asking,) = await waiting(ask())
    assert admission.taken("bob")
    answered.set()
    await turns()
    place.leave()
    assert admission.lent == 0
    admission.leave("bob")
    await asking
    assert (admission.running, admission.lent) == (0, 0)
