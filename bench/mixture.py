"""What the soak does: every kind of request, in both eras, each checked to be answered as it should.

One user's tokens and sessions for each worker. Not the pace nor the measuring (``soak.py``).
"""

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson
import yaml

from bench import messages
from bench.crowd import Broken, Wire
from bench.load import post
from bench.messages import legacy, modern

CODE = '''"""What the soak asks of Python connectors."""

from typing import Any

from hub.sdk import Connector, Context, Elicit

connector = Connector(title="Soak code", description="Asks, reads and prompts for the soak.")


@connector.tool(effect="read")
async def greet(ctx: Context) -> str:
    """Asks who is there, and greets them."""
    answer = await ctx.ask(who=Elicit("Who is there?", {"name": {"type": "string"}}))
    return f"Hello {answer['content']['name']}"


@connector.tool(effect="write", summary="Count to {most}")
def count(most: int) -> dict[str, Any]:
    """Counts in a thread of its own."""
    return {"counted": sum(range(most))}


@connector.resource("code://{name}")
async def note(name: str) -> str:
    """A note of that name."""
    return f"The note {name}."


@connector.prompt()
async def summary(about: str) -> str:
    """Words for a summary."""
    return f"Summarize {about}."
'''


def write_connectors(folder: Path, port: int, edition: int = 0) -> None:
    """Write the soak's connectors, or write the declared one anew as another ``edition``, which reloads it."""
    folder.mkdir(exist_ok=True)
    if not edition:
        (folder / "code.py").write_text(CODE)
    fields = {name: name for name in ("id", "title", "state", "created_at", "url")}
    tools: dict[str, Any] = {
        "object": {"request": {"method": "GET", "path": "/object"}, "fields": fields},
        "items": {"request": {"method": "GET", "path": "/items"}, "items": "items", "fields": fields},
    }
    for one in tools.values():
        one |= {"effect": "read", "description": f"Reads from the app, edition {edition}."}
    declared = {"title": f"Soak {edition}", "base_url": f"http://127.0.0.1:{port}", "tools": tools}
    draft = folder / ".soak.yaml"
    draft.write_text(yaml.safe_dump(declared))
    draft.replace(folder / "soak.yaml")


def whole(seen: bytes) -> bool:
    """Whether one answer is there whole: by its length, or by its last chunk."""
    head, blank, body = seen.partition(b"\r\n\r\n")
    if not blank:
        return False
    _, found, rest = head.lower().partition(b"content-length:")
    if found:
        return len(body) >= int(rest.partition(b"\r\n")[0])
    return body.endswith(b"0\r\n\r\n") or b" 204 " in head[:20]


class Client:
    """One kept-open connection."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._wire: Wire | None = None
        self._last = False

    async def send(self, request: bytes, until: Callable[[bytes], bool] = whole, status: bytes = b"200") -> bytes:
        """The answer to ``request``. Raises ``Broken`` for one with another status than ``status``."""
        if self._last:
            # The hub said that it closes this one, as it does after streams that one can come back to.
            self.close()
        wire = self._wire
        if wire is None or wire.transport is None or wire.transport.is_closing():
            _, wire = await asyncio.get_running_loop().create_connection(
                lambda: Wire(request, until), "127.0.0.1", self._port
            )
            self._wire = wire
        else:
            wire.wait_for(until)
            wire.transport.write(request)
        async with asyncio.timeout(30):
            await wire.done
        self._last = b"\r\nconnection: close\r\n" in wire.seen.partition(b"\r\n\r\n")[0].lower() + b"\r\n"
        if wire.seen[9:12] != status:
            raise Broken(wire.seen[:600].decode(errors="replace"))
        return wire.seen

    async def rest(self) -> bytes:
        """What is left of an answer in pieces. Raises ``Broken``."""
        wire = self._wire
        if wire is None:
            raise Broken("no answer was begun")
        wire.wait_for(lambda seen: seen.endswith(b"0\r\n\r\n"))
        async with asyncio.timeout(30):
            await wire.done
        return wire.seen

    def close(self) -> None:
        """Close the connection."""
        if self._wire is not None and self._wire.transport is not None:
            self._wire.transport.abort()
        self._wire, self._last = None, False


class Person:
    """One user's client, which does one thing after another."""

    def __init__(self, port: int, token: str, seed: int) -> None:
        self.port = port
        self.token = token
        self.client = Client(port)
        self.session: str | None = None
        self.random = random.Random(seed)  # noqa: S311 - a schedule that repeats, no secret
        self.doings: list[Callable[[], Awaitable[None]]] = [
            *[self.calls] * 60,
            *[self.lists] * 12,
            *[self.reads] * 12,
            *[self.counts] * 6,
            *[self.asks] * 4,
            *[self.asks_on_the_back_channel] * 2,
            *[self.listens] * 4,
        ]

    async def do(self) -> None:
        """Do one of the things, as often as its part in the mixture. Raises ``Broken``, ``OSError`` and
        ``messages.WrongAnswer``."""
        await self.random.choice(self.doings)()

    def _request(self, method: str, params: dict[str, Any]) -> bytes:
        if self.random.random() < 0.5:
            return modern(method, params, self.token)
        return legacy(method, params, self.token, self.session)

    async def calls(self) -> None:
        """One object, or thirty items."""
        what = self.random.choice(("object", "items"))
        request = self._request("tools/call", {"name": f"soak_{what}", "arguments": {}})
        data = messages.result(await self.client.send(request))["structuredContent"]
        if what == "items" and len(data["items"]) != 30:
            raise Broken(str(data)[:300])

    async def counts(self) -> None:
        """A call that is written into the audit before it runs."""
        request = self._request("tools/call", {"name": "code_count", "arguments": {"most": 1000}})
        if messages.result(await self.client.send(request))["structuredContent"] != {"counted": 499_500}:
            raise Broken("the sum is wrong")

    async def lists(self) -> None:
        """One of the lists."""
        kind = self.random.choice(("tools", "resources", "resources/templates", "prompts"))
        messages.result(await self.client.send(self._request(f"{kind}/list", {})))

    async def reads(self) -> None:
        """A prompt or a resource."""
        if self.random.random() < 0.5:
            params = {"name": "code_summary", "arguments": {"about": "it"}}
            messages.result(await self.client.send(self._request("prompts/get", params)))
        else:
            uri = f"code://{self.random.randrange(1000)}"
            request = modern("resources/read", {"uri": uri}, self.token)
            named = request.replace(b"\r\nMcp-Method", f"\r\nMcp-Name: {uri}\r\nMcp-Method".encode(), 1)
            messages.result(await self.client.send(named))

    async def asks(self) -> None:
        """A call that asks, and is sent again with the answer."""
        params: dict[str, Any] = {"name": "code_greet", "arguments": {}}
        told = messages.result(await self.client.send(modern("tools/call", params, self.token)))
        answer = {"action": "accept", "content": {"name": "Ada"}}
        again = {**params, "inputResponses": {"who": answer}, "requestState": told["requestState"]}
        greeted = messages.result(await self.client.send(modern("tools/call", again, self.token)))
        if greeted["content"][0]["text"] != "Hello Ada":
            raise Broken(str(greeted)[:300])

    async def asks_on_the_back_channel(self) -> None:
        """The same in a session: the question comes on the call's own stream."""
        if self.session is None:
            self.session = await messages.session(self.port, self.token)
        request = legacy("tools/call", {"name": "code_greet", "arguments": {}}, self.token, self.session)
        asked = await self.client.send(request, lambda seen: b"elicitation/create" in seen and seen.endswith(b"\r\n"))
        line = next(line for line in asked.splitlines() if b"elicitation/create" in line)
        question = orjson.loads(line.removeprefix(b"data: "))
        answer = {"jsonrpc": "2.0", "id": question["id"], "result": {"action": "accept", "content": {"name": "Ada"}}}
        head = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": messages.LEGACY}
        head |= {"Authorization": f"Bearer {self.token}", "Mcp-Session-Id": str(self.session)}
        other = Client(self.port)
        rest = asyncio.ensure_future(self.client.rest())
        try:
            await other.send(post("/mcp", orjson.dumps(answer), head), _headed, status=b"202")
            greeted = await rest
        finally:
            rest.cancel()
            other.close()
        if b"Hello Ada" not in greeted:
            raise Broken(greeted[:600].decode(errors="replace"))

    async def listens(self) -> None:
        """A stream that opens and closes."""
        other = Client(self.port)
        wants = {"notifications": {"toolsListChanged": True}}
        try:
            await other.send(modern("subscriptions/listen", wants, self.token), lambda seen: b"\n\n\r\n" in seen)
        finally:
            other.close()


def _headed(seen: bytes) -> bool:
    return b"\r\n\r\n" in seen


numbers = itertools.count(1)
"""Editions of the declared connector."""
