"""The one place where a tool's failure becomes an answer, by who can put it right.

Protocol errors are not answered here: they pass through to the wire.
"""

import uuid
from collections.abc import Mapping
from typing import Any

from hub.errors import (
    ApprovalNeeded,
    ConnectionNeeded,
    ConnectorError,
    HubBusy,
    HubError,
    NotFoundError,
    OperatorNeeded,
    ProviderUnavailable,
    Refused,
    ToolError,
)
from hub.observe import log

_log = log(__name__)


def failure(wrong: BaseException, *, connector: str, tool: str) -> tuple[dict[str, Any], str]:
    """The ``isError`` result for ``wrong``, and the word for it that goes into audit and metrics.

    What the hub did not expect gets a reference id; its story stands in the log only.
    """
    match wrong:
        case NotFoundError():
            return _answer(str(wrong), "not_found", wrong.data), "not_found"
        case ToolError():
            return _answer(str(wrong), "tool_error", wrong.data), "tool_error"
        case ProviderUnavailable():
            told = str(wrong)
            data: dict[str, Any] = {}
            if wrong.after is not None:
                told += f" Try again in {round(wrong.after)} seconds."
                data["retry_after_seconds"] = wrong.after
            if isinstance(wrong, HubBusy):
                return _answer(told, "busy", data), "busy"
            return _answer(told, "unavailable", data), "unavailable"
        case ConnectionNeeded():
            return _answer(str(wrong), "connection_needed", {"connector": wrong.connector}), "connection_needed"
        case ApprovalNeeded():
            return _answer(str(wrong), "approval_needed", {"approval": wrong.approval}), "approval_needed"
        case OperatorNeeded():
            return _answer(
                f"Only the operator of this hub can mend this: {wrong}", "operator_needed", {}
            ), "operator_needed"
        case Refused():
            return _answer(str(wrong), "refused", {}), "refused"
        case ConnectorError():
            told = f"The connector {connector} is broken, its author must mend it: {wrong}"
            return _answer(told, "connector_error", {}), "connector_error"
        case HubError():
            return _answer(str(wrong), "tool_error", {}), "tool_error"
        case TimeoutError():
            told = f"{tool} did not answer in time and was stopped. Ask for less, or try again later."
            return _answer(told, "timeout", {}), "timeout"
        case _:
            reference = uuid.uuid4().hex[:12]
            _log.error("tool failed", connector=connector, tool=tool, reference=reference, exc_info=wrong)
            told = f"{tool} failed unexpectedly. If it keeps failing, tell the operator this reference: {reference}."
            return _answer(told, "internal", {"reference": reference}), "internal"


def retry(told: Mapping[str, Any]) -> dict[str, Any]:
    """What an error of the wire tells of a failure: when to try again, where that is known."""
    return {"retryAfterSeconds": told["retry_after_seconds"]} if "retry_after_seconds" in told else {}


def _answer(text: str, kind: str, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "resultType": "complete",
        "content": [{"type": "text", "text": text}],
        "isError": True,
        "_meta": {"hub/error": {"kind": kind, **data}},
    }
