"""Hostile messages and hostile connectors: refused with a reason, while everything else is served."""

import io
from typing import Any

import aiohttp
import pytest

from tests.e2e.conftest import Besieged
from tests.e2e.test_neighbours import neighbours
from tests.interop.peers import LEGACY, MODERN, Peer

DEEP = 10_000


def deep(opening: str, closing: str) -> bytes:
    """A call whose arguments are nested ``DEEP`` deep."""
    start = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"calm_quick","arguments":{"word":'
    return start + opening.encode() * DEEP + b"1" + closing.encode() * DEEP + b"}}}"


MESSAGES = {
    "lists": deep("[", "]"),
    "objects": deep('{"a":', "}"),
    "unclosed": deep("[", ""),
    "nothing but brackets": b"[" * DEEP,
    "a batch of batches": b"[" * DEEP + b"]" * DEEP,
}


@pytest.mark.parametrize("revision", [MODERN, LEGACY])
@pytest.mark.parametrize("body", MESSAGES.values(), ids=MESSAGES)
async def test_json_ten_thousand_deep_is_refused_and_the_next_call_answered(
    besieged: Besieged, peer: Peer, revision: str, body: bytes
) -> None:
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": revision,
        "Mcp-Method": "tools/call",
        "Mcp-Name": "calm_quick",
    }
    async with (
        aiohttp.ClientSession() as session,
        session.post(besieged.hub.url, data=body, headers=headers) as reply,
    ):
        told: dict[str, Any] = await reply.json()
        assert reply.status == 400
    assert told["error"]["code"] in (-32700, -32600)
    assert len(told["error"]["message"]) < 300
    await neighbours(peer, 1)


async def test_a_message_of_five_megabytes_is_refused_and_the_next_call_answered(
    besieged: Besieged, peer: Peer
) -> None:
    body = io.BytesIO(b"x" * 5_000_000)
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(besieged.hub.url, data=body, headers=headers) as reply,
    ):
        assert reply.status == 413
    await neighbours(peer, 1)


async def test_a_catastrophic_pattern_is_answered_at_once(peer: Peer) -> None:
    answer = await peer.call("echo_search", word="a" * 50_000 + "!")
    assert answer.failed
    assert "word" in answer.text
    await neighbours(peer, 1)


ASIDE = {
    "raises": "raises.py:3: RuntimeError: this connector cannot be imported",
    "exits": "exits.py:5: it calls sys.exit while it is loaded",
    "hangs": "hangs.py:5: loading did not end within",
    "abandons": "abandons.py:8: Unheard: this connector raises a BaseException",
    "twin": "twin/ and twin.yaml bear one name in one place",
    "elsewhere": "elsewhere.yaml:4: evil.example is not among the connector's hosts",
    "anywhere": "anywhere.yaml:2: base_url: {host}",
    "unbound": "unbound.yaml:3: setting host: host: true needs a pattern",
    "refers": "refers.yaml:4: tool look: the schema refers to 'file:///etc/passwd'",
}


@pytest.mark.parametrize(("connector", "reason"), ASIDE.items(), ids=ASIDE)
async def test_a_hostile_connector_is_set_aside_with_its_reason_and_the_others_are_served(
    besieged: Besieged, peer: Peer, connector: str, reason: str
) -> None:
    assert besieged.aside()[connector].startswith(reason)
    tools = await peer.tools()
    assert not [name for name in tools if name.startswith(f"{connector}_")]
    assert {"calm_quick", "bad_fails", "echo_get_item"} <= tools.keys()


async def test_of_two_connectors_of_one_name_in_two_places_the_later_serves_whole(peer: Peer) -> None:
    tools = await peer.tools()
    assert "replaced_new_look" in tools
    assert "replaced_old_look" not in tools
