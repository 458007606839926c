"""A start that cannot work: the container ends, and one line says what is wrong and what mends it."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.docker.conftest import UID
from tests.docker.engine import Ended, Engine, compose_options

FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
SFTP_SERVER = Path("/usr/lib/openssh/sftp-server")


def clock_at(moment: datetime) -> tuple[str, ...]:
    """Options that show the container another time: the C library's clock is replaced, the hub is not."""
    library = next(FAKETIME.parents[2].glob("*/faketime/libfaketime.so.1"), FAKETIME)
    variables = {"LD_PRELOAD": "/faketime.so", "FAKETIME": f"@{moment:%Y-%m-%d %H:%M:%S}", "TZ": "UTC"}
    return (f"--volume={library}:/faketime.so:ro", *(f"--env={name}={value}" for name, value in variables.items()))


@contextmanager
def network_folder(folder: Path, point: Path) -> Iterator[Path]:
    """``folder`` mounted at ``point`` by SFTP: a network file system, with the server at the other end of a socket."""
    point.mkdir()
    near, far = socket.socketpair()
    server = subprocess.Popen((SFTP_SERVER,), stdin=far.fileno(), stdout=far.fileno())
    far.close()
    command = ("sshfs", f":{folder}", point, "-o", "passive,allow_other")
    files = subprocess.Popen(command, stdin=near.fileno(), stdout=near.fileno())
    near.close()
    began = time.monotonic()
    try:
        while not point.is_mount():
            assert files.poll() is None, "sshfs could not mount; it needs /dev/fuse"
            assert time.monotonic() - began < 10, "sshfs did not mount within 10 s"
            time.sleep(0.02)
        yield point
        subprocess.run(("umount", point), check=True)
    finally:
        files.terminate()
        files.wait(timeout=10)
        server.wait(timeout=10)


def told(ended: Ended) -> str:
    """The one line a start that failed wrote."""
    assert ended.code == 1, ended.text
    lines = ended.text.strip().splitlines()
    assert len(lines) == 1, ended.text
    assert lines[0].startswith("Error: ")
    return lines[0]


@pytest.fixture
def start(engine: Engine, image: str) -> "Start":
    """Starts the image under compose.yaml's limits and returns the line it ends with."""
    return Start(engine, image)


class Start:
    """``start(options...)``: what the hub says instead of starting."""

    def __init__(self, engine: Engine, image: str) -> None:
        self._engine = engine
        self._image = image

    def __call__(self, *options: str) -> str:
        return told(self._engine.end(self._image, options=(*compose_options(), *options)))


def test_a_data_folder_of_somebody_else_names_its_owner_and_the_line_that_mends_it(start: Start, owned: Path) -> None:
    os.chown(owned, 0, 0)
    line = start(f"--volume={owned}:/data")
    assert "/data belongs to root (uid 0) (mode 0700)" in line
    assert f"runs as hub (uid {UID})" in line
    assert line.endswith(f"Run: chown -R {UID}:{UID} /data")


def test_the_line_that_mends_a_data_folder_mends_it(engine: Engine, image: str, owned: Path) -> None:
    os.chown(owned, 0, 0)
    mount = f"--volume={owned}:/data"
    refused = told(engine.end(image, options=(*compose_options(), mount)))
    command = refused.partition("Run: ")[2].split()
    mended = engine.end(image, *command[1:], options=("--user=0:0", f"--entrypoint={command[0]}", mount))
    assert mended.code == 0, mended.text
    with engine.container(image, options=(*compose_options(), mount)) as hub:
        hub.start()


def test_files_left_by_a_hub_that_ran_as_root_are_named(start: Start, owned: Path) -> None:
    database = owned / "hub.db"
    database.touch(0o600)
    line = start(f"--volume={owned}:/data")
    assert "/data/hub.db cannot be opened for writing: Permission denied" in line
    assert line.endswith(f"run: chown {UID}:{UID} /data/hub.db")


def test_a_data_folder_mounted_read_only_is_told_so(start: Start, owned: Path) -> None:
    assert "/data lies on a read-only file system; mount it writable" in start(f"--volume={owned}:/data:ro")


def test_a_config_file_that_docker_made_a_folder_is_explained(start: Start, tmp_path: Path) -> None:
    made = tmp_path / "config.yaml"
    made.mkdir()
    line = start(f"--volume={made}:/config.yaml:ro")
    assert "config.yaml is a folder, not a config file" in line
    assert "remove the folder, create the file on the host" in line


def test_a_database_on_a_network_file_system_is_refused(start: Start, owned: Path, tmp_path: Path) -> None:
    with network_folder(owned, tmp_path / "mounted") as point:
        line = start(f"--volume={point}:/data")
    assert "/data/hub.db lies on a network file system (fuse.sshfs)" in line
    assert "Put data_dir on a disk of this machine, or use PostgreSQL" in line


def test_a_clock_from_before_the_program_is_refused(start: Start) -> None:
    line = start(*clock_at(datetime(2001, 1, 1, tzinfo=UTC)))
    assert "The clock shows 2001-01-01" in line
    assert "Set the machine's clock" in line


def test_a_clock_behind_the_database_is_refused(engine: Engine, image: str, start: Start) -> None:
    ahead = clock_at(datetime.now(UTC) + timedelta(days=30))
    with engine.volume() as volume:
        added = engine.end(image, "user", "add", "ada", options=(f"--volume={volume}:/data", *ahead))
        assert added.code == 0, added.text
        line = start(f"--volume={volume}:/data")
    assert "but the database holds rows from" in line
    assert "Set the machine's clock" in line


def test_a_hub_without_sign_in_does_not_start_where_others_reach_it(start: Start) -> None:
    line = start("--env=HUB_AUTH__MODE=none")
    assert "auth.mode" in line
    assert "auth.mode: oauth" in line


def test_a_misspelt_variable_is_named_with_the_right_one(start: Start) -> None:
    line = start("--env=HUB_PUBLIC_ULR=https://hub.example.org")
    assert "HUB_PUBLIC_ULR: there is no such setting. Did you mean HUB_PUBLIC_URL?" in line
