"""What a connection carries, byte by byte: requests as they leave, and replies of every lawful shape."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.broker.signing import HIDDEN, scrubbed
from hub.errors import ToolError
from hub.sdk.http import Outgoing
from hub.upstream.target import Target
from hub.upstream.transport import AioTransport

Open = Callable[..., Awaitable[AioTransport]]


async def scripted(*answers: bytes) -> tuple[asyncio.Server, list[bytes], str]:
    """A server that gives these answers on whatever connection, the heads it is sent, and its URL."""
    heads: list[bytes] = []
    left = list(answers)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while left:
            try:
                heads.append(await reader.readuntil(b"\r\n\r\n"))
            except asyncio.IncompleteReadError:
                break
            writer.write(left.pop(0))
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    return server, heads, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_replies_that_only_announce_the_real_one_are_passed_over(transport: Open) -> None:
    answer = (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    )
    server, _, url = await scripted(answer)
    async with server:
        sender = await transport("127.0.0.1")
        reply = await sender.exchange(Outgoing("GET", url + "/"), connector="t", timeout=5)
    assert (reply.status, reply.body, "link" in reply.headers) == (200, b"ok", False)


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n3\r\n ye\r\n0\r\n\r\n", b"ok ye"),
        (b"HTTP/1.1 200 OK\r\n\r\nto the end", b"to the end"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", b"ok"),
    ],
)
async def test_a_reply_of_every_lawful_length_is_read_whole(transport: Open, answer: bytes, body: bytes) -> None:
    server, _, url = await scripted(answer)
    async with server:
        sender = await transport("127.0.0.1")
        reply = await sender.exchange(Outgoing("GET", url + "/"), connector="t", timeout=5)
    assert reply.body == body


@pytest.mark.parametrize("looked", [True, False])
async def test_what_a_vendor_repeats_in_headers_is_taken_off_whoever_looks_first(transport: Open, looked: bool) -> None:
    secrets = ("key-of-ada-0001", "key-of-ada")
    repeated = b"X-Key: Bearer key-of-ada-0001\r\nX-Twice: a key-of-ada\r\nX-Twice: key-of-ada-0001\r\n"
    server, _, url = await scripted(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + repeated + b"\r\nok")
    asked = Outgoing("GET", url + "/")
    async with server:
        reply = await (await transport("127.0.0.1")).exchange(asked, connector="t", timeout=5)
    assert not looked or "key-of-ada" in str(dict(reply.headers))
    clean = scrubbed(reply, asked, asked, secrets)
    assert (clean.headers["x-key"], clean.headers["x-twice"]) == (f"Bearer {HIDDEN}", f"a {HIDDEN}, {HIDDEN}")
    assert "key-of-ada" not in str([*clean.headers.values(), dict(clean.headers.items())])


async def test_a_body_is_said_to_be_there_or_not(transport: Open) -> None:
    ok = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    server, heads, url = await scripted(ok, ok, ok)
    async with server:
        sender = await transport("127.0.0.1")
        for method in ("GET", "POST", "DELETE"):
            await sender.exchange(Outgoing(method, url + "?a=b"), connector="t", timeout=5)
    assert [head.split(b" HTTP")[0] for head in heads] == [b"GET /?a=b", b"POST /?a=b", b"DELETE /?a=b"]
    assert [b"Content-Length: 0" in head for head in heads] == [False, True, True]


async def test_an_upload_that_is_refused_halfway_is_answered_and_its_connection_not_used_again(
    transport: Open,
) -> None:
    connections = 0
    answered, hung_up = asyncio.Event(), asyncio.Event()

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        head = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nno!")
        await writer.drain()
        if head.startswith(b"PUT"):
            await answered.wait()  # nothing more is read, so that the rest cannot be sent
            hung_up.set()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        sender = await transport("127.0.0.1")
        reply = await sender.exchange(Outgoing("PUT", url, {}, bytes(9_000_000)), connector="t", timeout=5)
        answered.set()
        await hung_up.wait()
        assert (reply.status, reply.body) == (413, b"no!")
        await sender.exchange(Outgoing("GET", url), connector="t", timeout=5)
    assert connections == 2


URLS = st.one_of(
    st.text(max_size=40),
    st.builds(
        "{}{}{}{}".format,
        st.sampled_from(["http://", "https://", "HTTP://", "http:/", "ftp://", "//", ""]),
        st.text("aA0.-_:@[]%\\é例", max_size=12),
        st.sampled_from(["", ":80", ":443", ":0", ":65536", ":x"]),
        st.text('/?#aZ0%=&.;\\ \t\r\n\x00é~!"<>^`{|}', max_size=16),
    ),
)


@given(URLS)
def test_a_url_read_by_its_origin_is_read_as_a_whole_one(url: str) -> None:
    def read(how: Callable[[str], Target]) -> tuple[object, ...] | None:
        try:
            target = how(url)
        except ToolError:
            return None
        return target[:5]

    assert read(Target.of) == read(Target._read)
