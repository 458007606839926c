"""``hub doctor`` as an operator types it: against a hub that runs, and watching the clients of one."""

import json
import re
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from hub.cli.watching import NOT_REACHED, SILENT_SECONDS, Watch
from hub.store.oauth import Handshake, Step
from tests.cli.conftest import House
from tests.ports import free_port

READY = "the hub is ready"


@pytest.fixture
def running(house: House) -> Iterator[tuple[House, int]]:
    """A hub that serves from this folder, and its port."""
    port = free_port()
    house.config.write_text(
        f"public_url: http://localhost:{port}\nlisten: {{port: {port}}}\n"
        "connectors: {shipped: true, disabled: [web_page, feeds], paths: []}\n"
    )
    program, env = house.command("serve")
    with subprocess.Popen(program, env=env, cwd=house.folder, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if READY in line:
                break
        yield house, port
        process.terminate()
        process.stderr.read()


def test_the_doctor_tells_what_keeps_claude_away_and_the_watch_what_came(running: tuple[House, int]) -> None:
    house, port = running
    assert house.hub("user", "add", "ada").exit_code == 0
    token = house.hub("token", "create", "--user", "ada").output.strip()
    url = f"http://localhost:{port}"
    found = house.hub("doctor", "--url", url, "--token", token, "--json")
    report = json.loads(found.output)
    assert found.exit_code == 1
    assert (report["url"], report["ok"]) == (f"{url}/mcp", False)
    told = {one["step"]: one["status"] for one in reversed(report["findings"])}
    assert {step for step, status in told.items() if status == "wrong"} == {"url", "dns", "tls"}
    assert {step for step, status in told.items() if status == "skipped"} == {"refresh"}
    assert token not in found.output
    read = house.hub("doctor", "--url", url)
    assert read.exit_code == 1
    assert "Claude stops at: the URL." in read.output
    assert re.search(r"ok +resource document +at /.well-known/oauth-protected-resource/mcp and", read.output)
    assert re.search(r"wrong +name and addresses +localhost leads to 127.0.0.1, a loopback address", read.output)
    assert "mend: " in read.output
    watched = house.hub("doctor", "--watch", "--seconds", "0")
    assert watched.exit_code == 0
    assert "first request: POST /mcp without a token" in watched.output
    assert "connector-hub doctor" in watched.output
    lines = house.hub("doctor", "--watch", "--seconds", "0", "--json").output.splitlines()
    assert {"request", "challenge"} <= {step["name"] for line in lines for step in json.loads(line)["steps"]}


def test_without_a_url_the_configured_one_is_looked_at(house: House) -> None:
    house.configure("public_url: http://127.0.0.1:1\nconnectors: {shipped: false}")
    house.config.write_text("public_url: http://127.0.0.1:1\nconnectors: {shipped: false}\n")
    found = house.hub("doctor")
    assert found.exit_code == 1
    assert "nobody answers at 127.0.0.1 port 1" in found.output


@pytest.mark.parametrize(
    ("words", "told", "code"),
    [
        (["--url", "hub.example.org"], "write it like https://hub.example.org", 1),
        (["--url", "https://user:word@hub.example.org"], "is no address of a hub", 1),
        (["--token", "two words"], "--token: this is no token", 1),
        (["--token", "hub_rt_" + "x" * 43], "give it with --refresh-token", 1),
        (["--watch", "--url", "https://hub.example.org"], "leave the other options out", 2),
        (["--seconds", "5"], "goes with --watch", 2),
    ],
)
def test_what_is_typed_wrongly_is_told_with_what_would_be_right(
    house: House, words: list[str], told: str, code: int
) -> None:
    found = house.hub("doctor", *words)
    assert found.exit_code == code
    assert told in " ".join(found.output.replace("│", " ").split())
    assert "x" * 43 not in found.output


# -- the watch ---------------------------------------------------------------------------------------------------

NOW = datetime(2026, 7, 28, 12, 0, tzinfo=UTC)


def step(name: str, outcome: str = "ok", text: str = "done", count: int = 1) -> Step:
    at = NOW.timestamp()
    return Step(name, outcome, text, at, at, count, "160.79.104.9", "Claude-User")  # type: ignore[arg-type]


def shake(*steps: Step, seen: datetime = NOW, place: str = "Claude") -> Handshake:
    return Handshake("0" * 28 + "abcd", seen, seen, place, client_name="Claude", host="claude.ai", steps=steps)


def test_silence_is_told_apart_from_a_client_that_stopped() -> None:
    watch = Watch(NOW, as_json=False)
    assert watch.news([], NOW) == []
    assert watch.news([], NOW + timedelta(seconds=SILENT_SECONDS)) == [NOT_REACHED]
    assert watch.news([], NOW + timedelta(seconds=600)) == []
    later = NOW + timedelta(seconds=601)
    told = watch.news([shake(step("token", "wrong", "invalid_grant: no"), seen=later)], later)
    assert told[0].endswith("abcd  Claude: token WRONG: invalid_grant: no, from 160.79.104.9 (Claude-User)")
    assert told[1].strip() == "abcd  Claude: stopped at the token: invalid_grant: no."


def test_after_the_token_it_is_told_why_nothing_came() -> None:
    watch = Watch(NOW, as_json=False)
    one = shake(step("consent"), step("token"))
    assert len(watch.news([one], NOW)) == 2
    (told,) = watch.news([one], NOW + timedelta(seconds=60))
    assert "stopped after the token: it got its token and never came with it" in told
    assert watch.news([one], NOW + timedelta(seconds=61)) == []


def test_other_clients_do_not_count_as_claude() -> None:
    watch = Watch(NOW, as_json=False)
    other = Handshake("1" * 32, NOW, NOW, "198.51.100.7", steps=(step("request"), step("challenge")))
    assert any("198.51.100.7: 401" in line for line in watch.news([other], NOW))
    told = watch.news([other], NOW + timedelta(seconds=SILENT_SECONDS))
    assert told[-1].startswith(NOT_REACHED)
    assert "Other clients have" in told[-1]


def test_a_step_is_told_once_and_what_is_old_not_at_all() -> None:
    watch = Watch(NOW, as_json=False)
    old = shake(step("request"), seen=NOW - timedelta(hours=1))
    assert watch.news([old], NOW) == []
    assert len(watch.news([shake(step("request"))], NOW)) == 1
    assert watch.news([shake(step("request"))], NOW) == []
    told = watch.news([shake(step("request"), step("entry"), step("list", text="12 tools"))], NOW)
    assert len(told) == 3
    assert "connected: the client has its tools" in told[2]


def test_as_json_each_line_is_one_handshake_as_it_stands() -> None:
    watch = Watch(NOW, as_json=True)
    (line,) = watch.news([shake(step("request"))], NOW)
    told = json.loads(line)
    assert (told["client_name"], told["state"], told["steps"][0]["name"]) == ("Claude", "going on", "request")
    silent = Watch(NOW, as_json=True).news([], NOW + timedelta(seconds=SILENT_SECONDS))
    assert json.loads(silent[0])["state"] == "silent"
