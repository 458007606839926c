"""What a connector's requests may reach: the declared prefix of the declared host, whatever it is told or given.

The network lets the connector reach both providers here; only its declaration keeps it from the second.
"""

import posixpath
from urllib.parse import unquote, urlsplit

import pytest

from tests.e2e.conftest import Besieged
from tests.interop.peers import Peer

ARGUMENTS = [
    "..",
    ".",
    "../../admin",
    "a/../../../admin",
    "..\\..\\admin",
    "a\\..\\..\\admin",
    "%2e%2e/admin",
    "%2e%2e%2fadmin",
    "%252e%252e%252fadmin",
    "%25252e%25252e%25252fadmin",
    "..%2fadmin",
    "..%5cadmin",
    ".%2e/admin",
    "..;/admin",
    "a/..;/admin",
    "/etc/passwd",
    "//evil.example/x",
    "http://evil.example/",
    "@evil.example",
    ":80@evil.example",
    "a?admin=1",
    "a#fragment",
    "a?x#y",
    "%3fadmin=1",
    "%23fragment",
    "a;b=c",
    "a&b",
    "a b",
    "ä/ö",
    "\uff0e\uff0e/admin",
    "\u2024\u2024/admin",
    "a%00b",
    "a\x00b",
    "a\r\nHost: evil.example",
    "a\r\n\r\nGET /admin HTTP/1.1",
    "%0d%0aHost:%20evil.example",
    "",
    " ",
    "{id}",
    "{settings.address}",
    "a" * 3000,
]


def decoded(text: str) -> str:
    """``text`` as the most eager server would decode it."""
    while (once := unquote(text)) != text:
        text = once
    return text.replace("\\", "/")


def assert_below(target: str, prefix: str, slashes: int) -> None:
    """The target, as sent and as an eager server reads it, lies below ``prefix`` and has no query of its own."""
    assert target.startswith(prefix)
    assert target.count("/") == slashes
    assert "?" not in target
    assert "#" not in target
    assert "\\" not in target
    assert target.isascii()
    assert target.isprintable()
    assert posixpath.normpath(decoded(target)).startswith(prefix.rstrip("/"))


@pytest.mark.parametrize("argument", ARGUMENTS, ids=lambda one: ascii(one)[:40])
async def test_no_argument_leads_out_of_the_declared_path(besieged: Besieged, peer: Peer, argument: str) -> None:
    before = len(besieged.ours.seen)
    one = await peer.call("echo_get_item", id=argument)
    two = await peer.call("echo_get_part", id=argument, part=argument)
    arrived = besieged.ours.seen[before:]
    assert one.failed == two.failed
    if one.failed:
        assert one.kind == "tool_error"
        assert arrived == []
        return
    assert len(arrived) == 2
    assert_below(arrived[0], "/api/v1/items/", 4)
    assert unquote(arrived[0].removeprefix("/api/v1/items/")) == argument
    assert_below(arrived[1], "/api/v1/items/", 6)
    assert arrived[1].endswith(".json")
    assert arrived[1].split("/")[5] == "parts"


async def test_ordinary_arguments_do_arrive(besieged: Besieged, peer: Peer) -> None:
    assert not (await peer.call("echo_get_item", id="a?b#c/d")).failed
    assert besieged.ours.seen[-1] == "/api/v1/items/a%3Fb%23c%2Fd"
    assert not (await peer.call("echo_get_item", id="v1.2..3")).failed
    assert besieged.ours.seen[-1] == "/api/v1/items/v1.2..3"


def elsewhere(besieged: Besieged) -> list[str]:
    """Targets that all lead to the second provider, or to no place a request may go."""
    theirs = besieged.theirs.address
    port = theirs.partition(":")[2]
    return [
        f"http://{theirs}/stolen",
        f"//{theirs}/stolen",
        f"http://{besieged.ours.address}@{theirs}/stolen",
        f"http://{theirs}\\@{besieged.ours.address}/stolen",
        f"http://localhost:{port}/stolen",
        f"http://[::ffff:127.0.0.1]:{port}/stolen",
        f"http://2130706433:{port}/stolen",
        f"http://127.1:{port}/stolen",
        f"\\\\{theirs}\\stolen",
        f"https://{theirs}/stolen",
        "http://169.254.169.254/latest/meta-data/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
    ]


@pytest.mark.parametrize("tool", ["echo_follow", "echo_follow_post"])
async def test_no_redirect_leads_to_another_host(besieged: Besieged, peer: Peer, tool: str) -> None:
    for target in elsewhere(besieged):
        answer = await peer.call(tool, to=target)
        assert answer.failed or besieged.ours.seen[-1].startswith("/api/v1/"), target
    assert besieged.theirs.seen == []
    assert besieged.theirs.bodies == []


async def test_a_redirect_within_the_host_is_followed(besieged: Besieged, peer: Peer) -> None:
    assert (await peer.call("echo_follow", to="/api/v1/items/1")).data == {"target": "/api/v1/items/1"}
    assert (await peer.call("echo_follow_post", to="/api/v1/items/2")).data == {"target": "/api/v1/items/2"}
    assert besieged.ours.bodies[-2:] == [b'{"secret":"body"}'] * 2


@pytest.mark.parametrize("tool", ["echo_list_linked", "echo_list_next"])
async def test_no_link_to_the_next_page_leads_to_another_host(besieged: Besieged, peer: Peer, tool: str) -> None:
    for target in elsewhere(besieged):
        answer = await peer.call(tool, to=target)
        if not answer.failed:  # read as a path at the same host: what comes of it may not leave it either
            await peer.call(tool, cursor=answer.data["next_cursor"])
            assert besieged.ours.seen[-1].startswith("/api/v1/"), target
    assert besieged.theirs.seen == []


@pytest.mark.parametrize("tool", ["echo_list_linked", "echo_list_next"])
async def test_a_page_is_followed_by_its_own_cursor_and_by_no_forged_one(
    besieged: Besieged, peer: Peer, tool: str
) -> None:
    first = await peer.call(tool, to="/api/v1/linked?page=2")
    cursor = first.data["next_cursor"]
    assert "api" not in cursor
    assert not (await peer.call(tool, cursor=cursor)).failed
    assert besieged.ours.seen[-1] == "/api/v1/linked?page=2"
    sent = len(besieged.ours.seen)
    other = "echo_list_next" if tool == "echo_list_linked" else "echo_list_linked"
    middle = len(cursor) // 2
    altered = cursor[:middle] + ("A" if cursor[middle] != "A" else "B") + cursor[middle + 1 :]
    for forged in (f"http://{besieged.theirs.address}/", "/api/v1/admin", altered, cursor[:-4], cursor + "A", "", "x"):
        answer = await peer.call(tool, cursor=forged)
        assert answer.failed, forged
        assert "not one this tool gave out" in answer.text
    assert (await peer.call(other, cursor=cursor)).failed
    assert len(besieged.ours.seen) == sent
    assert besieged.theirs.seen == []


async def test_a_cursor_of_the_provider_is_sent_as_a_value_and_never_as_an_address(
    besieged: Besieged, peer: Peer
) -> None:
    hostile = f"http://{besieged.theirs.address}/?a=1&b=2#x"
    first = await peer.call("echo_list_cursors", to=hostile)
    await peer.call("echo_list_cursors", cursor=first.data["next_cursor"])
    target = urlsplit(besieged.ours.seen[-1])
    assert target.path == "/api/v1/linked"
    assert unquote(target.query) == f"after={hostile}"
    assert target.query.count("&") == 0
    assert besieged.theirs.seen == []


async def test_a_page_number_that_is_none_is_refused(besieged: Besieged, peer: Peer) -> None:
    sent = len(besieged.ours.seen)
    for forged in ("-1", "1&admin=1", "../2", "1e9", "\u0661", "9" * 30):
        assert (await peer.call("echo_list_pages", cursor=forged)).failed, forged
    assert len(besieged.ours.seen) == sent
