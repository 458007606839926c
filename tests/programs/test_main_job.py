"""The main job: a real hub, real programs behind it, and the official clients in front, in each era they speak."""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.interop.peers import MODERN, PEER_IDS, PEERS, Answer, Peer, connected
from tests.programs.processes import RunningHub, RunningProgram, command, running_hub

Connect = Callable[[], AbstractAsyncContextManager[Peer]]

SHIPPED = {"wikipedia_search_articles", "open_meteo_get_current_weather", "hacker_news_search", "dates_now"}


@pytest.fixture
def place(request: pytest.FixtureRequest, jupyter: RunningProgram) -> Path:
    """A folder in Jupyter's root that no other test uses."""
    folder: Path = jupyter.folder / request.node.name.replace("[", "-").replace("]", "")
    folder.mkdir()
    return folder


@pytest.mark.parametrize(("sdk", "revision"), PEERS, ids=PEER_IDS)
async def test_each_client_speaks_the_revision_it_prefers(hub: RunningHub, token: str, sdk: str, revision: str) -> None:
    async with connected(sdk, revision, hub.url, token) as peer:
        assert await peer.version() == revision


async def test_the_tools_of_several_connectors_are_listed_under_their_names(connect: Connect) -> None:
    async with connect() as peer:
        tools = await peer.tools()
    assert tools.keys() >= SHIPPED | {"jupyter_save_file", "jupyter_delete_file", "prometheus_query"}
    assert all(tool["inputSchema"]["type"] == "object" for tool in tools.values())
    assert tools["prometheus_query"]["annotations"]["readOnlyHint"] is True
    assert tools["jupyter_delete_file"]["annotations"]["destructiveHint"] is True
    assert "jupyter_list_kernels lists the values" in str(tools["jupyter_stop_kernel"]["inputSchema"])


async def test_a_tool_that_needs_no_account_answers_at_once(connect: Connect) -> None:
    async with connect() as peer:
        answer = await peer.call("dates_now", zones=["Europe/Berlin"])
    assert not answer.failed
    assert str(datetime.now(UTC).year) in answer.text


async def test_a_file_is_made_read_moved_and_deleted_at_jupyter(connect: Connect, place: Path) -> None:
    path = f"{place.name}/notes ü?#%.md"
    async with connect() as peer:
        saved = await peer.call("jupyter_save_file", path=path, content="# Notes\n\nSeen by Claude.\n")
        assert saved.data["path"] == path
        assert (place / "notes ü?#%.md").read_text("utf-8") == "# Notes\n\nSeen by Claude.\n"

        read = await peer.call("jupyter_get_file", path=path)
        assert read.data["content"] == "# Notes\n\nSeen by Claude.\n"
        assert read.data["size"] == 25

        await peer.call("jupyter_create_folder", path=f"{place.name}/kept")
        await peer.call("jupyter_rename_file", path=path, new_path=f"{place.name}/kept/notes.md")
        listed = await peer.call("jupyter_list_contents", path=f"{place.name}/kept")
        assert [entry["name"] for entry in listed.data["items"]] == ["notes.md"]
        assert await peer.read(f"jupyter://files/{place.name}%2Fkept%2Fnotes.md") == "# Notes\n\nSeen by Claude.\n"

        deleted = await peer.call("jupyter_delete_file", path=f"{place.name}/kept/notes.md")
        assert not deleted.failed
        assert [file for file in place.glob("kept/*") if file.is_file()] == []


async def test_a_kernel_is_started_listed_and_stopped(hub: RunningHub, token: str) -> None:
    async with connected("python", MODERN, hub.url, token) as peer:
        kinds = await peer.call("jupyter_list_kernelspecs")
        assert [kind["id"] for kind in kinds.data["items"]] == ["python3"]
        kernel = (await peer.call("jupyter_start_kernel", kind="python3")).data["id"]
        listed = await peer.call("jupyter_list_kernels")
        assert [one["id"] for one in listed.data["items"]] == [kernel]
        assert not (await peer.call("jupyter_stop_kernel", kernel=kernel)).failed
        assert (await peer.call("jupyter_list_kernels")).data["items"] == []


async def up(peer: Peer) -> Answer:
    """What Prometheus says of its targets, asked until it has looked at both."""
    async with asyncio.timeout(60):
        while True:
            answer = await peer.call("prometheus_query", query="up")
            if len(answer.data["result"]) == 2:
                return answer


async def test_prometheus_tells_which_target_is_up(connect: Connect, prometheus: RunningProgram) -> None:
    async with connect() as peer:
        answer = await up(peer)
        values = {one["metric"]["instance"]: one["value"][1] for one in answer.data["result"]}
        assert values == {prometheus.address: "1", "127.0.0.1:1": "0"}

        now = datetime.now(UTC)
        ranged = await peer.call(
            "prometheus_query_range",
            query='up{job="itself"}',
            start=(now - timedelta(minutes=1)).isoformat(),
            end=(now + timedelta(seconds=1)).isoformat(),
            step="1s",
        )
        assert ranged.data["type"] == "matrix"
        assert ranged.data["result"][0]["values"][-1][1] == "1"

        targets = await peer.call("prometheus_list_targets")
        health = {target["job"]: target["health"] for target in targets.data["items"]}
        assert health == {"itself": "up", "nothing": "down"}
        jobs = await peer.call("prometheus_list_label_values", label="job")
        assert jobs.data["items"] == ["itself", "nothing"]
        series = await peer.call("prometheus_list_series", match=['up{job="nothing"}', 'up{job="itself"}'])
        assert {one["instance"] for one in series.data["items"]} == {prometheus.address, "127.0.0.1:1"}


async def test_no_more_items_come_than_were_asked_for(hub: RunningHub, token: str) -> None:
    async with connected("python", MODERN, hub.url, token) as peer:
        await up(peer)
        metadata = await peer.call("prometheus_get_metadata", max_metrics=2)
    assert len(metadata.data) == 2


async def test_the_next_page_follows_where_the_last_one_ended(connect: Connect) -> None:
    async with connect() as peer:
        whole = (await peer.call("dates_list_zones", query="Europe", limit=5)).data
        first = (await peer.call("dates_list_zones", query="Europe", limit=2)).data
        second = (await peer.call("dates_list_zones", query="Europe", limit=3, cursor=first["next_cursor"])).data
    assert first["items"] + second["items"] == whole["items"]


@pytest.mark.parametrize(
    ("tool", "arguments", "kind", "words"),
    [
        ("prometheus_query", {"query": "up{"}, "tool_error", 'HTTP 400: invalid parameter "query": 1:4: parse error'),
        (
            "prometheus_query_range",
            {"query": "up", "start": "2026-01-01T00:00:00Z", "end": "2026-02-01T00:00:00Z", "step": "1s"},
            "tool_error",
            "exceeded maximum resolution of 11,000 points",
        ),
        (
            "jupyter_get_file",
            {"path": "not/there.md"},
            "not_found",
            "HTTP 404: file or directory '/not/there.md' does not exist",
        ),
        ("jupyter_list_contents", {"path": "../.."}, "tool_error", "it contains a '.' or '..' step"),
        (
            "jupyter_stop_kernel",
            {"kernel": "00000000-0000-4000-8000-000000000000"},
            "not_found",
            "Kernel does not exist: 00000000-0000-4000-8000-000000000000",
        ),
        ("jupyter_save_file", {"path": "x"}, "tool_error", '"content" is a required property'),
    ],
)
async def test_what_a_program_says_went_wrong_reaches_the_model_on_one_line(
    hub: RunningHub, token: str, tool: str, arguments: dict[str, Any], kind: str, words: str
) -> None:
    async with connected("python", MODERN, hub.url, token) as peer:
        answer = await peer.call(tool, **arguments)
    assert answer.failed
    assert answer.kind == kind
    assert words in answer.text
    assert len(answer.text) < 700
    assert "Traceback" not in answer.text


async def test_an_error_is_one_for_each_client(connect: Connect) -> None:
    async with connect() as peer:
        answer = await peer.call("prometheus_query", query="sum(")
        assert answer.failed
        assert "parse error" in answer.text
        assert not (await peer.call("prometheus_get_build_info")).failed


async def test_an_answer_too_large_to_pass_on_is_a_file_read_in_parts(hub: RunningHub, token: str, place: Path) -> None:
    (place / "large.txt").write_text("x" * 300_000)
    async with connected("python", MODERN, hub.url, token) as peer:
        answer = await peer.call("jupyter_get_file", path=f"{place.name}/large.txt")
        assert not answer.failed
        assert "300," in answer.text
        assert len(answer.text) < 1000
        part = await peer.call("hub_read_file", file=json.loads(answer.text)["file"])
        assert "xxxxx" in part.text


async def test_a_token_for_reading_sees_no_tool_that_changes_things(hub: RunningHub) -> None:
    hub.command("user", "add", "reader")
    token = hub.command("token", "create", "--user", "reader", "--read-only").strip()
    async with connected("python", MODERN, hub.url, token) as peer:
        tools = await peer.tools()
        assert "jupyter_get_file" in tools
        assert not {"jupyter_save_file", "jupyter_delete_file", "jupyter_stop_kernel"} & tools.keys()


def test_without_a_token_nobody_is_let_in(hub: RunningHub) -> None:
    request = urllib.request.Request(hub.url, b"{}", {"Content-Type": "application/json"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=30)
    with refused.value as reply:
        assert reply.code == 401
        assert reply.headers["WWW-Authenticate"].startswith("Bearer ")
        assert "resource_metadata=" in reply.headers["WWW-Authenticate"]


async def test_a_place_the_operator_did_not_open_is_refused_and_named(tmp_path: Path, jupyter: RunningProgram) -> None:
    settings = {"auth": {"mode": "none"}, "connectors": {"settings": {"jupyter": {"address": jupyter.address}}}}
    with running_hub(tmp_path / "shut", settings) as shut:
        async with connected("python", MODERN, shut.url, "none") as peer:
            answer = await peer.call("jupyter_save_file", path="shut.txt", content="never")
    assert answer.kind == "operator_needed"
    assert answer.text.startswith("Only the operator of this hub can mend this:")
    assert "127.0.0.1" in answer.text
    assert "network.allow_private" in answer.text
    assert not (jupyter.folder / "shut.txt").exists()


def test_a_place_opened_for_one_connector_stays_shut_for_the_others(
    tmp_path: Path, hub: RunningHub, jupyter: RunningProgram
) -> None:
    (tmp_path / "connectors").mkdir()
    (tmp_path / "connectors" / "spy.yaml").write_text(
        f"""
title: Spy
base_url: http://{jupyter.address}/api
tools: {{look: {{description: Looks at what another may see., effect: read, request: {{path: /status}}}}}}
""",
        "utf-8",
    )
    config = tmp_path / "config.yaml"
    opened = f"network: {{allow_private: {{jupyter: ['{jupyter.address}']}}}}"
    config.write_text(f"data_dir: data\nconnectors: {{shipped: false, paths: [connectors]}}\n{opened}\n", "utf-8")
    with pytest.raises(pytest.fail.Exception, match=r"network\.allow_private"):
        command(config, "call", "spy_look")
