"""``hub call`` and ``hub record`` as programs of their own, against an app on loopback."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from typer.testing import Result

from tests.commands import ROOT, Done, run


class House(Protocol):
    """See conftest.py."""

    folder: Path
    connectors: Path

    def configure(self, more: str = "") -> None: ...

    def hub(self, *words: str) -> Result: ...

    def command(self, *words: str) -> tuple[list[str], dict[str, str]]: ...


async def hub(house: House, *words: str) -> Done:
    """Run ``hub`` in a process of its own."""
    program, env = house.command(*words)
    return await asyncio.to_thread(run, program[program.index("hub") + 1 :], env, ROOT)


async def found(request: web.Request) -> web.Response:
    """The shop's search: one ticket, named after the question."""
    if request.query["q"] == "nothing":
        return web.json_response({"message": "No such words"}, status=404)
    if request.query["q"] == "much":
        return web.json_response({"tickets": [{"id": 1, "title": "a", "rest": "x" * 9_000}]})
    ticket = {"id": 1, "title": request.query["q"], "session_token": "sekrit-token-1"}
    return web.json_response({"tickets": [ticket]}, headers={"Set-Cookie": "sid=sekrit-cookie-1"})


@pytest.fixture
async def shop(tickets: House) -> AsyncIterator[House]:
    """The folder whose connector ``tickets`` reaches a shop on loopback."""
    app = web.Application()
    app.router.add_get("/api/tickets", found)
    async with TestServer(app) as server:
        tickets.configure(
            "connectors:\n  shipped: false\n  paths: [connectors]\n"
            f'  settings: {{tickets: {{address: "127.0.0.1:{server.port}"}}}}\n'
            f'network: {{allow_private: {{tickets: ["127.0.0.1:{server.port}"]}}}}'
        )
        yield tickets


async def test_a_trace_shows_request_reply_and_what_the_model_sees(shop: House) -> None:
    done = await hub(shop, "call", "tickets_find", "query=red shoes", "limited=true", "sizes=[1, 2]", "--trace")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert lines[0].startswith("--> GET http://127.0.0.1:")
    assert lines[0].endswith("/api/tickets?q=red%20shoes&limited=true&size=1&size=2")
    assert "    Authorization: [redacted]" in lines
    assert any(line.startswith("    User-Agent: connector-hub/") for line in lines)
    assert any(line.startswith("<-- 200 (") for line in lines)
    assert '"title": "red shoes"' in done.out
    seen = '{"items":[{"id":1,"title":"red shoes"}]}'
    assert f"What the model sees ({len(seen)} characters):\n\n{seen}\n" in done.out
    for secret in ("abcdefghijkl", "sekrit"):
        assert secret not in done.out + done.err


async def test_a_long_reply_is_cut_in_the_trace(shop: House) -> None:
    done = await hub(shop, "call", "tickets_find", "query=much", "--trace")
    assert "characters in all]" in done.out
    assert len(done.out) < 4_000


async def test_a_result_without_a_trace_is_json_for_programs(shop: House) -> None:
    done = await hub(shop, "call", "tickets_find", '{"query": "7"}')
    assert (done.code, done.err) == (0, "")
    assert orjson.loads(done.out) == {"items": [{"id": 1, "title": "7"}]}


async def test_words_are_typed_by_the_tools_schema(shop: House) -> None:
    done = await hub(shop, "call", "tickets_find", "query=12", "limited=no")
    assert done.code == 1
    assert '"no" is not of type "boolean"' in done.err


async def test_a_tools_failure_is_told_in_its_own_words(shop: House) -> None:
    done = await hub(shop, "call", "tickets_find", "query=nothing")
    assert (done.code, done.out) == (1, "")
    assert done.err == "127.0.0.1 answered HTTP 404: No such words\n"
    traced = await hub(shop, "call", "tickets_find", "query=nothing", "--trace")
    assert traced.code == 1
    assert "as an error):\n\n127.0.0.1 answered HTTP 404: No such words" in traced.out


async def test_arguments_that_do_not_fit_are_told_as_a_model_is(shop: House) -> None:
    done = await hub(shop, "call", "tickets_find", "--trace")
    assert done.code == 1
    assert '"query" is a required property' in done.out
    assert "-->" not in done.out


async def test_a_call_as_a_user_stands_under_their_name(shop: House) -> None:
    assert (await hub(shop, "call", "tickets_find", "query=a", "--user", "anna")).err == (
        "Error: There is no user 'anna'. Add them first: hub user add anna\n"
    )
    await hub(shop, "user", "add", "anna")
    assert (await hub(shop, "call", "tickets_find", "query=a", "--user", "anna")).code == 0
    await hub(shop, "user", "disable", "anna")
    refused = await hub(shop, "call", "tickets_find", "query=a", "--user", "anna")
    assert refused.code == 1
    assert "hub user enable anna" in refused.err


async def test_a_private_address_that_is_not_opened_is_not_called(shop: House) -> None:
    text = (shop.folder / "config.yaml").read_text()
    (shop.folder / "config.yaml").write_text(text.replace("allow_private: {tickets:", "allow_private: {others:"))
    done = await hub(shop, "call", "tickets_find", "query=a")
    assert done.code == 1
    assert "allow_private" in done.err


async def test_an_app_that_is_gone_is_told_without_a_stack_trace(shop: House) -> None:
    (shop.folder / "config.yaml").write_text(
        "connectors: {shipped: false, paths: [connectors], settings: {tickets: {address: '127.0.0.1:9'}}}\n"
        "network: {allow_private: {tickets: ['127.0.0.1:9']}}\n"
    )
    done = await hub(shop, "call", "tickets_find", "query=a", "--trace")
    assert done.code == 1
    assert "<-- no reply: the connection failed" in done.out
    assert "Traceback" not in done.out + done.err


async def test_a_recording_of_a_real_call_is_checked_without_the_app(shop: House) -> None:
    arguments = '{"query": "red shoes", "sizes": [4]}'
    done = await hub(shop, "record", "tickets_find", "--arguments", arguments, "--case", "red")
    assert done.code == 0, done.err
    path = shop.connectors / "tickets.recordings" / "find.red.yaml"
    assert str(path) in done.out
    text = path.read_text()
    for secret in ("abcdefghijkl", "sekrit"):
        assert secret not in text
    again = await hub(shop, "record", "tickets_find", "--arguments", arguments, "--case", "red")
    assert again.code == 1
    assert "is there already" in again.err
    path.write_text(text.replace("title: red shoes", "title: blue shoes", 1))
    checked = await hub(shop, "check", "tickets")
    assert checked.code == 1
    assert 'got "blue shoes"' in checked.out
    elsewhere = await hub(shop, "record", "tickets_find", "--arguments", arguments, "--into", str(shop.folder / "kept"))
    assert elsewhere.code == 0
    assert (shop.folder / "kept" / "find.yaml").exists()


def test_an_unknown_tool_is_told_with_the_nearest_names(tickets: House) -> None:
    done = tickets.hub("call", "tickets_fnd")
    assert done.exit_code == 1
    assert done.stderr == "Error: There is no tool 'tickets_fnd'. Did you mean tickets_find or tickets_add?\n"
    assert "hub list shows them all" in tickets.hub("call", "zzz").stderr


def test_a_tool_of_a_connector_that_does_not_serve_says_why(tickets: House) -> None:
    (tickets.connectors / "tickets.yaml").write_text("title: Tickets\ntols: {}\n")
    done = tickets.hub("call", "tickets_find")
    assert done.exit_code == 1
    assert "The connector tickets does not serve: tickets.yaml:2: tols: unknown key" in done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["call"], "Missing argument"),
        (["call", "tickets_find", "berlin"], "neither key=value nor a JSON object"),
        (["call", "tickets_find", "{"], "this is not JSON"),
        (["call", "tickets_find", "{}", "query=a"], "not both"),
        (["record", "tickets_find", "--arguments", "[]"], "a JSON object is needed"),
        (["record", "tickets_find", "--case", "../up"], "letters, digits"),
        (["fly"], "No such command"),
        (["list", "--loud"], "No such option"),
    ],
)
def test_a_command_used_wrongly_ends_with_exit_code_two(tickets: House, words: list[str], told: str) -> None:
    done = tickets.hub(*words)
    assert done.exit_code == 2
    assert told in done.stderr
    assert done.stdout == ""


def test_a_tool_whose_setting_is_missing_names_the_key(tickets: House) -> None:
    done = tickets.hub("call", "tickets_find", "query=a")
    assert done.exit_code == 1
    assert "connectors.settings.tickets.address" in done.stderr
