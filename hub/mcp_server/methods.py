"""What each method both eras share does: its parameters checked, the gateway asked, the result as a plain dict.

Results are in 2026-07-28 shape, as the gateway gives them; the eras dress them. Methods of one era only are in
``modern.py`` and ``legacy.py``.
"""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from hub.identity import Caller
from hub.mcp_server.door import Gateway, Resume
from hub.mcp_server.errors import INVALID_PARAMS, RpcError
from hub.sdk.talk import Talk


class Inquiry(NamedTuple):
    """One request to the gateway: who asks, what, and how to talk back."""

    gateway: Gateway
    caller: Caller
    params: Mapping[str, Any]
    talk: Talk


Method = Callable[[Inquiry], Coroutine[Any, Any, dict[str, Any]]]


def text_param(params: Mapping[str, Any], name: str) -> str:
    """A required string parameter; raises ``RpcError`` -32602."""
    value = params.get(name)
    if not isinstance(value, str):
        raise RpcError(INVALID_PARAMS, f"params.{name} must be a string.")
    return value


def object_param(params: Mapping[str, Any], name: str) -> dict[str, Any]:
    """An optional object parameter, empty when absent; raises ``RpcError`` -32602."""
    value = params.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise RpcError(INVALID_PARAMS, f"params.{name} must be an object.")
    return value


def check_cursor(params: Mapping[str, Any]) -> None:
    """Lists have one page, so no cursor is ours; raises ``RpcError`` -32602 for any (an empty one included)."""
    if params.get("cursor") is not None:
        raise RpcError(INVALID_PARAMS, "This cursor is not known; the list has one page, ask without a cursor.")


def _resume(params: Mapping[str, Any]) -> Resume | None:
    responses = object_param(params, "inputResponses")
    state = params.get("requestState")
    if state is not None and not isinstance(state, str):
        raise RpcError(INVALID_PARAMS, "params.requestState must be the string the hub sent.")
    if not responses and state is None:
        return None
    return Resume(responses, state)


async def _call_tool(inquiry: Inquiry) -> dict[str, Any]:
    params = inquiry.params
    name = text_param(params, "name")
    arguments = object_param(params, "arguments")
    return await inquiry.gateway.call_tool(inquiry.caller, name, arguments, inquiry.talk, _resume(params))


async def _read_resource(inquiry: Inquiry) -> dict[str, Any]:
    params = inquiry.params
    uri = text_param(params, "uri")
    return await inquiry.gateway.read_resource(inquiry.caller, uri, inquiry.talk, _resume(params))


async def _get_prompt(inquiry: Inquiry) -> dict[str, Any]:
    params = inquiry.params
    name = text_param(params, "name")
    arguments = object_param(params, "arguments")
    return await inquiry.gateway.get_prompt(inquiry.caller, name, arguments, inquiry.talk, _resume(params))


async def _complete(inquiry: Inquiry) -> dict[str, Any]:
    params = inquiry.params
    ref = object_param(params, "ref")
    kind = ref.get("type")
    member = {"ref/prompt": "name", "ref/resource": "uri"}.get(kind) if isinstance(kind, str) else None
    if member is None or not isinstance(ref.get(member), str):
        raise RpcError(INVALID_PARAMS, "params.ref must be a ref/prompt with a name or a ref/resource with a uri.")
    argument = object_param(params, "argument")
    text_param(argument, "name")
    text_param(argument, "value")
    return await inquiry.gateway.complete(inquiry.caller, ref, argument, object_param(params, "context"))


CALLED: Mapping[str, Method] = {
    "tools/call": _call_tool,
    "resources/read": _read_resource,
    "prompts/get": _get_prompt,
    "completion/complete": _complete,
}
"""Methods that run something, by name."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A list method: the result's member, and where the list comes from."""

    member: str
    items: Callable[[Gateway, Caller], list[dict[str, Any]]]


LISTED: Mapping[str, Listing] = {
    "tools/list": Listing("tools", lambda gateway, caller: gateway.list_tools(caller)),
    "resources/list": Listing("resources", lambda gateway, caller: gateway.list_resources(caller)),
    "resources/templates/list": Listing("resourceTemplates", lambda gateway, caller: gateway.list_templates(caller)),
    "prompts/list": Listing("prompts", lambda gateway, caller: gateway.list_prompts(caller)),
}
"""Methods that list, by name."""

OFFERED: Mapping[str, Any] = {
    "tools": {"listChanged": True},
    "resources": {"subscribe": True, "listChanged": True},
    "prompts": {"listChanged": True},
    "completions": {},
    "logging": {},
}
"""The server's capabilities, in both eras."""
