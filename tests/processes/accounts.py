"""Two hub processes, people with accounts at a certified provider, and the door through which its tokens are renewed.

Not the tests. Accounts are connected as people do it, in scripted browsers; their access tokens end at once.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
from sqlalchemy import select, update

from hub.broker.vault import Vault
from hub.clock import SystemClock
from hub.sdk.effect import EFFECTS
from hub.seal import KeyRing
from hub.store import Store
from hub.store.connection_tables import connections
from hub.store.connections import Connection
from hub.store.tables import metadata
from hub.web.people.cookies import Cookies
from tests import plants
from tests.broker.scene import CONNECTOR, PROVIDER, SECRET, Browser, end_vendors, text_of, vendor_process
from tests.mcp_server.wire_client import Wire
from tests.ports import free_port
from tests.processes.conftest import address_of, hub_program, two_hubs, until
from tests.processes.faults import Door, door_to
from tests.programs.processes import Program

ENDED = 4
"""Seconds an access token lives at first: so few that the hub takes it for dead when it comes."""

LIVING = 3600


@dataclass
class Town:
    """The hubs, their database seen from outside, and the people."""

    streets: "Streets"
    store: Store
    vault: Vault
    door: Door
    http: aiohttp.ClientSession
    tokens: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)

    async def living(self, seconds: int) -> None:
        """How long the provider's access tokens live from now on."""
        async with self.http.post(f"{self.streets.issuer}/control", json={"access_seconds": seconds}) as reply:
            assert reply.status == 200

    async def connected(self, *names: str) -> None:
        """Let each of these people connect an account whose access token has ended."""
        await self.living(ENDED)
        for name in names:
            user = await self.store.users.add(name, "member")
            self.ids[name] = user.id
            _, self.tokens[name] = await self.store.tokens.create(user.id, "test", frozenset(EFFECTS), None)
            opened = await self.store.web_sessions.open(
                user.id, strong=True, method="test", address="127.0.0.1", agent="test"
            )
            async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
                session.cookie_jar.update_cookies({Cookies(self.streets.base).session_name: opened[1]})
                self.door.connecting = name
                page = await Browser(session, self.streets.base, name).connect()
                assert page.title == "Connected", page.alert or page.text
        await self.living(LIVING)

    async def row(self, name: str) -> Connection:
        """The person's account as it lies in the database."""
        (kept,) = await self.store.connections.list(self.ids[name])
        return kept

    def kept_token(self, kept: Connection) -> str:
        """The refresh token that was committed."""
        secrets = self.vault.open(kept.secret, id=kept.id, user_id=kept.user_id)
        assert secrets is not None
        return str(secrets["refresh_token"])

    async def minutes_pass(self, *names: str) -> None:
        """What waits for some minutes to pass, pauses after a failure and leases, has waited for them."""
        earlier = timedelta(minutes=10)
        for name in names:
            mine = update(connections).where(connections.c.user_id == self.ids[name])
            kept = await self.row(name)
            values = {
                "failed_at": kept.failed_at - earlier if kept.failed_at else None,
                "lease_until": kept.lease_until - earlier if kept.lease_until else None,
            }
            async with self.store._database.write() as connection:
                await connection.execute(mine.values(values))
                await self.store.changes.record(connection, "connection", self.ids[name])

    async def call(self, name: str, url: str) -> dict[str, Any]:
        """One call of a tool with the person's account."""
        return (await Wire(self.http, url, self.tokens[name]).call("notes_read_note")).result

    async def storm(self, name: str, calls: int, leaving: int = 0) -> list[dict[str, Any]]:
        """So many calls at once, over both processes, of which ``leaving`` go as soon as the provider was asked; the
        results of those that had one."""
        tasks = [asyncio.create_task(self.call(name, self.streets.urls[number % 2])) for number in range(calls)]
        random.Random(name).shuffle(tasks)
        leavers, stayers = tasks[:leaving], tasks[leaving:]
        if leavers:
            await self.door.until(name, 1)
            for number, one in enumerate(leavers):
                asyncio.get_running_loop().call_later(number * 0.02, one.cancel)
        results = await asyncio.gather(*stayers)
        gone = await asyncio.gather(*leavers, return_exceptions=True)
        assert [one for one in gone if isinstance(one, Exception)] == []
        return results + [one for one in gone if not isinstance(one, BaseException)]

    async def until_kept(self, name: str) -> None:
        """Wait until a renewed token of the account is committed."""
        await until(lambda: self._is(name, lambda kept: kept.version > 1))

    async def until_settled(self, name: str) -> None:
        """Wait until nobody is renewing the account."""
        await until(lambda: self._is(name, lambda kept: kept.lease_owner is None))

    async def _is(self, name: str, so: Callable[[Connection], bool]) -> bool:
        return so(await self.row(name))

    def written(self, words: str) -> int:
        """How often both processes wrote a line with these words."""
        return sum(one.output.count(words) for one in self.streets.programs)

    async def look_through(self) -> None:
        """Look for the vendor's tokens, and for what was planted, in all that lies in the database and in what the
        processes wrote."""
        tokens = [*self.door.owners]
        async with self.store._database.read() as connection:
            for table in metadata.sorted_tables:
                text = repr((await connection.execute(select(table))).all())
                plants.note(f"the table {table.name}", text)
                plants.exactly(f"the table {table.name}", text, tokens)
        for program in self.streets.programs:
            plants.exactly("the output of a hub", program.output, tokens)

    def kill(self, number: int) -> None:
        """kill -9."""
        self.streets.programs[number].kill()

    async def start_again(self, number: int) -> None:
        """Start a process in the place of one that was killed."""
        self.streets.programs[number] = hub_program(self.streets.config)
        address = await asyncio.to_thread(address_of, self.streets.programs[number])
        self.streets.urls[number] = f"http://{address}/mcp"


def kinds(results: list[dict[str, Any]]) -> set[str]:
    """What went wrong in these results; ``""`` for nothing. An error that is nobody's business here comes with its
    words."""
    told = set()
    for one in results:
        kind = str(one["_meta"]["hub/error"]["kind"]) if one.get("isError") else ""
        told.add(kind if kind in ("", "unavailable", "connection_needed") else f"{kind}: {text_of(one)}")
    return told


@dataclass
class Streets:
    """What outlives one test: the processes, their configuration, and where the door is to stand."""

    programs: list[Program]
    urls: list[str]
    config: Path
    base: str
    database: str
    issuer: str
    port: int


@contextmanager
def streets_at(folder: Path, url: str) -> Iterator[Streets]:
    """Two hubs on the database ``url``, and a provider of their own."""
    process = vendor_process(method="basic", access_seconds=ENDED, of=folder.name)
    issuer, port = f"http://localhost:{process.port}", free_port()
    place = folder / "apps" / "notes"
    place.mkdir(parents=True)
    declared = PROVIDER.format(issuer=issuer, client_auth="basic")
    declared = declared.replace(f'"{issuer}/token"', f'"http://localhost:{port}/token"')
    (place / "provider.yaml").write_text(declared, "utf-8")
    connector = CONNECTOR.format(issuer=issuer, other=f"localhost:{free_port()}", scope="notes:write")
    (place / "connector.yaml").write_text(connector, "utf-8")
    base = f"http://localhost:{process.hub_port}"
    settings: Mapping[str, Any] = {
        "public_url": base,
        "connectors": {"shipped": False, "paths": [str(folder / "apps")]},
        "network": {"allow_private": {"notes": ["127.0.0.0/8", "::1/128"]}},
        "providers": {"notes": {"client_id": "hub", "client_secret": SECRET}},
    }
    with two_hubs(folder, url, settings, process.hub_port) as two:
        streets = Streets(list(two.programs), list(two.urls), two.config, base, url, issuer, port)
        try:
            yield streets
        finally:
            for one in streets.programs:
                one.stop()
            end_vendors()


@asynccontextmanager
async def town_at(streets: Streets) -> AsyncIterator[Town]:
    """The town for one test."""
    clock = SystemClock()
    store = Store.open(streets.database, clock)
    async with door_to(streets.issuer, streets.port) as door:
        try:
            await store.migrate()
            vault = Vault(KeyRing.open(streets.config.parent / "data"), clock)
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
                town = Town(streets, store, vault, door, http)
                yield town
                await town.look_through()
        finally:
            await store.close()
