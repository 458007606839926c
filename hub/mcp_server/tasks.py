"""The methods of the tasks extension (``io.modelcontextprotocol/tasks``), 2026-07-28 only.

Checks what a request must carry, asks the gateway's tasks, and gives errors their numbers. When a call becomes a task
is decided in the gateway.
"""

from collections.abc import Mapping
from typing import Any

from hub.errors import CapabilityMissing, ProtocolError, ReadFailed
from hub.identity import Caller
from hub.mcp_server.door import Tasks
from hub.mcp_server.errors import INVALID_PARAMS, RpcError, rpc_error
from hub.mcp_server.methods import text_param
from hub.sdk.talk import TASKS

METHODS = ("tasks/get", "tasks/update", "tasks/cancel")

NOTIFICATION = "notifications/tasks"

OFFERED: Mapping[str, Any] = {"extensions": {TASKS: {}}}
"""What ``server/discover`` adds to the capabilities."""


def check_declared(capabilities: Mapping[str, Any]) -> None:
    """Raise ``RpcError`` -32021 unless the request declared the extension."""
    extensions = capabilities.get("extensions")
    if not isinstance(extensions, Mapping) or not isinstance(extensions.get(TASKS), Mapping):
        raise rpc_error(CapabilityMissing(OFFERED), modern=True)


async def serve(tasks: Tasks, method: str, caller: Caller, params: Mapping[str, Any]) -> dict[str, Any]:
    """The result of one of ``METHODS``. Raises ``RpcError`` -32602 for what is malformed, ``ProtocolError`` for an
    unknown task."""
    id = text_param(params, "taskId")
    if method == "tasks/get":
        return {**detailed(await tasks.get(caller, id)), "resultType": "complete"}
    if method == "tasks/update":
        responses = params.get("inputResponses")
        if not isinstance(responses, dict):
            raise RpcError(INVALID_PARAMS, "params.inputResponses must be an object of answers by key.")
        await tasks.update(caller, id, responses)
    else:
        await tasks.cancel(caller, id)
    return {"resultType": "complete"}


def detailed(task: Mapping[str, Any]) -> dict[str, Any]:
    """A task as clients read it: an error gets its JSON-RPC code."""
    error = task.get("error")
    return dict(task) if error is None else {**task, "error": _numbered(error)}


def _numbered(error: Mapping[str, Any]) -> dict[str, Any]:
    message = str(error["message"])
    wrong: ProtocolError
    match error["kind"]:
        case "capability_missing":
            wrong = CapabilityMissing(error["required"])
        case "protocol":
            wrong = ProtocolError(message, data=error.get("data"))
        case _:
            # Nothing was wrong with the request; what failed is behind it.
            wrong = ReadFailed(message)
    numbered = rpc_error(wrong, modern=True)
    told: dict[str, Any] = {"code": numbered.code, "message": message}
    return told if numbered.data is None else {**told, "data": numbered.data}
