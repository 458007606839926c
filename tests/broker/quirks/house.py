"""One hub for all quirks: each test writes a provider of its own, which the hub takes up while it runs."""

import html
import re
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from aiohttp import ClientSession, CookieJar, web
from aiohttp.test_utils import TestServer
from yarl import URL

from hub import config
from hub.app import Hub, application
from hub.identity import Caller
from hub.sdk.effect import EFFECTS
from hub.sdk.talk import Silence
from hub.web.people.cookies import Cookies
from tests.broker.quirks.vendor import PLANTED, Asked, Vendor
from tests.broker.scene import Browser, Page, text_of
from tests.oauth.scene import ShiftedClock
from tests.ports import free_port

MOST = 120
OPERATORS, OPERATOR_KEY = "qop", PLANTED + "operator-key"
GRANT: dict[str, Any] = {
    "kind": "oauth2",
    "authorize": {"url": "{at}/authorize"},
    "token": {"url": "{at}/token"},
    "scopes": {"always": ["read"]},
    "app": {"register_at": "https://vendor.example/apps"},
}
DECLARED: dict[str, Any] = {
    "title": "Vendor",
    "hosts": ["{host}"],
    "methods": {"way": GRANT},
    "who": {"request": {"url": "{at}/me"}, "id": "id", "label": "name"},
    "revoke": {"manual": "https://vendor.example/apps"},
}
CONNECTOR: dict[str, Any] = {
    "title": "Vendor",
    "base_url": "{at}",
    "tools": {
        "read": {"description": "Read.", "effect": "read", "request": {"path": "/api"}},
        "away": {"description": "Read what leads away.", "effect": "read", "request": {"path": "/away"}},
    },
}


class HastyClock(ShiftedClock):
    """The same, and what waits between one second and five (a retry, a second look at a row) has waited at once. What
    comes round and round waits less or longer, and is left to the machine's clock."""

    async def sleep(self, seconds: float) -> None:
        if 1 < seconds < 5:
            self.advance(seconds)
            seconds = 0
        await super().sleep(seconds)


def laid(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """``over`` laid over ``under``, mapping by mapping; None takes a key away."""
    made = deepcopy(dict(under))
    for key, value in over.items():
        if value is None:
            made.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(made.get(key), Mapping):
            made[key] = laid(made[key], value)
        else:
            made[key] = deepcopy(value)
    return made


def placed(data: Any, vendor: Vendor) -> Any:
    """The same with the vendor's address in the texts."""
    if isinstance(data, dict):
        return {placed(key, vendor): placed(value, vendor) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [placed(one, vendor) for one in data]
    if isinstance(data, str):
        origin = vendor.base.rsplit("/", 1)[0]
        return data.replace("{at}", vendor.base).replace("{host}", origin)
    return data


@dataclass
class Case:
    """One vendor, and a person of the hub who uses it."""

    house: "QuirkHouse"
    vendor: Vendor

    @property
    def name(self) -> str:
        """The provider's and the connector's."""
        return self.vendor.name

    async def connect(self, method: str = "way", **fields: str) -> Page:
        """Connect on the page, to the end of all redirects; ``fields`` are filled into the form."""
        again = fields.pop("again", None)
        browser = self.house.browser
        page = await self.house.open(f"/connect/{self.name}" + (f"?again={again}" if again else ""))
        sent = await self.house.send(f"/connect/{self.name}/by/{method}", {**page.form(f"by-{method}"), **fields})
        onward = re.findall(r'<a href="([^"]*)" id="onward" rel="noreferrer">', sent.text)
        if onward:
            url = html.unescape(onward[0])
            sent = await browser.open(url)
            self.house.seen.append(sent.text)
        return sent

    async def paste(self, **fields: str) -> Page:
        """Paste what is asked for."""
        return await self.connect(**{f"field_{name}": value for name, value in fields.items()})

    async def connected(self, **fields: str) -> None:
        """Connect, by what is pasted where anything is, and fail unless a call works; the vendor takes ``fields``."""
        self.vendor.good |= set(fields.values())
        page = await self.paste(**fields)
        assert page.title == "Connected", page.alert or page.text
        await self.works()

    async def renewed(self, seconds: float = 3601) -> Asked:
        """What came at the token endpoint after the token's end, through a call that then works."""
        before = self.vendor.count("/token")
        self.house.clock.advance(seconds)
        await self.works()
        assert self.vendor.count("/token") == before + 1
        return self.vendor.last("/token")

    async def call(self, tool: str = "read") -> dict[str, Any]:
        """Call a tool."""
        result = await self.house.hub.gateway.call_tool(self.house.caller, f"{self.name}_{tool}", {}, Silence())
        self.house.seen.append(str(result))
        return result

    async def works(self) -> None:
        """Fails unless a call is signed and answered, and repeats nothing."""
        result = await self.call()
        assert not result.get("isError"), text_of(result)

    async def kept(self) -> Any:
        """The one connection there is."""
        rows = await self.house.hub.store.connections.list(self.house.caller.user_id)
        (one,) = [row for row in rows if row.provider == self.name]
        return one

    async def secrets(self) -> dict[str, Any]:
        """What is kept sealed of it."""
        one = await self.kept()
        held = self.house.hub.brokerage.vault.open(one.secret, id=one.id, user_id=one.user_id)
        assert held is not None
        return held

    async def disconnect(self) -> str:
        """End it; what the person is told."""
        one = await self.kept()
        ended = await self.house.hub.brokerage.ending.disconnect(one.user_id, one.id)
        assert ended is not None
        self.house.seen.append(ended.tell)
        return ended.tell


@dataclass
class QuirkHouse:
    """One hub and all vendors. ``seen`` is everything people and models saw."""

    hub: Hub
    base: str
    browser: Browser
    caller: Caller
    clock: ShiftedClock
    folder: Path
    at: str
    vendors: dict[str, Vendor]
    seen: list[str] = field(default_factory=list)

    async def sign_in(self) -> None:
        """The person signs in at the browser anew: some tests let weeks go by."""
        _, secret = await self.hub.store.web_sessions.open(
            self.caller.user_id, strong=True, method="t", address="127.0.0.1", agent="t"
        )
        self.browser.client.cookie_jar.update_cookies({Cookies(self.base).session_name: secret}, URL(self.base))

    async def open(self, path: str) -> Page:
        """Open a page of the hub."""
        page = await self.browser.open(path)
        self.seen.append(page.text)
        return page

    async def send(self, path: str, fields: Mapping[str, str]) -> Page:
        """Send a form of the hub's."""
        page = await self.browser.send(path, fields)
        self.seen.append(page.text)
        return page

    async def case(
        self,
        way: Mapping[str, Any] | None = None,
        declared: Mapping[str, Any] | None = None,
        connector: Mapping[str, Any] | None = None,
        *,
        code: str | None = None,
        client: bool = True,
        whole: bool = False,
        name: str | None = None,
    ) -> Case:
        """A new vendor: ``way`` is laid over the usual way of connecting (``whole``: instead of it), ``declared`` over
        the provider, ``connector`` over the connector; ``code`` is its ``provider.py``."""
        name = name or f"q{len(self.vendors) + 1}"
        vendor = self.vendors[name] = Vendor(name, f"{self.at}/{name}")
        made = laid(DECLARED, declared or {})
        if "way" in made["methods"]:
            made["methods"]["way"] = dict(way or {}) if whole else laid(GRANT, way or {})
        place = self.folder / "apps" / name
        place.mkdir(parents=True)
        (place / "provider.yaml").write_text(yaml.safe_dump(placed(made, vendor)), "utf-8")
        if code is not None:
            (place / "provider.py").write_text(code, "utf-8")
        plugged = placed(laid({**CONNECTOR, "provider": name}, connector or {}), vendor)
        (place / "connector.yaml").write_text(yaml.safe_dump(plugged), "utf-8")
        catalog = await self.hub.registry.reload()
        assert catalog.connectors[name].state == "ok", (catalog.connectors[name].reason, catalog.states.get(name))
        await self.sign_in()
        if client:
            await self.hub.brokerage.clients.put(name, vendor.client_id, vendor.client_secret, None)
        return Case(self, vendor)

    async def leaks(self) -> list[str]:
        """Where a planted secret can be read: pages, results, the audit, the database."""
        marks = (PLANTED, "PRIVATE KEY")
        found = [text[max(0, text.index(one) - 80) :][:200] for text in self.seen for one in marks if one in text]
        await self.hub.store.audit.flush()
        with sqlite3.connect(self.folder / "data" / "hub.db") as database:
            dump = "\n".join(database.iterdump())
        found += [line[:300] for line in dump.splitlines() if any(one in line for one in marks)]
        return found


@asynccontextmanager
async def quirk_house(folder: Path) -> AsyncIterator[QuirkHouse]:
    """The hub and the vendors' one server."""
    vendors: dict[str, Vendor] = {}

    async def answer(request: web.Request) -> web.StreamResponse:
        _, name, path = f"{request.path}/".split("/", 2)
        return await vendors[name].answer(request, "/" + path.rstrip("/"))

    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", answer)
    server = TestServer(app, host="localhost")
    await server.start_server()
    own = free_port()
    base = f"http://localhost:{own}"
    names = [OPERATORS, *(f"q{number}" for number in range(1, MOST))]
    opened = {name: ["127.0.0.0/8", "::1/128"] for name in names}
    (folder / "apps").mkdir()
    settings = {
        "public_url": base,
        "data_dir": str(folder / "data"),
        "connectors": {"shipped": False, "paths": [str(folder / "apps")]},
        "network": {"allow_private": opened},
        "providers": {OPERATORS: {"credential": {"key": OPERATOR_KEY}}},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(settings), "utf-8")
    clock = HastyClock()
    hub = await Hub.start(config.load(folder / "config.yaml", {}), clock=clock)
    served = TestServer(application(hub), host="localhost", port=own)
    await served.start_server()
    user = await hub.store.users.add("ada", "member")
    session = ClientSession(cookie_jar=CookieJar(unsafe=True))
    try:
        caller = Caller(user.id, "ada", None, frozenset(EFFECTS), False)
        at = str(server.make_url("")).rstrip("/")
        yield QuirkHouse(hub, base, Browser(session, base), caller, clock, folder, at, vendors)
    finally:
        await session.close()
        await served.close()
        await server.close()
        await hub.close()
