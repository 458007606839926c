"""A container engine as these tests use it: Docker's command line, which Podman speaks too.

Docker is asked where an image was built with ``docker build``; Podman where ``BUILD_IMAGE`` put it into the storage it
shares with Buildah. Not a way to build images (``run.py``), and it knows nothing of the hub but ``/healthz``.
"""

import json
import os
import secrets
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
PORT = 8080
STARTING_SECONDS = 60.0
"""How long a hub may take to answer on a busy machine."""


class EngineMissing(Exception):
    """No engine can be asked; says what to install."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A container that ran to its end: its exit code and all it wrote."""

    code: int
    text: str


@dataclass(frozen=True, slots=True)
class Engine:
    """``command`` is the engine with its own options, ``options`` are added to every container."""

    command: tuple[str, ...]
    options: tuple[str, ...] = ()

    @classmethod
    def found(cls, env: Mapping[str, str]) -> "Engine":
        """Podman where ``BUILD_IMAGE`` names a program, else Docker. Raises ``EngineMissing``."""
        if builder_of(env) is not None:
            if shutil.which("podman") is None or shutil.which("runc") is None:
                raise EngineMissing("Images made by BUILD_IMAGE are started with Podman: install podman and runc.")
            # Podman's own limits are higher than a machine may give that cannot raise its own.
            limits = ("--ulimit=nofile=4096:4096", "--ulimit=nproc=4096:4096")
            # Podman's own health checks need systemd; the tests ask the image's question themselves. Docker makes
            # no folder of a read-only container writable unasked.
            command = ("podman", "--storage-driver=vfs", "--runtime=runc", "--cgroup-manager=cgroupfs")
            return cls(command, (*limits, "--no-healthcheck", "--read-only-tmpfs=false"))
        if shutil.which("docker") is None or subprocess.run(("docker", "info"), capture_output=True).returncode:
            raise EngineMissing(
                "Docker does not answer: start it, or name a program that builds images in BUILD_IMAGE."
            )
        return cls(("docker",))

    def ask(self, *arguments: str, check: bool = True) -> str:
        """What the engine answers on stdout, without the last line's end; its words are the error's where it fails."""
        done = subprocess.run((*self.command, *arguments), capture_output=True, text=True, timeout=300)
        if check and done.returncode:
            raise AssertionError(f"{' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout.strip()

    def image(self, name: str) -> dict[str, Any]:
        """What the engine knows of an image (``image inspect``)."""
        (known,) = json.loads(self.ask("image", "inspect", name))
        return dict(known)

    def health_question(self, name: str) -> list[str]:
        """The command that tells whether a container of the image is healthy."""
        known = self.image(name)
        kind, *command = (known["Config"].get("Healthcheck") or known["Healthcheck"])["Test"]
        assert kind == "CMD"
        return [str(word) for word in command]

    def end(self, image: str, *command: str, options: Sequence[str] = ()) -> Ended:
        """Run a container in the foreground until it ends by itself; raises ``subprocess.TimeoutExpired``."""
        every = (*self.command, "run", "--rm", *self.options, *options, image, *command)
        done = subprocess.run(
            every, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=STARTING_SECONDS
        )
        return Ended(done.returncode, done.stdout)

    @contextmanager
    def container(self, image: str, *command: str, options: Sequence[str] = ()) -> Iterator["Container"]:
        """A container, made and not yet started; removed at the end, with its nameless volumes."""
        name = f"hub-test-{secrets.token_hex(4)}"
        published = f"--publish=127.0.0.1::{PORT}"
        self.ask("create", "--name", name, published, *self.options, *options, image, *command)
        try:
            yield Container(self, name)
        finally:
            self.ask("rm", "--force", "--volumes", name)

    @contextmanager
    def volume(self) -> Iterator[str]:
        """A named volume, removed at the end."""
        name = f"hub-test-{secrets.token_hex(4)}"
        self.ask("volume", "create", name)
        try:
            yield name
        finally:
            self.ask("volume", "rm", "--force", name)


@dataclass(slots=True)
class Container:
    """One container with a hub in it."""

    engine: Engine
    name: str
    _url: str = field(default="")

    def start(self) -> float:
        """Start it and wait for ``/healthz``; returns the seconds that took. Raises ``AssertionError`` with its log."""
        began = time.monotonic()
        self.engine.ask("start", self.name)
        self._url = "http://" + self.engine.ask("port", self.name, f"{PORT}/tcp").splitlines()[0]
        while not self.healthy():
            took = time.monotonic() - began
            assert self.running(), f"the hub ended instead of answering:\n{self.log()}"
            assert took < STARTING_SECONDS, f"/healthz did not answer within {took:.0f} s:\n{self.log()}"
            time.sleep(0.02)
        return time.monotonic() - began

    @property
    def url(self) -> str:
        """Where the hub is reached from this machine, without a slash at the end."""
        return self._url

    def healthy(self) -> bool:
        """Whether ``/healthz`` says ok."""
        try:
            with urllib.request.urlopen(f"{self._url}/healthz", timeout=2) as answer:
                return bool(answer.read() == b"ok\n")
        except (urllib.error.URLError, OSError):
            return False

    def running(self) -> bool:
        """Whether its process lives."""
        return self.engine.ask("inspect", "--format", "{{.State.Running}}", self.name) == "true"

    def run(self, *command: str, check: bool = True) -> str:
        """A command inside the running container; what it wrote to stdout."""
        return self.engine.ask("exec", self.name, *command, check=check)

    def code(self, *command: str) -> int:
        """A command inside the running container; its exit code."""
        done = subprocess.run((*self.engine.command, "exec", self.name, *command), capture_output=True, timeout=60)
        return done.returncode

    def log(self) -> str:
        """All it wrote so far, stdout and stderr."""
        command = (*self.engine.command, "logs", self.name)
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
        return done.stdout

    def stop(self, seconds: int) -> tuple[int, float]:
        """Send SIGTERM, and SIGKILL after ``seconds``; returns the exit code (137 when killed) and how long it took."""
        began = time.monotonic()
        self.engine.ask("stop", f"--time={seconds}", self.name)
        took = time.monotonic() - began
        return int(self.engine.ask("inspect", "--format", "{{.State.ExitCode}}", self.name)), took


def builder_of(env: Mapping[str, str]) -> str | None:
    """The program ``BUILD_IMAGE`` names, where it is one."""
    named = env.get("BUILD_IMAGE", "")
    return str(Path(named).resolve()) if named and os.access(named, os.X_OK) and Path(named).is_file() else None


def compose_service() -> dict[str, Any]:
    """The hub's service in compose.yaml."""
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    service: dict[str, Any] = loaded["services"]["hub"]
    return service


def compose_options() -> tuple[str, ...]:
    """compose.yaml's limits on the container as options of ``run``: the tests start the hub under the same ones."""
    service = compose_service()
    found = [f"--tmpfs={one}" for one in service["tmpfs"]]
    found += [f"--cap-drop={one}" for one in service["cap_drop"]]
    found += [f"--security-opt={one.replace(':true', '')}" for one in service["security_opt"]]
    found.append(f"--pids-limit={service['pids_limit']}")
    found += ["--read-only"] if service["read_only"] else []
    found += ["--init"] if service["init"] else []
    return tuple(found)
