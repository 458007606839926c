"""Signing in with name and password, the second step, sessions, and what is told to those who try."""

import asyncio
import re

import pytest

from hub.identity.people.brake import PER_ACCOUNT_AND_ADDRESS, PER_ACCOUNT_CODES, PER_ADDRESS
from hub.identity.people.passwords import Cost, PasswordHashes
from hub.store.web_sessions import IDLE, LONGEST
from tests.people.conftest import PASSWORD, Builder, House


async def test_a_person_signs_in_with_name_and_password_in_any_case(house: House) -> None:
    await house.user("Ada")
    browser = house.browser()
    page = await browser.sign_in("ada")
    assert (page.status, page.path) == (200, "/account")
    assert await browser.signed_in_as() == "Ada"


async def test_unknown_disabled_and_passwordless_accounts_and_wrong_passwords_are_answered_alike(house: House) -> None:
    await house.user("ada")
    await house.user("key-only", password=None)
    shut = await house.user("shut")
    await house.hub.store.users.disable(shut.id)
    answers = set()
    for name, password in [
        ("ada", "wrong words here"),
        ("nobody", PASSWORD),
        ("key-only", PASSWORD),
        ("shut", PASSWORD),
    ]:
        page = await house.browser().sign_in(name, password)
        told = re.sub(r'value="[^"]*"', "", page.text)
        answers.add((page.status, told))
        assert page.alert == "The name or the password is wrong."
    assert len(answers) == 1
    assert answers.pop()[0] == 403


async def test_for_an_unknown_account_a_password_is_hashed_all_the_same() -> None:
    hashes = PasswordHashes(Cost(memory=64, passes=1))
    known = await hashes.hash("something")
    assert await hashes.fits(known, "something")
    assert not await hashes.fits(None, "nobody has this one")


async def test_a_password_is_kept_as_argon2id_and_hashed_anew_when_the_cost_changed(build: Builder) -> None:
    house = await build(cost=None)
    user = await house.user("ada")
    old = await PasswordHashes(Cost(memory=64, passes=1)).hash(PASSWORD)
    await house.hub.store.passwords.put(user.id, old)
    await house.browser().sign_in("ada")
    kept = await house.hub.store.passwords.hash_of(user.id)
    assert kept is not None
    assert kept.startswith("$argon2id$v=19$m=47104,t=2,p=1$")


@pytest.mark.parametrize(
    "next",
    [
        "//evil.example",
        "https://evil.example/",
        "/\\evil.example",
        "javascript:alert(1)",
        "/ok\r\nX: y",
        "",
        "evil.example",
    ],
)
@pytest.mark.proves("no-open-redirect")
async def test_signing_in_never_leads_to_another_place(house: House, next: str) -> None:
    await house.user("ada")
    browser = house.browser()
    await browser.get("/signin")
    page = await browser.post("/signin", follow=False, name="ada", password=PASSWORD, next=next)
    assert (page.status, page.headers["Location"]) == (303, "/account")


async def test_whoever_must_sign_in_comes_back_to_where_they_were(house: House) -> None:
    await house.user("ada")
    browser = house.browser()
    asked = await browser.get("/account/second-factor?x=1")
    assert asked.value("next") == "/account/second-factor?x=1"
    page = await browser.post("/signin", name="ada", password=PASSWORD, next=asked.value("next"))
    assert page.path == "/account/second-factor?x=1"


async def test_on_the_way_to_a_client_the_browser_goes_on_without_a_form(house: House) -> None:
    await house.user("ada")
    browser = house.browser()
    await browser.get("/signin")
    page = await browser.post("/signin", name="ada", password=PASSWORD, next="/authorize?client_id=x&state=y")
    assert page.status == 200
    assert '<meta http-equiv="refresh" content="0; url=/authorize?client_id=x&amp;state=y">' in page.text


async def test_every_sign_in_has_a_session_of_its_own_and_ends_the_one_before(house: House) -> None:
    await house.user("ada")
    browser = await house.at("ada")
    first = browser.cookies()["hub-session"]
    await browser.sign_in("ada")
    second = browser.cookies()["hub-session"]
    assert first != second
    assert await house.hub.store.web_sessions.find(first) is None
    assert await house.hub.store.web_sessions.find(second) is not None


@pytest.mark.proves("consent-cookies")
async def test_the_cookie_is_for_this_hub_and_for_no_script(house: House, build: Builder) -> None:
    await house.user("ada")
    browser = house.browser()
    await browser.get("/signin")
    page = await browser.post("/signin", follow=False, name="ada", password=PASSWORD)
    cookie = page.headers["Set-Cookie"]
    assert cookie.startswith("hub-session=")
    assert {"HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    assert "Domain" not in cookie
    https = await build(public_url="https://hub.example")
    async with https.browser().client.get(f"{https.base}/signin") as reply:
        visit = reply.headers["Set-Cookie"]
    assert visit.startswith("__Host-hub-visit=")
    assert {"HttpOnly", "Path=/", "SameSite=Lax", "Secure"} <= set(visit.split("; "))


async def test_the_database_holds_no_session_that_a_thief_could_show(house: House) -> None:
    user = await house.user("ada")
    browser = await house.at("ada")
    secret = browser.cookies()["hub-session"]
    (session,) = await house.hub.store.web_sessions.list(user.id)
    assert secret not in repr(session)
    path = house.hub.config.data_dir
    assert all(secret.encode() not in file.read_bytes() for file in path.glob("hub.db*"))


async def test_a_session_ends_when_it_is_not_used_and_at_last_in_any_case(house: House) -> None:
    await house.user("ada")
    idle, busy = await house.at("ada"), await house.at("ada")
    days = LONGEST // IDLE
    for _ in range(days):
        house.clock.advance(IDLE.total_seconds() - 60)
        assert await busy.signed_in_as() == "ada"
    assert await idle.signed_in_as() is None
    house.clock.advance((LONGEST - days * IDLE).total_seconds() + days * 60 + 60)
    assert await busy.signed_in_as() is None


async def test_signing_out_ends_the_session_for_whoever_kept_the_cookie(house: House) -> None:
    await house.user("ada")
    browser = await house.at("ada")
    secret = browser.cookies()["hub-session"]
    page = await browser.post("/signout")
    assert page.path == "/signin"
    assert "hub-session" not in browser.cookies()
    assert await house.hub.store.web_sessions.find(secret) is None


@pytest.mark.proves("disabling")
async def test_a_disabled_person_is_out_at_once_in_every_process_and_stays_signed_out(build: Builder) -> None:
    here, there = await build(), await build()
    ada = await here.user("ada")
    browser = await here.at("ada")
    assert await there.hub.store.users.disable(ada.id)
    assert await browser.signed_in_as() is None
    await there.hub.store.users.enable(ada.id)
    assert await browser.signed_in_as() is None


async def test_guessing_from_one_place_is_stopped_for_known_and_unknown_names_alike(house: House) -> None:
    await house.user("ada")
    for name in ("ada", "nobody"):
        browser = house.browser()
        for _ in range(PER_ACCOUNT_AND_ADDRESS):
            assert (await browser.sign_in(name, "wrong words here")).status == 403
        stopped = await browser.sign_in(name, PASSWORD)
        assert stopped.status == 429
        assert int(stopped.headers["Retry-After"]) > 0
    elsewhere = house.browser()
    elsewhere.headers["X-Forwarded-For"] = "198.51.100.7"
    assert (await elsewhere.sign_in("ada")).path == "/account"
    house.clock.advance(16 * 60)
    assert (await house.browser().sign_in("ada")).path == "/account"


async def test_guesses_made_at_the_same_time_are_counted_before_they_are_judged(house: House) -> None:
    await house.user("ada")
    browser = house.browser()
    await browser.get("/signin")
    pages = await asyncio.gather(
        *(browser.post("/signin", name="ada", password=f"wrong words {n}") for n in range(PER_ACCOUNT_AND_ADDRESS + 5))
    )
    assert sorted(page.status for page in pages) == [403] * PER_ACCOUNT_AND_ADDRESS + [429] * 5


async def test_one_address_cannot_go_through_many_names(house: House) -> None:
    attempts = house.hub.people.brake
    for n in range(PER_ADDRESS):
        await attempts.password(f"name{n}", "127.0.0.1")
    assert (await house.browser().sign_in("another", "wrong words here")).status == 429


async def test_the_second_step_lets_in_with_the_apps_code_once(house: House) -> None:
    app = await house.totp(await house.user("ada"))
    browser = await house.at("ada")
    assert browser.last.title == "One more step"
    assert await browser.signed_in_as() is None
    await browser.sign_in("ada")
    ceremony, code = browser.last.value("ceremony"), app.at(house.clock.time())
    page = await browser.post("/signin/code", ceremony=ceremony, code=code)
    assert page.path == "/account"
    thief = house.browser()
    await thief.sign_in("ada")
    again = await thief.post("/signin/code", ceremony=thief.last.value("ceremony"), code=code)
    assert (again.status, again.alert) == (403, "This code is wrong, or was used before.")


async def test_the_second_step_belongs_to_the_browser_that_took_the_first(house: House) -> None:
    app = await house.totp(await house.user("ada"))
    browser, other = house.browser(), house.browser()
    await browser.sign_in("ada")
    await other.get("/signin")
    code = app.at(house.clock.time())
    stolen = await other.post("/signin/code", ceremony=browser.last.value("ceremony"), code=code)
    assert stolen.status == 403
    assert await other.signed_in_as() is None


async def test_the_second_step_waits_ten_minutes_and_no_longer(house: House) -> None:
    app = await house.totp(await house.user("ada"))
    browser = await house.at("ada")
    house.clock.advance(601)
    page = await browser.post("/signin/code", ceremony=browser.last.value("ceremony"), code=app.at(house.clock.time()))
    assert (page.status, page.alert) == (403, "This sign-in is over. Begin anew.")


async def test_a_recovery_code_lets_in_once_in_any_spelling(house: House) -> None:
    user = await house.user("ada")
    await house.totp(user)
    codes = await house.hub.people.accounts.new_codes(user)
    assert len(set(codes)) == 10
    for attempt, status in ((codes[0].upper().replace("-", " "), 200), (codes[0], 403)):
        browser = await house.at("ada")
        page = await browser.post("/signin/code", ceremony=browser.last.value("ceremony"), code=attempt)
        assert page.status == status
    assert await house.hub.store.second_factors.codes_left(user.id) == 9


async def test_codes_cannot_be_guessed_for_long(house: House) -> None:
    app = await house.totp(await house.user("ada"))
    browser = await house.at("ada")
    ceremony = browser.last.value("ceremony")
    for _ in range(PER_ACCOUNT_CODES):
        assert (await browser.post("/signin/code", ceremony=ceremony, code="000000")).status == 403
    stopped = await browser.post("/signin/code", ceremony=ceremony, code=app.at(house.clock.time()))
    assert stopped.status == 429
