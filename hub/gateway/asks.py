"""Questions that travel in a result, and the state that brings a call back to where it asked.

``requestState`` holds the answers given so far, sealed and bound to the user, the method, the name and the
arguments; it expires. A client cannot read it, alter it, use it for another call or hand it to someone else
(specification 2026-07-28, basic/patterns/mrtr). Nothing is kept in the hub between the rounds.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from hub.clock import Clock
from hub.errors import StateRejected, ToolError
from hub.identity import Caller
from hub.sdk.relay import STATE, RelayPending
from hub.sdk.talk import Ask, AskPending
from hub.seal import Box, SealBroken

STATE_SECONDS = 3600.0
"""How long an answer may take: a person may have gone for coffee."""

STATE_MAX_BYTES = 128_000
"""How much the answers of one call may weigh together."""


@dataclass(frozen=True, slots=True)
class Resume:
    """What a client brings back to a call that asked: ``responses`` by question, ``state`` as it was sent.

    Both untrusted.
    """

    responses: Mapping[str, Any] = field(default_factory=dict)
    state: str | None = None


class Asks:
    """Opens and makes the state of calls that ask."""

    def __init__(self, box: Box, clock: Clock) -> None:
        self._box = box
        self._clock = clock

    def answers(self, caller: Caller, call: str, arguments: Any, resume: Resume | None) -> dict[str, Any]:
        """The answers given so far, this request's included.

        ``call`` names method and tool. Raises ``StateRejected`` when the state is not one this hub gave to this
        user for this very call, or has expired.
        """
        if resume is None:
            return {}
        answers: dict[str, Any] = {}
        if resume.state is not None:
            try:
                held = self._box.open(resume.state, bound=_bound(caller, call, arguments), now=self._clock.time())
            except SealBroken:
                raise StateRejected(
                    "requestState was altered, has expired or belongs to another call; call again without it."
                ) from None
            answers = orjson.loads(held)
        given = {name: one for name, one in resume.responses.items() if isinstance(one, Mapping) and name != STATE}
        return {**answers, **given}

    def required(
        self, caller: Caller, call: str, arguments: Any, answers: Mapping[str, Any], asks: Mapping[str, Ask]
    ) -> dict[str, Any]:
        """The input-required result that puts ``asks`` and carries ``answers`` along. Raises ``ToolError`` when
        the answers have grown too large to carry."""
        kept = orjson.dumps({name: answer for name, answer in answers.items() if name not in asks})
        if len(kept) > STATE_MAX_BYTES:
            raise ToolError("The answers given to this call are too large to be carried on; answer more briefly.")
        state = self._box.seal(kept, bound=_bound(caller, call, arguments), expires=self._clock.time() + STATE_SECONDS)
        return {
            "resultType": "input_required",
            "inputRequests": {name: ask.request() for name, ask in asks.items()},
            "requestState": state,
        }


def carried(answers: Mapping[str, Any], pending: AskPending) -> Mapping[str, Any]:
    """The answers to carry along, with the state of the MCP server that asks, where it is one."""
    if not isinstance(pending, RelayPending):
        return answers
    return {**answers, STATE: {"state": pending.state}}


def _bound(caller: Caller, call: str, arguments: Any) -> str:
    digest = hashlib.sha256(orjson.dumps(arguments, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return f"{caller.user_id}\n{call}\n{digest}"


class Cursors:
    """Cursors that hold a URL, sealed for one user and one tool (``hub.sdk.client.CursorSeal``)."""

    def __init__(self, box: Box, clock: Clock, bound: str) -> None:
        self._box = box
        self._clock = clock
        self._bound = bound

    def wrap(self, url: str) -> str:
        """The cursor to hand out for ``url``; good for a day."""
        return self._box.seal(url.encode(), bound=self._bound, expires=self._clock.time() + 86_400)

    def unwrap(self, cursor: str) -> str:
        """The URL in ``cursor``; raises ``ToolError`` when it was altered, has expired or is another tool's."""
        try:
            return self._box.open(cursor, bound=self._bound, now=self._clock.time()).decode()
        except SealBroken:
            raise ToolError("cursor is not one this tool gave out, or has expired; begin again without it.") from None
