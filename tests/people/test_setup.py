"""Coming to a hub: the first admin, invitations, set-up links, second factors, and what admins do about people."""

import asyncio
import re
from datetime import timedelta

import pyotp
import pytest

from hub.identity.people.people import LINK_LIFE
from tests.people.authenticator import Authenticator
from tests.people.conftest import PASSWORD, Browser, Builder, House


async def link(house: House, name: str) -> str:
    """A set-up link's path for a user."""
    user = await house.hub.store.users.by_name(name)
    assert user is not None
    return f"/setup/{await house.hub.store.setup_links.create(user.id, LINK_LIFE)}"


async def chosen(browser: Browser, path: str, password: str = PASSWORD, **fields: str) -> int:
    """Open a set-up link and choose a password."""
    page = await browser.get(path)
    assert page.status == 200, page.title
    return (await browser.post(path, {"password": password, "repeated": password, **fields})).status


@pytest.mark.proves("GHSA-wf8q-wvv8-p8jf")
async def test_the_first_link_makes_an_admin_who_cannot_do_more_before_a_second_factor(house: House) -> None:
    secret = await house.hub.people.first_link()
    browser = house.browser()
    page = await browser.get(f"/setup/{secret}")
    assert page.title == "You are invited to this hub"
    page = await browser.post(f"/setup/{secret}", name="Ada")
    assert page.title == "Welcome, Ada"
    page = await browser.post(page.path, password=PASSWORD, repeated=PASSWORD)
    assert page.path == "/account/second-factor"
    assert "Admins need a second factor" in page.alert
    assert (await browser.get("/console/people")).path == "/account/second-factor"
    page = await browser.get("/account/second-factor/app")
    app = pyotp.TOTP(page.inside("key"))
    before = browser.cookies()["hub-session"]
    proposal = page.value("proposal")
    wrong = await browser.post("/account/second-factor/app", proposal=proposal, code="000000")
    assert (wrong.status, wrong.value("proposal")) == (400, proposal)
    page = await browser.post("/account/second-factor/app", proposal=proposal, code=app.at(house.clock.time()))
    assert len(page.inside("codes").split()) == 10
    assert browser.cookies()["hub-session"] != before
    assert (await browser.get("/console/people")).status == 200


async def test_the_first_links_fall_with_the_first_user(house: House) -> None:
    people = house.hub.people
    first, second = await people.first_link(), await people.first_link()
    await house.browser().get(f"/setup/{second}")
    browser = house.browser()
    await browser.get(f"/setup/{first}")
    await browser.post(f"/setup/{first}", name="ada")
    assert (await house.browser().get(f"/setup/{second}")).status == 404
    assert await people.first_link() is None


async def test_of_two_who_take_first_links_up_at_once_one_becomes_admin(house: House) -> None:
    people = house.hub.people
    links = [await people.first_link() for _ in range(4)]
    made = await asyncio.gather(
        *(people.accept(str(one), f"admin{n}") for n, one in enumerate(links)), return_exceptions=True
    )
    assert sum(isinstance(one, str) for one in made) == 1
    assert len(await house.hub.store.users.list()) == 1


async def test_a_user_added_by_command_ends_the_first_link(house: House) -> None:
    secret = await house.hub.people.first_link()
    await house.hub.store.users.add("bob")
    assert (await house.browser().get(f"/setup/{secret}")).status == 404


async def test_a_set_up_link_works_once_and_signs_in(house: House) -> None:
    await house.hub.store.users.add("bob")
    path, browser = await link(house, "bob"), house.browser()
    assert await chosen(browser, path) == 200
    assert await browser.signed_in_as() == "bob"
    other = house.browser()
    assert (await other.get(path)).status == 404
    await other.get("/signin")
    assert (await other.post(path, password=PASSWORD, repeated=PASSWORD)).status == 403
    assert (await house.browser().sign_in("bob")).path == "/account"


@pytest.mark.parametrize(
    ("password", "told"),
    [
        ("short", "at least 10 characters"),
        ("1234567890", "among the first"),
        ("Password123!", "among the first"),
        ("aaaaaaaaaaaa", "among the first"),
        ("Barnaby-1892", "hardly more than the user name"),
    ],
)
async def test_a_weak_password_is_refused_and_the_link_still_works(house: House, password: str, told: str) -> None:
    await house.hub.store.users.add("Barnaby-18")
    path, browser = await link(house, "Barnaby-18"), house.browser()
    await browser.get(path)
    page = await browser.post(path, password=password, repeated=password)
    assert page.status == 400
    assert told in page.alert
    differ = await browser.post(path, password=PASSWORD, repeated=PASSWORD + "x")
    assert differ.alert == "The two passwords differ."
    assert await chosen(browser, path) == 200


async def test_a_link_is_set_up_with_a_passkey_alone(house: House) -> None:
    await house.hub.store.users.add("bob")
    path, browser, device = await link(house, "bob"), house.browser(), Authenticator()
    await browser.get(path)
    _, begun = await browser.script(f"{path}/passkey/options", {})
    sent = {"ceremony": begun["ceremony"], "credential": device.create(begun["options"]), "name": "key"}  # type: ignore[arg-type]
    assert await browser.script(f"{path}/passkey", dict(sent)) == (200, {"next": "/account"})
    assert await browser.signed_in_as() == "bob"
    await browser.get("/account")
    assert (await browser.script(f"{path}/passkey/options", {}))[0] == 403


async def test_a_reset_link_ends_sessions_and_asks_for_the_second_factor_unless_it_is_lost(house: House) -> None:
    app = await house.totp(await house.user("ada"))
    old = await house.at("ada")
    await old.post("/signin/code", ceremony=old.last.value("ceremony"), code=app.at(house.clock.time()))
    assert await old.signed_in_as() == "ada"
    browser = house.browser()
    await chosen(browser, await link(house, "ada"), "other violet umbrellas")
    assert browser.last.title == "One more step"
    assert await old.signed_in_as() is None
    path = await link(house, "ada")
    assert await chosen(browser, path, "third violet umbrellas", lost="yes") == 200
    assert await browser.signed_in_as() == "ada"
    assert (await house.browser().sign_in("ada", "third violet umbrellas")).path == "/account"


async def test_an_admin_invites_and_the_invited_choose_their_name(house: House) -> None:
    admin = await house.admin()
    await admin.get("/console/people")
    page = await admin.post("/console/people/invitations", name="Bob", role="member")
    path = page.inside("link").removeprefix("http://localhost:8080")
    browser = house.browser()
    assert (await browser.get(path)).value("csrf")
    taken = await browser.post(path, name="ROOT")
    assert (taken.status, "already a user" in taken.alert) == (400, True)
    page = await browser.post(path, name="Robert")
    assert await chosen(browser, page.path) == 200
    assert await browser.signed_in_as() == "Robert"
    user = await house.hub.store.users.by_name("robert")
    assert user is not None
    assert user.role == "member"
    assert (await house.browser().get(path)).status == 404


async def test_a_withdrawn_or_late_invitation_leads_nowhere(house: House) -> None:
    admin = await house.admin()
    await admin.get("/console/people")
    paths = []
    for name in ("one", "two"):
        page = await admin.post("/console/people/invitations", name=name, role="member")
        paths.append(page.inside("link").removeprefix("http://localhost:8080"))
    page = await admin.get("/console/people")
    (first,) = re.findall(r'action="(/console/people/invitations/\w+/withdraw)">.*?two, member', page.text)
    await admin.post(first)
    assert (await house.browser().get(paths[1])).status == 404
    assert (await house.browser().get(paths[0])).status == 200
    house.clock.advance(LINK_LIFE.total_seconds())
    assert (await house.browser().get(paths[0])).status == 404


async def test_an_admin_shuts_out_lets_in_resets_and_changes_roles_but_not_their_own(house: House) -> None:
    admin = await house.admin()
    me = await house.hub.store.users.by_name("root")
    bob = await house.user("bob")
    _, token = await house.hub.store.tokens.create(bob.id, "x", {"read"}, None)
    browser = await house.at("bob")
    await admin.get("/console/people")
    await admin.post(f"/console/people/{bob.id}/disable")
    assert await browser.signed_in_as() is None
    assert await house.hub.identity.authenticate(token) is None
    await admin.post(f"/console/people/{bob.id}/enable")
    assert await house.hub.identity.authenticate(token) is None
    assert (await house.at("bob")).cookies()
    await browser.sign_in("bob")
    assert (await browser.get("/console/people")).status == 403
    await admin.post(f"/console/people/{bob.id}/role", role="admin")
    assert await browser.signed_in_as() is None
    page = await admin.post(f"/console/people/{bob.id}/reset")
    assert await chosen(browser, page.inside("link").removeprefix("http://localhost:8080")) == 200
    await admin.post(f"/console/people/{bob.id}/end-sessions")
    assert await browser.signed_in_as() is None
    assert me is not None
    await admin.get("/console/people")
    for deed in ("disable", "role"):
        page = await admin.post(f"/console/people/{me.id}/{deed}", role="member")
        assert (page.status, "another admin can" in page.alert) == (400, True)
    assert (await admin.get("/console/people")).status == 200


async def test_a_password_is_changed_by_whoever_knows_it_and_other_sessions_end(house: House) -> None:
    await house.user("ada")
    old, browser = await house.at("ada"), await house.at("ada")
    new = "other violet umbrellas"
    await browser.get("/account")
    wrong = await browser.post("/account/password", old="no such words", password=new, repeated=new)
    assert (wrong.status, wrong.alert) == (400, "The old password is wrong.")
    await browser.get("/account")
    await browser.post("/account/password", old=PASSWORD, password=new, repeated=new)
    assert (await old.signed_in_as(), await browser.signed_in_as()) == (None, "ada")
    assert (await house.browser().sign_in("ada", new)).path == "/account"


async def test_an_admin_keeps_a_second_factor_and_everyone_a_way_in(house: House) -> None:
    admin = await house.admin()
    await admin.get("/account/second-factor")
    page = await admin.post("/account/second-factor/app/remove")
    assert page.alert == "An admin needs a second factor: add a passkey first."
    await house.user("bob")
    browser = await house.at("bob")
    await browser.get("/account")
    page = await browser.post("/account/password/remove")
    assert "the only way in" in page.alert


async def test_recovery_codes_made_anew_replace_the_old_ones(house: House) -> None:
    ada = await house.user("ada")
    await house.totp(ada)
    old = await house.hub.people.accounts.new_codes(ada)
    browser = await house.at("ada")
    await browser.post("/signin/code", ceremony=browser.last.value("ceremony"), code=old[0])
    await browser.get("/account/second-factor")
    page = await browser.post("/account/second-factor/codes")
    new = page.inside("codes").split()
    other = await house.at("ada")
    ceremony = other.last.value("ceremony")
    assert (await other.post("/signin/code", ceremony=ceremony, code=old[1])).status == 403
    assert (await other.post("/signin/code", ceremony=ceremony, code=new[1])).path == "/account"


async def test_what_is_kept_of_second_factors_is_sealed_or_hashed(house: House) -> None:
    ada = await house.user("ada")
    app = await house.totp(ada)
    codes = await house.hub.people.accounts.new_codes(ada)
    files = b"".join(path.read_bytes() for path in house.hub.config.data_dir.glob("hub.db*"))
    assert ada.id.encode() in files
    for secret in (app.secret, *codes, *(code.replace("-", "") for code in codes), PASSWORD):
        assert secret.encode() not in files


async def test_links_are_made_anew_at_each_start_until_there_is_a_user(build: Builder) -> None:
    first = await build()
    before = await first.hub.people.first_link()
    second = await build()
    after = await second.hub.people.first_link()
    assert before != after
    assert (await second.browser().get(f"/setup/{before}")).status == 200
    second.clock.advance(timedelta(days=3).total_seconds())
    assert (await second.browser().get(f"/setup/{before}")).status == 404
