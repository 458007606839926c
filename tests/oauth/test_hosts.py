"""Redirect hosts that wait for an admin: seen, allowed and refused on ``/console/clients``, by admins only."""

import asyncio

import pytest

from tests.oauth.scene import Person, Pkce, Scene, until_refused

HOST = "outside.example"
OUTSIDE = f"https://{HOST}/callback"
PATH = "/console/clients"


async def waiting(scene: Scene, person: Person) -> dict[str, str]:
    """The parameters of a client at a host nobody knows, for which ``person`` has asked."""
    client = (await scene.register(redirect_uris=[OUTSIDE], client_name="Notes <b>bot</b>")).json["client_id"]
    asked = {"client_id": client, "redirect_uri": OUTSIDE}
    assert (await scene.ask(person, Pkce(), **asked)).status == 403
    return asked


async def decide(scene: Scene, person: Person | None, verb: str, **form: str) -> int:
    headers = person.cookie if person is not None else {}
    csrf = {"csrf": person.csrf} if person is not None else {}
    sent = await scene.send("POST", f"{PATH}/{verb}", headers=headers, data={**csrf, "host": HOST, **form})
    return sent.status


async def state(scene: Scene) -> str:
    (host,) = await scene.hub.store.clients.list_hosts()
    return host.state


async def test_an_admin_sees_what_waits_allows_it_and_the_client_gets_in(scene: Scene) -> None:
    ada, boss = await scene.person(), await scene.person("boss", "admin")
    asked = await waiting(scene, ada)
    start = await scene.send("GET", "/", headers=boss.cookie)
    assert "1 address waits" in start.text
    page = await scene.send("GET", PATH, headers=boss.cookie)
    assert page.status == 200
    assert page.headers["X-Frame-Options"] == "DENY"
    for words in (HOST, "Asked by ada", "Notes &lt;b&gt;bot&lt;/b&gt;", "claude.ai, claude.com, loopback"):
        assert words in page.text
    assert await decide(scene, boss, "allow") == 303
    assert "Nothing waits" in (await scene.send("GET", PATH, headers=boss.cookie)).text
    assert "waits" not in (await scene.send("GET", "/", headers=boss.cookie)).text
    assert await scene.tools((await scene.connect(ada, "read", **asked))["access_token"])


@pytest.mark.proves("trusted-redirects")
async def test_a_refused_host_loses_what_was_let_in_there_and_is_asked_for_anew_when_it_is_allowed_again(
    scene: Scene,
) -> None:
    ada, boss = await scene.person(), await scene.person("boss", "admin")
    scene.papers.put(
        "https://notes.example/client",
        {"client_id": "https://notes.example/client", "client_name": "Notes", "redirect_uris": [OUTSIDE]},
    )
    asked = {"client_id": "https://notes.example/client", "redirect_uri": OUTSIDE}
    assert (await scene.ask(ada, Pkce(), **asked)).status == 403
    await decide(scene, boss, "allow")
    token = (await scene.connect(ada, "read", **asked))["access_token"]
    assert (await scene.ask(ada, Pkce(), **asked)).status == 303
    assert await decide(scene, boss, "deny") == 303
    await until_refused(scene, token)
    assert "refused this address" in (await scene.ask(ada, Pkce(), **asked)).text
    assert await decide(scene, boss, "allow") == 303
    assert (await scene.ask(ada, Pkce(), **asked)).status == 200


@pytest.mark.proves("trusted-redirects")
async def test_a_code_that_waits_at_a_host_when_it_is_refused_gives_nothing(scene: Scene) -> None:
    ada, boss, pkce = await scene.person(), await scene.person("boss", "admin"), Pkce()
    client = (await scene.register(redirect_uris=[OUTSIDE])).json["client_id"]
    asked = {"client_id": client, "redirect_uri": OUTSIDE}
    await decide(scene, boss, "allow")
    code, elsewhere = await scene.code(ada, pkce, **asked), await scene.code(ada, pkce)
    assert await decide(scene, boss, "deny") == 303
    assert (await scene.redeem(code, pkce, **asked)).json["error"] == "invalid_grant"
    assert (await scene.redeem(elsewhere, pkce)).status == 200


@pytest.mark.proves("CVE-2025-49596")
async def test_a_member_and_a_stranger_neither_see_nor_decide(scene: Scene) -> None:
    ada = await scene.person()
    await waiting(scene, ada)
    assert (await scene.send("GET", PATH, headers=ada.cookie)).status == 403
    assert (await scene.send("GET", PATH)).location.startswith("/signin")
    for verb in ("allow", "deny"):
        assert await decide(scene, ada, verb) == 403
        assert await decide(scene, None, verb) == 303
    assert "/console" not in (await scene.send("GET", "/", headers=ada.cookie)).text
    assert await state(scene) == "pending"


async def test_an_admin_without_a_second_factor_is_led_to_set_one_up(scene: Scene) -> None:
    boss = await scene.person("boss", "admin")
    await waiting(scene, boss)
    _, secret = await scene.hub.store.web_sessions.open(
        boss.user.id, strong=False, method="test", address="127.0.0.1", agent="test"
    )
    weak = {"Cookie": boss.cookie["Cookie"].partition("=")[0] + f"={secret}"}
    assert (await scene.send("GET", PATH, headers=weak)).location == "/account/second-factor"
    sent = await scene.send("POST", f"{PATH}/allow", headers=weak, data={"host": HOST})
    assert sent.location == "/account/second-factor"
    assert "/account/second-factor" in (await scene.send("GET", "/", headers=weak)).text
    assert await state(scene) == "pending"


async def test_a_form_that_is_not_the_pages_own_decides_nothing(scene: Scene) -> None:
    boss = await scene.person("boss", "admin")
    await waiting(scene, boss)
    for verb in ("allow", "deny"):
        assert await decide(scene, boss, verb, csrf="wrong") == 403
    assert await state(scene) == "pending"


@pytest.mark.parametrize("host", ["", "https://outside.example", "a b", "me@outside.example", "x" * 256])
async def test_what_is_no_host_is_refused_in_words(scene: Scene, host: str) -> None:
    boss = await scene.person("boss", "admin")
    assert await decide(scene, boss, "allow", host=host) == 400
    assert await scene.hub.store.clients.list_hosts() == []


async def test_the_operators_own_list_is_not_undone_on_the_page(scene: Scene) -> None:
    boss = await scene.person("boss", "admin")
    assert await decide(scene, boss, "deny", host="claude.ai") == 400
    assert await scene.tools((await scene.connect(boss, "read"))["access_token"])


async def test_an_admin_who_meets_a_waiting_host_is_led_to_where_it_is_decided(scene: Scene) -> None:
    ada, boss = await scene.person(), await scene.person("boss", "admin")
    asked = await waiting(scene, ada)
    pages = await asyncio.gather(*(scene.ask(one, Pkce(), **asked) for one in (ada, boss)))
    assert [PATH in page.text for page in pages] == [False, True]
