"""One refresh token shown to two processes at once, many times: one family of tokens, and nobody is logged out."""

import asyncio
import html
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from tests.mcp_server.wire_client import Wire
from tests.oauth.scene import Pkce, fields
from tests.processes.conftest import Pair

REDIRECT = "http://127.0.0.1/callback"
PASSWORD = "nine violet umbrellas"
SHOWN = 50


@dataclass(frozen=True)
class Granted:
    """A client that somebody let in at one process."""

    pair: Pair
    http: aiohttp.ClientSession
    bases: tuple[str, str]
    client_id: str
    tokens: dict[str, Any]

    async def refresh(self, base: str, token: str) -> tuple[int, dict[str, Any]]:
        """Show a refresh token to one process."""
        form = {"grant_type": "refresh_token", "refresh_token": token, "client_id": self.client_id}
        async with self.http.post(f"{base}/token", data=form) as reply:
            return reply.status, await reply.json()

    async def works(self, access: str) -> list[int]:
        """What the processes answer to an access token."""
        wires = [Wire(self.http, one.url, access) for one in (self.pair.a, self.pair.b)]
        return [(await wire.modern("tools/list")).status for wire in wires]


async def page(http: aiohttp.ClientSession, url: str, form: dict[str, str] | None = None) -> tuple[str, str]:
    """A page's text, or where it leads."""
    method = "GET" if form is None else "POST"
    async with http.request(method, url, data=form, allow_redirects=False) as reply:
        text = await reply.text()
        assert reply.status in (200, 303), text
        return text, reply.headers.get("Location", "")


@pytest.fixture
async def granted(pair: Pair) -> AsyncIterator[Granted]:
    """From nothing to tokens by the public doors: set up at one process, agree at the other, redeem at the first."""
    a, b = (one.url.removesuffix("/mcp") for one in (pair.a, pair.b))
    name = f"eve {id(pair)}"
    link = (await pair.hub("user", "add", name)).strip()
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        set_up = a + urlsplit(link).path
        first, _ = await page(http, set_up)
        csrf = html.unescape(re.findall(r'name="csrf" value="([^"]*)"', first)[0])
        await page(http, set_up, {"csrf": csrf, "password": PASSWORD, "repeated": PASSWORD})
        asked = {"redirect_uris": [REDIRECT], "token_endpoint_auth_method": "none"}
        async with http.post(f"{a}/register", json=asked) as reply:
            client_id = (await reply.json())["client_id"]
        pkce = Pkce()
        query = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": REDIRECT,
            "code_challenge": pkce.challenge,
            "code_challenge_method": "S256",
        }
        async with http.get(f"{b}/authorize", params=query) as shown:
            consent = await shown.text()
        _, location = await page(http, f"{b}/authorize", {**fields(consent), "answer": "allow"})
        code = parse_qs(urlsplit(location).query)["code"][0]
        form = {"grant_type": "authorization_code", "code": code, "code_verifier": pkce.verifier}
        async with http.post(f"{a}/token", data={**form, "client_id": client_id}) as made:
            assert made.status == 200, await made.text()
            tokens = await made.json()
        yield Granted(pair, http, (a, b), client_id, tokens)


@pytest.mark.proves("concurrent-refresh")
async def test_fifty_refreshes_at_once_at_two_processes_leave_one_valid_family(granted: Granted) -> None:
    token = granted.tokens["refresh_token"]
    for _ in range(3):
        asked = (granted.refresh(granted.bases[number % 2], token) for number in range(SHOWN))
        answers = await asyncio.gather(*asked)
        assert {status for status, _ in answers} == {200}
        assert len({told["refresh_token"] for _, told in answers}) == 1
        assert len({told["access_token"] for _, told in answers}) == 1
        assert await granted.works(answers[0][1]["access_token"]) == [200, 200]
        token = answers[0][1]["refresh_token"]
    status, _ = await granted.refresh(granted.bases[1], token)
    assert status == 200


async def test_a_client_that_refreshes_at_both_processes_again_and_again_stays_signed_in(granted: Granted) -> None:
    held = granted.tokens["refresh_token"]
    for number in range(8):
        here, there = granted.bases[number % 2], granted.bases[1 - number % 2]
        (first, one), (second, two) = await asyncio.gather(granted.refresh(here, held), granted.refresh(there, held))
        assert (first, second) == (200, 200)
        assert one["refresh_token"] == two["refresh_token"]
        held = one["refresh_token"]
    assert await granted.works(two["access_token"]) == [200, 200]
