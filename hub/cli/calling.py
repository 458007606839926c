"""``hub call``: one tool called as a client would call it, through the gateway, the audit and the guard.

Not an MCP client: it needs no running hub. Tools that ask the user something need a client.
"""

import difflib
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Annotated, Any

import orjson
import typer

from hub import yaml
from hub.app import Hub
from hub.cli.network import opened_network
from hub.cli.options import ConfigFile, run, settings
from hub.cli.storage import known_user
from hub.cli.trace import TracingTransport
from hub.clock import SystemClock
from hub.config import Config
from hub.errors import HubError
from hub.identity import Caller, local_caller
from hub.registry import Catalog, Entry
from hub.sdk.talk import Silence
from hub.sdk.tool import EFFECTS
from hub.store import Store


def call(
    name: Annotated[str, typer.Argument(metavar="TOOL", help="The tool's full name, as hub list shows it.")],
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ARGUMENTS]...", help="One JSON object, or key=value for each.", show_default=False),
    ] = None,
    trace: Annotated[
        bool, typer.Option("--trace", help="Show the requests, the replies and what the model sees, with its size.")
    ] = False,
    user: Annotated[
        str | None, typer.Option(metavar="NAME", help="Call as this user. Default: the local user.", show_default=False)
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Call a tool and print its result. The call is real: a tool that writes, writes.

    Examples: hub call wikipedia_search query=berlin · hub call wikipedia_search '{"query": "berlin"}' --trace
    """
    result = run(_called(settings(config), name, words or [], trace, user))
    failed = bool(result.get("isError"))
    if trace:
        typer.echo(seen(result))
    else:
        typer.echo(told(result), err=failed)
    if failed:
        raise typer.Exit(1)


async def _called(config: Config, name: str, words: list[str], trace: bool, user: str | None) -> dict[str, Any]:
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        network = await stack.enter_async_context(opened_network(config, clock))
        hub = await Hub.start(config, transport=TracingTransport(network, clock, typer.echo) if trace else network)
        stack.push_async_callback(hub.close)
        entry = known_tool(hub.registry.catalog, name)
        caller = await caller_of(hub.store, user)
        return await hub.gateway.call_tool(caller, name, arguments_of(words, entry), Silence())


async def caller_of(store: Store, name: str | None) -> Caller:
    """The user of this name as a caller of everything; the local user without one. Raises ``HubError``."""
    if name is None:
        return local_caller()
    user = await known_user(store, name)
    if not user.enabled:
        raise HubError(f"{user.name} is disabled. Enable them first: hub user enable {user.name}")
    return Caller(user.id, user.name, None, frozenset(EFFECTS), user.role == "admin")


def known_tool(catalog: Catalog, name: str) -> Entry:
    """The tool of this full name. Raises ``HubError`` with the nearest names, or why its connector does not serve."""
    entry = catalog.tools.get(name)
    if entry is not None:
        return entry
    for loaded in catalog.connectors.values():
        if loaded.compiled is None and name.startswith(f"{loaded.name}_"):
            raise HubError(f"The connector {loaded.name} does not serve: {loaded.reason}")
    close = difflib.get_close_matches(name, list(catalog.tools), n=3)
    hint = f"Did you mean {' or '.join(close)}?" if close else "hub list shows them all."
    raise HubError(f"There is no tool {name!r}. {hint}")


def arguments_of(words: list[str], entry: Entry) -> dict[str, Any]:
    """The arguments in one JSON object, or in ``key=value`` words typed by the tool's schema.

    Raises ``typer.BadParameter`` for what is neither.
    """
    if words and words[0].lstrip().startswith("{"):
        if len(words) > 1:
            raise typer.BadParameter("give one JSON object, or key=value words, not both.", param_hint="ARGUMENTS")
        return json_object(words[0], "ARGUMENTS")
    arguments: dict[str, Any] = {}
    properties = entry.tool.input.get("properties", {})
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise typer.BadParameter(f"{word!r} is neither key=value nor a JSON object.", param_hint="ARGUMENTS")
        arguments[key] = _typed(value, properties.get(key, {}), key)
    return arguments


def json_object(text: str, where: str) -> dict[str, Any]:
    """A JSON object given on the command line. Raises ``typer.BadParameter``."""
    try:
        held = orjson.loads(text)
    except orjson.JSONDecodeError as wrong:
        raise typer.BadParameter(f"this is not JSON: {wrong}", param_hint=where) from None
    if not isinstance(held, dict):
        raise typer.BadParameter('a JSON object is needed, such as \'{"query": "berlin"}\'.', param_hint=where)
    return held


def _typed(value: str, schema: Mapping[str, Any], key: str) -> Any:
    kinds = schema.get("type", "string" if "enum" in schema else None)
    if "string" in (kinds if isinstance(kinds, list) else [kinds]):
        return value
    try:
        return yaml.plain(yaml.load(value, key))
    except yaml.YamlError:
        return value


def told(result: Mapping[str, Any]) -> str:
    """A result for people: the structured content indented, else the text."""
    if "structuredContent" in result and len(result["content"]) == 1:
        return orjson.dumps(result["structuredContent"], option=orjson.OPT_INDENT_2).decode()
    return _content(result)


def seen(result: Mapping[str, Any]) -> str:
    """What the model sees, word for word, and how many characters of text it is."""
    text = _content(result)
    size = sum(len(block.get("text", "")) for block in result.get("content", []))
    failed = ", as an error" if result.get("isError") else ""
    return f"What the model sees ({size:,} characters{failed}):\n\n{text}"


def _content(result: Mapping[str, Any]) -> str:
    return "\n".join(_block(block) for block in result.get("content", []))


def _block(block: Mapping[str, Any]) -> str:
    if block.get("type") == "text":
        return str(block["text"])
    if block.get("type") == "resource":
        held = block["resource"]
        return str(held["text"]) if "text" in held else _binary("file", held.get("mimeType"), held.get("blob", ""))
    if block.get("type") == "resource_link":
        return f"[link to {block.get('uri')}: {block.get('name')}]"
    return _binary(str(block.get("type")), block.get("mimeType"), str(block.get("data", "")))


def _binary(kind: str, mime_type: str | None, data: str) -> str:
    return f"[{kind}, {mime_type}, {len(data) * 3 // 4:,} bytes]"
