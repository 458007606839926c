"""Requests that no browser sends: whatever comes, the pages about people answer below 500 and nobody is signed in."""

import asyncio
import random
from urllib.parse import quote_from_bytes, quote_plus

from aiohttp import ClientError

from tests.people.conftest import PASSWORD, House
from tests.people.test_refusals import GETS, POSTS

PIECES = [
    b"",
    b"\x00",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"../..",
    b"%2e%2e",
    b"<script>",
    b"'\"`;--",
    b"a" * 5000,
    "\u202e\U0001f600ß".encode(),
    b"\r\nX-Evil: 1",
    b"{{7*7}}",
    b"-1",
    b"https://evil.example",
]
FIELDS = [
    "name",
    "password",
    "repeated",
    "next",
    "code",
    "ceremony",
    "role",
    "effects",
    "days",
    "proposal",
    "lost",
    "old",
]
BODIES = [b"{", b"[]", b"null", b'{"credential": {"id": "\\u0000"}}', b"\xff", b'{"csrf": 5}', b"[" * 3000]
TYPES = [
    "application/x-www-form-urlencoded",
    "application/x-www-form-urlencoded; charset=nonsense",
    "multipart/form-data; boundary=x",
    "multipart/form-data",
    "application/json",
    "text/plain; charset=utf-16",
    "",
]


async def test_no_request_makes_the_hub_fail(house: House) -> None:
    """Half of the forms carry the right token, so that what stands behind it is reached."""
    chance = random.Random(4)
    browser = await house.admin("ada")
    await browser.get("/account")
    token = browser.last.value("csrf").encode()
    failed = []
    statuses = set()
    for number in range(1500):
        method = chance.choice(["GET", "POST", "POST", "PUT"])
        route = chance.choice(POSTS + GETS)
        for part in ("{id}", "{secret}", "{name}"):
            route = route.replace(part, quote_from_bytes(chance.choice(PIECES) or b"x", safe=""))
        query = "&".join(
            f"{name}={quote_from_bytes(chance.choice(PIECES))}"
            for name in chance.sample(["next", "again", "setup", "connect", "state", "code", "iss", "error"], 2)
        )
        fields = [(name.encode(), chance.choice(PIECES)) for name in chance.sample(FIELDS, 4)]
        if chance.random() < 0.5:
            fields.append((b"csrf", token))
        body = b"&".join(
            quote_from_bytes(key).encode() + b"=" + quote_from_bytes(value).encode() for key, value in fields
        )
        if chance.random() < 0.2:
            body = chance.choice(BODIES)
        headers = {
            "Content-Type": chance.choice(TYPES) or "x",
            "User-Agent": chance.choice(["", "ß", "x" * 3000]),
            "X-Forwarded-For": chance.choice(["", "nonsense", "1.2.3.4,,", "[::1", f"10.0.{number % 250}.1"]),
            "X-Hub-Csrf": chance.choice(["", "é"]),
        }
        if "signout" in route or "end" in route or "password" in route:
            continue  # the session must last
        try:
            async with browser.client.request(
                method,
                f"{browser.base}{route}?{query}",
                data=None if method == "GET" else body,
                headers={key: value for key, value in headers.items() if value},
                allow_redirects=False,
            ) as reply:
                statuses.add(reply.status)
                if reply.status >= 500:
                    failed.append((reply.status, method, route, query, body, headers))
        except ClientError as wrong:
            failed.append((0, method, route, repr(wrong), body, headers))
    assert failed == []
    assert {200, 303, 400, 403, 404, 405} <= statuses
    assert [user.name for user in await house.hub.store.users.list()] == ["ada"]


async def test_a_browser_that_calls_itself_by_no_text_signs_in(house: House) -> None:
    user = await house.user("ada")
    browser = house.browser()
    page = await browser.get("/signin")
    form = f"csrf={page.value('csrf')}&name=ada&password={quote_plus(PASSWORD)}".encode()
    host, _, port = browser.base.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"POST /signin HTTP/1.1\r\nHost: localhost:8080\r\nUser-Agent: odd \xff\xfe one\r\nConnection: close\r\n"
        b"Cookie: hub-visit=%b\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%b"
        % (browser.cookies()["hub-visit"].encode(), len(form), form)
    )
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 303")
    (session,) = await house.hub.store.web_sessions.list(user.id)
    assert session.agent == "odd  one"
