"""Tools that take their time, and a client of the gateway that can fetch results later."""

import asyncio
from collections.abc import Mapping
from typing import Any

from hub.gateway import Gateway
from hub.identity import local_caller
from hub.sdk.talk import TASKS, Silence
from tests.waiting import PATIENCE

LAB = '''
import asyncio

from hub.sdk import Connector, Context, Elicit, Roots, ToolError

connector = Connector(title="Lab", description="Takes its time.", base_url="https://lab.example")
FORM = {"name": {"type": "string", "description": "A name."}}
started = []


@connector.tool(effect="read")
async def rest(ctx: Context, seconds: float = 3600) -> str:
    """Become a task and wait."""
    started.append(await ctx.as_task())
    await asyncio.sleep(seconds)
    return f"rested, started {len(started)} times"


@connector.tool(effect="read")
async def report(ctx: Context) -> str:
    """Become a task, tell how far it is, and wait."""
    await ctx.as_task()
    await ctx.progress(1, 3, "one of three")
    await ctx.progress(2, 3, "two of three")
    await asyncio.sleep(3600)
    return "never"


@connector.tool(effect="read")
async def slow(ctx: Context, seconds: float = 3600) -> str:
    """Wait, without a word about tasks."""
    await ctx.log("before", level="error")
    await asyncio.sleep(seconds)
    await ctx.log("after", level="error")
    answer = await ctx.ask(who=Elicit("Who?", properties=FORM))
    return f"slow, {answer['content']['name']}"


@connector.tool(effect="write", summary="Change it, then ask")
async def act_and_ask(ctx: Context) -> str:
    """Change something, then ask about the rest."""
    await ctx.as_task()
    await ctx.http.post("/thing", json={})
    answer = await ctx.ask(who=Elicit("Who?", properties=FORM))
    return answer["action"]


@connector.tool(effect="read")
async def pester(ctx: Context) -> str:
    """Ask the same until the answer fits, and two things at once."""
    await ctx.as_task(required=True)
    wrong = 0
    while True:
        try:
            await ctx.ask(who=Elicit("Who?", properties=FORM))
            break
        except ToolError:
            wrong += 1
    both = await asyncio.gather(ctx.ask(a=Elicit("A?", properties=FORM)), ctx.ask(b=Elicit("B?", properties=FORM)))
    return f"{wrong} wrong, then {[one['content']['name'] for one in both]}"


@connector.tool(effect="read")
async def broken(ctx: Context, how: str = "") -> str:
    """Fail after having become a task."""
    await ctx.as_task()
    if how == "protocol":
        await ctx.ask(folders=Roots())
    if how == "tool":
        raise ToolError("It did not work.")
    raise KeyError("the secret inside")
'''

DECLARED: dict[str, Any] = {"extensions": {TASKS: {}}, "elicitation": {}}


class Client(Silence):
    """A client that declared these capabilities; remembers the log lines it got."""

    def __init__(self, capabilities: Mapping[str, Any]) -> None:
        self.capabilities = capabilities
        self.lines: list[Any] = []
        self.spoken_to = asyncio.Event()

    async def log(self, level: Any, data: Any, logger: str) -> None:
        self.lines.append(data)
        self.spoken_to.set()


async def call(gateway: Gateway, tool: str, client: Client | None = None, **arguments: Any) -> dict[str, Any]:
    """Call a tool as the local user."""
    return await gateway.call_tool(local_caller(), f"lab_{tool}", arguments, client or Client(DECLARED))


async def now(gateway: Gateway, id: str) -> dict[str, Any]:
    """The task as it is."""
    assert gateway.tasks is not None
    return await gateway.tasks.get(local_caller(), id)


async def reached(gateway: Gateway, id: str, *statuses: str) -> dict[str, Any]:
    """The task once it has one of these statuses."""
    async with asyncio.timeout(PATIENCE):
        while (task := await now(gateway, id))["status"] not in statuses:
            pass
    return task


async def answer(gateway: Gateway, id: str, **answers: Any) -> None:
    """Give names as answers; None declines."""
    assert gateway.tasks is not None
    given = {
        key: {"action": "decline"} if name is None else {"action": "accept", "content": {"name": name}}
        for key, name in answers.items()
    }
    await gateway.tasks.update(local_caller(), id, given)
