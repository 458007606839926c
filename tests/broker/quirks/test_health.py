"""How accounts fare, as a model is told through the MCP door of both eras, and as people and the operator are."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hub.broker.pauses import LONGEST
from hub.sdk.effect import Effect
from hub.sdk.limits import wait_asked
from tests.broker.quirks.house import Case, QuirkHouse
from tests.broker.quirks.vendor import KEY, told
from tests.broker.scene import text_of
from tests.broker.test_conversation import modern_call

pytestmark = pytest.mark.asyncio(loop_scope="package")

KEYED = {"kind": "key", "fields": {"key": {"title": "Key"}}, "sign": {"headers": {"X-Key": "{key}"}}}


async def listed(case: Case, *effects: Effect, legacy: bool = False) -> dict[str, Any]:
    """What a client whose token has these effects is told of the one account there."""
    house = case.house
    _, bearer = await house.hub.store.tokens.create(house.caller.user_id, "t", effects or ("read",), None)
    tool = "hub_list_connections"
    if legacy:
        headers = {"Authorization": f"Bearer {bearer}", "Accept": "application/json, text/event-stream"}
        body = {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": tool, "arguments": {}}}
        headers["MCP-Protocol-Version"] = "2025-06-18"
        async with house.browser.client.post(f"{house.base}/mcp", json=body, headers=headers) as reply:
            answer = await reply.json()
    else:
        answer = await modern_call(house.browser.client, house.base, bearer, tool, {}, {})
    house.seen.append(str(answer))
    (row,) = [one for one in answer["result"]["structuredContent"]["items"] if one["app"] == case.name]
    return dict(row)


async def shown(case: Case) -> str:
    """The account's cell on its owner's page."""
    await case.house.sign_in()
    page = await case.house.open("/account/connections")
    row = page.text[page.text.index(f'id="connection-{(await case.kept()).id}"') :].partition("</tr>")[0]
    return row.partition("How it fares")[2].partition("</td>")[0]


async def test_a_vendor_that_asks_to_wait_is_told_until_when_and_holds_up_no_call(house: QuirkHouse) -> None:
    case = await house.case(KEYED, whole=True)
    await case.connected(key=KEY)
    assert await listed(case) == {"app": case.name, "account": "ada", "health": "ok"}
    case.vendor.on["/api"] = lambda asked: told({}, 429, {"Retry-After": "120"})
    assert "try again in 120 s" in text_of(await case.call())
    for legacy in (False, True):
        row = await listed(case, legacy=legacy)
        assert (row["health"], row["why"]) == (
            "rate_limited",
            "Vendor asked to be sent nothing until then (rate limit).",
        )
        assert 110 < row["retry_after_seconds"] <= 120
        until = datetime.fromisoformat(row["until"])
        assert timedelta(seconds=100) < until - house.clock.now() < timedelta(seconds=121)
    assert f"rate limited until {until:%Y-%m-%d %H:%M} UTC" in await shown(case)
    del case.vendor.on["/api"]
    await case.works()
    assert (await listed(case))["health"] == "rate_limited", "the vendor's word stands until it is over"
    house.clock.advance(121)
    assert (await listed(case))["health"] == "ok"
    case.vendor.on["/api"] = lambda asked: told({}, 429, {"Retry-After": "999999"})
    await case.call()
    assert (await listed(case))["retry_after_seconds"] == LONGEST


@pytest.mark.parametrize("whose", ["provider", "connector"])
async def test_a_limit_told_by_the_vendors_own_words_and_headers_is_one_too(house: QuirkHouse, whose: str) -> None:
    rules = {"errors": [{"when": {"status": 403, "body": "error == 'limit'"}, "is": "rate_limited"}]}
    case = await house.case(
        KEYED, rules if whose == "provider" else {}, rules if whose == "connector" else {}, whole=True
    )
    await case.connected(key=KEY)
    resets = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(datetime.now(UTC).timestamp()) + 300)}
    case.vendor.on["/api"] = lambda asked: told({"error": "limit"}, 403, resets)
    await case.call()
    row = await listed(case)
    assert row["health"] == "rate_limited"
    assert 290 <= row["retry_after_seconds"] <= 301


async def test_a_vendor_that_does_not_answer_is_down_until_it_does(house: QuirkHouse) -> None:
    case = await house.case(KEYED, whole=True)
    await case.connected(key=KEY)
    case.vendor.on["/api"] = lambda asked: told({}, 502)
    await case.call()
    row = await listed(case)
    assert (row["health"], row["next"]) == ("provider_down", "Try again then; the user need not do anything.")
    del case.vendor.on["/api"]
    await case.works()
    assert (await listed(case))["health"] == "ok"


async def test_a_renewal_that_gets_no_answer_is_told_with_its_next_attempt(house: QuirkHouse) -> None:
    case = await house.case()
    await case.connected()
    case.vendor.on["/token"] = lambda asked: told({}, 500)
    house.clock.advance(3601)
    await case.call()
    row = await listed(case)
    assert row["health"] == "provider_down"
    assert 0 < row["retry_after_seconds"] <= 30
    assert "provider down until" in await shown(case)


async def test_what_the_operator_or_the_person_must_mend_is_told_with_whom_and_where(house: QuirkHouse) -> None:
    case = await house.case()
    await case.connected()
    case.vendor.client_secret += "-replaced"
    house.clock.advance(3601)
    await case.call()
    row = await listed(case, legacy=True)
    assert (row["health"], "hub provider set" in row["why"]) == ("needs_operator", True)
    assert "Only the operator" in row["next"]
    assert "link" not in row
    assert "Tell the operator" in await shown(case)
    other = await house.case(KEYED, whole=True)
    await other.connected(key=KEY)
    other.vendor.good.clear()
    await other.call()
    row = await listed(other)
    assert row["health"] == "needs_sign_in"
    assert row["next"].startswith("Give the user the link")
    page = await house.open(row["link"].removeprefix(house.base))
    assert page.form("by-way")["again"] == (await other.kept()).id
    assert "Sign in again" in await shown(other)


async def test_scopes_are_missing_for_those_whose_tools_need_them(house: QuirkHouse) -> None:
    tools = {"write": {"description": "Write.", "effect": "write", "summary": "Write.", "scopes": ["write"],
                       "request": {"method": "POST", "path": "/api"}}}  # fmt: skip
    case = await house.case({}, {}, {"tools": tools})
    await case.connected()
    assert (await listed(case, "read"))["health"] == "ok", "a token that only reads needs no more"
    for legacy in (False, True):
        row = await listed(case, "read", "write", legacy=legacy)
        assert (row["health"], row["why"]) == ("missing_scope", "It was connected without write.")
    assert "is to be allowed more: write" in (await house.open(row["link"].removeprefix(house.base))).text
    assert "Allow it" in await shown(case)


async def test_an_app_with_no_account_tells_whether_one_can_be_connected(house: QuirkHouse) -> None:
    case = await house.case(client=False)
    row = await listed(case)
    assert row == {
        "app": case.name,
        "health": "not_connected",
        "effort": "register an app",
        "next": "The operator of this hub must register it at Vendor first; tell the user.",
    }
    await house.hub.brokerage.clients.put(case.name, "x", None, None)
    assert "next" not in await listed(case)


NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "Wed, 01 Jul 2026 12:00:30 GMT", "date": "Wed, 01 Jul 2026 12:00:10 GMT"}, 20),
        ({"retry-after": "Wed, 01 Jul 2026 11:00:00 GMT"}, 0),
        ({"ratelimit-reset": "50"}, 50),
        ({"ratelimit": "limit=100, remaining=0, reset=40"}, 40),
        ({"ratelimit": '"default";r=0;t=30'}, 30),
        ({"x-ratelimit-reset": str(int(NOW.timestamp()) + 90)}, 90),
        ({"x-ratelimit-reset": str(int(NOW.timestamp()) + 90), "x-ratelimit-remaining": "12"}, None),
        ({"x-ratelimit-requests-reset": str(int(NOW.timestamp() * 1000) + 5000)}, 5),
        ({"x-ratelimit-reset": "soon"}, None),
        ({"x-ratelimit-reset": "nan"}, None),
        ({}, None),
    ],
)
async def test_how_long_a_vendor_asks_to_wait_is_read_from_its_headers(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert wait_asked(headers, NOW) == seconds
