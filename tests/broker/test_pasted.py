"""Accounts by what is pasted, against an app that repeats what it is sent wherever it can; and every way a connector
may try to get a credential onto another host."""

import base64
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, CookieJar, web
from aiohttp.test_utils import TestServer

from hub import config
from hub.app import Hub, application
from hub.identity import Caller
from hub.sdk.effect import EFFECTS
from hub.sdk.talk import Silence
from hub.web.people.cookies import Cookies
from tests.broker.scene import Browser, Page, text_of
from tests.databases import furnished
from tests.ports import free_port

KEY = "planted-key-0123456789abcdef"
OTHER = "planted-key-of-somebody-else"
PROVIDER = """
title: Desk
hosts: ["{desk}"]
methods:
  key:
    kind: key
    fields: {{key: {{title: API key, pattern: "planted-[a-z0-9-]{{8,}}"}}}}
    sign: {sign}
who: {{request: {{url: "{desk}/me"}}, id: id, label: name}}
revoke: {{manual: "https://desk.example/keys"}}
"""
SIGNS = {
    "header": '{headers: {X-Key: "{key}"}}',
    "bearer": '{headers: {Authorization: "Bearer {key}"}}',
    "query": '{query: {api_key: "{key}"}}',
    "path": '{path: "/key{key}"}',
    "basic": '{basic: "{key}:x"}',
    "body": '{headers: {X-Key: "{key}"}, body: {token: "{key}"}}',
}
CONNECTOR = '''
from typing import Any

from hub.sdk import Connector, Context

connector = Connector(
    title="Desk", description="A desk.", base_url="{desk}", hosts=["{evil_host}"], provider="desk"
)


@connector.tool(effect="read")
async def fetch(ctx: Context, url: str) -> str:
    """Fetch a path or an address."""
    reply = await ctx.http.get(url, check=False)
    return f"{{reply.status}} {{reply.url}} {{dict(reply.headers)}} {{reply.text()}}"


@connector.tool(effect="read")
async def look(ctx: Context) -> str:
    """What a connector can see of the account."""
    return f"{{ctx.connection}} {{ctx.settings}} {{ctx.http}} {{ctx.http.send}}"


@connector.tool(effect="read")
async def pages(ctx: Context, cursor: str | None = None) -> list[str]:
    """Follow the app's own links."""
    page = await ctx.http.page("/pages", style="link", next="next", items="items", cursor=cursor)
    return page


@connector.tool(effect="read")
async def named(ctx: Context, name: str) -> str:
    """Fetch by a value in the path."""
    return (await ctx.http.get("/items/{{name}}", path={{"name": name}}, check=False)).text()


@connector.tool(effect="read")
async def write(ctx: Context, form: Any = None, data: Any = None) -> str:
    """Send a body."""
    return (await ctx.http.post("/echo", form=form, json=data)).text()


@connector.tool(effect="read")
async def upload(ctx: Context) -> str:
    """Send a body of several parts."""
    part = b'--x\\r\\nContent-Disposition: form-data; name="a"\\r\\n\\r\\n1\\r\\n--x--\\r\\n'
    kind = {{"Content-Type": "multipart/form-data; boundary=x"}}
    return (await ctx.http.post("/echo", body=part, headers=kind)).text()


@connector.tool(effect="read")
async def own_header(ctx: Context) -> str:
    """Send headers of its own."""
    return (await ctx.http.get("/echo", headers={{"X-Key": "mine", "Authorization": "mine"}}, check=False)).text()
'''


@dataclass
class Desk:
    """An app with keys, and beside it a place no key may reach. ``seen`` is all that came to either."""

    keys: set[str] = field(default_factory=lambda: {KEY, OTHER})
    down: bool = False
    seen: list[str] = field(default_factory=list)
    fields: list[dict[str, str]] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)
    evil: str = ""

    def _shown(self, request: web.Request) -> str:
        return f"{request.path_qs} {dict(request.headers)}"

    def _key(self, request: web.Request) -> str | None:
        text = self._shown(request)
        basic = re.search(r"Basic ([A-Za-z0-9+/=]+)", text)
        text += base64.b64decode(basic[1]).decode() if basic else ""
        return next((key for key in self.keys if key in text), None)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(self._shown(request))
        if self.down:
            return web.Response(status=503)
        key = self._key(request)
        shown = self._shown(request)
        if key is None:
            return web.json_response({"error": f"bad key {shown}"}, status=401, headers={"X-Seen": shown[:200]})
        path = request.path.removeprefix(f"/key{key}")
        if path == "/me":
            return web.json_response({"id": key[-4:], "name": f"desk of {key[-4:]}"})
        if path == "/away":
            raise web.HTTPFound(f"{self.evil}/stolen")
        if path == "/pages":
            return web.json_response({"items": ["a"], "next": f"{self.evil}/next"})
        held = await request.json() if "json" in request.content_type else await request.post()
        self.fields.append({name: str(value) for name, value in held.items()})
        return web.json_response({"echo": shown, "fields": self.fields[-1]}, headers={"X-Seen": key})

    async def catch(self, request: web.Request) -> web.StreamResponse:
        self.elsewhere.append(self._shown(request))
        return web.json_response({"caught": True})


@dataclass
class House:
    """A hub with the connector, its app, and one person."""

    hub: Hub
    base: str
    desk: Desk
    at: str
    browser: Browser
    caller: Caller
    folder: Path

    async def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool of the connector."""
        return await self.hub.gateway.call_tool(self.caller, f"desk_{tool}", arguments, Silence())

    async def paste(self, key: str, **more: str) -> Page:
        """Paste a key on the page."""
        page = await self.browser.open("/connect/desk")
        return await self.browser.send("/connect/desk/by/key", {**page.form("by-key"), "field_key": key, **more})


@asynccontextmanager
async def opened(folder: Path, sign: str = "header") -> AsyncIterator[House]:
    desk = Desk()
    app, evil = web.Application(), web.Application()
    app.router.add_route("*", "/{rest:.*}", desk.answer)
    evil.router.add_route("*", "/{rest:.*}", desk.catch)
    servers = TestServer(app, host="localhost"), TestServer(evil, host="localhost")
    for server in servers:
        await server.start_server()
    at, away = (str(server.make_url("")).rstrip("/") for server in servers)
    desk.evil = away
    own = free_port()
    place = folder / "apps" / "desk"
    place.mkdir(parents=True)
    (place / "provider.yaml").write_text(PROVIDER.format(desk=at, sign=SIGNS[sign]), "utf-8")
    (place / "__init__.py").write_text(CONNECTOR.format(desk=at, evil_host=away.removeprefix("http://")), "utf-8")
    path = folder / "config.yaml"
    path.write_text(
        f"public_url: http://localhost:{own}\ndata_dir: {folder / 'data'}\n"
        f"connectors: {{shipped: false, paths: [{folder / 'apps'}]}}\n"
        "network: {allow_private: {desk: [127.0.0.0/8, '::1/128'], reader: [127.0.0.0/8, '::1/128']}}\n",
        "utf-8",
    )
    hub = await Hub.start(furnished(config.load(path, {})))
    server = TestServer(application(hub), host="localhost", port=own)
    await server.start_server()
    user = await hub.store.users.add("ada", "member")
    _, secret = await hub.store.web_sessions.open(user.id, strong=True, method="t", address="127.0.0.1", agent="t")
    base = f"http://localhost:{own}"
    session = ClientSession(cookie_jar=CookieJar(unsafe=True), cookies={Cookies(base).session_name: secret})
    try:
        caller = Caller(user.id, "ada", None, frozenset(EFFECTS), False)
        yield House(hub, base, desk, at, Browser(session, base), caller, folder)
    finally:
        await session.close()
        for one in (server, *servers):
            await one.close()
        await hub.close()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with opened(tmp_path) as found:
        yield found


async def test_a_pasted_key_is_told_malformed_refused_and_unreachable_apart_and_nothing_is_kept(house: House) -> None:
    malformed = await house.paste("something")
    assert "does not look like one" in malformed.alert
    assert house.desk.seen == [], "what looks wrong is not sent"
    refused = await house.paste("planted-but-not-known")
    assert "refuses this" in refused.alert
    house.desk.down = True
    unreachable = await house.paste(KEY)
    assert "does not answer" in unreachable.alert
    assert await house.hub.store.connections.list(house.caller.user_id) == []
    for page in (malformed, refused, unreachable):
        assert page.status == 400
        assert "planted-but" not in page.text
        assert KEY not in page.text
    house.desk.down = False
    assert (await house.paste(KEY)).title == "Connected"


@pytest.mark.parametrize("sign", sorted(SIGNS))
async def test_every_place_of_a_credential_signs_and_never_comes_back(tmp_path: Path, sign: str) -> None:
    async with opened(tmp_path, sign) as house:
        await house.paste(KEY)
        told = text_of(await house.call("fetch", url=f"{house.at}/echo?a=1%2B2"))
        assert told.startswith("200 ")
        assert KEY not in told
        assert "a=1%2B2" in house.desk.seen[-1], "the rest of the address stays as it was"
        house.desk.keys.clear()
        broken = await house.call("fetch", url="/echo")
        assert broken["_meta"]["hub/error"]["kind"] == "connection_needed"
        assert KEY not in str(broken)


async def test_a_credential_that_goes_into_bodies_stands_in_each_kind_of_them_and_never_comes_back(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path, "body") as house:
        await house.paste(KEY)
        for tool, arguments, rest in (
            ("write", {"form": {"token": "mine", "a": "1"}}, {"a": "1"}),
            ("write", {"form": {}}, {}),
            ("write", {"data": {"token": "mine", "a": "1"}}, {"a": "1"}),
            ("upload", {}, {"a": "1"}),
        ):
            told = await house.call(tool, **arguments)
            assert not told.get("isError"), told
            assert KEY not in str(told)
            assert house.desk.fields[-1] == {"token": KEY, **rest}
        told = await house.call("fetch", url="/echo")
        assert house.desk.fields[-1] == {}, "a request without a body gets none"
        told = await house.call("write", data=["a list"])
        assert "no fields to put it in" in text_of(told)


async def test_no_way_leads_a_credential_to_another_host(house: House) -> None:
    await house.paste(KEY)
    evil, host = house.desk.evil, house.at.removeprefix("http://")
    ways = [
        f"{evil}/direct",
        f"{evil}/direct?to={house.at}",
        f"{house.at}/away",
        "/away",
        f"http://{host}@{evil.removeprefix('http://')}/x",
        f"{evil}/{house.at}",
        f"{house.at}.evil.example/x",
        f"//{evil.removeprefix('http://')}/x",
        f"/\\{evil.removeprefix('http://')}/x",
        f"{house.at.replace('localhost', '127.0.0.1')}/other-name",
        f"{house.at.replace('http', 'https')}/other-scheme",
        f"{evil}\t/x",
        f"{evil}#@{host}/",
    ]
    for way in ways:
        told = await house.call("fetch", url=way)
        assert KEY not in str(told), way
    first = await house.call("pages")
    for cursor in ([first["structuredContent"]["next_cursor"]] if "structuredContent" in first else []) + [f"{evil}/c"]:
        await house.call("pages", cursor=cursor)
    for name in ("../../x", "..%2f..%2fx", f"@{evil}", "x?api_key=1"):
        assert KEY not in str(await house.call("named", name=name))
    assert house.desk.elsewhere != [], "the connector may reach the other host, unsigned"
    assert [one for one in house.desk.elsewhere if KEY in one] == []


async def test_a_connector_sees_nothing_of_the_credential_and_cannot_replace_it(house: House) -> None:
    await house.paste(KEY)
    assert KEY not in text_of(await house.call("look"))
    await house.call("own_header")
    assert f"'X-Key': '{KEY}'" in house.desk.seen[-1]
    assert "'X-Key': 'mine'" not in house.desk.seen[-1]


async def test_a_declaration_changed_to_other_hosts_gets_no_credential_there(house: House) -> None:
    await house.paste(KEY)
    evil = house.desk.evil
    place = house.folder / "apps" / "desk"
    for file in ("provider.yaml", "__init__.py"):
        changed = (place / file).read_text("utf-8").replace(house.at, evil)
        (place / file).write_text(changed, "utf-8")
    await house.hub.registry.reload()
    told = await house.call("fetch", url="/echo")
    assert [one for one in house.desk.elsewhere if KEY in one] == []
    assert KEY not in str(told)


async def test_another_connector_gets_an_account_only_after_its_owner_agreed_to_its_code(house: House) -> None:
    await house.paste(KEY)
    await house.paste(OTHER, label="Second")
    first, _ = await house.hub.store.connections.list(house.caller.user_id)
    place = house.folder / "apps" / "reader.yaml"
    text = (
        f"title: Reader\ndescription: Reads.\nprovider: desk\nbase_url: {house.at}\n"
        "tools: {read_it: {description: Read the desk., effect: read, request: {path: /echo}}}\n"
    )
    place.write_text(text, "utf-8")
    await house.hub.registry.reload()

    async def read(account: str) -> dict[str, Any]:
        arguments = {"account": account}
        return await house.hub.gateway.call_tool(house.caller, "reader_read_it", arguments, Silence())

    assert "must agree once" in text_of(await read(first.label))
    told = await house.hub.gateway.call_tool(house.caller, "hub_list_connections", {}, Silence())
    (row,) = [
        one for one in told["structuredContent"]["items"] if (one["app"], one["account"]) == ("reader", first.label)
    ]
    assert row["health"] == "needs_consent"
    assert f"agree-{first.id}" in (await house.browser.open(row["link"])).text
    page = await house.browser.open("/connect/reader")
    form = page.form(f"agree-{first.id}")
    await house.browser.send(f"/connect/reader/agree/{first.id}", form)
    assert not (await read(first.label)).get("isError")
    assert "must agree once" in text_of(await read("Second")), "one account's yes is not another's"
    # Other code under the same name asks again; a page that showed the old code agrees to nothing.
    place.write_text(text.replace("path: /echo", "path: /echo/all"), "utf-8")
    await house.hub.registry.reload()
    assert "must agree once" in text_of(await read(first.label))
    late = await house.browser.send(f"/connect/reader/agree/{first.id}", form)
    assert "has changed since" in late.alert
    assert "must agree once" in text_of(await read(first.label))
    again = (await house.browser.open("/connect/reader")).form(f"agree-{first.id}")
    await house.browser.send(f"/connect/reader/agree/{first.id}", again)
    assert not (await read(first.label)).get("isError")


async def test_the_hubs_own_tools_tell_of_accounts_and_give_the_page(house: House) -> None:
    listed = [tool["name"] for tool in house.hub.gateway.list_tools(house.caller)]
    assert listed[-2:] == ["hub_list_connections", "hub_connect"]

    async def own(tool: str, **arguments: Any) -> Any:
        told = await house.hub.gateway.call_tool(house.caller, f"hub_{tool}", arguments, Silence())
        return told.get("structuredContent", told)

    assert (await own("list_connections"))["items"][0]["health"] == "not_connected"
    link = (await own("connect", app="Desk"))["link"]
    assert (await house.browser.open(link)).title == "Connect Desk"
    assert (await own("connect", app="nothing"))["isError"]
    await house.paste(KEY)
    assert (await own("list_connections"))["items"] == [{"app": "desk", "account": "desk of cdef", "health": "ok"}]
    house.desk.keys.clear()
    await house.call("fetch", url="/echo")
    (row,) = (await own("list_connections"))["items"]
    assert row["health"] == "needs_sign_in"


async def test_accounts_are_renamed_chosen_and_ended_on_their_page(house: House) -> None:
    await house.paste(KEY)
    await house.paste(OTHER, label="Second")
    first, second = await house.hub.store.connections.list(house.caller.user_id)
    page = await house.browser.open("/account/connections")
    csrf = {"csrf": page.form(f"connection-{first.id}")["csrf"]}
    assert (
        "has this name already"
        in (await house.browser.send(f"/account/connections/{first.id}/rename", {**csrf, "label": "second"})).alert
    )
    await house.browser.send(f"/account/connections/{first.id}/rename", {**csrf, "label": "First"})
    await house.browser.send(f"/account/connections/{second.id}/default", csrf)
    await house.call("fetch", url="/echo")
    assert OTHER in house.desk.seen[-1]
    ended = await house.browser.send(f"/account/connections/{second.id}/disconnect", csrf)
    assert "goes on to accept" in ended.text
    assert "https://desk.example/keys" in ended.text
    forged = await house.browser.send(f"/account/connections/{first.id}/disconnect", {"csrf": "x"})
    assert forged.status == 403
    assert [one.label for one in await house.hub.store.connections.list(house.caller.user_id)] == ["First"]
