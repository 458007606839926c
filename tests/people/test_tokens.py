"""Personal access tokens on the account page: named, bound to a part of the hub, ending, told of their use, revoked."""

import asyncio
import html
import re

import aiohttp
import pytest

from tests.mcp_server.wire_client import Wire
from tests.people.conftest import Browser, Builder, House
from tests.waiting import A_SECOND, PATIENCE

PROFILES = """
profiles:
  looking: {title: Looking around, effects: [read]}
"""
FORM = {"name": "My script", "effects": "everything", "days": "30"}


async def make(browser: Browser, **form: str) -> str:
    """The token that a filled-in form gives."""
    await browser.get("/account")
    page = await browser.post("/account/tokens", {**FORM, **form})
    assert page.status == 200, page.alert
    return page.inside("token")


async def row(browser: Browser, name: str) -> str:
    """The line of the table that tells of a token, as text."""
    text = (await browser.get("/account")).text
    (found,) = [one for one in re.findall(r"<tr>(.*?)</tr>", text, re.S) if f">{name}</td>" in one]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", found)).split())


async def status(house: House, token: str, door: str = "") -> int:
    """How the endpoint answers to the token."""
    async with aiohttp.ClientSession() as http:
        return (await Wire(http, f"{house.base}/mcp{door}", token).modern("tools/list")).status


@pytest.mark.proves("personal-tokens")
async def test_a_token_bound_to_a_profile_says_so_and_opens_no_other_door(build: Builder) -> None:
    house = await build(PROFILES + "  writing: {title: Writing, effects: [read, write]}\n")
    owner = await house.user("ada")
    ada = await house.at("ada")
    offered = (await ada.get("/account")).text
    assert 'value="looking"' in offered
    token = await make(ada, profile="looking")
    assert "Looking around: read, write, send, pay, destroy" in await row(ada, "My script")
    assert [await status(house, token, door) for door in ("", "/looking", "/writing")] == [200, 200, 401]
    (kept,) = await house.hub.store.tokens.list(owner.id)
    assert (kept.name, kept.profile) == ("My script", "looking")


async def test_a_profile_that_is_not_there_is_refused_and_no_token_made(build: Builder) -> None:
    house = await build(PROFILES)
    owner = await house.user("ada")
    ada = await house.at("ada")
    await ada.get("/account")
    page = await ada.post("/account/tokens", {**FORM, "profile": "elsewhere"})
    assert page.status == 400
    assert "There is no such part" in page.alert
    assert await house.hub.store.tokens.list(owner.id) == []


async def test_without_profiles_the_form_asks_for_none(house: House) -> None:
    await house.user("ada")
    ada = await house.at("ada")
    assert 'name="profile"' not in (await ada.get("/account")).text
    assert await status(house, await make(ada)) == 200


async def test_a_tokens_use_and_end_are_told_and_it_is_revoked_alone(house: House) -> None:
    await house.user("ada")
    ada = await house.at("ada")
    first, second = await make(ada, name="First"), await make(ada, name="Second", days="never")
    assert "never" in await row(ada, "First")
    assert await status(house, first) == 200
    async with asyncio.timeout(PATIENCE):
        while "never" in await row(ada, "First"):
            pass
    assert re.search(
        r"First read, write, send, pay, destroy \d{4}-\d\d-\d\d \d{4}-\d\d-\d\d \d\d:\d\d", await row(ada, "First")
    )
    assert await row(ada, "Second") == "Second read, write, send, pay, destroy never never Revoke"
    found = re.search(r'>First</td>.*?action="(/account/tokens/\w+/revoke)"', (await ada.get("/account")).text, re.S)
    assert found is not None
    await ada.post(found[1])
    async with asyncio.timeout(A_SECOND):
        while await status(house, first) == 200:
            pass
    assert await status(house, second) == 200


@pytest.mark.proves("personal-tokens")
async def test_a_token_ends_when_it_says(house: House) -> None:
    await house.user("ada")
    token = await make(await house.at("ada"))
    assert await status(house, token) == 200
    house.clock.advance(30 * 86_400 + 1)
    assert await status(house, token) == 401


@pytest.mark.parametrize("path", ["/account/tokens", "/account/tokens/x/revoke"])
async def test_a_form_of_another_site_makes_and_ends_nothing(house: House, path: str) -> None:
    owner = await house.user("ada")
    ada = await house.at("ada")
    await ada.get("/account")
    assert (await ada.post(path, {**FORM, "csrf": "wrong"})).status == 403
    assert await house.hub.store.tokens.list(owner.id) == []
