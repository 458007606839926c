"""What a person has let in: they see it, name it, end it alone, and are told of what is new."""

import asyncio

import pytest

from tests.oauth.scene import CLAUDE_CODE, Person, Pkce, Scene, until_refused
from tests.waiting import PATIENCE


async def shown(scene: Scene, person: Person) -> str:
    page = await scene.send("GET", "/account/grants", headers=person.cookie)
    assert page.status == 200
    assert page.headers["X-Frame-Options"] == "DENY"
    return page.text


async def post(scene: Scene, person: Person, path: str, **form: str) -> int:
    sent = await scene.send("POST", path, headers=person.cookie, data={"csrf": person.csrf, **form})
    return sent.status


@pytest.mark.proves("revocation")
async def test_a_person_sees_what_they_let_in_from_where_and_when(scene: Scene) -> None:
    ada = await scene.person()
    token = (await scene.connect(ada, "read"))["access_token"]
    page = await shown(scene, ada)
    assert "Last used: never" in page
    async with asyncio.timeout(PATIENCE):
        await scene.client.post(
            f"{scene.url}/mcp", json={}, headers={"Authorization": f"Bearer {token}", "User-Agent": "Claude-User"}
        )
        while "(Claude-User)" not in page:
            page = await shown(scene, ada)
    for words in ("Claude, at claude.ai", "Read only", "First seen", "127.0.0.1"):
        assert words in page


@pytest.mark.proves("revocation")
async def test_one_grant_is_ended_alone_and_its_client_is_asked_for_again(scene: Scene) -> None:
    ada = await scene.person()
    claude = (await scene.connect(ada))["access_token"]
    code = await scene.connect(ada, client_id=CLAUDE_CODE, redirect_uri="http://localhost:1234/callback")
    (first,) = [one for one in await scene.hub.store.grants.list(ada.user.id) if one.host == "claude.ai"]
    assert await scene.lets_in(claude)
    assert await post(scene, ada, f"/account/grants/{first.id}/revoke") == 303
    await until_refused(scene, claude)
    assert await scene.lets_in(code["access_token"])
    assert (await scene.ask(ada, Pkce())).status == 200
    assert "claude.ai" not in await shown(scene, ada)


async def test_a_grant_can_be_named(scene: Scene) -> None:
    ada = await scene.person()
    await scene.connect(ada)
    (grant,) = await scene.hub.store.grants.list(ada.user.id)
    assert await post(scene, ada, f"/account/grants/{grant.id}/name", label="My <phone>") == 303
    assert "My &lt;phone&gt;" in await shown(scene, ada)
    assert await post(scene, ada, f"/account/grants/{grant.id}/name", label="x" * 65) == 400
    assert await post(scene, ada, f"/account/grants/{grant.id}/name") == 303
    assert "My &lt;phone&gt;" not in await shown(scene, ada)


@pytest.mark.proves("revocation")
async def test_nobody_sees_names_or_ends_anothers(scene: Scene) -> None:
    ada, bob = await scene.person("ada"), await scene.person("bob")
    token = (await scene.connect(ada))["access_token"]
    (grant,) = await scene.hub.store.grants.list(ada.user.id)
    assert grant.id not in await shown(scene, bob)
    for what in ("revoke", "name"):
        assert await post(scene, bob, f"/account/grants/{grant.id}/{what}", label="mine") == 404
        assert await post(scene, ada, f"/account/grants/{grant.id}/{what}", csrf="wrong", label="mine") == 403
        signed_out = await scene.send("POST", f"/account/grants/{grant.id}/{what}", data={})
        assert signed_out.status == 303
        assert signed_out.headers["Location"].startswith("/signin")
    assert await scene.lets_in(token)
    assert (await scene.send("GET", "/account/grants")).headers["Location"].startswith("/signin")


async def test_a_new_client_is_told_of_on_the_start_page_until_its_person_says_it_was_them(scene: Scene) -> None:
    ada, bob = await scene.person("ada"), await scene.person("bob")
    await scene.connect(ada)
    assert "Claude was let in" in (await scene.send("GET", "/", headers=ada.cookie)).text
    for nobody in ({}, bob.cookie):
        assert "was let in" not in (await scene.send("GET", "/", headers=nobody)).text
    assert "<small>new</small>" in await shown(scene, ada)
    assert "Claude was let in" in (await scene.send("GET", "/", headers=ada.cookie)).text
    (grant,) = await scene.hub.store.grants.list(ada.user.id)
    for person, csrf, status in ((bob, bob.csrf, 404), (ada, "wrong", 403)):
        assert await post(scene, person, f"/account/grants/{grant.id}/known", csrf=csrf) == status
    assert "Claude was let in" in (await scene.send("GET", "/", headers=ada.cookie)).text
    form = {"csrf": ada.csrf, "next": "/"}
    sent = await scene.send("POST", f"/account/grants/{grant.id}/known", headers=ada.cookie, data=form)
    assert (sent.status, sent.location) == (303, "/")
    assert "was let in" not in (await scene.send("GET", "/", headers=ada.cookie)).text
    assert "<small>new</small>" not in await shown(scene, ada)


@pytest.mark.proves("no-open-redirect")
async def test_what_is_new_leads_nowhere_but_to_pages_of_the_hub(scene: Scene) -> None:
    ada = await scene.person()
    await scene.connect(ada)
    (grant,) = await scene.hub.store.grants.list(ada.user.id)
    for place in ("https://outside.example/", "//outside.example"):
        form = {"csrf": ada.csrf, "next": place}
        sent = await scene.send("POST", f"/account/grants/{grant.id}/known", headers=ada.cookie, data=form)
        assert sent.location == "/account/grants"
