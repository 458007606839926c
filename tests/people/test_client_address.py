"""From which address a request is said to come, and why nobody can write it themselves."""

from collections.abc import Mapping

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from multidict import CIMultiDict

from hub.web.client_address import client_address, neighbourhood, trust


async def said(trusted: list[str], headers: Mapping[str, str]) -> str:
    """The address of a request over loopback with these headers."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=client_address(request))

    app = web.Application()
    trust(app, trusted)
    app.router.add_get("/", answer)
    async with TestClient(TestServer(app, host="127.0.0.1")) as client:
        return await (await client.get("/", headers=headers)).text()


async def test_without_a_trusted_proxy_the_header_is_anyones_and_is_not_believed() -> None:
    assert await said([], {"X-Forwarded-For": "203.0.113.9"}) == "127.0.0.1"
    assert await said(["10.0.0.0/8"], {"X-Forwarded-For": "203.0.113.9"}) == "127.0.0.1"


@pytest.mark.parametrize(
    ("header", "address"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("1.2.3.4, 203.0.113.9", "203.0.113.9"),
        ("1.2.3.4, 203.0.113.9, 10.1.1.1", "203.0.113.9"),
        ("10.1.1.2, 10.1.1.1", "10.1.1.2"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("203.0.113.9, nonsense", "127.0.0.1"),
        ("203.0.113.9, unknown, 10.1.1.1", "10.1.1.1"),
        ("", "127.0.0.1"),
    ],
)
async def test_a_trusted_proxy_is_believed_as_far_as_the_first_that_is_not(header: str, address: str) -> None:
    assert await said(["127.0.0.0/8", "10.0.0.0/8"], {"X-Forwarded-For": header}) == address


async def test_a_header_that_comes_twice_is_read_as_one() -> None:
    headers = CIMultiDict([("X-Forwarded-For", "1.2.3.4"), ("X-Forwarded-For", "203.0.113.9")])
    assert await said(["127.0.0.0/8"], headers) == "203.0.113.9"


def test_one_subscriber_of_ipv6_is_one_neighbourhood() -> None:
    assert neighbourhood("2001:db8:1:2:3::4") == neighbourhood("2001:db8:1:2::9") == "2001:db8:1:2::/64"
    assert neighbourhood("2001:db8:1:3::9") != neighbourhood("2001:db8:1:2::9")
    assert (neighbourhood("203.0.113.9"), neighbourhood("unknown")) == ("203.0.113.9", "unknown")
