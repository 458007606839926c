"""A hub as a reader of the README has it: its program in a folder of their own, and commands beside it.

Not a fixture for other rooms' tests: they start the hub's parts, this starts the program.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import orjson

_SECONDS = 60


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's variables without settings of a hub, and ``extra``."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    return {**clean, **(extra or {})}


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody in ``folder`` who types the README's commands; ``extra`` are the variables they set."""

    folder: Path
    extra: Mapping[str, str]

    async def types(self, *words: str) -> str:
        """What ``hub`` with these words prints; fails the test when the command does."""
        process = await self._begin(*words)
        async with asyncio.timeout(_SECONDS):
            out, told = await process.communicate()
        assert process.returncode == 0, f"hub {' '.join(words)}\n{out.decode()}{told.decode()}"
        return out.decode()

    @asynccontextmanager
    async def serving(self, **variables: str) -> AsyncIterator[str]:
        """``hub serve`` on a free port, ready; gives its origin, and ends it at the end."""
        process = await self._begin("serve", HUB_LISTEN__PORT="0", **variables)
        assert process.stderr is not None
        try:
            async with asyncio.timeout(_SECONDS):
                address = await _ready(process.stderr)
            draining = asyncio.create_task(process.stderr.read())
            yield f"http://{address}"
        finally:
            with suppress(ProcessLookupError):
                process.terminate()
            await process.wait()
        await draining

    async def _begin(self, *words: str, **variables: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "hub", *words),
            cwd=self.folder,
            env=environment({**self.extra, **variables}),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )


async def _ready(lines: asyncio.StreamReader) -> str:
    seen = b""
    async for line in lines:
        seen += line
        told = orjson.loads(line) if line.startswith(b"{") else {}
        if told.get("event") == "the hub is ready":
            return str(told["listening"][0])
    raise AssertionError(f"the hub ended before it was ready:\n{seen.decode()}")
