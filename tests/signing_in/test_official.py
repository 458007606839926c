"""A server of the official SDK that wants a token of each person: what it says by itself reaches that person."""

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from hub.gateway.listeners import Subscription, Wants
from hub.sdk.talk import Silence
from hub.servers.sessions import IDLE, PAUSE
from tests.broker.scene import text_of
from tests.ports import free_port
from tests.servers.crew import MODULES, NODE, PROGRAMS, Listener, Server
from tests.signing_in.shop import Place, place_at
from tests.waiting import PATIENCE

NOTE = "shop+note://mine"


class Person(Silence):
    """A client that can be asked while it waits."""

    waits = True
    capabilities: Mapping[str, Any] = {"elicitation": {}}

    def __init__(self, city: str) -> None:
        self.city = city

    async def ask(self, requests: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        return {"server": {"action": "accept", "content": {"city": self.city}}}


class Program:
    """The official SDK's server as a program."""

    def __init__(self) -> None:
        self.port = free_port()
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it."""
        program = str(Path(__file__).parent / "official.py")
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, program, str(self.port), stderr=asyncio.subprocess.PIPE
        )
        assert self._process.stderr is not None
        async with asyncio.timeout(PATIENCE):
            while b"running on" not in await self._process.stderr.readline():
                assert self._process.returncode is None

    async def kill(self) -> None:
        """End it, as a crash would."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.communicate()


@asynccontextmanager
async def notes_at(folder: Path, *people: str) -> AsyncIterator[tuple[Place, Program]]:
    """A hub whose connector ``shop`` is the official SDK's server, at which these people have pasted their keys."""
    program = Program()
    try:
        await program.start()
        credential = {"from": "user", "header": "Authorization", "value": "Bearer {key}"}
        url = f"http://127.0.0.1:{program.port}/mcp"
        async with place_at(folder, port=program.port, url=url, credential=credential) as place:
            for name in people:
                await paste(place, name)
            await place.until(lambda: "shop_look" in place.hub.registry.catalog.tools)
            yield place, program
    finally:
        await program.kill()


async def paste(place: Place, name: str, person: str | None = None) -> None:
    """``name`` connects the account of ``person``, in place of the one there was."""
    browser = await place.house.browser(name)
    mine = await place.mine(name)
    page = await browser.open("/connect/shop" + (f"?again={mine[0].id}" if mine else ""))
    given = {**page.form("by-key"), "field_key": f"planted-key-of-{person or name}"}
    await browser.send("/connect/shop/by/key", given)


async def watching(place: Place, name: str) -> Subscription:
    """``name`` watches the note."""
    return place.hub.gateway.listeners.open(await place.house.caller(name), Wants(uris=frozenset({NOTE})))


async def subscribed(place: Place, *people: str) -> None:
    """Wait until the server was told that these watch something."""
    async with asyncio.timeout(PATIENCE):
        while not set(people) <= set(text_of(await place.house.call("shop_look")).split()[1:]):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def news(subscription: Subscription) -> str:
    """The next resource that changed."""
    async with asyncio.timeout(PATIENCE):
        async for one in subscription:
            return str(one["params"]["uri"])
    raise AssertionError("it ended")


async def test_what_a_server_says_to_one_account_reaches_its_person_alone(tmp_path: Path) -> None:
    async with notes_at(tmp_path, "ada", "eve", "ben") as (place, _):
        house, sessions = place.house, place.hub.servers.sessions
        ada, eve = await watching(place, "ada"), await watching(place, "eve")
        await subscribed(place, "ada", "eve")
        await place.until(lambda: sessions.hearing() == 3)
        await house.call("shop_write", {}, "ada")
        assert await news(ada) == NOTE
        assert not eve._pending, "it is the note of another"
        await house.call("shop_write", {}, "eve")
        assert await news(eve) == NOTE
        assert not ada._pending

        gateway = place.hub.gateway
        asked = [
            gateway.call_tool(await house.caller(name), "shop_wish", {}, Person(city))
            for name, city in (("ada", "Oslo"), ("eve", "Rome"))
        ]
        told = [text_of(answer) for answer in await asyncio.gather(*asked)]
        assert told == ["ada accept {'city': 'Oslo'}", "eve accept {'city': 'Rome'}"]

        await house.call("shop_grow", {}, "eve")
        pins = place.hub.servers.pins
        await place.until(lambda: "grown" in str(pins.waiting("shop")))

        for name, left in (("ben", 2), ("ada", 1)):  # who watches nothing, and who does
            assert sessions.hearing() == left + 1
            [mine] = await place.mine(name)
            await place.hub.brokerage.ending.disconnect(mine.user_id, mine.id)
            await place.until(lambda left=left: sessions.hearing() == left)
        house.clock.advance(IDLE + 1)
        sessions.sweep()
        assert sessions.hearing() == 1, "something is watched on it"
        eve.close()
        await place.until(lambda: sessions.hearing() == 0)


async def test_an_account_that_died_is_told_and_works_again_once_it_is_connected_anew(tmp_path: Path) -> None:
    async with notes_at(tmp_path, "ada") as (place, program):
        ada = await watching(place, "ada")
        await subscribed(place, "ada")
        await place.house.call("shop_end")
        answer = await place.house.call("shop_look")
        assert answer["_meta"]["hub/error"]["kind"] == "connection_needed"
        [mine] = await place.mine("ada")
        assert mine.health == "needs_sign_in"
        told = text_of(await place.house.call("hub_list_connections"))
        assert '"health":"needs_sign_in"' in told
        await place.house.admin()
        console = await place.house.browser("root")
        page = await console.open("/console/servers")
        assert "1 connected, of which 1 needs to be connected again by its owner" in page.text
        assert trouble(place) is None, "the server is well"
        await place.until(lambda: place.hub.servers.sessions.hearing() == 0)

        await paste(place, "ada", "ada2")
        await subscribed(place, "ada2")
        await place.house.call("shop_write")
        assert await news(ada) == NOTE
        assert "1 connected. " in (await console.open("/console/servers")).text

        await program.kill()
        await place.until(lambda: trouble(place) is not None)
        assert "Shop does not answer" in (await console.open("/console/servers")).text
        assert (await place.house.call("shop_look"))["_meta"]["hub/error"]["kind"] == "unavailable"
        await program.start()
        place.house.clock.advance(PAUSE)
        await place.until(lambda: trouble(place) is None)
        await subscribed(place, "ada2")
        await place.house.call("shop_write")
        assert await news(ada) == NOTE, "what is watched is watched anew, without a call"


def trouble(place: Place) -> str | None:
    """Why the server does not answer, as far as the hub knows."""
    pin = place.hub.servers.pins.get("shop")
    assert pin is not None
    return pin.trouble


@pytest.mark.skipif(not MODULES.exists(), reason="the SDK is not installed (make programs installs it)")
async def test_a_server_of_2026_07_28_is_heard_on_an_account_likewise(tmp_path: Path) -> None:
    listener = Listener(Server("notes", (NODE, str(PROGRAMS / "modern.mjs"), "{port}"), path="/mcp"), free_port())
    await listener.start()
    try:
        await listener.listens()
        port = listener.port
        credential = {"from": "user", "header": "Authorization", "value": "Bearer {key}"}
        async with place_at(tmp_path, port=port, url=listener.url, credential=credential) as place:
            await paste(place, "ada")
            await place.until(lambda: "shop_change" in place.hub.registry.catalog.tools)
            uri = "shop+notes:///sums"
            caller = await place.house.caller("ada")
            ada = place.hub.gateway.listeners.open(caller, Wants(uris=frozenset({uri})))
            told = asyncio.create_task(news(ada))
            while not told.done():
                await place.house.call("shop_change")
                await asyncio.wait({told}, timeout=0.2)
            assert told.result() == uri
    finally:
        await listener.stop()
