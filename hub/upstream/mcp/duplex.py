"""One stream of messages each way, over which many requests are under way at once (stdio, HTTP+SSE).

What the server says goes to the request it belongs to: progress by its token, all else to the only request under way,
or to none. Not how the bytes travel.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from hub.upstream.errors import Lost, TransportError
from hub.upstream.mcp.wire import CALLS, METHOD_NOT_FOUND, OF_A_CALL, SAID_MAX, Conversation, Message, RpcError, heard

Write = Callable[[Message], Awaitable[None]]


@dataclass(slots=True, eq=False)
class _Pending:
    answer: asyncio.Future[Message]
    hear: Conversation
    call: bool
    said: int = 0


@dataclass(slots=True)
class _Background:
    hear: Conversation
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class Duplex:
    """The requests under way on one connection."""

    def __init__(self) -> None:
        self._pending: dict[object, _Pending] = {}
        self._background: _Background | None = None
        self._answering: set[asyncio.Task[None]] = set()
        self.over: TransportError | None = None

    async def request(self, message: Message, hear: Conversation, write: Write, seconds: float | None) -> Message:
        """Send ``message`` and wait for its response. Raises ``TransportError`` kinds."""
        if self.over is not None:
            raise self.over
        loop = asyncio.get_running_loop()
        called = message.get("method") in CALLS
        pending = self._pending[message["id"]] = _Pending(loop.create_future(), hear, called)
        try:
            async with asyncio.timeout(seconds):
                await write(message)
                return await pending.answer
        except TimeoutError:
            await self._cancel(message, write)
            raise Lost(f"no answer within {seconds:g} s") from None
        except asyncio.CancelledError:
            await self._cancel(message, write)
            raise
        finally:
            del self._pending[message["id"]]

    async def _cancel(self, message: Message, write: Write) -> None:
        """Tell the server that nobody waits any more (specification, Cancellation)."""
        if self.over is None and message.get("method") != "initialize":
            told = {"requestId": message["id"], "reason": "nobody waits for it any more"}
            with suppress(TimeoutError, TransportError):
                async with asyncio.timeout(1):
                    await write({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": told})

    async def take(self, message: Message, write: Write) -> None:
        """Take in one message of the server."""
        if "method" not in message:
            pending = self._pending.get(message.get("id"))
            if pending is not None and not pending.answer.done():
                pending.answer.set_result(message)
            return
        hear = self._listener(message)
        if "id" not in message:
            await heard(message, hear)
            return
        # A question may wait for a person; what else the server says must not wait for that.
        task = asyncio.create_task(self._answer(message, hear, write))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _answer(self, message: Message, hear: Conversation, write: Write) -> None:
        response = await heard(message, hear)
        if response is not None:
            with suppress(TransportError):
                await write(response)

    def _listener(self, message: Message) -> Conversation:
        params = message.get("params")
        token = params.get("progressToken") if isinstance(params, Mapping) else None
        pending = self._pending.get(token)
        if pending is None and message["method"].startswith(OF_A_CALL):
            calls = [one for one in self._pending.values() if one.call]
            pending = calls[0] if len(calls) == 1 else None
        if pending is not None:
            pending.said += 1
            if pending.said > SAID_MAX and not pending.answer.done():
                pending.answer.set_exception(Lost(f"it sent more than {SAID_MAX:,} messages during one request"))
            return pending.hear
        return self._background.hear if self._background is not None else _deaf

    async def listen(self, hear: Conversation) -> None:
        """Hear what belongs to no request until the connection ends. Raises why it ended."""
        self._background = _Background(hear)
        if self.over is None:
            await self._background.ended.wait()
        raise self.over or Lost("the connection ended")

    def end(self, why: TransportError) -> None:
        """The connection is over: nothing under way will be answered."""
        self.over = self.over or why
        for pending in self._pending.values():
            if not pending.answer.done():
                pending.answer.set_exception(self.over)
        for task in self._answering:
            task.cancel()
        if self._background is not None:
            self._background.ended.set()


async def _deaf(method: str, params: Mapping[str, object]) -> Message | None:
    raise RpcError(METHOD_NOT_FOUND, f"{method} belongs to no request here")
