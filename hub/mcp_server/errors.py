"""JSON-RPC errors: their codes, their HTTP statuses, and what the gateway's errors become.

Not where errors are raised for people: ``hub/errors.py`` types those.
"""

from collections.abc import Mapping
from typing import Any

from hub.errors import CapabilityMissing, ConnectionPage, HubError, ReadFailed, ResourceMissing

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
HEADER_MISMATCH = -32020
MISSING_CAPABILITY = -32021
UNSUPPORTED_VERSION = -32022
LEGACY_RESOURCE_MISSING = -32002
LEGACY_URL_ELICITATION = -32042

_STATUS = {
    PARSE_ERROR: 400,
    INVALID_REQUEST: 400,
    METHOD_NOT_FOUND: 404,
    INVALID_PARAMS: 400,
    HEADER_MISMATCH: 400,
    MISSING_CAPABILITY: 400,
    UNSUPPORTED_VERSION: 400,
}


class RpcError(Exception):
    """A JSON-RPC error on its way to the client. ``status`` is the HTTP status of a modern answer (2026-07-28,
    basic/index and basic/transports/streamable-http); an internal error has none of its own and travels with 200.
    ``request_id`` is the id to echo where only the raiser could read it."""

    def __init__(
        self,
        code: int,
        message: str,
        data: Mapping[str, Any] | None = None,
        *,
        status: int | None = None,
        request_id: str | int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = dict(data) if data else None
        self.status = status or _STATUS.get(code, 200)
        self.request_id = request_id


def rpc_error(failure: HubError, *, modern: bool) -> RpcError:
    """What a failure of the gateway is on the wire.

    A missing resource is -32602 since 2026-07-28 and -32002 before; a missing capability has a code only since
    then. That a page must be opened first is an error of 2025-11-25 only. What failed behind a right request is
    -32603 with its reason. Whatever else a hub error is, the request as sent cannot be served: -32602 with its
    text.
    """
    if isinstance(failure, CapabilityMissing):
        if modern:
            return RpcError(MISSING_CAPABILITY, str(failure), {"requiredCapabilities": failure.required})
        return RpcError(INVALID_PARAMS, str(failure))
    if isinstance(failure, ResourceMissing) and not modern:
        return RpcError(LEGACY_RESOURCE_MISSING, str(failure), failure.data)
    if isinstance(failure, ConnectionPage) and not modern:
        return RpcError(LEGACY_URL_ELICITATION, str(failure), failure.data)
    if isinstance(failure, ReadFailed):
        return RpcError(INTERNAL_ERROR, str(failure), failure.data)
    return RpcError(INVALID_PARAMS, str(failure), getattr(failure, "data", None))
