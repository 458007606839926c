"""The page between a person's yes and the client's code, where apps are connected: it is shown once, leads to the app
and back, and alone gives the client nothing."""

import html
import re
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.broker.scene import Browser, House, Page
from tests.oauth.scene import Pkce

CALLBACK = "https://claude.ai/api/mcp/auth_callback"


async def asked(house: House, browser: Browser, pkce: Pkce, **more: str) -> tuple[str, Page]:
    """A client's request in the person's browser: its id, and the consent page."""
    metadata = {"redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none", "client_name": "Claude"}
    async with browser.client.post(f"{house.base}/register", json=metadata) as reply:
        client_id = (await reply.json())["client_id"]
    params = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": CALLBACK,
        "code_challenge": pkce.challenge,
        "code_challenge_method": "S256",
        "resource": f"{house.base}/mcp",
        "prompt": "consent",
        **more,
    }
    return client_id, await browser.open(f"/authorize?{urlencode(params)}")


def fields(page: Page) -> dict[str, str]:
    """The hidden fields of a page's form."""
    found = {}
    for tag in re.findall(r'<input\b[^>]*type="hidden"[^>]*>', page.text):
        known = dict(re.findall(r'(\w+)="([^"]*)"', tag))
        found[known["name"]] = html.unescape(known["value"])
    return found


async def allow(browser: Browser, page: Page, choice: str = "write") -> Page:
    """Say yes; the page that follows."""
    return await browser.send("/authorize", {**fields(page), "answer": "allow", "choice": choice})


async def go_on(browser: Browser, page: Page) -> tuple[int, str]:
    """Press the page's button: the status, and where it leads."""
    async with browser.client.post(page.url, data=fields(page), allow_redirects=False) as reply:
        return reply.status, reply.headers.get("Location", "")


async def redeemed(house: House, browser: Browser, client_id: str, code: str, pkce: Pkce) -> int:
    """The token endpoint's answer to a code."""
    form = {"grant_type": "authorization_code", "code": code, "client_id": client_id, "redirect_uri": CALLBACK}
    form |= {"code_verifier": pkce.verifier, "resource": f"{house.base}/mcp"}
    async with browser.client.post(f"{house.base}/token", data=form) as reply:
        return reply.status


async def steps(house: House) -> list[tuple[str, str, str]]:
    """The steps of the newest handshake."""
    await house.hub.trace.flush()
    return [(step.name, step.outcome, step.text) for step in (await house.hub.trace.recent())[0].steps]


async def test_an_app_is_connected_at_its_vendor_before_the_client_gets_its_code(house: House) -> None:
    browser, pkce = await house.browser(), Pkce()
    client_id, consent = await asked(house, browser, pkce)
    page = await allow(browser, consent)
    assert page.title == "Connect your apps now?"
    assert "Skip for now" in page.text
    assert "form-action 'self' https:" in (await browser.client.get(page.url)).headers["Content-Security-Policy"]
    link = html.unescape(re.findall(r'<a href="([^"]*)">Connect Notes', page.text)[0])
    form = (await browser.open(link)).form("by-oauth")
    onward = await browser.send("/connect/notes/by/oauth", form)
    vendor = html.unescape(re.findall(r'<a href="([^"]*)" id="onward"', onward.text)[0])
    back = await browser.agree(vendor)
    assert back.url == page.url, "connecting an app leads back to the page"
    assert "connected (ada@example.com)" in back.text
    assert "Go on" in back.text
    house.clock.advance(25 * 60)
    status, location = await go_on(browser, back)
    assert (status, location.partition("?")[0]) == (303, CALLBACK)
    (code,) = parse_qs(urlsplit(location).query)["code"]
    assert await redeemed(house, browser, client_id, code, pkce) == 200, "the code's minute begins with going on"
    told = await steps(house)
    assert ("consent", "ok", "allowed: write") in told
    assert ("accounts", "waits", "connected: notes") in told
    assert ("accounts", "ok", "went on with notes") in told


async def test_the_page_is_skipped_and_pressing_twice_is_pressing_once(house: House) -> None:
    browser, pkce = await house.browser(), Pkce()
    client_id, consent = await asked(house, browser, pkce)
    page = await allow(browser, consent)
    first, again = await go_on(browser, page), await go_on(browser, page)
    assert first == again
    (code,) = parse_qs(urlsplit(first[1]).query)["code"]
    assert await redeemed(house, browser, client_id, code, pkce) == 200
    assert (await go_on(browser, page))[0] == 400, "a code that was used is not given again"
    assert ("accounts", "ok", "skipped") in await steps(house)


async def test_before_the_person_goes_on_the_client_has_nothing_and_is_not_remembered(house: House) -> None:
    browser = await house.browser()
    client_id, consent = await asked(house, browser, Pkce())
    await allow(browser, consent)
    user = await house.user()
    assert await house.hub.store.codes.remembered(user.id, client_id, "claude.ai", f"{house.base}/mcp") is None
    assert await house.hub.store.grants.list(user.id) == []


async def test_the_page_is_the_persons_own_and_of_their_session(house: House) -> None:
    browser = await house.browser()
    _, consent = await asked(house, browser, Pkce())
    page = await allow(browser, consent)
    for other in (await house.browser("bob"), await house.browser("ada")):
        seen = await other.open(page.url)
        assert seen.status == 400
        assert "another person" in seen.text
    forged = await browser.send(page.url, {"csrf": "0" * 64})
    assert forged.status == 403
    house.clock.advance(30 * 60 + 1)
    assert (await go_on(browser, page))[0] == 400


async def test_who_has_connected_their_apps_gets_back_at_once(house: House) -> None:
    browser = await house.browser()
    await browser.connect()
    _, consent = await asked(house, browser, Pkce())
    form = {**fields(consent), "answer": "allow", "choice": "write"}
    async with browser.client.post(f"{house.base}/authorize", data=form, allow_redirects=False) as reply:
        assert reply.headers["Location"].startswith(f"{CALLBACK}?")


async def test_a_connection_that_fails_at_the_vendor_leads_back_to_the_page(house: House) -> None:
    browser = await house.browser()
    _, consent = await asked(house, browser, Pkce())
    page = await allow(browser, consent)
    link = html.unescape(re.findall(r'<a href="([^"]*)">Connect Notes', page.text)[0])
    onward = await browser.send("/connect/notes/by/oauth", (await browser.open(link)).form("by-oauth"))
    vendor = html.unescape(re.findall(r'<a href="([^"]*)" id="onward"', onward.text)[0])
    state = parse_qs(urlsplit(vendor).query)["state"][0]
    failed = await browser.open(f"/callback/notes?{urlencode({'state': state, 'error': 'access_denied'})}")
    assert failed.title == "Not connected"
    (back,) = re.findall(r'<a href="([^"]*)" id="back"', failed.text)
    assert (await browser.open(back)).title == "Connect your apps now?"
