"""Free ports for what must know its port before it listens: a hub whose ``public_url`` is registered somewhere first,
programs that do not tell which one the system picked.

A port of the system's own choice (0) may be given away between the moment it is asked for and the moment somebody
listens on it. These lie below those the system hands out, and whoever gets one holds it against every other process
that asks here until its own process ends. Not for what can listen on port 0 and tell.
"""

import fcntl
import itertools
import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

FIRST, LAST = 20_000, 29_999
"""Below Linux' ``ip_local_port_range`` (32768 and up) and IANA's dynamic ports, above what browsers refuse."""

_held: list[int] = []
"""Open files whose locks hold the ports taken; the system lets go of them when the process ends."""


def _from(start: int) -> Iterator[int]:
    return itertools.chain(range(start, LAST + 1), range(FIRST, start))


def _locked(file: Path) -> bool:
    descriptor = os.open(file, os.O_CREAT | os.O_RDWR, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    _held.append(descriptor)
    return True


def _free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: what an earlier one left in TIME_WAIT does not keep it.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port nobody listens on, and that no other call returns while this process runs. Raises ``OSError`` when none is
    left."""
    folder = Path(tempfile.gettempdir(), f"hub-test-ports-{os.geteuid()}")
    folder.mkdir(exist_ok=True)
    for port in _from(FIRST + os.getpid() * 37 % (LAST - FIRST)):
        if _locked(folder / str(port)) and _free(port):
            return port
    raise OSError(f"every port from {FIRST} to {LAST} is taken")
