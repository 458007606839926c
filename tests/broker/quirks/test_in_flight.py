"""A call in flight while its account is disconnected, or all calls are stopped: what was ended is used no more."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from hub.broker import Account, Purpose
from hub.errors import ConnectionNeeded, ToolError
from hub.sdk.http import Outgoing, Reach
from tests.broker.quirks.house import Case, QuirkHouse
from tests.broker.quirks.vendor import KEY, Answer, Asked, told
from tests.broker.scene import text_of

pytestmark = pytest.mark.asyncio(loop_scope="package")

KEYED = {"kind": "key", "fields": {"key": {"title": "Key"}}, "sign": {"headers": {"X-Key": "{key}"}}}
REVOKE = {"request": {"method": "POST", "url": "{at}/revoke", "form": {"token": "{refresh_token}"}}, "manual": None}
WRITE = {"write": {"description": "Write.", "effect": "write", "summary": "Write.", "idempotent": True,
                   "request": {"method": "POST", "path": "/api"}}}  # fmt: skip


def held(answer: Answer) -> tuple[Answer, asyncio.Event, asyncio.Event]:
    """An answer that waits; set when it was asked for; what lets it go."""
    asked_for, let_go = asyncio.Event(), asyncio.Event()

    async def wait(asked: Asked) -> web.Response:
        asked_for.set()
        await let_go.wait()
        found = answer(asked)
        return found if isinstance(found, web.Response) else await found

    return wait, asked_for, let_go


async def in_flight(
    case: Case, answer: Answer, strike: Callable[[], Awaitable[Any]], *, tool: str = "read", path: str = "/api"
) -> tuple[dict[str, Any], list[str]]:
    """The result of a call during which ``strike`` happens before the vendor answers, and what the vendor was asked
    from the call on."""
    case.vendor.on[path], asked_for, let_go = held(answer)
    before = len(case.vendor.asked)
    call = asyncio.create_task(case.call(tool))
    await asked_for.wait()
    await strike()
    let_go.set()
    result = await call
    return result, [one.path for one in case.vendor.asked[before:]]


async def account_of(case: Case) -> Account:
    """The account as a run of several requests holds it."""
    hub = case.house.hub
    loaded = hub.registry.catalog.connectors[case.name]
    assert loaded.provider is not None
    purpose = Purpose(case.name, "Vendor", False, loaded.code, loaded.provider)
    return await hub.brokerage.broker.account(case.house.caller.user_id, purpose, None, hub.upstream.send)


@pytest.mark.parametrize("way", [KEYED, None])
async def test_what_was_disconnected_is_neither_renewed_nor_tried_again_nor_asked_about(
    house: QuirkHouse, way: dict[str, Any] | None
) -> None:
    case = await house.case(way, whole=way is not None)
    await case.connected(**({"key": KEY} if way is not None else {}))
    result, asked = await in_flight(case, lambda one: case.vendor.refused(one, "gone", 401), case.disconnect)
    assert result["_meta"]["hub/error"]["kind"] == "connection_needed"
    assert "was disconnected while this call was under way" in text_of(result)
    assert f"/connect/{case.name}?t=" in text_of(result), "where it is connected again"
    assert asked == ["/api"]


async def test_a_request_that_failed_is_not_sent_again_with_what_was_disconnected(house: QuirkHouse) -> None:
    case = await house.case(KEYED, {}, {"tools": WRITE}, whole=True)
    await case.connected(key=KEY)
    result, asked = await in_flight(case, lambda one: told({}, 500), case.disconnect, tool="write")
    assert asked == ["/api"]
    assert result["_meta"]["hub/error"]["kind"] == "tool_error", "nobody is led to have it done twice"
    assert "may stand: check before calling it again" in text_of(result)


async def test_what_was_asked_before_the_account_was_disconnected_is_answered(house: QuirkHouse) -> None:
    case = await house.case(KEYED, whole=True)
    await case.connected(key=KEY)
    result, asked = await in_flight(case, lambda one: told({"fine": True}), case.disconnect)
    assert (result["structuredContent"], asked) == ({"fine": True}, ["/api"])


@pytest.mark.parametrize(("tool", "stands"), [("read", False), ("write", True)])
async def test_once_calls_are_stopped_no_answer_comes_out_any_more(house: QuirkHouse, tool: str, stands: bool) -> None:
    case = await house.case(KEYED, {}, {"tools": WRITE}, whole=True)
    await case.connected(key=KEY)
    halts, user_id = house.hub.store.halts, house.caller.user_id
    try:
        result, asked = await in_flight(
            case, lambda one: told({"what": "was-read"}), lambda: halts.begin(user_id), tool=tool
        )
    finally:
        await halts.lift(user_id)
    assert asked == ["/api"]
    assert result["_meta"]["hub/error"]["kind"] == "refused"
    assert "stopped by its operator" in text_of(result)
    assert ("may stand: check" in text_of(result)) == stands
    assert "was-read" not in str(result)


async def test_a_run_of_several_requests_signs_none_after_its_account_was_disconnected(house: QuirkHouse) -> None:
    case = await house.case(KEYED, whole=True)
    await case.connected(key=KEY)
    url = f"{case.vendor.base}/api"
    reach = Reach(case.name, (url.split("/")[2],), plain=True)
    reading, writing = await account_of(case), await account_of(case)
    assert (await writing.send(Outgoing("POST", url, {}, b"{}"), reach)).status == 200
    await case.disconnect()
    asked = len(case.vendor.asked)
    with pytest.raises(ConnectionNeeded, match="was disconnected"):
        await reading.send(Outgoing("GET", url, repeatable=True), reach)
    with pytest.raises(ToolError, match="may stand"):
        await writing.send(Outgoing("GET", url, repeatable=True), reach)
    assert len(case.vendor.asked) == asked


async def test_what_a_renewal_brings_for_an_account_that_is_gone_is_ended_too(house: QuirkHouse) -> None:
    case = await house.case({}, {"revoke": REVOKE})
    case.vendor.on["/revoke"] = lambda asked: told({})
    await case.connected()
    house.clock.advance(3601)
    result, asked = await in_flight(case, case.vendor.token, case.disconnect, path="/token")
    assert "was disconnected" in text_of(result)
    assert asked == ["/token", "/revoke", "/revoke"], "the one there was, and the one that came too late"
    first, second = [one.form["token"] for one in case.vendor.asked if one.path == "/revoke"]
    assert first != second
    assert "refresh-" in second
