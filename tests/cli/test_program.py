"""The program as a whole: its configuration, its exit codes, and its page in the manual."""

import asyncio
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import orjson
import pytest
from typer.main import get_command
from typer.testing import CliRunner, Result

from hub import __version__
from hub.cli.program import app
from tests.waiting import PATIENCE

ROOT = Path(__file__).resolve().parents[2]


class House(Protocol):
    """See conftest.py."""

    folder: Path
    config: Path
    connectors: Path

    def configure(self, more: str = "") -> None: ...

    def hub(self, *words: str) -> Result: ...

    def command(self, *words: str) -> tuple[list[str], dict[str, str]]: ...


def commands(command: Any, name: str = "hub") -> Iterator[tuple[str, list[str]]]:
    """Every command by its full name, with its options."""
    options = [option for parameter in command.params for option in parameter.opts if option.startswith("--")]
    below = getattr(command, "commands", None)
    if below is None:
        yield name, options
    for word, one in (below or {}).items():
        yield from commands(one, f"{name} {word}")


COMMANDS = dict(commands(get_command(app)))


def test_the_manual_shows_every_command_with_its_options() -> None:
    text = (ROOT / "docs" / "operating.md").read_text()
    section = re.split(r"^## ", text.partition("\n## Commands\n")[2], maxsplit=1, flags=re.M)[0]
    usage = {line.strip() for line in section.splitlines() if line.startswith("    hub ")}
    missing = []
    for name, options in COMMANDS.items():
        lines = [line for line in usage if line == name or line.startswith(name + " ")]
        if not lines:
            missing.append(name)
        for option in set(options) - {"--config", "--help"}:
            if not any(re.search(rf"{option}\b", line) for line in lines):
                missing.append(f"{name} {option}")
    assert missing == []
    assert "--config FILE" in section
    assert "HUB_CONFIG" in section


def test_the_manual_shows_no_option_that_is_not_there() -> None:
    text = (ROOT / "docs" / "operating.md").read_text().partition("\n## Commands\n")[2]
    known = {option for options in COMMANDS.values() for option in options} | {"--help"}
    assert set(re.findall(r"--[a-z][a-z-]+", re.split(r"^## ", text, maxsplit=1, flags=re.M)[0])) - known == set()


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_explains_itself(name: str) -> None:
    done = CliRunner().invoke(app, [*name.split()[1:], "--help"], prog_name="hub")
    assert done.exit_code == 0
    assert done.stdout.startswith(f"Usage: {name} ")
    assert len(done.stdout.splitlines()) > 5


def test_the_version_is_printed_alone(house: House) -> None:
    assert house.hub("version").stdout == f"{__version__}\n"


def test_a_wrong_key_in_the_config_file_is_one_error_that_names_it(house: House) -> None:
    house.config.write_text("data_dir: ./data\nlisten: {prt: 1}\n")
    done = house.hub("user", "list")
    assert done.exit_code == 1
    assert done.stdout == ""
    assert done.stderr.startswith("Error: ")
    assert "listen.prt" in done.stderr
    assert not (house.folder / "data").exists()


def test_a_missing_config_file_is_told(house: House) -> None:
    house.config.unlink()
    done = house.hub("list")
    assert done.exit_code == 1
    assert "There is no config file" in done.stderr


def test_the_config_file_may_be_named_after_the_command_and_by_a_variable(tickets: House) -> None:
    after = CliRunner().invoke(app, ["list", "--config", str(tickets.config)], prog_name="hub")
    assert "tickets  [ok]" in after.stdout
    by_variable = CliRunner().invoke(app, ["list"], prog_name="hub", env={"HUB_CONFIG": str(tickets.config)})
    assert "tickets  [ok]" in by_variable.stdout


def test_config_yaml_in_the_working_directory_is_taken(tickets: House) -> None:
    program, env = tickets.command("list")
    at = program.index("--config")
    done = subprocess.run(
        [*program[:at], *program[at + 2 :]], env=env, cwd=tickets.folder, capture_output=True, text=True, check=False
    )
    assert "tickets  [ok]" in done.stdout, done.stderr


def test_an_unknown_variable_stops_a_command(house: House) -> None:
    done = CliRunner().invoke(app, ["--config", str(house.config), "list"], env={"HUB_LISTEN__PROT": "1"})
    assert done.exit_code == 1
    assert "Did you mean HUB_LISTEN__PORT?" in done.stderr


def test_what_the_system_refuses_is_told_in_one_line(house: House) -> None:
    done = house.hub("check", "a" * 300)
    assert done.exit_code == 1
    assert done.stderr.splitlines() == [f"Error: {'a' * 300}: File name too long."]


def test_serving_where_nobody_signs_in_is_refused_beyond_loopback(house: House) -> None:
    house.configure("auth: {mode: none}")
    done = house.hub("serve", "--host", "192.0.2.1", "--port", "0")
    assert done.exit_code == 1
    assert "auth.mode" in done.stderr


async def healthy(host: str, port: int) -> bool:
    """Whether a hub answers there."""
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()
    return answer.startswith(b"HTTP/1.1 200")


async def test_ctrl_c_ends_the_server_cleanly(tickets: House) -> None:
    program, env = tickets.command("serve", "--port", "0")
    process = await asyncio.create_subprocess_exec(
        *program,
        env=env,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    log = b""
    async with asyncio.timeout(PATIENCE):
        while b"the hub is ready" not in log:
            line = await process.stderr.readline()
            assert line, log.decode()
            log += line
        host, _, port = orjson.loads(line)["listening"][0].rpartition(":")
        assert await healthy(host, int(port))
        process.send_signal(signal.SIGINT)
        out, rest = await process.communicate()
    assert process.returncode == 0
    assert out == b""
    assert b"Traceback" not in log + rest
    assert b"the hub stops" in rest


async def test_ctrl_c_during_a_call_leaves_no_stack_trace(house: House) -> None:
    (house.connectors / "slow.py").write_text(
        "import asyncio, sys\nfrom hub.sdk import Connector, Context\nconnector = Connector(title='Slow')\n"
        "@connector.tool(effect='read')\nasync def wait(ctx: Context) -> str:\n"
        "    '''Wait for a long time.'''\n    print('begun', file=sys.stderr, flush=True)\n"
        "    await asyncio.Event().wait()\n    return ''\n"
    )
    program, env = house.command("call", "slow_wait")
    process = await asyncio.create_subprocess_exec(
        *program,
        env=env,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        # A shell's background jobs ignore it, and so would what they start.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stderr is not None
    async with asyncio.timeout(PATIENCE):
        assert await process.stderr.readline() == b"begun\n"
        process.send_signal(signal.SIGINT)
        out, err = await process.communicate()
    assert process.returncode not in (0, 1, 2)
    assert out == b""
    assert b"Traceback" not in err
