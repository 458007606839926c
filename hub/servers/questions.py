"""What a server says and asks while the hub carries out a call on it: passed on to the client, as far as it may.

Its questions are shown as its own, and never asked for what looks like a secret. Not the way they travel.
"""

import re
from collections.abc import Mapping
from typing import Any

from hub.errors import HubError, ToolError
from hub.sdk.context import Context
from hub.sdk.relay import ForeignAsk, RelayPending, Server
from hub.sdk.talk import LEVELS
from hub.upstream.mcp import RpcError

_SECRET = re.compile(
    r"pass(word|phrase|wd|code)|secret|token|api.?key|private.?key|access.?key|credential|\bpin\b|\bcvv|\bcvc|"
    r"card.?number|\bssn\b|one.?time|\botp\b|2fa|mfa|seed.?phrase|recovery.?code|verification.?code",
    re.IGNORECASE,
)

ASKS_MAX = 10
"""Questions of one call; a server that asks without end is refused."""


class Questions:
    """Hears one call on one server."""

    def __init__(self, server: Server, context: Context) -> None:
        self._server = server
        self._context = context
        self._asked = 0

    @property
    def capabilities(self) -> dict[str, Any]:
        """What the server may ask during this call: what the client declared, and what is allowed."""
        held: dict[str, Any] = {}
        if "elicitation" in self._context.talk.capabilities:
            held["elicitation"] = {"form": {}}
        if "sampling" in self._context.talk.capabilities and "sampling" in self._server.allow:
            held["sampling"] = {}
        return held

    async def hear(self, method: str, params: Mapping[str, Any]) -> dict[str, Any] | None:
        """See ``Conversation``: progress and log lines are passed on, questions asked where somebody can be."""
        if method == "notifications/progress":
            done, total, told = params.get("progress"), params.get("total"), params.get("message")
            if isinstance(done, int | float):
                await self._context.progress(
                    done, total if isinstance(total, int | float) else None, told if isinstance(told, str) else None
                )
            return None
        if method == "notifications/message":
            said = params.get("level")
            await self._context.log(params.get("data"), next((one for one in LEVELS if one == said), LEVELS[1]))
            return None
        if method == "ping":
            return {}
        if method in ("elicitation/create", "sampling/createMessage"):
            return await self._asked_now(method, params)
        raise RpcError(-32601, f"{method} is not answered here")

    async def _asked_now(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a question that waits for it (revisions before 2026-07-28)."""
        ask = self.ask(method, params)
        if not self._context.talk.waits or not self._context.can_ask(ask):
            if method == "elicitation/create":
                return {"action": "cancel"}
            raise RpcError(-1, "nobody can be asked now")
        try:
            answers = await self._context.talk.ask({"server": ask.request()})
        except HubError:
            raise RpcError(-1, "nobody answered") from None
        answer = answers.get("server")
        if not ask.accepts(answer):
            raise RpcError(-1, "the answer does not fit")
        return dict(answer) if isinstance(answer, Mapping) else {}

    async def answers(self, pending: RelayPending) -> Mapping[str, Any]:
        """The answers to questions of a result, from a client that is asked while the call waits.

        Raises ``ToolError`` for an answer that is none, and as ``Talk.ask`` does.
        """
        answers = await self._context.talk.ask({key: ask.request() for key, ask in pending.asks.items()})
        if not all(ask.accepts(answers.get(key)) for key, ask in pending.asks.items()):
            raise ToolError(f"{self._server.title} asked the user something, and got no answer that fits.")
        return answers

    def can_ask(self, ask: ForeignAsk) -> bool:
        """Whether the client declared what this question needs."""
        return self._context.can_ask(ask)

    def ask(self, method: Any, params: Any) -> ForeignAsk:
        """The server's question as the hub puts it; raises ``RpcError`` for one that is refused."""
        self._asked += 1
        held = params if isinstance(params, Mapping) else {}
        if self._asked > ASKS_MAX:
            raise RpcError(-1, f"at most {ASKS_MAX} questions in one call")
        if method == "sampling/createMessage" and "sampling" in self._server.allow:
            return ForeignAsk(self._server.title, method, held)
        if method != "elicitation/create":
            raise RpcError(-32601, "the operator of this hub allows only elicitation/create")
        if held.get("mode", "form") != "form":
            raise RpcError(-32602, "only forms are passed on, no addresses to be opened")
        if wants_secret(held):
            raise RpcError(-32602, "people are never asked for secrets here")
        return ForeignAsk(self._server.title, method, held)


def wants_secret(params: Mapping[str, Any]) -> bool:
    """Whether a form asks for what looks like a password, key or code: by its fields, or by all of its words."""
    schema = params.get("requestedSchema")
    properties = schema.get("properties") if isinstance(schema, Mapping) else None
    for name, inner in properties.items() if isinstance(properties, Mapping) else ():
        held = inner if isinstance(inner, Mapping) else {}
        words = " ".join(str(one) for one in (name, held.get("title", ""), held.get("description", "")))
        if _SECRET.search(re.sub(r"[_-]", " ", words)) or _SECRET.search(words) or held.get("format") == "password":
            return True
    return bool(_SECRET.search(str(params.get("message", ""))))


def refused(wrong: RpcError, title: str) -> ToolError:
    """What the model is told of a question that was not asked."""
    return ToolError(f"{title} asked for something that is not passed on: {wrong.message}.")
