"""Passkeys over HTTP: adding, signing in, the second step, and everything about them that must be refused."""

from dataclasses import replace
from typing import Any

import pytest

from tests.people.authenticator import Authenticator
from tests.people.conftest import Browser, Builder, House

ADD = "/account/second-factor/passkeys"


async def added(browser: Browser, device: Authenticator, name: str = "phone") -> tuple[int, dict[str, Any]]:
    """Add a passkey on the page of second factors."""
    await browser.get("/account/second-factor")
    status, begun = await browser.script(f"{ADD}/options", {})
    assert status == 200, begun
    made = device.create(begun["options"])  # type: ignore[arg-type]
    return await browser.script(ADD, {"ceremony": begun["ceremony"], "credential": made, "name": name})


async def used(browser: Browser, device: Authenticator, **fields: str) -> tuple[int, dict[str, Any]]:
    """Sign in with a passkey on the page opened last."""
    status, begun = await browser.script("/signin/passkey/options", dict(fields))
    assert status == 200, begun
    signed = device.get(begun["options"])  # type: ignore[arg-type]
    return await browser.script("/signin/passkey", {"ceremony": begun["ceremony"], "credential": signed})


async def test_a_passkey_signs_in_without_a_name_and_counts_as_two_factors(house: House) -> None:
    await house.user("ada", "admin")
    device, browser = Authenticator(), await house.at("ada")
    assert await added(browser, device) == (200, {"next": "/account/second-factor"})
    other = house.browser()
    await other.get("/signin?next=/account/second-factor")
    status, told = await used(other, device, next="/account/second-factor")
    assert (status, told) == (200, {"next": "/account/second-factor"})
    assert await other.signed_in_as() == "ada"
    assert (await other.get("/console/people")).status == 200


async def test_proving_a_passkey_gives_the_session_a_new_id(house: House) -> None:
    await house.user("ada")
    browser = await house.at("ada")
    before = browser.cookies()["hub-session"]
    await added(browser, Authenticator())
    assert browser.cookies()["hub-session"] != before
    assert await house.hub.store.web_sessions.find(before) is None
    assert await browser.signed_in_as() == "ada"


async def test_after_a_password_the_passkey_is_the_second_step(house: House) -> None:
    await house.user("ada")
    device = Authenticator()
    await added(await house.at("ada"), device)
    browser = await house.at("ada")
    assert await browser.signed_in_as() is None
    await browser.sign_in("ada")
    status, told = await used(browser, device, second=browser.last.value("second"))
    assert (status, told) == (200, {"next": "/account"})


async def test_another_persons_passkey_is_no_second_step(house: House) -> None:
    await house.user("ada")
    await house.user("bob")
    mine, theirs = Authenticator(), Authenticator()
    await added(await house.at("ada"), mine)
    await added(await house.at("bob"), theirs)
    browser = await house.at("ada")
    status, told = await used(browser, theirs, second=browser.last.value("second"))
    assert (status, told["error"]) == (403, "This passkey does not let anyone in here.")


@pytest.mark.parametrize(
    "bent",
    [{"origin": "https://evil.example"}, {"domain": "evil.example"}, {"verified": False}],
    ids=["another origin", "another domain", "nobody verified"],
)
async def test_what_an_authenticator_says_for_another_place_is_refused(house: House, bent: dict[str, Any]) -> None:
    await house.user("ada")
    device = Authenticator()
    browser = await house.at("ada")
    assert (await added(browser, replace(device, **bent)))[0] == 403
    assert (await added(browser, device))[0] == 200
    other = house.browser()
    await other.get("/signin")
    assert (await used(other, replace(device, count=5, **bent)))[0] == 403
    assert await other.signed_in_as() is None


async def test_a_copied_authenticator_is_told_by_its_counter(house: House) -> None:
    await house.user("ada")
    device = Authenticator()
    await added(await house.at("ada"), device)
    copy = replace(device)
    browser = house.browser()
    for _ in range(2):
        await browser.get("/signin?again=1")
        assert (await used(browser, device))[0] == 200
    thief = house.browser()
    await thief.get("/signin")
    assert (await used(thief, copy))[0] == 403


async def test_a_challenge_works_once_in_its_browser_and_for_ten_minutes(house: House) -> None:
    await house.user("ada")
    device = Authenticator(counts=False)
    await added(await house.at("ada"), device)
    browser, other = house.browser(), house.browser()
    await browser.get("/signin")
    await other.get("/signin")
    _, begun = await browser.script("/signin/passkey/options", {})
    sent = {"ceremony": begun["ceremony"], "credential": device.get(begun["options"])}  # type: ignore[arg-type]
    assert (await other.script("/signin/passkey", dict(sent)))[0] == 403
    assert (await browser.script("/signin/passkey", dict(sent)))[0] == 200
    await browser.get("/signin?again=1")
    assert (await browser.script("/signin/passkey", dict(sent)))[0] == 403
    _, begun = await browser.script("/signin/passkey/options", {})
    late = {"ceremony": begun["ceremony"], "credential": device.get(begun["options"])}  # type: ignore[arg-type]
    house.clock.advance(601)
    assert (await browser.script("/signin/passkey", late))[0] == 403


async def test_a_disabled_persons_passkey_lets_nobody_in(house: House) -> None:
    user = await house.user("ada")
    device = Authenticator()
    await added(await house.at("ada"), device)
    await house.hub.store.users.disable(user.id)
    browser = house.browser()
    await browser.get("/signin")
    assert (await used(browser, device))[0] == 403


async def test_a_removed_passkey_lets_nobody_in(house: House) -> None:
    await house.user("ada")
    device, browser = Authenticator(), await house.at("ada")
    await added(browser, device)
    page = await browser.get("/account/second-factor")
    path = page.text.split(f'action="{ADD}/')[1].split('"')[0]
    await browser.post(f"{ADD}/{path}")
    other = house.browser()
    await other.get("/signin")
    assert (await used(other, device))[0] == 403


@pytest.mark.parametrize(
    "sent", [None, "text", {}, {"id": "x"}, {"id": 5, "response": []}, {"id": "AAAA", "response": {}}]
)
async def test_nonsense_in_place_of_a_credential_is_refused(house: House, sent: Any) -> None:
    await house.user("ada")
    browser = await house.at("ada")
    await browser.get("/account/second-factor")
    _, begun = await browser.script(f"{ADD}/options", {})
    assert (await browser.script(ADD, {"ceremony": begun["ceremony"], "credential": sent}))[0] == 403
    _, begun = await browser.script("/signin/passkey/options", {})
    assert (await browser.script("/signin/passkey", {"ceremony": begun["ceremony"], "credential": sent}))[0] == 403


async def test_a_stolen_session_cannot_add_a_passkey_to_an_account_with_a_second_factor(house: House) -> None:
    """A session from before the second factor is weak, one from long ago is stale: neither changes how one signs in."""
    user = await house.user("ada")
    weak = await house.at("ada")
    await weak.get("/account/second-factor")
    await house.totp(user)
    status, told = await weak.script(f"{ADD}/options", {})
    assert (status, str(told["error"])[:13]) == (403, "Sign in again")
    await house.user("bob")
    stale = await house.at("bob")
    await stale.get("/account/second-factor")
    house.clock.advance(31 * 60)
    assert (await stale.script(f"{ADD}/options", {}))[0] == 403


async def test_where_browsers_make_no_passkeys_none_are_offered(build: Builder) -> None:
    house = await build(public_url="http://192.0.2.1:8080")
    page = await house.browser().get("/signin")
    assert "passkey" not in page.text.replace("passkeys.js", "")
