"""What can be told of a public_url by itself, and what the start of the hub says of it."""

import subprocess
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from hub.doctor.reach import is_loopback, obstacles_of_addresses, obstacles_of_url
from hub.doctor.start import warn_of_reach
from tests.cli.conftest import House
from tests.doctor.deployment import PUBLIC, PUBLIC6, Names


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://hub.example.org", "not https"),
        ("https://hub.example.org:8443", "its port is 8443"),
        ("https://nas.local", "nas.local is a name of the local network"),
        ("https://hub", "hub is a name of the local network"),
        ("https://hub.home.arpa", "hub.home.arpa is a name"),
    ],
)
def test_an_address_by_its_looks(url: str, words: str) -> None:
    assert any(words in one.text and one.mend for one in obstacles_of_url(url))


@pytest.mark.parametrize("url", ["https://hub.example.org", "https://hub.example.org:443", "https://93.184.215.14"])
def test_a_public_address_has_no_obstacle(url: str) -> None:
    assert obstacles_of_url(url) == []


def test_addresses_are_judged_all() -> None:
    assert obstacles_of_addresses("hub.example.org", ["93.184.215.14", "2606:2800:21f::1"]) == []
    assert len(obstacles_of_addresses("hub.example.org", ["93.184.215.14", "192.168.0.2"])) == 1
    assert "Funnel" in obstacles_of_addresses("hub.example.org", ["100.101.102.103"])[0].mend


def test_this_machines_own_names_are_for_this_machine() -> None:
    assert all(map(is_loopback, ["http://localhost:8080", "http://127.0.0.1", "http://[::1]:80", "http://a.localhost"]))
    assert not is_loopback("https://hub.example.org")


def started(folder: Path, public_url: str) -> str:
    """What the log says of a hub with this address, from its start until it is stopped."""
    (folder / "config.yaml").write_text(
        f"public_url: {public_url}\nlisten: {{port: 0}}\nconnectors: {{shipped: false, paths: []}}\n"
    )
    program, env = House(folder).command("serve")
    said = []
    with subprocess.Popen(program, env=env, cwd=folder, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            said.append(line)
            if "public_url" in line and "ready" not in line:
                break
        process.terminate()
        said.append(process.stderr.read())
    return "".join(said)


def test_the_start_warns_of_an_address_that_claude_cannot_reach(tmp_path: Path) -> None:
    said = started(tmp_path, "http://192.168.1.20:8080")
    assert "Claude cannot reach the hub at its public_url" in said
    assert '"level":"warning"' in said
    assert "a private address" in said
    assert "its port is 8080" in said


@pytest.mark.parametrize(
    ("url", "addresses", "level", "words"),
    [
        ("http://localhost:8080", [], "info", "only programs on this machine"),
        ("https://hub.example", [], "warning", "hub.example has no address"),
        ("https://hub.example", [PUBLIC6], "warning", "IPv6 addresses only"),
        ("https://hub.example", ["10.0.0.5"], "warning", "a private address"),
    ],
)
async def test_what_is_said_of_an_address(url: str, addresses: list[str], level: str, words: str) -> None:
    with capture_logs() as said:
        await warn_of_reach(url, Names(*addresses))
    (line,) = said
    assert line["log_level"] == level
    assert words in line["event"] + line.get("because", "")


async def test_nothing_is_said_of_an_address_that_claude_can_reach() -> None:
    with capture_logs() as said:
        await warn_of_reach("https://hub.example", Names(PUBLIC))
    assert said == []
