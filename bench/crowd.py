"""``make crowd``: a thousand calls in flight at once, and five thousand clients that only listen.

    python bench/crowd.py [--calls N] [--streams N]

Both eras take half each, of two hundred users. The exit code is 1 when a bar is not met.
"""

import argparse
import asyncio
import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import yaml

from bench import crowds, servers
from bench.messages import legacy, modern
from hub.web.connections import open_files

USERS = 200
ROUNDS = 5
CALL_SECONDS = 3.0
CALL_MEGABYTES = 100.0
STREAM_MEGABYTES = 300.0
IDLE_SECONDS = 5.0


class Broken(Exception):
    """An answer or a stream is not what it should be; says what came."""


class Wire(asyncio.Protocol):
    """One connection that sends one request and waits for what ``whole`` takes for all of it."""

    def __init__(self, request: bytes, whole: Callable[[bytes], bool]) -> None:
        self._request = request
        self._whole = whole
        self.seen = b""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self.transport = transport
            transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self.seen += data
        if not self.done.done() and self._whole(self.seen):
            self.done.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(Broken(self.seen[:600].decode(errors="replace") or "closed without an answer"))

    def wait_for(self, whole: Callable[[bytes], bool]) -> None:
        """Forget what came, and wait for ``whole``."""
        self.seen = b""
        self._whole = whole
        self.done = asyncio.get_running_loop().create_future()


async def opened(port: int, requests: list[bytes], whole: Callable[[bytes], bool]) -> list[Wire]:
    """A connection for each request, a few hundred at a time."""
    loop = asyncio.get_running_loop()
    made: list[Wire] = []
    for at in range(0, len(requests), 250):
        pairs = [
            loop.create_connection(lambda one=one: Wire(one, whole), "127.0.0.1", port)  # type: ignore[misc]
            for one in requests[at : at + 250]
        ]
        made += [wire for _, wire in await asyncio.gather(*pairs)]
    return made


async def ended(wires: list[Wire], seconds: float) -> None:
    """Wait until each has what it waits for. Raises ``Broken`` and ``TimeoutError``."""
    async with asyncio.timeout(seconds):
        await asyncio.gather(*(wire.done for wire in wires))


def _answered(seen: bytes) -> bool:
    if seen.startswith(b"HTTP/1.1 ") and not seen.startswith(b"HTTP/1.1 200"):
        raise Broken(seen[:600].decode(errors="replace"))
    head, blank, body = seen.partition(b"\r\n\r\n")
    _, found, rest = head.lower().partition(b"content-length:")
    return bool(blank) and (len(body) >= int(rest.partition(b"\r\n")[0]) if found else body.endswith(b"0\r\n\r\n"))


async def calls_in_flight(hub: crowds.RunningHub, tokens: list[str], count: int) -> tuple[float, float]:
    """Seconds until all of ``count`` calls of a second each are answered, and the megabytes they added at most."""
    params = {"name": "slow_wait", "arguments": {"ms": 1000}}
    requests = [
        (modern if number % 2 else legacy)("tools/call", params, tokens[number % len(tokens)])
        for number in range(count)
    ]
    # What is made once, for the first call (pools, compiled statements), is no cost of the thousandth.
    await ended(await opened(hub.port, requests[:50], _answered), 30)
    before = hub.resident()
    hub.forget_peak()
    begun = time.monotonic()
    wires = await opened(hub.port, requests, _answered)
    await ended(wires, 60)
    seconds = time.monotonic() - begun
    for wire in wires:
        if b'"isError":true' in wire.seen or b'"result"' not in wire.seen:
            raise Broken(wire.seen[:600].decode(errors="replace"))
        if wire.transport is not None:
            wire.transport.close()
    return seconds, hub.peak() - before


async def idle_streams(hub: crowds.RunningHub, tokens: list[str], count: int, edit: Callable[[], Any]) -> list[float]:
    """Megabytes with ``count`` streams open and told of a change, seconds that took, and processors used when idle."""
    wants = {"notifications": {"toolsListChanged": True, "resourceSubscriptions": ["slow://one"]}}
    requests = []
    for number in range(count):
        token = tokens[number % len(tokens)]
        if number % 2:
            requests.append(modern("subscriptions/listen", wants, token))
        else:
            head = f"GET /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\nAuthorization: Bearer {token}"
            requests.append(f"{head}\r\nMCP-Protocol-Version: 2025-11-25\r\n\r\n".encode())
    wires = await opened(hub.port, requests, lambda seen: b"\n\n" in seen.partition(b"\r\n\r\n")[2])
    await ended(wires, 120)
    before = hub.cpu()
    await asyncio.sleep(IDLE_SECONDS)
    idle = (hub.cpu() - before) / IDLE_SECONDS
    for wire in wires:
        wire.wait_for(lambda seen: b"notifications/tools/list_changed" in seen)
    begun = time.monotonic()
    edit()
    await ended(wires, 60)
    told = time.monotonic() - begun
    size = hub.resident()
    for wire in wires:
        if wire.transport is not None:
            wire.transport.abort()
    return [size, told, idle]


def _connector(port: int, title: str) -> str:
    tool = {
        "description": "Waits as long as it is told to.",
        "effect": "read",
        "input": {"ms": {"type": "integer", "description": "Milliseconds."}},
        "request": {"method": "GET", "path": "/slow", "query": {"ms": "{ms}"}},
    }
    return yaml.safe_dump(
        {"title": "Slow", "base_url": f"http://127.0.0.1:{port}", "tools": {"wait": {"title": title, **tool}}}
    )


def main() -> int:
    """Run it; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--streams", type=int, default=5000)
    options = parser.parse_args()
    open_files(options.calls + options.streams)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        app = stack.enter_context(servers.upstream(folder))
        connectors = folder / "connectors"
        connectors.mkdir()
        (connectors / "slow.yaml").write_text(_connector(app.port, "Wait"))
        private = {"network": {"allow_private": {"slow": [f"127.0.0.1:{app.port}"]}}}
        config = crowds.configured(folder, connectors, private)
        tokens = crowds.tokens(config, USERS)
        hub = stack.enter_context(crowds.serving(config))
        edits = iter(("Wait a moment", "Wait a while"))

        def edit() -> None:
            (connectors / "slow.yaml").write_text(_connector(app.port, next(edits)))

        rounds = [asyncio.run(calls_in_flight(hub, tokens, options.calls)) for _ in range(ROUNDS)]
        size, told, idle = asyncio.run(idle_streams(hub, tokens, options.streams, edit))
    print(f"{options.calls} calls in flight against an app that takes a second; {options.streams} idle streams")
    told_of = ", ".join(f"{seconds:.2f} s" for seconds, _ in rounds)
    print(f"all calls answered in {told_of}: the first time with new connections to the app and unknown tokens")
    print(f"idle, the streams take {idle:.3f} of a processor; all were told of a change {told:.3f} s after the edit")
    return crowds.verdict(
        [
            ("all calls answered (median)", statistics.median(seconds for seconds, _ in rounds), CALL_SECONDS, "s"),
            ("memory they added at most", max(added for _, added in rounds), CALL_MEGABYTES, "MB"),
            ("resident memory with the streams", size, STREAM_MEGABYTES, "MB"),
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
