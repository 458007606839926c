"""A small gateway, whole and real, and the endpoint over it: what the wire's tests stand on.

Not the hub's gateway: a dozen tools in memory, each made to do one thing the wire must cope with.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp
import orjson
from aiohttp import web

from hub.clock import Clock, FixedClock
from hub.errors import CapabilityMissing, Refused, ResourceMissing, StateRejected, ToolError, UnknownName
from hub.identity import Caller
from hub.mcp_server import Limits, McpServer
from hub.mcp_server.door import Resume, Wants
from hub.sdk.talk import ResumableTalk, Talk
from hub.seal import KeyRing
from tests.mcp_server.wire_client import WORDS, Wire

PUBLIC = "https://hub.example.org"
INFO = {"name": "connector-hub", "version": "0.0.1"}

_LINK = {"type": "resource_link", "uri": "note://1", "name": "one"}
_QUESTION = {
    "method": "elicitation/create",
    "params": {
        "mode": "form",
        "message": "Who are you?",
        "requestedSchema": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
    },
}


def text(words: str, **more: Any) -> dict[str, Any]:
    """A complete tool result of one text."""
    return {"resultType": "complete", "content": [{"type": "text", "text": words}], **more}


class Changes:
    """One listener's changes, in order."""

    def __init__(self, wants: Wants) -> None:
        self.wants = wants
        self.closed = False
        self._queue: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()

    def tell(self, note: dict[str, Any] | None) -> None:
        """Add a change; None ends."""
        self._queue.put_nowait(note)

    def close(self) -> None:
        """End it."""
        self.closed = True
        self.tell(None)

    async def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        while (note := await self._queue.get()) is not None:
            yield note


class Bell:
    """Who listens; tells everyone everything, so that the wire's own filter is what the tests see."""

    def __init__(self) -> None:
        self.all: list[Changes] = []
        self.opened = asyncio.Event()

    def open(self, caller: Caller, wants: Wants) -> Changes:
        """A new listener."""
        changes = Changes(wants)
        self.all.append(changes)
        self.opened.set()
        return changes

    def ring(self, method: str, **params: Any) -> None:
        """Tell all open listeners."""
        for changes in self.all:
            if not changes.closed:
                changes.tell({"method": method, "params": params} if params else {"method": method})


Run = Callable[["SmallGateway", Mapping[str, Any], Talk, Resume | None], Awaitable[dict[str, Any]]]


@dataclass
class SmallGateway:
    """A gateway of a few tools, resources and prompts. The events let a test and a tool meet."""

    listeners: Bell = field(default_factory=Bell)
    started: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    finished: asyncio.Event = field(default_factory=asyncio.Event)
    running: int = 0
    errand: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        self.tools: list[dict[str, Any]] = [
            {"name": name, "description": f"The tool {name}.", "inputSchema": {"type": "object"}} for name in TOOLS
        ]
        self.tools[0] = {**self.tools[0], "outputSchema": {"type": "array"}}
        self.resources = [{"uri": "note://1", "name": "one", "mimeType": "text/plain"}]
        self.templates = [{"uriTemplate": "note://{id}", "name": "note"}]
        self.prompts = [{"name": "greet", "description": "Greets.", "arguments": [{"name": "who", "required": True}]}]

    def list_tools(self, caller: Caller) -> list[dict[str, Any]]:
        return self.tools

    def list_resources(self, caller: Caller) -> list[dict[str, Any]]:
        return self.resources

    def list_templates(self, caller: Caller) -> list[dict[str, Any]]:
        return self.templates

    def list_prompts(self, caller: Caller) -> list[dict[str, Any]]:
        return self.prompts

    def instructions(self, caller: Caller) -> str:
        return f"Tools for {caller.user_name}."

    async def call_tool(
        self, caller: Caller, name: str, arguments: Mapping[str, Any], talk: Talk, resume: Resume | None = None
    ) -> dict[str, Any]:
        run = TOOLS.get(name)
        if run is None:
            raise UnknownName(f"There is no tool {name!r}.")
        self.running += 1
        try:
            return await run(self, arguments, talk, resume)
        except ToolError as wrong:
            return text(str(wrong), isError=True)
        finally:
            self.running -= 1

    async def read_resource(self, caller: Caller, uri: str, talk: Talk, resume: Resume | None = None) -> dict[str, Any]:
        if uri != "note://1":
            raise ResourceMissing(uri)
        return {"resultType": "complete", "contents": [{"uri": uri, "mimeType": "text/plain", "text": "hello"}]}

    async def get_prompt(
        self, caller: Caller, name: str, arguments: Mapping[str, Any], talk: Talk, resume: Resume | None = None
    ) -> dict[str, Any]:
        if name != "greet":
            raise UnknownName(f"There is no prompt {name!r}.")
        if "who" not in arguments:
            raise Refused("Only those who say who they are.")
        said = {"type": "text", "text": f"Hello {arguments['who']}"}
        return {"resultType": "complete", "messages": [{"role": "user", "content": said}]}

    async def complete(
        self, caller: Caller, ref: Mapping[str, Any], argument: Mapping[str, Any], context: Mapping[str, Any]
    ) -> dict[str, Any]:
        values = [name for name in ("paris", "park", "party") if name.startswith(argument["value"])]
        return {"resultType": "complete", "completion": {"values": values, "total": len(values), "hasMore": False}}


async def _echo(
    gateway: SmallGateway, arguments: Mapping[str, Any], talk: Talk, resume: Resume | None
) -> dict[str, Any]:
    return text(orjson.dumps(dict(arguments)).decode(), structuredContent=[dict(arguments)])


async def _wait(
    gateway: SmallGateway, arguments: Mapping[str, Any], talk: Talk, resume: Resume | None
) -> dict[str, Any]:
    gateway.started.set()
    try:
        await gateway.release.wait()
    except asyncio.CancelledError:
        gateway.cancelled.set()
        raise
    gateway.finished.set()
    return text("released")


async def _deaf(
    gateway: SmallGateway, arguments: Mapping[str, Any], talk: Talk, resume: Resume | None
) -> dict[str, Any]:
    """Does not stop when told to, until released."""
    gateway.started.set()
    while not gateway.release.is_set():
        try:
            await gateway.release.wait()
        except asyncio.CancelledError:
            gateway.cancelled.set()
    gateway.finished.set()
    return text("at last")


async def _afterwords(
    gateway: SmallGateway, arguments: Mapping[str, Any], talk: Talk, resume: Resume | None
) -> dict[str, Any]:
    """Leaves something behind that speaks once the call is answered."""

    async def speak() -> None:
        await gateway.release.wait()
        await talk.progress(1, 1, "too late")
        gateway.finished.set()

    gateway.errand = asyncio.create_task(speak())
    return text("said")


async def _cancels_itself(
    gateway: SmallGateway, arguments: Mapping[str, Any], talk: Talk, resume: Resume | None
) -> dict[str, Any]:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    return text("still here")


async def _steps(
    gateway: SmallGateway, arguments: Mapping[str, Any], talk: Talk, resume: Resume | None
) -> dict[str, Any]:
    for done in (0, 50, 100):
        await talk.progress(done, 100, f"{done} of 100")
    return text("done")


async def _logs(
    gateway: SmallGateway, arguments: Mapping[str, Any], talk: Talk, resume: Resume | None
) -> dict[str, Any]:
    await talk.log("debug", "small", "t")
    await talk.log("warning", {"big": True}, "t")
    await talk.log("error", {1, 2}, "t")
    return text("logged")


async def _flood(
    gateway: SmallGateway, arguments: Mapping[str, Any], talk: Talk, resume: Resume | None
) -> dict[str, Any]:
    """Says far more than an unread connection holds."""
    for number in range(200):
        await talk.log("error", f"{number} " + "x" * 100_000, "t")
    gateway.finished.set()
    return text("flooded")


async def _ask(
    gateway: SmallGateway, arguments: Mapping[str, Any], talk: Talk, resume: Resume | None
) -> dict[str, Any]:
    if "elicitation" not in talk.capabilities:
        raise CapabilityMissing({"elicitation": {}})
    if talk.waits:
        answers = await talk.ask({"who": _QUESTION})
    elif resume is None:
        return {"resultType": "input_required", "inputRequests": {"who": _QUESTION}, "requestState": "state-1"}
    elif resume.state != "state-1":
        raise StateRejected("This requestState is not ours.")
    else:
        answers = dict(resume.responses)
    return text(f"Hello {answers['who']['content']['name']}")


async def _insist(
    gateway: SmallGateway, arguments: Mapping[str, Any], talk: Talk, resume: Resume | None
) -> dict[str, Any]:
    """Puts a question in the result without looking who asks."""
    return {"resultType": "input_required", "inputRequests": {"who": _QUESTION}}


async def _refused(
    gateway: SmallGateway, arguments: Mapping[str, Any], talk: Talk, resume: Resume | None
) -> dict[str, Any]:
    raise Refused("Your token may only read; ask for one that may write.")


async def _needy(
    gateway: SmallGateway, arguments: Mapping[str, Any], talk: Talk, resume: Resume | None
) -> dict[str, Any]:
    raise CapabilityMissing({"sampling": {}})


async def _bug(
    gateway: SmallGateway, arguments: Mapping[str, Any], talk: Talk, resume: Resume | None
) -> dict[str, Any]:
    raise KeyError("the-secret-inside")


async def _odd(
    gateway: SmallGateway, arguments: Mapping[str, Any], talk: Talk, resume: Resume | None
) -> dict[str, Any]:
    audio = {"type": "audio", "data": "AAAA", "mimeType": "audio/wav"}
    return {"resultType": "complete", "content": [_LINK, audio], "structuredContent": {"ok": True}, "_meta": {"x/y": 1}}


async def _drop(
    gateway: SmallGateway, arguments: Mapping[str, Any], talk: Talk, resume: Resume | None
) -> dict[str, Any]:
    """Lets go of the connection, where the client can come back."""
    await talk.log("error", "going", "t")
    if isinstance(talk, ResumableTalk):
        await talk.hang_up()
    gateway.started.set()
    await gateway.release.wait()
    return text("kept")


TOOLS: dict[str, Run] = {
    "echo": _echo,
    "wait": _wait,
    "deaf": _deaf,
    "afterwords": _afterwords,
    "cancels_itself": _cancels_itself,
    "steps": _steps,
    "logs": _logs,
    "flood": _flood,
    "ask": _ask,
    "insist": _insist,
    "refused": _refused,
    "needy": _needy,
    "bug": _bug,
    "odd": _odd,
    "drop": _drop,
}


@dataclass
class Served:
    """A running endpoint: the gateway under it, the server, a client, and the tokens that are valid."""

    gateway: SmallGateway
    server: McpServer
    wire: Wire
    base: str
    words: set[str]
    clock: FixedClock


@asynccontextmanager
async def serving(
    limits: Limits | None = None, *, cancellation: bool = False, clock: Clock | None = None, **options: Any
) -> AsyncIterator[Served]:
    """The endpoint on loopback, on a free port."""
    gateway = SmallGateway()
    words = set(WORDS.values())
    fixed = FixedClock(datetime(2026, 8, 1, tzinfo=UTC))
    names = {word: name for name, word in WORDS.items()}

    async def authenticate(request: web.Request) -> Caller | None:
        word = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if word not in words:
            return None
        return Caller(names[word], names[word].title(), f"{word}-id", frozenset({"read"}))

    server = McpServer(
        gateway,
        authenticate,
        KeyRing([b"k" * 32]),
        public_url=PUBLIC,
        clock=clock or fixed,
        server_info=INFO,
        loopback=options.pop("loopback", True),
        limits=limits or Limits(grace=0.5),
        **options,
    )
    app = web.Application()
    server.routes(app)
    async with AsyncExitStack() as stack:
        runner = web.AppRunner(app, handler_cancellation=cancellation, shutdown_timeout=1)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        stack.push_async_callback(server.close)
        stack.callback(gateway.release.set)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        base = f"http://127.0.0.1:{runner.addresses[0][1]}"
        http = await stack.enter_async_context(aiohttp.ClientSession())
        yield Served(gateway, server, Wire(http, f"{base}/mcp"), base, words, fixed)
