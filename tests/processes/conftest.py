"""Two hub processes on one database, and one client of each."""

import asyncio
import json
import secrets
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from tests.mcp_server.wire_client import Wire
from tests.programs.processes import ROOT, Program, command, environment, token_of
from tests.store.conftest import Cluster, cluster
from tests.waiting import PATIENCE

__all__ = ["cluster"]

LAB = Path(__file__).resolve().parent / "connectors"


@dataclass(frozen=True)
class Hubs:
    """Two processes of one hub, and a token of theirs. Both watch ``dropped``."""

    programs: tuple[Program, Program]
    urls: tuple[str, str]
    token: str
    config: Path
    dropped: Path


@dataclass(frozen=True)
class Pair:
    """Two processes of one hub; ``a`` and ``b`` are clients of each with one token."""

    hubs: Hubs
    a: Wire
    b: Wire

    async def hub(self, *arguments: str) -> str:
        """What ``hub ARGUMENTS`` prints on their data."""
        return await asyncio.to_thread(command, self.hubs.config, *arguments)


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Callable[[Path], str]:
    """Makes an empty database, given a folder for its file where it is one; returns its URL."""
    if request.param == "sqlite":
        return lambda folder: f"sqlite+aiosqlite:///{folder}/data/hub.db"
    server: Cluster = request.getfixturevalue("cluster")

    def made(folder: Path) -> str:
        name = f"hub_{secrets.token_hex(6)}"
        asyncio.run(server.execute(f"CREATE DATABASE {name}"))
        return server.url(name)

    return made


def hub_program(config: Path, port: int = 0) -> Program:
    """``hub serve``, begun."""
    serve: list[str | Path] = [sys.executable, "-m", "hub", "serve", "--config", config, "--port", str(port)]
    return Program(serve, cwd=ROOT, environment=environment(config.parent))


def address_of(program: Program) -> str:
    """Where it listens, once it does."""
    return str(json.loads(program.wait_for("the hub is ready").string)["listening"][0])


@contextmanager
def two_hubs(folder: Path, url: str, settings: Mapping[str, Any] | None = None, port: int = 0) -> Iterator[Hubs]:
    """Two processes that share the database, the keys and the connectors, until the block ends. ``settings`` are added
    to their configuration; ``port`` is the first one's, where it has to be a certain one."""
    dropped = folder / "dropped"
    dropped.mkdir()
    config = folder / "config.yaml"
    held = {
        "listen": {"port": 0},
        "data_dir": str(folder / "data"),
        "database_url": url,
        "connectors": {"shipped": False, "paths": [str(LAB), str(dropped)]},
        **(settings or {}),
    }
    config.write_text(yaml.safe_dump(held), "utf-8")
    with ExitStack() as stack:
        programs = []
        for number in (port, 0):
            programs.append(hub_program(config, number))
            stack.callback(programs[-1].stop)
        listening = [address_of(one) for one in programs]
        token = token_of(config, "ada")
        urls = (f"http://{listening[0]}/mcp", f"http://{listening[1]}/mcp")
        yield Hubs((programs[0], programs[1]), urls, token, config, dropped)


@pytest.fixture(scope="session")
def hubs(database: Callable[[Path], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hubs]:
    """The two processes that most tests share."""
    folder = tmp_path_factory.mktemp("hubs")
    with two_hubs(folder, database(folder)) as two:
        yield two


async def clients(two: Hubs) -> AsyncIterator[Pair]:
    """The two processes, each with a client."""
    async with aiohttp.ClientSession() as http:
        yield Pair(two, Wire(http, two.urls[0], two.token), Wire(http, two.urls[1], two.token))


@pytest.fixture
async def pair(hubs: Hubs) -> AsyncIterator[Pair]:
    """The two processes that most tests share, each with a client."""
    async for one in clients(hubs):
        yield one


@pytest.fixture
async def mortal(pair: Pair) -> AsyncIterator[Pair]:
    """The same with a third process as the first one, which may be ended."""
    program = hub_program(pair.hubs.config)
    try:
        url = f"http://{await asyncio.to_thread(address_of, program)}/mcp"
        hubs = replace(pair.hubs, programs=(program, pair.hubs.programs[1]), urls=(url, pair.hubs.urls[1]))
        yield Pair(hubs, Wire(pair.a.http, url, hubs.token), pair.b)
    finally:
        await asyncio.to_thread(program.stop)


async def until(seen: Callable[[], Awaitable[bool]], seconds: float = PATIENCE) -> float:
    """Ask again and again until ``seen``; after how many seconds. Fails when it is not seen in time."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    async with asyncio.timeout(seconds):
        while not await seen():
            pass
    return loop.time() - start
