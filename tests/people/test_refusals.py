"""Every route about people refuses whoever has no session, no token of a form, another origin, or no right to it."""

from typing import cast

import pytest
from aiohttp import web

from hub.identity.people import People
from hub.identity.people.account import MOST_TOKENS
from hub.web.people.routes import people_routes
from tests.people.conftest import PASSWORD, Browser, Builder, House

OPEN = ("/signin", "/setup", "/signout")
"""What begins without a session."""


def _routes(method: str) -> list[str]:
    app = web.Application()
    people_routes(app, cast(People, None))
    found = [route.resource.canonical for route in app.router.routes() if route.method == method and route.resource]
    return sorted(set(found))


POSTS = _routes("POST")
GETS = _routes("GET")


def _path(canonical: str) -> str:
    return canonical.replace("{id}", "0" * 32).replace("{secret}", "setup_x").replace("{name}", "company")


async def sent(browser: Browser, route: str, **fields: str) -> int:
    """The status of a form, or of what a script asks, sent to a route."""
    if "passkey" in route and not route.endswith("/remove"):
        return (await browser.script(_path(route), dict(fields)))[0]
    return (await browser.post(_path(route), fields, follow=False)).status


def test_there_are_routes_to_try() -> None:
    assert len(POSTS) > 25
    assert len(GETS) > 5


async def test_a_form_without_a_token_of_ours_is_refused(house: House) -> None:
    browser = await house.admin("ada")
    await browser.get("/account")
    answers = {(route, csrf): await sent(browser, route, csrf=csrf) for route in POSTS for csrf in ("", "0" * 64)}
    assert {key: status for key, status in answers.items() if status != 403} == {}
    assert await browser.signed_in_as() == "ada"


async def test_a_form_from_another_origin_is_refused_even_with_the_token(house: House) -> None:
    browser = await house.admin("ada")
    await browser.get("/account")
    answers: dict[tuple[str, str], int] = {}
    for name, value in (("Origin", "https://evil.example"), ("Sec-Fetch-Site", "cross-site")):
        browser.headers = {name: value}
        answers |= {(route, name): await sent(browser, route) for route in POSTS}
    assert {key: status for key, status in answers.items() if status != 403} == {}
    browser.headers = {}
    assert await browser.signed_in_as() == "ada"


@pytest.mark.proves("CVE-2025-49596")
async def test_without_a_session_a_form_changes_nothing_and_leads_to_the_sign_in_page(house: House) -> None:
    browser = house.browser()
    await browser.get("/signin")
    for route in [route for route in POSTS if not route.startswith(OPEN)]:
        if "passkey" in route and not route.endswith("/remove"):
            status, told = await browser.script(_path(route), {})
            assert (status, str(told["error"])[:13]) == (403, "Sign in again"), route
            continue
        page = await browser.post(_path(route), follow=False)
        assert (page.status, page.headers.get("Location")) == (303, "/signin?next=%2Faccount"), route


async def test_without_a_session_a_page_leads_to_the_sign_in_page(house: House) -> None:
    for route in [route for route in GETS if not route.startswith(OPEN)]:
        page = await house.browser().get(_path(route), follow=False)
        assert (page.status, page.headers["Location"][:16]) == (303, "/signin?next=%2F"), route


@pytest.mark.proves("CVE-2025-49596", "obot-mcp-connect")
async def test_what_is_the_admins_is_closed_to_members_and_to_admins_without_a_second_factor(house: House) -> None:
    await house.user("bob")
    await house.user("weak", "admin")
    for name, status, place in (("bob", 403, None), ("weak", 303, "/account/second-factor")):
        browser = await house.at(name)
        await browser.get("/account")
        for route in [route for route in POSTS + GETS if route.startswith("/console")]:
            ask = browser.post if route in POSTS else browser.get
            page = await ask(_path(route), follow=False)
            assert (page.status, page.headers.get("Location")) == (status, place), route
    assert [user.name for user in await house.hub.store.users.list()] == ["bob", "weak"]
    assert await house.hub.store.invitations.waiting() == []


async def test_an_admin_does_nothing_to_people_and_invitations_that_are_not_there(house: House) -> None:
    browser = await house.admin()
    await browser.get("/account")
    for route in [route for route in POSTS if route.startswith("/console") and "{id}" in route]:
        page = await browser.post(_path(route), role="member")
        assert (page.status, page.alert[:15]) == (400, "There is no suc"), route


async def test_nobody_reaches_another_persons_session_token_or_passkey(house: House) -> None:
    ada = await house.user("ada")
    hers = await house.at("ada")
    _, secret = await house.hub.store.tokens.create(ada.id, "hers", {"read"}, None)
    key = await house.hub.store.passkeys.add(ada.id, "hers", "AAAA", "AAAA", 0)
    (session,) = await house.hub.store.web_sessions.list(ada.id)
    (token,) = await house.hub.store.tokens.list(ada.id)
    assert key is not None
    await house.user("bob")
    bob = await house.at("bob")
    await bob.get("/account")
    for path in (
        f"/account/sessions/{session.id}/end",
        f"/account/tokens/{token.id}/revoke",
        f"/account/second-factor/passkeys/{key.id}/remove",
    ):
        assert (await bob.post(path)).alert.startswith("There is no such")
    assert await hers.signed_in_as() == "ada"
    assert await house.hub.identity.authenticate(secret) is not None
    assert len(await house.hub.store.passkeys.list(ada.id)) == 1


async def test_ending_all_other_sessions_ends_ones_own_only(house: House) -> None:
    await house.user("ada")
    await house.user("bob")
    bob, old, new = await house.at("bob"), await house.at("ada"), await house.at("ada")
    await new.get("/account")
    await new.post("/account/sessions/end-others")
    assert (await old.signed_in_as(), await new.signed_in_as(), await bob.signed_in_as()) == (None, "ada", "bob")


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        (
            "/account/password",
            {"old": PASSWORD, "password": "other violet umbrellas", "repeated": "other violet umbrellas"},
        ),
        ("/account/tokens", {"name": "x", "effects": "read", "days": "30"}),
        ("/account/second-factor/codes", {}),
        ("/account/second-factor/app", {"proposal": "x", "code": "123456"}),
        ("/account/second-factor/app/remove", {}),
    ],
)
async def test_an_old_session_must_sign_in_again_for_what_is_sensitive(
    house: House, path: str, fields: dict[str, str]
) -> None:
    ada = await house.user("ada")
    browser = await house.at("ada")
    await browser.get("/account")
    house.clock.advance(31 * 60)
    page = await browser.post(path, fields)
    assert page.path.startswith("/signin?again=1")
    assert page.title == "Sign in again"
    assert await house.hub.store.tokens.list(ada.id) == []


async def test_an_admin_without_a_second_factor_makes_no_token(house: House) -> None:
    user = await house.user("weak", "admin")
    browser = await house.at("weak")
    await browser.get("/account")
    page = await browser.post("/account/tokens", name="x", effects="read", days="30")
    assert (page.status, "second factor first" in page.alert) == (400, True)
    assert await house.hub.store.tokens.list(user.id) == []


async def test_tokens_are_bounded_and_named_and_end(house: House) -> None:
    ada = await house.user("ada")
    browser = await house.at("ada")
    await browser.get("/account")
    page = await browser.post("/account/tokens", name="script", effects="read", days="30")
    caller = await house.hub.identity.authenticate(page.inside("token"))
    assert caller is not None
    assert (caller.user_name, caller.effects) == ("ada", frozenset({"read"}))
    house.clock.advance(31 * 86400)
    assert await house.hub.identity.authenticate(page.inside("token")) is None
    await browser.sign_in("ada")
    await browser.get("/account")
    assert (await browser.post("/account/tokens", name="x", effects="all", days="30")).status == 400
    assert (await browser.post("/account/tokens", name="x", effects="read", days="10000")).status == 400
    for _ in range(MOST_TOKENS):
        await house.hub.store.tokens.create(ada.id, "x", {"read"}, None)
    assert (await browser.post("/account/tokens", name="x", effects="read", days="30")).status == 400


async def test_pages_are_not_cached_and_not_framed_and_run_our_scripts_only_where_passkeys_are(house: House) -> None:
    browser = await house.admin()
    for path, scripts in (("/account", False), ("/signin?again=1", True), ("/console/people", False)):
        page = await browser.get(path)
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert ("script-src 'self'" in policy) == scripts
        assert page.headers["Cache-Control"] == "no-store"
        assert page.headers["Referrer-Policy"] == "no-referrer"


async def test_without_sign_in_there_are_no_pages_of_people(build: Builder) -> None:
    house = await build("auth: {mode: none}\n")
    for path in ("/signin", "/account", "/console/people", "/setup/setup_x"):
        assert (await house.browser().get(path)).status == 404
