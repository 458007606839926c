"""Tools that become tasks, tools that must not, one that lets go of its connection, and one whose argument is repeated
in a header."""

from typing import Annotated, Any

from hub.sdk import Context, Elicit, Roots, ToolError

from .shapes import NAME, connector, content

CONFIRM: dict[str, Any] = {"confirm": {"type": "boolean", "description": "Whether to go on."}}

REGION: dict[str, Any] = {
    "type": "object",
    "properties": {
        "region": {"type": "string", "description": "Where to look.", "x-mcp-header": "Region"},
        "query": {"type": "string", "description": "What to look for."},
    },
    "required": ["region"],
}


@connector.tool(effect="read")
async def greet(name: Annotated[str, "Who is greeted."]) -> str:
    """Greet somebody, at once."""
    return f"Hello, {name}!"


@connector.tool(effect="read")
async def slow_compute(
    ctx: Context, seconds: Annotated[float, "How long it takes."] = 1, label: Annotated[str, "A name for it."] = ""
) -> str:
    """Take a while, as a task where the client knows tasks."""
    await ctx.as_task()
    await ctx.progress(0, seconds, f"computing {label}")
    await ctx.sleep(seconds)
    return f"Computed {label or 'something'} for {seconds:g} s."


@connector.tool(effect="read")
async def failing_job(ctx: Context) -> str:
    """Run as a task only, and fail in a way the model can read."""
    await ctx.as_task(required=True)
    await ctx.sleep(1)
    raise ToolError("This job always fails.")


@connector.tool(effect="read")
async def protocol_error_job(ctx: Context) -> str:
    """Become a task, then need something of the client it did not declare."""
    await ctx.as_task(required=True)
    answer = await ctx.ask(folders=Roots())
    return f"There are {len(answer['roots'])} folders."


@connector.tool(effect="read")
async def confirm_delete(ctx: Context, filename: Annotated[str, "The file in question."] = "a file") -> str:
    """Become a task, then ask for a yes."""
    await ctx.as_task()
    answer = await ctx.ask(confirm=Elicit(f"Delete {filename}?", properties=CONFIRM))
    return f"{filename} would be {'deleted' if content(answer).get('confirm') else 'kept'}."


@connector.tool(effect="read")
async def multi_input(ctx: Context) -> str:
    """Become a task, then ask two things at once."""
    await ctx.as_task()
    answers = await ctx.ask(
        person=Elicit("What is your name?", properties=NAME),
        confirm=Elicit("Shall we go on?", properties=CONFIRM),
    )
    return f"{content(answers['person']).get('name')} said {content(answers['confirm']).get('confirm')}."


@connector.tool(effect="read")
async def test_tool_with_task(ctx: Context) -> str:
    """Ask for a name first, and greet with it as a task."""
    answer = await ctx.ask(user_name=Elicit("What is your name?", properties=NAME))
    await ctx.as_task(required=True)
    return f"Hello from a task, {content(answer).get('name', 'stranger')}!"


@connector.tool(effect="read")
async def test_reconnection(ctx: Context) -> str:
    """Let go of the client's connection before a wait; the client comes back for the answer."""
    await ctx.hang_up()
    await ctx.sleep(0.5)
    return "The answer to a call whose connection was closed in between."


@connector.tool(effect="read", input=REGION)
async def look_up_region(region: str, query: str | None = None) -> str:
    """Take an argument that clients repeat in a header."""
    return f"Looked for {query or 'everything'} in {region}."
