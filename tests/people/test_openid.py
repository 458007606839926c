"""Signing in elsewhere, at a real issuer on loopback: who comes in, and all that must not be believed."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from aiohttp.test_utils import TestServer

from hub import config
from hub.app import Hub
from hub.errors import ConfigError
from tests.people.conftest import PASSWORD, Answer, Browser, Builder, House
from tests.people.issuer import CLIENT, SECRET, Issuer

Opened = Callable[..., Awaitable[tuple[House, Issuer]]]


@pytest.fixture
async def opened(build: Builder) -> AsyncIterator[Opened]:
    """A hub with one sign-in elsewhere; further settings of that as YAML."""
    servers: list[TestServer] = []

    async def made(settings: str = "", more: str = "") -> tuple[House, Issuer]:
        issuer = Issuer()
        servers.append(TestServer(issuer.app(), host="127.0.0.1"))
        await servers[-1].start_server()
        issuer.url = str(servers[-1].make_url("")).rstrip("/")
        client = f'issuer: "{issuer.url}", client_id: {CLIENT}, client_secret: "{SECRET}"'
        mine = f"{{title: Example Inc., {client} {settings}}}"
        house = await build(f"oidc: {{company: {mine}, another: {mine}}}\n{more}")
        issuer.now = house.clock.time
        return house, issuer

    yield made
    for server in servers:
        await server.close()


async def begun(browser: Browser, query: str = "") -> str:
    """Where the hub sends the browser; a page was opened before."""
    page = await browser.get(f"/signin/oidc/company?{query}", follow=False)
    assert page.status == 303, page.alert
    return page.headers["Location"]


async def back(browser: Browser, url: str) -> str:
    """What the issuer sends the browser back with, as a path of the hub."""
    async with browser.client.get(url, allow_redirects=False) as reply:
        return reply.headers["Location"].removeprefix("http://localhost:8080")


async def came(house: House, query: str = "", browser: Browser | None = None) -> Answer:
    """The whole way there and back."""
    browser = browser or house.browser()
    return await browser.get(await back(browser, await begun(browser, query)))


async def test_a_newcomer_of_the_domain_gets_a_members_account_and_comes_back_to_it(opened: Opened) -> None:
    house, issuer = await opened(", domains: [Example.org], just_in_time: true")
    issuer.person |= {"email": "ada@example.org", "email_verified": True, "preferred_username": "ada"}
    for _ in range(2):
        browser = house.browser()
        page = await came(house, "next=/account/second-factor", browser)
        assert page.path == "/account/second-factor"
        assert await browser.signed_in_as() == "ada"
    (user,) = await house.hub.store.users.list()
    assert user.role == "member"


async def test_the_address_may_be_told_only_when_asked(opened: Opened) -> None:
    house, issuer = await opened(", domains: [example.org], just_in_time: true")
    issuer.told_when_asked = {"email": "ada@example.org", "email_verified": True}
    assert (await came(house)).path == "/account"
    assert [user.name for user in await house.hub.store.users.list()] == ["ada"]


@pytest.mark.proves("upstream-client")
async def test_what_is_asked_binds_the_answer_to_this_sign_in(opened: Opened) -> None:
    house, _ = await opened()
    browser = house.browser()
    asked = {key: one[0] for key, one in parse_qs(urlsplit(await begun(browser)).query).items()}
    assert asked["redirect_uri"] == "http://localhost:8080/signin/oidc/company/callback"
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert "openid" in asked["scope"].split()
    assert min(len(asked[name]) for name in ("state", "nonce", "code_challenge")) >= 43
    again = {key: one[0] for key, one in parse_qs(urlsplit(await begun(browser, "again=1")).query).items()}
    assert again["prompt"] == "login"
    assert all(asked[name] != again[name] for name in ("state", "nonce", "code_challenge"))


async def test_an_account_is_never_adopted_by_its_name_or_address(opened: Opened) -> None:
    house, issuer = await opened(", domains: [example.org], just_in_time: true")
    await house.user("ada@example.org")
    await house.user("ada")
    issuer.person |= {"email": "ada@example.org", "email_verified": True, "preferred_username": "ada"}
    browser = house.browser()
    await came(house, browser=browser)
    assert await browser.signed_in_as() == "ada 2"


async def test_an_issuers_word_makes_nobody_an_admin(opened: Opened) -> None:
    house, issuer = await opened(", domains: ['*'], just_in_time: true")
    issuer.person |= {"role": "admin", "roles": ["admin"], "groups": ["admin"], "preferred_username": "eve"}
    browser = house.browser()
    await came(house, browser=browser)
    assert await browser.signed_in_as() == "eve"
    assert (await browser.get("/console/people")).status == 403


@pytest.mark.parametrize(
    "person",
    [
        {"email": "ada@example.org"},
        {"email": "ada@example.org", "email_verified": False},
        {"email": "ada@example.org", "email_verified": "true"},
        {"email": "ada@example.org.evil.example", "email_verified": True},
        {"email": "ada@evil.example@example.org", "email_verified": True},
        {"email": "example.org", "email_verified": True},
        {},
    ],
)
async def test_without_a_verified_address_of_the_domain_nobody_comes_in(opened: Opened, person: dict[str, Any]) -> None:
    house, issuer = await opened(", domains: [example.org], just_in_time: true")
    issuer.person |= person
    page = await came(house)
    assert (page.status, "verified e-mail address" in page.alert) == (403, True)
    assert await house.hub.store.users.list() == []


async def test_the_domain_is_looked_at_again_at_every_sign_in(opened: Opened) -> None:
    house, issuer = await opened(", domains: [example.org], just_in_time: true")
    issuer.person |= {"email": "ada@example.org", "email_verified": True}
    assert (await came(house)).path == "/account"
    issuer.person |= {"email": "ada@elsewhere.example"}
    assert (await came(house)).status == 403


async def test_without_just_in_time_a_stranger_is_told_what_to_do(opened: Opened) -> None:
    house, _ = await opened()
    page = await came(house)
    assert page.status == 403
    assert "Ask an admin of this hub for an invitation" in page.alert
    assert await house.hub.store.users.list() == []


async def test_a_person_adds_the_sign_in_to_their_account_and_uses_it(opened: Opened) -> None:
    house, issuer = await opened()
    await house.user("ada")
    browser = await house.at("ada")
    page = await came(house, "connect=1", browser)
    assert (page.path, issuer.url in page.text) == ("/account", True)
    other = house.browser()
    assert (await came(house, browser=other)).path == "/account"
    assert await other.signed_in_as() == "ada"
    await house.user("bob")
    taken = await came(house, "connect=1", await house.at("bob"))
    assert taken.alert == "This account elsewhere belongs to someone here already."


async def test_a_set_up_link_is_used_up_by_a_sign_in_elsewhere(opened: Opened) -> None:
    house, _ = await opened()
    user = await house.hub.store.users.add("ada")
    _, secret = await house.hub.people.reset(user.id)
    browser = house.browser()
    assert (await came(house, f"setup={secret}", browser)).path == "/account"
    assert await browser.signed_in_as() == "ada"
    assert (await browser.get(f"/setup/{secret}")).status == 404
    assert (await came(house)).path == "/account"


async def test_a_second_factor_is_asked_for_after_a_sign_in_elsewhere_too(opened: Opened) -> None:
    house, _ = await opened()
    ada = await house.user("ada", "admin")
    browser = await house.at("ada")
    await came(house, "connect=1", browser)
    app = await house.totp(ada)
    other = house.browser()
    page = await came(house, browser=other)
    assert page.title == "One more step"
    assert await other.signed_in_as() is None
    page = await other.post("/signin/code", ceremony=page.value("ceremony"), code=app.at(house.clock.time()))
    assert (await other.get("/console/people")).status == 200


async def test_a_disabled_person_does_not_come_in_from_elsewhere(opened: Opened) -> None:
    house, _ = await opened()
    ada = await house.user("ada")
    await came(house, "connect=1", await house.at("ada"))
    await house.hub.store.users.disable(ada.id)
    assert (await came(house)).status == 403


@pytest.mark.proves("third-party-state", "CVE-2026-27124")
async def test_an_answer_counts_in_the_browser_that_asked_once_and_for_ten_minutes(opened: Opened) -> None:
    house, _ = await opened(", domains: ['*'], just_in_time: true")
    browser, other = house.browser(), house.browser()
    asked = await begun(browser)
    path = await back(browser, asked)
    await other.get("/signin")
    assert (await other.get(path)).status == 403
    assert (await browser.get(path)).path == "/account"
    assert (await browser.get(path)).status == 403
    # Another code for the same question: the issuer would redeem it, so only the state is what was used up.
    assert (await browser.get(await back(browser, asked))).status == 403
    late = await back(browser, await begun(browser))
    house.clock.advance(601)
    assert (await browser.get(late)).status == 403


@pytest.mark.proves("own-consent", "CVE-2026-27124")
async def test_a_sign_in_elsewhere_on_the_way_to_a_client_ends_at_its_own_consent_page(
    opened: Opened,
) -> None:
    house, issuer = await opened(
        ", domains: ['*'], just_in_time: true",
        'clients: {registered: {app: {name: App, redirect_uris: ["https://app.example/cb"]}}}\n',
    )
    query = {
        "response_type": "code",
        "client_id": "app",
        "redirect_uri": "https://app.example/cb",
        "code_challenge": "A" * 43,
        "code_challenge_method": "S256",
    }
    # The issuer knows the browser and asks nothing; that must not be an answer to what only the hub can ask.
    browser = house.browser()
    page = await browser.get(f"/authorize?{urlencode(query)}")
    assert page.path.startswith("/signin")
    assert issuer.asked == []
    chosen = await browser.get(await back(browser, await begun(browser, urlencode({"next": page.value("next")}))))
    consent = await browser.get(page.value("next")) if "<form" not in chosen.text else chosen
    assert "Let App use the hub as you?" in consent.text
    (user,) = await house.hub.store.users.list()
    assert await house.hub.store.grants.list(user.id) == []


async def test_who_began_to_add_a_sign_in_must_still_be_the_one_who_sits_there(opened: Opened) -> None:
    house, _ = await opened()
    await house.user("ada")
    await house.user("bob")
    browser = await house.at("ada")
    path = await back(browser, await begun(browser, "connect=1"))
    await browser.sign_in("bob", PASSWORD)
    assert (await browser.get(path)).alert.startswith("You were signed in as someone else")


@pytest.mark.parametrize(
    "bend",
    [
        {"iss": "https://evil.example"},
        {"aud": "another"},
        {"aud": ["hub", "another"]},
        {"aud": ["hub", "another"], "azp": "another"},
        {"azp": "another"},
        {"nonce": "another"},
        {"nonce": None},
        {"exp": 1000},
        {"exp": None},
        {"exp": "2099-01-01"},
        {"iat": 99_999_999_999},
        {"iat": None},
        {"nbf": 99_999_999_999},
        {"sub": ""},
        {"sub": 5},
        {"sub": "x" * 256},
    ],
    ids=str,
)
@pytest.mark.proves("upstream-client")
async def test_an_id_token_that_proves_nothing_lets_nobody_in(opened: Opened, bend: dict[str, Any]) -> None:
    house, issuer = await opened(", domains: ['*'], just_in_time: true")
    issuer.bend = bend
    page = await came(house)
    assert (page.status, "does not work at the moment" in page.alert) == (403, True)
    assert await house.hub.store.users.list() == []


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
async def test_a_signature_anyone_could_make_lets_nobody_in(opened: Opened, algorithm: str) -> None:
    house, issuer = await opened(", domains: ['*'], just_in_time: true")
    issuer.algorithm = algorithm
    assert (await came(house)).status == 403


async def test_a_key_that_is_not_published_lets_nobody_in_and_a_new_one_is_fetched(opened: Opened) -> None:
    house, issuer = await opened(", domains: ['*'], just_in_time: true")
    assert (await came(house)).path == "/account"
    issuer.signs = 1
    house.clock.advance(60)
    assert (await came(house)).status == 403
    assert (await came(house)).status == 403
    assert issuer.key_fetches == 2
    issuer.published = 2
    house.clock.advance(60)
    assert (await came(house)).path == "/account"


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://evil.example"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "file:///etc/passwd"},
        {"authorization_endpoint": None},
        {"token_endpoint": "http://user@127.0.0.1/"},
    ],
    ids=str,
)
@pytest.mark.proves("CVE-2025-6514")
async def test_a_document_that_is_not_right_leads_nowhere(opened: Opened, document: dict[str, Any]) -> None:
    house, issuer = await opened()
    issuer.document = document
    page = await house.browser().get("/signin/oidc/company", follow=False)
    assert (page.status, "Location" in page.headers) == (403, False)


@pytest.mark.parametrize("iss", ["https://evil.example", None])
@pytest.mark.proves("upstream-client")
async def test_an_answer_of_another_issuer_is_refused(opened: Opened, iss: str | None) -> None:
    house, _ = await opened(", domains: ['*'], just_in_time: true")
    browser = house.browser()
    path = await back(browser, await begun(browser))
    bent = path.partition("&iss=")[0] + (f"&iss={iss}" if iss else "")
    assert (await browser.get(bent)).status == 403


@pytest.mark.proves("upstream-client")
async def test_an_answer_to_one_sign_in_does_not_count_at_the_callback_of_another(opened: Opened) -> None:
    house, _ = await opened(", domains: ['*'], just_in_time: true")
    browser = house.browser()
    path = await back(browser, await begun(browser))
    assert (await browser.get(path.replace("/company/", "/another/"))).alert.startswith("This sign-in took too long")


async def test_an_answer_that_says_something_twice_or_nothing_is_refused(opened: Opened) -> None:
    house, _ = await opened(", domains: ['*'], just_in_time: true")
    browser = house.browser()
    path = await back(browser, await begun(browser))
    assert (await browser.get(f"{path}&code=another")).status == 403
    here = "/signin/oidc/company/callback"
    assert (await browser.get(here)).status == 403
    assert (await browser.get("/signin/oidc/nowhere/callback?state=x&code=y")).status == 403
    state = parse_qs(urlsplit(await begun(browser)).query)["state"][0]
    page = await browser.get(f"{here}?state={state}&error=access_denied<script>&iss={path.partition('iss=')[2]}")
    assert (page.status, "<script>" in page.text) == (403, False)


async def test_an_issuer_on_a_private_address_is_reached_only_where_the_operator_opened_it(tmp_path: Any) -> None:
    path = tmp_path / "config.yaml"
    path.write_text('connectors: {shipped: false}\noidc: {company: {issuer: "http://127.0.0.1:9", client_id: hub}}\n')
    hub = await Hub.start(config.load(path, {}))
    try:
        with pytest.raises(Exception, match="does not work at the moment"):
            await hub.people.openid.begin("company", "v" * 43, {})
    finally:
        await hub.close()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ("issuer: 'http://login.example.org'", "the issuer's https URL is needed"),
        ("issuer: 'https://login.example.org?x=1'", "the issuer's https URL is needed"),
        ("issuer: 'https://login.example.org', just_in_time: true", "set domains too"),
        ("issuer: 'https://login.example.org', domains: ['@example.org']", "is not a domain"),
    ],
)
def test_a_wrong_setting_stops_the_start_and_is_told(tmp_path: Any, settings: str, told: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(f"oidc: {{company: {{client_id: hub, {settings}}}}}\n")
    with pytest.raises(ConfigError, match=told):
        config.load(path, {})
