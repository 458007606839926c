"""MCP servers that are programs on this machine, over standard input and output (specification, basic/transports).

Only the operator's configuration names one. It gets a clean environment and a process group of its own, which ends with
it. Not a sandbox: the program runs with the hub's rights.
"""

import asyncio
import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from hub.upstream.errors import Lost, NotSent
from hub.upstream.mcp.duplex import Duplex
from hub.upstream.mcp.events import EVENT_MAX
from hub.upstream.mcp.wire import Conversation, Message, parsed

INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "SSL_CERT_FILE")
"""What a program gets of the hub's own environment; all else could hold the hub's secrets."""

GRACE = 2.0
"""Seconds between closing its input, SIGTERM and SIGKILL."""


@dataclass(frozen=True, slots=True)
class Command:
    """A program: ``run`` is it and its arguments, without a shell; ``env`` is added to what it inherits."""

    run: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    folder: Path | None = None


class Pipes:
    """A running program, spoken to line by line."""

    def __init__(self, command: Command, environment: Mapping[str, str]) -> None:
        """``environment`` is the hub's own, of which little is passed on."""
        self._command = command
        self._env = {name: environment[name] for name in INHERITED if name in environment} | dict(command.env)
        self._duplex = Duplex()
        self._process: asyncio.subprocess.Process | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def settled(self, version: str) -> None:
        """Nothing here depends on the revision."""

    @property
    def pid(self) -> int | None:
        """The program's process id, once it runs."""
        return self._process.pid if self._process is not None else None

    @property
    def over(self) -> bool:
        """Whether it has ended by itself."""
        return self._duplex.over is not None

    async def open(self) -> None:
        """Start the program. Raises ``NotSent`` when it cannot be."""
        run = self._command.run
        try:
            self._process = await asyncio.create_subprocess_exec(
                *run,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env=self._env,
                cwd=self._command.folder,
                start_new_session=True,
                limit=EVENT_MAX,
            )
        except OSError as wrong:
            raise NotSent(f"{run[0]} cannot be started ({wrong.strerror or wrong})") from None
        if self._process.stdout is not None:
            reading = self._read(self._process, self._process.stdout)
            self._tasks = [asyncio.create_task(reading, name=f"mcp {run[0]}")]

    async def _read(self, process: asyncio.subprocess.Process, output: asyncio.StreamReader) -> None:
        why = Lost("the program closed its output")
        try:
            while line := await output.readline():
                if line.strip():
                    try:
                        messages = parsed(line)
                    except Lost:
                        continue  # programs print what they should not; it is no message
                    for one in messages:
                        await self._duplex.take(one, self._write)
            with suppress(TimeoutError):
                async with asyncio.timeout(GRACE):
                    why = Lost(f"the program ended ({_told(await process.wait())})")
        except ValueError:
            why = Lost(f"the program wrote a line of more than {EVENT_MAX:,} bytes")
        finally:
            self._duplex.end(why)

    async def _write(self, message: Message) -> None:
        process = self._process
        if self._duplex.over is not None:
            raise self._duplex.over
        if process is None or process.stdin is None:
            raise NotSent("the program does not run")
        try:
            process.stdin.write(orjson.dumps(message) + b"\n")
            await process.stdin.drain()
        except (ConnectionError, RuntimeError):
            raise Lost("the program closed its input") from None

    async def request(
        self, message: Message, hear: Conversation, *, headers: Mapping[str, str], seconds: float | None
    ) -> Message:
        """See ``Wire``."""
        return await self._duplex.request(message, hear, self._write, seconds)

    async def notify(self, message: Message) -> None:
        """See ``Wire``."""
        await self._write(message)

    async def listen(self, hear: Conversation) -> None:
        """See ``Wire``."""
        await self._duplex.listen(hear)

    async def close(self) -> None:
        """End the program and its children: input closed, then SIGTERM, then SIGKILL (specification, stdio,
        Shutdown)."""
        process = self._process
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        for sign in (None, signal.SIGTERM):
            if sign is not None:
                _signal(process.pid, sign)
            try:
                async with asyncio.timeout(GRACE):
                    await process.wait()
                    break
            except TimeoutError:
                continue
        # Its children may have outlived it.
        _signal(process.pid, signal.SIGKILL)
        with suppress(ProcessLookupError):
            await process.wait()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._process = None


def _signal(group: int, sign: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, sign)


def _told(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name
