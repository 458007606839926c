"""A whole hub on a free port, in a thread of its own, and a client of bare sockets that sends it whatever it is given.

Not the requests (``shapes.py``).
"""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from aiohttp import web

from hub import config
from hub.app import Hub, application
from hub.sdk.tool import EFFECTS
from hub.web.connections import Patience, Port

SECONDS = 5.0
"""How long an answer may take; what takes longer hangs."""

CONNECTOR = '''"""What there is to call."""

from typing import Any

from hub.sdk import Connector, Context, Elicit

connector = Connector(title="Things", description="Things to be fuzzed.")


@connector.tool(effect="read")
async def echo(ctx: Context, words: str = "", number: int = 0, deep: dict[str, Any] | None = None) -> dict[str, Any]:
    """Gives back what it got."""
    return {"words": words, "number": number, "deep": deep or {}}


@connector.tool(effect="write", summary="Note {words}")
def note(words: str) -> str:
    """Notes words in a thread of its own."""
    return words


@connector.tool(effect="read")
async def greet(ctx: Context) -> str:
    """Asks who is there."""
    answer = await ctx.ask(who=Elicit("Who is there?", {"name": {"type": "string"}}))
    return str(answer)


@connector.resource("things://{name}")
async def thing(name: str) -> str:
    """A thing of that name."""
    return name


@connector.prompt()
async def words(about: str) -> str:
    """Words about something."""
    return about
'''

CONFIG = """
data_dir: data
listen: {port: 0}
connectors: {shipped: false, paths: [connectors]}
network: {proxy: "http://fuzz:proxy-pass-word@127.0.0.1:9"}
"""

YAML = """
title: Away
base_url: https://api.example.com
tools:
  look:
    effect: read
    description: Looks at something that is far away.
    input: {id: {type: string, description: The thing's id.}}
    required: [id]
    request: {path: "/things/{id}", query: {q: "{id}"}}
"""


@dataclass(frozen=True, slots=True)
class Target:
    """The hub under fire: port, routes, a token, a set-up link's secret, and what no answer may ever hold."""

    port: int
    paths: tuple[bytes, ...]
    token: str
    secret: str
    kept: tuple[str, ...]


@dataclass(slots=True)
class _Thread:
    """The hub's thread, seen from the test's: what it says, and how it is ended."""

    folder: Path
    begun: threading.Event = field(default_factory=threading.Event)
    target: Target | None = None
    failed: BaseException | None = None
    stop: Callable[[], object] = lambda: None

    def run(self) -> None:
        """Serve until ``stop`` is called."""
        try:
            asyncio.run(self._serve())
        except BaseException as wrong:  # noqa: BLE001 - told to the test, which is in another thread
            self.failed = wrong
        finally:
            self.begun.set()

    async def _serve(self) -> None:
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        self.stop = lambda: loop.call_soon_threadsafe(stopped.set)
        connectors = self.folder / "connectors"
        connectors.mkdir()
        (connectors / "things.py").write_text(CONNECTOR)
        (connectors / "away.yaml").write_text(YAML)
        path = self.folder / "config.yaml"
        path.write_text(CONFIG)
        hub = await Hub.start(config.load(path, {}))
        app = application(hub)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        try:
            assert [one.reason for one in hub.registry.catalog.connectors.values() if one.reason] == []
            user = await hub.store.users.add("ada")
            _, token = await hub.store.tokens.create(user.id, "fuzz", EFFECTS)
            secret = await hub.store.setup_links.create(user.id, timedelta(hours=1))
            await runner.setup()
            await Port(runner, "127.0.0.1", 0, Patience()).start()
            key = (self.folder / "data" / "hub.key").read_text().splitlines()[-1]
            kept = (token, key, "proxy-pass-word", str(self.folder), "Traceback", 'File "', "site-packages")
            paths = tuple(sorted({resource.canonical.encode() for resource in app.router.resources()}))
            self.target = Target(runner.addresses[0][1], paths, token, secret, kept)
            self.begun.set()
            await stopped.wait()
        finally:
            await runner.cleanup()
            await hub.close()


@contextmanager
def running(folder: Path) -> Iterator[Target]:
    """The hub while the block runs."""
    held = _Thread(folder)
    thread = threading.Thread(target=held.run, name="fuzzed hub")
    thread.start()
    try:
        assert held.begun.wait(60)
        assert held.target is not None, held.failed
        yield held.target
    finally:
        if thread.is_alive():
            held.stop()
        thread.join(60)
    assert held.failed is None, held.failed


@dataclass(slots=True)
class Answer:
    """What came back: the status (0 where the connection was closed without a word), head and body."""

    status: int
    head: bytes
    body: bytes


def _final(seen: bytes) -> bytes:
    """``seen`` without the interim answers at its beginning (RFC 9110, section 15.2)."""
    while seen.startswith(b"HTTP/1.1 1") and b"\r\n\r\n" in seen:
        seen = seen.partition(b"\r\n\r\n")[2]
    return seen


@dataclass(slots=True)
class Client:
    """One connection after another; an answer in time is all it wants."""

    port: int
    _socket: socket.socket | None = field(default=None)

    def close(self) -> None:
        """Close the connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def send(self, request: bytes) -> Answer:
        """The answer to ``request``: a stream's beginning where it is one. Raises ``TimeoutError`` for none in time."""
        for attempt in (1, 2):
            fresh = self._socket is None
            if self._socket is None:
                self._socket = socket.create_connection(("127.0.0.1", self.port), timeout=SECONDS)
            try:
                self._socket.sendall(request)
                answer = self._read(bodiless=request.startswith(b"HEAD "))
            except ConnectionError:
                answer = Answer(0, b"", b"")
            if answer.status or fresh or attempt == 2:
                return answer
            # A kept connection that the hub closed meanwhile says nothing about this request.
            self.close()
        raise AssertionError("unreachable")

    def _read(self, *, bodiless: bool) -> Answer:
        held = self._socket
        assert held is not None
        seen = b""
        while b"\r\n\r\n" not in (seen := _final(seen)):
            more = held.recv(65536)
            if not more:
                self.close()
                return Answer(0, seen, b"")
            seen += more
        head, _, body = seen.partition(b"\r\n\r\n")
        status = int(head[9:12])
        fields = head.lower()
        stream = b"text/event-stream" in fields
        if bodiless or status in (204, 304):
            self.close()
            return Answer(status, head, body)
        if stream or b"connection: close" in fields or b"content-length:" not in fields:
            while not stream and b"transfer-encoding" not in fields and (more := held.recv(65536)):
                body += more
            self.close()
            return Answer(status, head, body)
        length = int(fields.partition(b"content-length:")[2].partition(b"\r\n")[0])
        while len(body) < length and (more := held.recv(65536)):
            body += more
        return Answer(status, head, body)
