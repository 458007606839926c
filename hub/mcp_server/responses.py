"""From what a method did to the message the client gets: results dressed, failures told, bugs kept in the log.

The one place where an exception becomes a JSON-RPC answer. What a tool's own failure says is decided before, in the
gateway.
"""

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import orjson

from hub.errors import CapabilityMissing, HubError, Refused
from hub.mcp_server.calls import Outcome, Why
from hub.mcp_server.errors import INTERNAL_ERROR, RpcError, rpc_error
from hub.mcp_server.limits import Limits
from hub.mcp_server.messages import RequestId, error_message, result_pieces
from hub.observe import log

_log = log("mcp_server")

Dress = Callable[[str, dict[str, Any]], dict[str, Any]]
"""Gives a method's result the members its revision wants."""


class Responses:
    """Answers in one era's manner: ``dress`` for results; errors with HTTP statuses only where ``modern``.

    ``random`` gives the bytes of reference ids.
    """

    def __init__(self, dress: Dress, random: Callable[[int], bytes], limits: Limits, *, modern: bool) -> None:
        self._dress = dress
        self._random = random
        self._limits = limits
        self._modern = modern

    async def respond(self, known: RequestId, method: str, work: Coroutine[Any, Any, dict[str, Any]]) -> Outcome:
        """Await ``work`` and make its answer; raises only when cancelled."""
        try:
            return self.result(known, method, await work)
        except RpcError as error:
            return self.error(known, error)
        except HubError as failure:
            return self._failure(known, method, failure)
        except Exception:  # the outermost edge of a call: its bug is ours to read, not the client's
            return self._internal(known, method)

    def result(self, known: RequestId, method: str, result: dict[str, Any]) -> Outcome:
        """A result, dressed; raises ``RpcError`` where it cannot be told in this era."""
        dressed = self._dress(method, result)
        encoded = getattr(result, "encoded", None)
        if encoded is not None and dressed.get("structuredContent") is result["structuredContent"]:
            # Weighed as JSON already by who made it.
            dressed["structuredContent"] = orjson.Fragment(encoded)
        return Outcome(200, result_pieces(known, orjson.dumps(dressed)))

    def error(self, known: RequestId | None, error: RpcError) -> Outcome:
        """A JSON-RPC error. A legacy client reads 404 as the end of its session, so its errors travel with 200."""
        return Outcome(error.status if self._modern else 200, error_message(known, error))

    def excuse(self, known: RequestId, method: str) -> Callable[[Why | None], Outcome]:
        """What a call that did not end by itself is answered, by why it was ended."""
        return partial(self._excused, known, method)

    def _excused(self, known: RequestId, method: str, why: Why | None) -> Outcome:
        if why in ("cancelled", "left"):
            return Outcome(200, None)
        if why == "closing":
            return self._told(known, method, "The hub is shutting down; the call was stopped. Try again shortly.")
        if why == "late":
            return self._told(
                known,
                method,
                f"No answer within {self._limits.deadline:g} seconds; the call was stopped. It may have changed "
                "something already: look before you repeat it.",
            )
        return self._internal(known, method)

    def _failure(self, known: RequestId, method: str, failure: HubError) -> Outcome:
        told = Refused if self._modern else (Refused, CapabilityMissing)
        if isinstance(failure, told):
            return self._told(known, method, str(failure), rpc_error(failure, modern=self._modern))
        return self.error(known, rpc_error(failure, modern=self._modern))

    def _told(self, known: RequestId, method: str, text: str, error: RpcError | None = None) -> Outcome:
        """Something the model should read: a result with ``isError`` for a tool, an error for all else."""
        if method != "tools/call":
            return self.error(known, error or RpcError(INTERNAL_ERROR, text))
        content = [{"type": "text", "text": text}]
        return self.result(known, method, {"resultType": "complete", "content": content, "isError": True})

    def _internal(self, known: RequestId, method: str) -> Outcome:
        reference = self._random(6).hex()
        _log.exception("mcp request failed", method=method, reference=reference)
        text = f"Something went wrong inside the hub. Reference for its operator: {reference}."
        return self.error(known, RpcError(INTERNAL_ERROR, text, {"reference": reference}))
