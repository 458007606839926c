"""A connector whose every tool misbehaves, each in its own way."""

import asyncio
import sys
import threading

from hub.sdk import Connector, Image, Page

connector = Connector(title="Bad", description="Every tool misbehaves.")

_begun: asyncio.Queue[str] = asyncio.Queue()
_cancelled: asyncio.Queue[str] = asyncio.Queue()
_released: asyncio.Queue[str] = asyncio.Queue()
_let_go = threading.Event()
_blocked = threading.Semaphore(0)


class Unheard(BaseException):
    """No ordinary exception."""


@connector.tool(effect="read")
async def fails() -> str:
    """Fail in a way nobody expected."""
    raise RuntimeError("password=hunter2-secret")


@connector.tool(effect="read")
async def exits() -> str:
    """Try to end the program."""
    sys.exit(3)


async def _exit() -> None:
    sys.exit(3)


@connector.tool(effect="read")
async def exits_in_a_task() -> str:
    """Try to end the program from a task of its own."""
    await asyncio.gather(_exit())
    return "never"


@connector.tool(effect="read")
async def exits_in_a_callback() -> str:
    """Try to end the program from the event loop itself, and answer afterwards."""
    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.call_soon(sys.exit, 3)
    loop.call_soon(done.set)
    await done.wait()
    return "still here"


@connector.tool(effect="read")
def exits_in_a_thread() -> str:
    """Try to end the program from a thread."""
    sys.exit(3)


@connector.tool(effect="read")
async def interrupts() -> str:
    """Raise what Ctrl-C raises."""
    raise KeyboardInterrupt


@connector.tool(effect="read")
async def raises_base() -> str:
    """Raise a BaseException of its own."""
    raise Unheard("password=hunter2-secret")


@connector.tool(effect="read")
def raises_base_in_a_thread() -> str:
    """Raise a BaseException of its own from a thread."""
    raise Unheard("password=hunter2-secret")


@connector.tool(effect="read")
async def cancels_itself() -> str:
    """Raise what a cancelled call raises, though nobody cancelled it."""
    raise asyncio.CancelledError


@connector.tool(effect="read")
async def recurses() -> str:
    """Recurse without end."""

    def down() -> str:
        return down()

    return down()


@connector.tool(effect="read")
async def returns_nonsense() -> object:
    """Return what is not JSON."""
    return {"a": object()}


@connector.tool(effect="read")
async def returns_deep() -> object:
    """Return lists nested 10,000 deep."""
    deep: list[object] = []
    for _ in range(10_000):
        deep = [deep]
    return {"deep": deep}


@connector.tool(effect="read")
async def huge(kind: str) -> object:
    """Return fifty megabytes as text, dict, image or page."""
    if kind == "text":
        return "x" * 50_000_000
    if kind == "dict":
        return {"a": "x" * 50_000_000}
    if kind == "image":
        return Image(b"x" * 50_000_000, "image/png")
    return Page([{"a": "x" * 1000} for _ in range(50_000)])


@connector.tool(effect="read")
async def hangs() -> str:
    """Wait without end; tells ``begun`` and, when it is cancelled, ``cancelled``."""
    _begun.put_nowait("begun")
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        _cancelled.put_nowait("cancelled")
        raise
    return "never"


@connector.tool(effect="read")
async def clings() -> str:
    """Wait without end; when it is cancelled, tell so and wait on until it is released."""
    _begun.put_nowait("begun")
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        _cancelled.put_nowait("cancelled")
    return await _released.get()


@connector.tool(effect="read")
async def release() -> str:
    """Release a call that clings."""
    _released.put_nowait("released")
    return "done"


@connector.tool(effect="read")
async def begun() -> str:
    """Wait until a call that hangs has begun."""
    return await _begun.get()


@connector.tool(effect="read")
async def cancelled() -> str:
    """Wait until a call that hangs was cancelled."""
    return await _cancelled.get()


@connector.tool(effect="read")
def blocks() -> str:
    """Block its thread until it is let go."""
    _blocked.release()
    _let_go.wait()
    return "let go"


@connector.tool(effect="read")
def spins() -> str:
    """Keep its thread busy until it is let go."""
    _blocked.release()
    while not _let_go.is_set():
        pass
    return "let go"


@connector.tool(effect="read")
async def blocked(count: int) -> str:
    """Wait until so many calls block their threads."""

    def wait() -> None:
        for _ in range(count):
            _blocked.acquire()

    await asyncio.get_running_loop().run_in_executor(None, wait)
    return "blocked"


@connector.tool(effect="read")
async def let_go() -> str:
    """Let all that blocks go on."""
    _let_go.set()
    return "done"


@connector.tool(effect="read")
async def hold() -> str:
    """Let what comes block again."""
    _let_go.clear()
    return "done"
