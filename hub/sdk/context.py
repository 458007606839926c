"""``Context``: a tool's whole world while it runs.

A tool reaches the network, the person and the clock through its context and through nothing else. Not a bag:
it holds what one call needs, and dies with the call.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from hub.clock import Clock
from hub.errors import CapabilityMissing, ToolError
from hub.sdk.client import Http
from hub.sdk.relay import Relays
from hub.sdk.talk import TASKS, Ask, AskPending, Level, ResumableTalk, Talk, TaskTalk


@dataclass(frozen=True, slots=True)
class User:
    """The person on whose behalf a tool runs."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Connection:
    """The account a call is made with: its label, and the fields its provider keeps (never a secret)."""

    id: str
    label: str
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Context:
    """What one run of one tool may use.

    ``http`` sends requests within the connector's reach; ``user`` is who asked; ``connection`` is the account
    that signs, None where none is needed; ``settings`` are the connector's settings. ``answers`` are those
    already given to ``ask``; ``announce`` tells listening clients that something changed;
    ``relays`` carries out what is in another MCP server.
    """

    http: Http
    user: User
    clock: Clock
    talk: Talk
    settings: Mapping[str, str] = field(default_factory=dict)
    connection: Connection | None = None
    answers: Mapping[str, Any] = field(default_factory=dict)
    announce: Callable[[str], Awaitable[None]] | None = None
    logger: str = "hub"
    relays: Relays | None = None
    _highest: float = field(default=float("-inf"), init=False)

    def now(self) -> datetime:
        """The current time, aware, in UTC; fixed while a recording is replayed."""
        return self.clock.now()

    async def sleep(self, seconds: float) -> None:
        """Wait; recordings do not wait."""
        await self.clock.sleep(seconds)

    async def progress(self, progress: float, total: float | None = None, message: str | None = None) -> None:
        """Tell the client how far the call is. A value that does not increase is dropped
        (specification, basic/patterns/progress)."""
        if progress > self._highest:
            self._highest = progress
            await self.talk.progress(progress, total, message)

    async def log(self, message: Any, level: Level = "info") -> None:
        """Send the client a log line (plain JSON); it sees it only where it asked for that level."""
        await self.talk.log(level, message, self.logger)

    def can_ask(self, *asks: Ask) -> bool:
        """Whether the client declared what these questions need."""
        return all(name in self.talk.capabilities for ask in asks for name in ask.needs)

    async def ask(self, **asks: Ask) -> Any:
        """Ask the client, and return the answers: one answer for one question, else a dict by name.

        Ask before you act: where the client is asked through the result, the tool ends here and is run again
        from the top with the answers. After ``as_task`` it waits for them instead. Raises ``CapabilityMissing`` when
        the client cannot be asked this, and ``ToolError`` after the first request of this run that may have changed
        something, unless the call is a task by then.
        """
        if not asks:
            raise ToolError("ctx.ask() needs at least one question.")
        missing = {name: ask for name, ask in asks.items() if not ask.accepts(self.answers.get(name))}
        if missing:
            await self._put(missing)
        answers = {name: self.answers[name] for name in asks}
        return next(iter(answers.values())) if len(asks) == 1 else answers

    async def _put(self, missing: Mapping[str, Ask]) -> None:
        needed: dict[str, Any] = {}
        for ask in missing.values():
            needed |= {name: shape for name, shape in ask.needs.items() if name not in self.talk.capabilities}
        if needed:
            raise CapabilityMissing(needed)
        if self.http.acted and not self._is_task():
            raise ToolError("This tool asked after it had already changed something; it must ask before it acts.")
        if not self.talk.waits:
            raise AskPending(missing)
        given = await self.talk.ask({name: ask.request() for name, ask in missing.items()})
        wrong = [name for name, ask in missing.items() if not ask.accepts(given.get(name))]
        if wrong:
            raise ToolError(f"The client's answer to {', '.join(wrong)} does not fit what was asked.")
        self.answers = {**self.answers, **given}

    async def as_task(self, *, required: bool = False) -> bool:
        """From here on this call may take up to an hour, and is never run again: it becomes a task, whose result the
        client fetches later, where the client can do that. Returns whether it did; else the call just goes on.

        ``required``: raise ``CapabilityMissing`` where it cannot become one. Questions that decide what is done are
        best asked before.
        """
        if isinstance(self.talk, TaskTalk):
            await self.talk.begin()
            return True
        if required:
            raise CapabilityMissing({"extensions": {TASKS: {}}})
        return False

    async def hang_up(self) -> None:
        """Let go of the client's connection before a long wait, where the client can come back for the answer
        (2025-11-25, basic/transports, Resumability); nothing elsewhere."""
        if isinstance(self.talk, ResumableTalk):
            await self.talk.hang_up()

    def _is_task(self) -> bool:
        return isinstance(self.talk, TaskTalk) and self.talk.begun

    async def changed(self, what: str) -> None:
        """Tell listening clients that ``"tools"``, ``"prompts"`` or ``"resources"`` changed as a list, or that
        the resource with this URI has new contents."""
        if self.announce is not None:
            await self.announce(what)
