"""People come in through a real Chromium: links, passwords, apps, passkeys, an issuer elsewhere, and without scripts.

What no HTTP client shows: that scripts, policies, cookies and origins work together.
"""

import sys
from pathlib import Path

import pyotp
import pytest
import yaml
from playwright.async_api import Browser

from tests.browser.house import IN_BROWSER, PASSWORD, House, Sit, seated_at
from tests.programs.processes import ROOT, Program, environment

pytestmark = IN_BROWSER


async def test_the_first_admin_begins_at_the_link_that_the_first_start_prints(
    chromium: Browser, free_port: int, tmp_path: Path
) -> None:
    url = f"http://localhost:{free_port}"
    path = tmp_path / "config.yaml"
    settings = {"public_url": url, "listen": {"port": free_port}, "data_dir": "data", "connectors": {"shipped": False}}
    path.write_text(yaml.safe_dump(settings), "utf-8")
    command = [sys.executable, "-m", "hub", "serve", "--config", str(path)]
    program = Program(command, cwd=ROOT, environment=environment(tmp_path))
    try:
        link = program.wait_for(r"the first admin begins at this link").string
        link = link[link.index(f"{url}/setup/") :].partition('"')[0]
        async with seated_at(chromium, url) as seat:
            session, authenticator = await seat.authenticator()
            await seat.goto(link)
            await seat.fill(name="ada")
            await seat.press("Go on")
            await seat.press("Make a passkey")
            await seat.at("/account")
            credentials = await session.send("WebAuthn.getCredentials", {"authenticatorId": authenticator})
            assert [one["rpId"] for one in credentials["credentials"]] == ["localhost"]
            await seat.press("Sign out")
            await seat.at("/signin")
            await seat.goto("/console/people")
            await seat.by_passkey()
            await seat.at("/console/people")
            assert await seat.heading() == "People"
            await seat.goto(link)
            assert await seat.heading() == "This link does not lead anywhere any more"
    finally:
        program.stop()


async def test_an_admin_invites_someone_who_sets_a_password_and_signs_in_with_it(house: House, sit: Sit) -> None:
    admin = await sit()
    await admin.goto("/console/people")
    await admin.by_password(await house.person("irene", "admin", app=True))
    await admin.at("/console/people")
    await admin.page.get_by_label("Name (they can choose another)").fill("ivan")
    await admin.press("Make an invitation")
    link = await admin.page.inner_text("#link")
    guest = await sit()
    await guest.goto(link)
    assert await guest.heading() == "You are invited to this hub"
    await guest.press("Go on")
    await guest.fill(password=PASSWORD, repeated=PASSWORD + "!")
    await guest.press("Set my password")
    assert await guest.page.inner_text("[role=alert]") == "The two passwords differ."
    await guest.fill(password=PASSWORD, repeated=PASSWORD)
    await guest.press("Set my password")
    await guest.at("/account")
    assert await guest.heading() == "Your account, ivan"
    await guest.press("Sign out")
    await guest.fill(name="ivan", password=PASSWORD)
    await guest.page.press("#password", "Enter")
    await guest.at("/account")


async def test_an_app_set_up_on_the_account_page_is_asked_for_as_second_step(house: House, sit: Sit) -> None:
    seat = await sit()
    person = await house.person("tom")
    await seat.goto("/account/second-factor/app")
    await seat.by_password(person)
    await seat.at("/account/second-factor/app")
    picture = await seat.page.locator(".picture svg").bounding_box()
    assert picture is not None
    assert picture["width"] > 100
    person.app = pyotp.TOTP(await seat.page.inner_text("#key"))
    await seat.fill(code=person.app.at(house.clock.time()))
    await seat.press("Go on")
    codes = (await seat.page.inner_text("#codes")).split()
    house.clock.advance(60)
    other = await sit()
    await other.goto("/signin")
    await other.by_password(person)
    await other.at("/account")
    third = await sit()
    await third.goto("/signin")
    await third.fill(name="tom", password=PASSWORD)
    await third.press("Sign in")
    await third.page.wait_for_selector("#code:focus")
    await third.page.keyboard.type("000000")
    await third.page.keyboard.press("Enter")
    await third.page.wait_for_selector("[role=alert]:visible")
    await third.fill(code=codes[0])
    await third.press("Go on")
    await third.at("/account")


async def test_a_passkey_added_on_the_account_page_signs_in_alone_and_as_second_step(house: House, sit: Sit) -> None:
    seat = await sit()
    await seat.authenticator()
    person = await house.person("paula")
    await seat.goto("/account/second-factor")
    await seat.by_password(person)
    await seat.at("/account/second-factor")
    await seat.page.get_by_label("What to call it").fill("my phone")
    await seat.press("Add a passkey")
    await seat.page.wait_for_selector("text=my phone, since")
    await seat.goto("/account")
    await seat.press("Sign out")
    await seat.by_passkey()
    await seat.at("/account")
    await seat.goto("/signin?again=1")
    await seat.by_password(person)
    await seat.press("Use my passkey")
    await seat.at("/account")


async def test_a_passkey_nobody_shows_is_told_in_words(sit: Sit) -> None:
    seat = await sit()
    await seat.authenticator()
    await seat.goto("/signin")
    await seat.by_passkey()
    await seat.page.wait_for_selector("text=No passkey was used. Try again.")


async def test_somebody_of_the_domain_comes_in_by_the_issuer_and_comes_back_to_where_they_wanted(
    house: House, sit: Sit
) -> None:
    for _ in range(2):
        seat = await sit()
        await seat.goto("/account/second-factor")
        await seat.by_issuer("olga")
        await seat.at("/account/second-factor")
        await seat.goto("/account")
        assert await seat.heading() == "Your account, olga"
        assert f"olga@example.org ({house.issuer})" in await seat.page.inner_text("main")


async def test_somebody_adds_the_issuer_to_their_account_and_uses_it(house: House, sit: Sit) -> None:
    seat = await sit()
    person = await house.person("owen")
    await seat.goto("/account")
    await seat.by_password(person)
    await seat.at("/account")
    await seat.follow("Add Example Inc.")
    await seat.at_issuer("someone-else")
    await seat.at("/account")
    other = await sit()
    await other.goto("/signin")
    await other.by_issuer("someone-else")
    await other.at("/account")
    assert await other.heading() == "Your account, owen"


async def test_who_turns_back_at_the_issuer_is_told_so(house: House, sit: Sit) -> None:
    seat = await sit()
    await seat.goto("/signin")
    await seat.follow("Sign in with Example Inc.")
    await seat.page.get_by_role("link", name="Cancel").click()
    await seat.at("/signin/oidc/example/callback")
    assert "Example Inc. did not let you in: access_denied." in await seat.page.inner_text("[role=alert]")


@pytest.mark.parametrize("app", [False, True], ids=["password", "app"])
async def test_without_scripts_passwords_and_codes_work_and_no_passkey_is_offered(
    house: House, sit: Sit, app: bool
) -> None:
    seat = await sit(java_script_enabled=False)
    person = await house.person(f"plain {app}", app=app)
    await seat.goto("/account/second-factor")
    assert not await seat.page.get_by_role("button", name="Sign in with a passkey").is_visible()
    await seat.by_password(person)
    await seat.at("/account/second-factor")
    assert not await seat.page.get_by_role("button", name="Add a passkey").is_visible()


async def test_a_page_of_another_origin_cannot_sign_anyone_in(house: House, sit: Sit) -> None:
    await house.person("eve")
    seat = await sit()
    await seat.goto("/signin")
    token = await seat.page.input_value("input[name=csrf] >> nth=0")
    form = (
        f'<form method="post" action="{house.url}/signin"><input name="csrf" value="{token}"><input name="name" '
        f'value="eve"><input name="password" value="{PASSWORD}"><button>x</button></form>'
    )
    await seat.page.goto(f"data:text/html,{form.replace('#', '%23')}")
    async with seat.page.expect_navigation():
        await seat.page.click("button")
    assert "hub-session" not in {cookie.get("name") for cookie in await seat.context.cookies(house.url)}
