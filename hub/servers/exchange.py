"""What of a relay travels to its server, and what of the answer comes back: names and URIs turned, nothing else.

Pure. Not the way there (``servers.py``).
"""

from collections.abc import Mapping
from typing import Any

from hub.errors import NotFoundError, ProviderUnavailable, ToolError
from hub.importers.foreign.names import own_uris, relayed_uris
from hub.sdk.relay import Relay, uri_prefix
from hub.upstream.mcp import RpcError
from hub.upstream.mcp.wire import Message

_MISSING = (-32002, -32602)


def params_of(relay: Relay, arguments: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The request's params, and the arguments repeated in headers."""
    if relay.method == "resources/read":
        return {"uri": str(arguments["uri"]).removeprefix(uri_prefix(relay.connector))}, {}
    if relay.method == "completion/complete":
        return dict(arguments), {}
    own = dict(relay.renamed)
    arguments = {own.get(name, name): value for name, value in arguments.items()}
    arguments = own_uris(arguments, relay.connector)
    mirrored = {}
    for header, path in relay.headers:
        value: Any = arguments
        for name in path:
            value = value.get(name) if isinstance(value, Mapping) else None
        if value is not None:
            mirrored[header] = value
    return {"name": relay.name, "arguments": arguments}, mirrored


def cleaned(relay: Relay, result: Message) -> Message:
    """A result with the hub's URIs, without what only the hub or the protocol says in ``_meta``."""
    made: Message = relayed_uris(result, relay.connector)
    made.pop("resultType", None)
    for own in ("ttlMs", "cacheScope"):
        made.pop(own, None)
    meta = made.pop("_meta", None)
    if isinstance(meta, Mapping):
        kept = {key: one for key, one in meta.items() if not key.startswith(("hub/", "io.modelcontextprotocol/"))}
        if kept:
            made["_meta"] = kept
    wanted = {"tools/call": "content", "resources/read": "contents", "prompts/get": "messages"}.get(relay.method)
    if wanted is not None and not isinstance(made.get(wanted), list):
        raise ProviderUnavailable(f"The server of {relay.connector} answered without {wanted}.")
    return made


def told(relay: Relay, wrong: RpcError, title: str) -> Exception:
    """A server's error, as it is raised."""
    if relay.method == "resources/read" and wrong.code in _MISSING:
        return NotFoundError(f"{title} has no such resource.")
    return ToolError(f"{title} answers: {wrong.message}", data={"code": wrong.code})
