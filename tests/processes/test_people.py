"""Shutting a person out with two processes: all they had ends in both within a second."""

import html
import re
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from hub import config
from hub.clock import SystemClock
from hub.sdk.talk import TASKS
from hub.store import Store
from tests.mcp_server.wire_client import Wire
from tests.oauth.scene import Pkce, fields
from tests.processes.conftest import Pair, until
from tests.waiting import A_SECOND

PASSWORD = "nine violet umbrellas"
REDIRECT = "http://127.0.0.1/callback"


@dataclass(frozen=True)
class Someone:
    """A person with a session, a personal token and a client they let in; ``http`` is their browser, for which both
    processes are one place."""

    name: str
    http: aiohttp.ClientSession
    bases: tuple[str, str]
    client_id: str
    granted: dict[str, Any]
    wires: list[Wire]

    async def page(self, base: str, path: str, form: dict[str, str] | None = None) -> tuple[int, str, str]:
        """Status, text and where it leads of a page, or of a form that is sent."""
        method = "GET" if form is None else "POST"
        async with self.http.request(method, base + path, data=form, allow_redirects=False) as reply:
            return reply.status, await reply.text(), reply.headers.get("Location", "")

    async def signed_in(self) -> list[bool]:
        """Whether their account page opens, at each process."""
        return [(await self.page(base, "/account"))[0] == 200 for base in self.bases]

    async def let_in(self) -> list[int]:
        """How the endpoint of each process answers to each of their tokens."""
        return [(await wire.modern("tools/list")).status for wire in self.wires]

    async def refreshed(self, base: str) -> tuple[int, dict[str, Any]]:
        """What one process says to their client's refresh token."""
        form = {"grant_type": "refresh_token", "refresh_token": self.granted["refresh_token"]}
        async with self.http.post(f"{base}/token", data={**form, "client_id": self.client_id}) as reply:
            return reply.status, await reply.json()


@pytest.fixture
async def someone(pair: Pair) -> AsyncIterator[Someone]:
    """From nothing, by the public doors: set up at one process, agree at the other, redeem at the first."""
    a, b = (one.url.removesuffix("/mcp") for one in (pair.a, pair.b))
    name = f"person {secrets.token_hex(4)}"
    link = (await pair.hub("user", "add", name)).strip()
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        person = Someone(name, http, (a, b), "", {}, [])
        set_up = urlsplit(link).path
        csrf = html.unescape(re.findall(r'name="csrf" value="([^"]*)"', (await person.page(a, set_up))[1])[0])
        await person.page(a, set_up, {"csrf": csrf, "password": PASSWORD, "repeated": PASSWORD})
        asked = {"redirect_uris": [REDIRECT], "token_endpoint_auth_method": "none"}
        async with http.post(f"{a}/register", json=asked) as reply:
            client_id = (await reply.json())["client_id"]
        pkce = Pkce()
        query = {"response_type": "code", "client_id": client_id, "redirect_uri": REDIRECT}
        query |= {"code_challenge": pkce.challenge, "code_challenge_method": "S256"}
        async with http.get(f"{b}/authorize", params=query) as shown:
            consent = fields(await shown.text())
        _, _, location = await person.page(b, "/authorize", {**consent, "answer": "allow"})
        form = {"grant_type": "authorization_code", "code_verifier": pkce.verifier, "client_id": client_id}
        async with http.post(
            f"{a}/token", data={**form, "code": parse_qs(urlsplit(location).query)["code"][0]}
        ) as made:
            assert made.status == 200, await made.text()
            granted = await made.json()
        tokens = ((await pair.hub("token", "create", "--user", name)).strip(), granted["access_token"])
        wires = [Wire(http, f"{base}/mcp", token) for token in tokens for base in (a, b)]
        yield Someone(name, http, (a, b), client_id, granted, wires)


@pytest.mark.proves("disabling")
async def test_a_disabled_persons_sessions_tokens_grants_and_tasks_end_in_both_processes_within_a_second(
    pair: Pair, someone: Someone
) -> None:
    assert await someone.signed_in() == [True, True]
    assert await someone.let_in() == [200] * 4
    for wire in someone.wires:
        begun = await wire.call("lab_rest", {}, capabilities={"extensions": {TASKS: {}}})
        assert begun.result["resultType"] == "task", begun.message
    store = Store.open(config.load(pair.hubs.config, {}).store_url, SystemClock())
    try:
        user = await store.users.by_name(someone.name)
        assert user is not None
        assert await store.tasks.live_of(user.id) == 4

        await pair.hub("user", "disable", someone.name)

        async def out() -> bool:
            return await someone.let_in() == [401] * 4 and await someone.signed_in() == [False, False]

        async def ended() -> bool:
            return await store.tasks.live_of(user.id) == 0

        assert await until(out) + await until(ended) < A_SECOND
    finally:
        await store.close()
    for base in someone.bases:
        status, told = await someone.refreshed(base)
        assert (status, told["error"]) == (400, "invalid_grant")
    await pair.hub("user", "enable", someone.name)
    assert await someone.signed_in() == [False, False]
