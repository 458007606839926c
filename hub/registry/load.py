"""Loading: one unit to one ``CompiledConnector``, where nothing it does can stop the hub.

Each load runs in a daemon thread of its own with a time limit, so an import that raises, hangs, blocks or calls
``sys.exit`` costs its own connector only. Not a sandbox: Python connectors are trusted code, and ``os._exit`` is beyond
what a thread can hold. Which units are loaded, and when, is the registry's.
"""

import asyncio
import contextlib
import ctypes
import re
import sys
import threading
import traceback
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from types import FrameType
from typing import TextIO

from hub import yaml
from hub.errors import ConnectorError, HubError
from hub.importers.foreign.pin import Pin
from hub.importers.head import ConnectorHeld
from hub.registry.described import compile_declared
from hub.registry.modules import PARENT, Generation
from hub.registry.units import Content, Unit
from hub.sdk.assembly import assemble
from hub.sdk.connector import Connector
from hub.sdk.tool import CompiledConnector

IMPORT_TIMEOUT = 10.0
"""Seconds one connector may take to load."""

_MESSAGE_MAX = 500
_GENERATION = re.compile(rf"\b{PARENT}\.([a-z0-9_]+?)__[0-9]+\b")


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """How a load ended: with ``compiled``, or with ``reason``. ``generation`` holds the Python of a good one. ``held``:
    it waits for an admin, and nothing of it serves until then."""

    compiled: CompiledConnector | None = None
    reason: str | None = None
    generation: Generation | None = None
    held: bool = False


class Loading:
    """One load under way in its thread."""

    def __init__(self, content: Content, *, prefix: bool, timeout: float, pin: Pin | None = None) -> None:
        """Start loading ``content``; ``prefix`` as in ``sdk.names.full_name``, ``timeout`` in seconds, ``pin`` what is
        accepted of the MCP server it names."""
        self._pin = pin
        self.content = content
        self._prefix = prefix
        self._timeout = timeout
        self._abandoned = False
        self._lock = threading.Lock()
        self._future: Future[Outcome] = Future()
        self._awaited = asyncio.wrap_future(self._future)
        self._deadline = asyncio.get_running_loop().time() + timeout
        self._thread = threading.Thread(target=self._run, name=f"load {content.unit.name}", daemon=True)
        self._thread.start()

    async def within(self, seconds: float) -> bool:
        """Whether it ends within ``seconds`` from now."""
        done, _ = await asyncio.wait({self._awaited}, timeout=seconds)
        return bool(done)

    async def outcome(self) -> Outcome:
        """How it ended; a load that has not ended by its deadline is abandoned."""
        left = self._deadline - asyncio.get_running_loop().time()
        if not await self.within(max(left, 0.0)):
            with self._lock:
                self._abandoned = not self._future.done()
            if self._abandoned:
                return Outcome(reason=self._give_up())
        return await self._awaited

    def _run(self) -> None:
        generation = Generation(self.content) if self.content.unit.code is not None else None
        try:
            outcome = Outcome(
                _compile(self.content, generation, prefix=self._prefix, pin=self._pin), generation=generation
            )
        except BaseException as wrong:  # noqa: BLE001 - the edge to authors' code; SystemExit ends here
            outcome = Outcome(reason=reason(wrong, self.content.unit), held=isinstance(wrong, ConnectorHeld))
        with self._lock:
            if not self._abandoned:
                self._future.set_result(outcome)
        if generation is not None and (self._abandoned or outcome.compiled is None):
            generation.drop()

    def _give_up(self) -> str:
        """Say where the thread stands, and ask it to end: a loop in Python does so, a blocked call once it returns."""
        ident = self._thread.ident or 0
        at = _place_of_frame(sys._current_frames().get(ident), self.content.unit)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(SystemExit))
        return f"{at}: loading did not end within {self._timeout:g} s; do at a call what takes time, not at import."


def _compile(content: Content, generation: Generation | None, *, prefix: bool, pin: Pin | None) -> CompiledConnector:
    """The connector in ``content``; raises what its declaration or code gets wrong."""
    unit = content.unit
    declared = None
    if unit.declaration is not None:
        file = unit.shown(unit.declaration)
        try:
            text = content.files[unit.declaration].decode("utf-8-sig")
        except UnicodeDecodeError as wrong:
            raise ConnectorError(f"{file}: byte {wrong.start} is not UTF-8; save it as UTF-8.") from None
        declared = compile_declared(content, yaml.load(text, file), file, prefix=prefix, pin=pin)
    python = None
    if generation is not None and unit.code is not None:
        file = unit.shown(unit.code)
        python = getattr(generation.load(), "connector", None)
        if python is None:
            raise ConnectorError(f"{file}: there is no variable `connector`; write connector = Connector(...).")
        if not isinstance(python, Connector):
            kind = type(python).__name__
            raise ConnectorError(f"{file}: the variable `connector` is of type {kind}; it must be a hub.sdk.Connector.")
    compiled = assemble(unit.name, base=declared, python=python, prefix=prefix)
    uris = [resource.uri for resource in compiled.resources]
    twice = sorted({uri for uri in uris if uris.count(uri) > 1})
    if twice:
        raise ConnectorError(f"the resource {', '.join(twice)} is declared twice.")
    return compiled


def reason(wrong: BaseException, unit: Unit) -> str:
    """What went wrong, for the connector's author: file and line, kind of error and message, no stack trace."""
    sources = [unit.shown(one) for one in (unit.code, unit.declaration) if one is not None]
    own = sources[0] if sources else unit.path.name
    if isinstance(wrong, HubError):
        told = _one_line(wrong)
        # What compiles a declaration names the file itself.
        return told if any(one in told for one in sources) else f"{_place_of_error(wrong, unit) or own}: {told}"
    if isinstance(wrong, SyntaxError) and wrong.filename and str(wrong.filename).startswith(str(unit.root)):
        file = unit.shown(str(wrong.filename).removeprefix(str(unit.root)).lstrip("/"))
        return f"{file}:{wrong.lineno}: {type(wrong).__name__}: {' '.join(str(wrong.msg).split())}"
    at = _place_of_error(wrong, unit) or own
    if isinstance(wrong, SystemExit):
        return f"{at}: it calls sys.exit while it is loaded; raise ConnectorError instead."
    told = _one_line(wrong)
    return f"{at}: {type(wrong).__name__}: {told}" if told else f"{at}: {type(wrong).__name__}"


def _one_line(wrong: BaseException) -> str:
    try:
        told = "\n".join(" ".join(line.split()) for line in str(wrong).splitlines() if line.strip())
    except Exception:  # noqa: BLE001 - the author's own __str__
        return ""
    told = _GENERATION.sub(r"\1", told)
    if not isinstance(wrong, HubError):
        told = " ".join(told.split())
    return told if len(told) <= _MESSAGE_MAX else told[: _MESSAGE_MAX - 1] + "…"


def _place_of_error(wrong: BaseException, unit: Unit) -> str | None:
    """The innermost line of the connector's own that the error passed."""
    at = None
    for frame, line in traceback.walk_tb(wrong.__traceback__):
        at = _own(frame.f_code.co_filename, line, unit) or at
    return at


def _place_of_frame(frame: FrameType | None, unit: Unit) -> str:
    """The innermost line of the connector's own where a running thread stands."""
    while frame is not None:
        at = _own(frame.f_code.co_filename, frame.f_lineno, unit)
        if at is not None:
            return at
        frame = frame.f_back
    return unit.path.name


def _own(filename: str, line: int | None, unit: Unit) -> str | None:
    for mark in unit.marks:
        if filename == str(unit.root / mark.name):
            return f"{unit.shown(mark.name)}:{line}"
    return None


class _Diverted:
    """Standard output turned to standard error while connectors are loaded, however many loads overlap.

    A connector's ``print`` must not mix into what a command prints for programs (``hub list --json``).
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._depth = 0
        self._before: TextIO | None = None

    @contextlib.contextmanager
    def __call__(self) -> Iterator[None]:
        with self._lock:
            if self._depth == 0:
                self._before, sys.stdout = sys.stdout, sys.stderr
            self._depth += 1
        try:
            yield
        finally:
            with self._lock:
                self._depth -= 1
                if self._depth == 0 and self._before is not None:
                    sys.stdout, self._before = self._before, None


stdout_diverted = _Diverted()
"""Context manager: what connectors print while they load goes to standard error."""
