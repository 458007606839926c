"""An MCP server on its way in: asked whether people sign in at it, and written down as a connector.

The work behind ``hub import mcp`` (``importing.py``). The server is asked once, through ``hub.upstream`` and its guard,
and without a credential. What it offers is not read here, but by the hub that serves.
"""

from dataclasses import dataclass
from typing import Any, Literal

import orjson

from hub.cli.network import opened_network
from hub.clock import SystemClock
from hub.config import Config
from hub.errors import HubError
from hub.importers.foreign.compilation import compile_server
from hub.sdk.http import Outgoing, Reach
from hub.upstream.upstream import Upstream

TIMEOUT = 30.0
"""Seconds the server has to answer."""

Account = Literal["user", "operator", "nobody"]
"""On whose account a server is asked."""


@dataclass(frozen=True, slots=True)
class Joined:
    """A server as it is to be written down: ``header`` is where a pasted key or the operator's goes, if not as
    ``Authorization: Bearer``; ``account`` None asks the server."""

    name: str
    url: str
    title: str
    account: Account | None = None
    header: str | None = None


async def settled(config: Config, wanted: Joined) -> Account:
    """On whose account the server is asked: as wanted, or people's own where it answers 401 (MCP specification,
    basic/authorization).

    Raises ``HubError`` where it does not answer as an MCP server.
    """
    if wanted.account is not None or wanted.header is not None:
        return wanted.account or "user"
    clock = SystemClock()
    headers = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}
    body = orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"})
    reach = Reach(wanted.name, ("*",), plain=wanted.url.startswith("http://"))
    otherwise = "Write it down all the same with --sign-in, --header, --operator or --no-auth."
    try:
        async with opened_network(config, clock) as transport:
            outgoing = Outgoing("POST", wanted.url, headers, body, repeatable=False)
            reply = await Upstream(transport, clock).send(outgoing, reach, timeout=TIMEOUT)
    except HubError as wrong:
        raise HubError(f"{wrong} {otherwise}") from None
    if reply.status == 404 or reply.status >= 500:
        raise HubError(f"{wanted.url} answered HTTP {reply.status}: is it an MCP server's address? {otherwise}")
    return "user" if reply.status == 401 else "nobody"


def server_text(wanted: Joined, account: Account) -> str:
    """The connector's YAML. Raises ``ConnectorError`` where it would not load."""
    declared: dict[str, Any] = {"kind": "mcp", "title": wanted.title, "url": wanted.url}
    if account != "nobody":
        declared["credential"] = {"from": account}
        if wanted.header is not None:
            declared["credential"] |= {"header": wanted.header, "value": "{key}"}
    compile_server(wanted.name, declared, None, "connector.yaml")
    lines = ["# More can be said here: hub schema server; what its tools do: hub pin accept NAME --effect TOOL=EFFECT"]
    lines += [f"{key}: {orjson.dumps(value).decode()}" for key, value in declared.items()]
    return "\n".join(lines) + "\n"


def told(wanted: Joined, account: Account, folder: str) -> str:
    """What is said of a server that was written down."""
    whose = {
        "user": f"Each person connects an account of their own on /connect/{wanted.name}; then its tools are listed.",
        "operator": f"Its credential is yours: set providers.{wanted.name}.credential in the configuration.",
        "nobody": "It is asked without an account.",
    }[account]
    return f"{folder} was made. {whose}\nNow: hub list"
