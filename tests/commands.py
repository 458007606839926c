"""``hub`` as a process of its own, begun at once: forked from one that has the program loaded and has done nothing.

Each command is a new process with its own environment, folder and output, as from a shell; what it is spared is a
second of importing. The tests of the documentation, and those that serve, start the program itself.

    python -m tests.commands SOCKET          the process that is forked from
"""

import array
import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hub.cli import main

ROOT = Path(__file__).resolve().parents[1]
START_SECONDS = 90.0
_LONGEST = 200_000


@dataclass(frozen=True)
class Done:
    """How a command ended: its exit code (that of a signal is negative), what it printed, and its complaints."""

    code: int
    out: str
    err: str


def run(words: Sequence[str], environment: Mapping[str, str], folder: Path) -> Done:
    """Run ``hub WORDS`` with this environment in ``folder``, and wait for its end. For threads; raises ``TimeoutError``
    after a minute and a half."""
    asked = json.dumps({"words": list(words), "environment": dict(environment), "folder": str(folder)}).encode()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as line:
            line.settimeout(START_SECONDS)
            line.connect(_loaded())
            handles = array.array("i", [out.fileno(), err.fileno()])
            line.sendmsg([asked], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, handles)])
            code = int(line.recv(20) or -signal.SIGKILL)
        out.seek(0)
        err.seek(0)
        return Done(code, out.read().decode(), err.read().decode())


@cache
def _loaded() -> str:
    """Where the loaded process listens; it ends with this one."""
    folder = tempfile.TemporaryDirectory(prefix="hub-commands-")
    place = str(Path(folder.name, "socket"))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    command = [sys.executable, "-m", "tests.commands", place]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"

    def end() -> None:
        process.communicate()
        folder.cleanup()

    atexit.register(end)
    return place


def serve(place: str) -> None:
    """Fork for every request until the one that started this has ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(place)
        listening.listen(100)
        print("ready", flush=True)
        # Its input ends when the process that started it does.
        while sys.stdin not in select.select([listening, sys.stdin], [], [])[0]:
            line, _ = listening.accept()
            with line:
                if os.fork() == 0:
                    listening.close()
                    _answer(line)


def _answer(line: socket.socket) -> None:
    """In a process of its own: be the command that is asked for, and tell how it ended."""
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        asked, handles, _, _ = socket.recv_fds(line, _LONGEST, 2)
        told = json.loads(asked)
        with open(os.devnull, "rb") as nothing:
            for source, target in ((nothing.fileno(), 0), (handles[0], 1), (handles[1], 2)):
                os.dup2(source, target)
        os.environ.clear()
        os.environ.update(told["environment"])
        os.chdir(told["folder"])
        sys.argv = ["hub", *told["words"]]
        main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 - as the interpreter itself would
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        line.send(str(code).encode())
        os._exit(code)


if __name__ == "__main__":
    serve(sys.argv[1])
