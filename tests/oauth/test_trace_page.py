"""``/console/connections``: the connection trace as admins see it, and nobody else."""

from tests.oauth.scene import Pkce, Scene


async def test_an_admin_sees_the_handshakes_and_finds_the_page_from_theirs(scene: Scene) -> None:
    admin = await scene.person("root", "admin")
    empty = await scene.send("GET", "/console/connections", headers=admin.cookie)
    assert "No client has come yet" in empty.text
    await scene.redeem(await scene.code(await scene.person(), Pkce()), Pkce())
    page = await scene.send("GET", "/console/connections", headers=admin.cookie)
    assert page.status == 200
    assert "Stopped at the token: invalid_grant" in page.text
    assert "Claude, for ada" in page.text
    assert page.headers["Cache-Control"] == "no-store"
    for place in ("/account", "/console/people"):
        assert 'href="/console/connections"' in (await scene.send("GET", place, headers=admin.cookie)).text


async def test_the_page_is_for_admins_only(scene: Scene) -> None:
    member = await scene.person()
    refused = await scene.send("GET", "/console/connections", headers=member.cookie)
    assert refused.status == 403
    assert 'href="/console/connections"' not in (await scene.send("GET", "/account", headers=member.cookie)).text
    nobody = await scene.send("GET", "/console/connections")
    assert (nobody.status, nobody.location.partition("?")[0]) == (303, "/signin")


async def test_the_names_of_clients_are_text_on_the_page(scene: Scene) -> None:
    await scene.register(client_name="<script>alert(1)</script>")
    page = await scene.send("GET", "/console/connections", headers=(await scene.person("root", "admin")).cookie)
    assert "<script>" not in page.text
    assert "&lt;script&gt;" in page.text
