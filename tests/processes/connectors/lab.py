"""Tools for tests with several hub processes: they wait, ask, log and announce."""

from typing import Annotated

from hub.sdk import Connector, Context, Elicit

connector = Connector(title="Lab", description="Waits, asks, logs and announces.", category="testing")

FORM = {"name": {"type": "string", "description": "A name."}}


@connector.tool(effect="read")
async def rest(ctx: Context, seconds: Annotated[float, "How long."] = 60) -> str:
    """Become a task where the client can have one, and wait."""
    await ctx.as_task()
    await ctx.sleep(seconds)
    return f"rested {seconds:g} s"


@connector.tool(effect="read")
async def interview(ctx: Context) -> str:
    """Become a task, then ask two things, one after the other."""
    await ctx.as_task(required=True)
    first = await ctx.ask(person=Elicit("Who are you?", properties=FORM))
    second = await ctx.ask(friend=Elicit("And your friend?", properties=FORM))
    return f"{first['content']['name']} and {second['content']['name']}"


@connector.tool(effect="read")
async def ask(ctx: Context) -> str:
    """Ask for a name, and greet with it."""
    answer = await ctx.ask(person=Elicit("Who are you?", properties=FORM))
    return f"Hello {answer['content']['name']}"


@connector.tool(effect="read")
async def grumble(ctx: Context) -> str:
    """Say one thing that matters little and one that matters."""
    await ctx.log("small", level="debug")
    await ctx.log("big", level="error")
    return "said"


@connector.tool(effect="read")
async def announce(ctx: Context, what: Annotated[str, "A list's name or a resource's URI."]) -> str:
    """Tell listeners that something changed."""
    await ctx.changed(what)
    return "announced"
