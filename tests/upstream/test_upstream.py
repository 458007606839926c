"""The rules above one round trip: reach, redirects, retries, waits and deadlines."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from hub.clock import FixedClock
from hub.errors import OperatorNeeded, ProviderUnavailable, ToolError
from hub.sdk.http import Outgoing, Reach, Reply, Send
from hub.upstream.errors import Lost, NotSent
from hub.upstream.transport import AioTransport
from hub.upstream.upstream import Upstream

Serve = Callable[..., Awaitable[TestServer]]
Open = Callable[..., Awaitable[AioTransport]]
URL = "https://api.example.com/x?key=hunter2"
REACH = Reach("t", ("api.example.com", "*.files.example.com"))


class Script:
    """A transport that plays outcomes: a status, (status, headers), or an error; the last one stays. Keeps requests."""

    def __init__(self, clock: FixedClock, *outcomes: Any, lasts: float = 0.0) -> None:
        self.clock = clock
        self.outcomes = list(outcomes)
        self.lasts = lasts
        self.seen: list[tuple[Outgoing, float]] = []

    async def exchange(self, outgoing: Outgoing, *, connector: str, timeout: float) -> Reply:  # noqa: ASYNC109
        self.seen.append((outgoing, timeout))
        outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        self.clock.advance(self.lasts)
        if isinstance(outcome, Exception):
            raise outcome
        status, headers = outcome if isinstance(outcome, tuple) else (outcome, {})
        return Reply(status, outgoing.url, headers, b"")

    @property
    def urls(self) -> list[str]:
        return [outgoing.url for outgoing, _ in self.seen]


def upstream(script: Script) -> Upstream:
    return Upstream(script, script.clock, lambda: 0.5)


def call(
    method: str = "GET", *, repeatable: bool = False, url: str = URL, headers: dict[str, str] | None = None
) -> Outgoing:
    return Outgoing(method, url, headers or {}, b"body" if method in ("POST", "PUT", "PATCH") else None, repeatable)


def test_send_is_what_the_sdk_calls(clock: FixedClock) -> None:
    send: Send = upstream(Script(clock, 200)).send
    assert callable(send)


# --- reach


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/",
        "http://api.example.com/",
        "https://api.example.com:8443/",
        "https://api.example.com.evil.example/",
        "https://files.example.com/",
        "https://api\u3002evil.example/",
    ],
)
async def test_a_url_outside_the_reach_is_never_sent(clock: FixedClock, url: str) -> None:
    script = Script(clock, 200)
    with pytest.raises(OperatorNeeded, match="connector 't' may not send requests to"):
        await upstream(script).send(call(url=url), REACH)
    assert script.seen == []


async def test_a_malformed_url_is_the_models_to_mend(clock: FixedClock) -> None:
    with pytest.raises(ToolError):
        await upstream(Script(clock, 200)).send(call(url="https://user:pw@api.example.com/"), REACH)


@pytest.mark.parametrize("status", [200, 204, 304, 400, 401, 403, 404, 409, 422, 451, 501])
async def test_any_final_status_is_returned_after_one_request(clock: FixedClock, status: int) -> None:
    script = Script(clock, status)
    assert (await upstream(script).send(call(repeatable=True), REACH)).status == status
    assert len(script.seen) == 1


# --- redirects


@pytest.mark.parametrize(
    ("status", "method", "then"),
    [
        (301, "GET", "GET"),
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (302, "PUT", "PUT"),
        (303, "POST", "GET"),
        (303, "PUT", "GET"),
        (303, "DELETE", "GET"),
        (303, "HEAD", "HEAD"),
        (307, "POST", "POST"),
        (308, "PATCH", "PATCH"),
        (308, "DELETE", "DELETE"),
    ],
)
async def test_a_redirect_keeps_or_changes_the_method_as_the_rfc_says(
    clock: FixedClock, status: int, method: str, then: str
) -> None:
    script = Script(clock, (status, {"location": "/y"}), 200)
    sent = call(method, headers={"Content-Type": "text/plain", "Authorization": "Bearer s3cret"})
    reply = await upstream(script).send(sent, REACH)
    assert reply.url == "https://api.example.com/y"
    follow = script.seen[1][0]
    assert follow.method == then
    assert follow.body == (sent.body if then == method else None)
    assert ("Content-Type" in follow.headers) == (then == method)
    assert follow.headers["Authorization"] == "Bearer s3cret"


async def test_credentials_do_not_follow_to_another_host_nor_come_back(clock: FixedClock) -> None:
    script = Script(
        clock,
        (302, {"location": "https://eu.files.example.com/f"}),
        (302, {"location": "https://api.example.com/z"}),
        200,
    )
    secrets = {"Authorization": "a", "Cookie": "b", "X-Api-Key": "c", "PRIVATE-TOKEN": "d", "X-Vendor": "e"}
    await upstream(script).send(call(headers={"Accept": "text/csv", **secrets}), REACH)
    assert set(script.seen[0][0].headers) == {"Accept", *secrets}
    assert [set(outgoing.headers) for outgoing, _ in script.seen[1:]] == [{"Accept"}, {"Accept"}]


async def test_another_port_is_another_host(clock: FixedClock) -> None:
    script = Script(clock, (307, {"location": "https://api.example.com:8443/"}), 200)
    reach = Reach("t", ("api.example.com", "api.example.com:8443"))
    await upstream(script).send(call(headers={"Authorization": "a"}), reach)
    assert script.seen[1][0].headers == {}


@pytest.mark.parametrize(
    "location",
    [
        "https://evil.example/",
        "//evil.example/",
        "https://api.example.com.evil.example/",
        "https://127.0.0.1/",
        "https://api.example.com:22/",
    ],
)
async def test_a_redirect_out_of_the_reach_is_not_followed(clock: FixedClock, location: str) -> None:
    script = Script(clock, (302, {"location": location}), 200)
    with pytest.raises(OperatorNeeded, match="connector 't' was redirected to"):
        await upstream(script).send(call(), REACH)
    assert len(script.seen) == 1


async def test_a_redirect_from_https_to_http_is_not_followed_even_where_http_is_allowed(clock: FixedClock) -> None:
    script = Script(clock, (302, {"location": "http://api.example.com/"}), 200)
    with pytest.raises(OperatorNeeded, match="https to http"):
        await upstream(script).send(call(), Reach("t", ("*",), plain=True))
    assert len(script.seen) == 1


@pytest.mark.parametrize(
    "location", ["https://[::1", "https://user:pw@api.example.com/", "ftp://x/", "http://2130706433/"]
)
async def test_a_location_that_is_no_plain_url_ends_the_call(clock: FixedClock, location: str) -> None:
    with pytest.raises(ProviderUnavailable, match="not a URL"):
        await upstream(Script(clock, (302, {"location": location}))).send(call(), REACH)


async def test_a_redirect_without_location_is_a_reply(clock: FixedClock) -> None:
    assert (await upstream(Script(clock, 302)).send(call(), REACH)).status == 302


async def test_five_redirects_are_followed_and_a_sixth_is_not(clock: FixedClock) -> None:
    hops = [(302, {"location": f"/{n}"}) for n in range(5)]
    assert (await upstream(Script(clock, *hops, 200)).send(call(), REACH)).status == 200
    endless = Script(clock, (302, {"location": "/x"}))
    with pytest.raises(ProviderUnavailable, match="more than 5 times"):
        await upstream(endless).send(call(), REACH)
    assert len(endless.seen) == 6


async def test_a_location_with_blanks_is_encoded_and_loses_its_fragment(clock: FixedClock) -> None:
    script = Script(clock, (302, {"location": "a b/ü?c=%2F#d"}), 200)
    await upstream(script).send(call(), REACH)
    assert script.urls[1] == "https://api.example.com/a%20b/%C3%BC?c=%2F"


async def test_a_redirect_to_a_private_address_is_refused_by_the_guard(
    serve: Serve, transport: Open, clock: FixedClock
) -> None:
    async def away(request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "http://169.254.169.254/latest/meta-data/"})

    server = await serve(away)
    sender = Upstream(await transport("127.0.0.1"), clock)
    with pytest.raises(OperatorNeeded, match="cloud metadata"):
        await sender.send(call(url=str(server.make_url("/"))), Reach("t", ("*",), plain=True))


# --- retries


async def test_what_was_never_sent_is_sent_again_whatever_the_method(clock: FixedClock) -> None:
    script = Script(clock, NotSent("refused"), NotSent("refused"), 201)
    assert (await upstream(script).send(call("POST"), REACH)).status == 201
    assert clock.monotonic() == pytest.approx(0.375 + 0.75)


async def test_after_two_retries_it_is_told_that_the_host_cannot_be_reached(clock: FixedClock) -> None:
    script = Script(clock, NotSent("the connection failed"))
    with pytest.raises(ProviderUnavailable, match=r"^api\.example\.com cannot be reached: the connection failed\.$"):
        await upstream(script).send(call(repeatable=True), REACH)
    assert len(script.seen) == 3


async def test_a_permanent_failure_is_not_tried_again(clock: FixedClock) -> None:
    script = Script(clock, NotSent("its name has no address", permanent=True))
    with pytest.raises(ProviderUnavailable):
        await upstream(script).send(call(), REACH)
    assert len(script.seen) == 1


async def test_a_lost_reply_is_asked_for_again_only_when_the_request_is_repeatable(clock: FixedClock) -> None:
    script = Script(clock, Lost("reset"), Lost("timeout"), 200)
    assert (await upstream(script).send(call("PUT", repeatable=True), REACH)).status == 200
    once = Script(clock, Lost("the connection broke"), 200)
    with pytest.raises(ProviderUnavailable, match="may or may not have carried out the request"):
        await upstream(once).send(call("PUT"), REACH)
    assert len(once.seen) == 1


async def test_a_read_that_is_lost_for_good_does_not_speak_of_what_may_have_happened(clock: FixedClock) -> None:
    script = Script(clock, Lost("no whole answer within 60 s"))
    with pytest.raises(ProviderUnavailable) as told:
        await upstream(script).send(call(repeatable=True), REACH)
    assert str(told.value) == "api.example.com did not answer: no whole answer within 60 s."
    assert len(script.seen) == 3


@pytest.mark.parametrize("status", [500, 502, 503, 504, 520])
async def test_a_server_error_is_retried_twice_when_repeatable_and_the_last_reply_returned(
    clock: FixedClock, status: int
) -> None:
    script = Script(clock, status)
    assert (await upstream(script).send(call(repeatable=True), REACH)).status == status
    assert len(script.seen) == 3
    once = Script(clock, status, 200)
    assert (await upstream(once).send(call("POST"), REACH)).status == status
    assert len(once.seen) == 1


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize("header", ["7", "Tue, 28 Jul 2026 12:00:07 GMT", "Tuesday, 28-Jul-26 12:00:07 GMT"])
async def test_a_rate_limit_is_waited_for_once_whatever_the_method(
    clock: FixedClock, status: int, method: str, header: str
) -> None:
    script = Script(clock, (status, {"retry-after": header}), 200)
    assert (await upstream(script).send(call(method), REACH)).status == 200
    assert clock.monotonic() == 7


async def test_a_second_rate_limit_says_when_to_come_back(clock: FixedClock) -> None:
    script = Script(clock, (429, {"retry-after": "3"}), (429, {"retry-after": "30"}))
    with pytest.raises(ProviderUnavailable, match="try again in 30 s") as told:
        await upstream(script).send(call(repeatable=True), REACH)
    assert told.value.after == 30
    assert len(script.seen) == 2


async def test_a_wait_longer_than_a_request_may_take_is_left_to_the_caller(clock: FixedClock) -> None:
    script = Script(clock, (429, {"retry-after": "61"}), 200)
    with pytest.raises(ProviderUnavailable) as told:
        await upstream(script).send(call(), REACH)
    assert (told.value.after, clock.monotonic(), len(script.seen)) == (61, 0, 1)


async def test_a_rate_limit_without_a_time_is_tried_once_more_soon(clock: FixedClock) -> None:
    script = Script(clock, 429, 200)
    assert (await upstream(script).send(call("POST"), REACH)).status == 200
    assert clock.monotonic() == 1.5
    with pytest.raises(ProviderUnavailable) as told:
        await upstream(Script(clock, 429)).send(call("POST"), REACH)
    assert told.value.after is None


@pytest.mark.parametrize("header", ["soon", "-5", "1.5", "", "٣"])
async def test_an_unreadable_wait_is_no_wait(clock: FixedClock, header: str) -> None:
    script = Script(clock, (503, {"retry-after": header}))
    assert (await upstream(script).send(call("POST"), REACH)).status == 503
    assert len(script.seen) == 1


async def test_a_date_in_the_past_means_now(clock: FixedClock) -> None:
    script = Script(clock, (503, {"retry-after": "Tue, 28 Jul 2026 11:00:00 GMT"}), 200)
    assert (await upstream(script).send(call("POST"), REACH)).status == 200
    assert clock.monotonic() == 0


async def test_retries_are_counted_over_all_redirects(clock: FixedClock) -> None:
    script = Script(clock, 500, (302, {"location": "/y"}), 500, 500)
    assert (await upstream(script).send(call(repeatable=True), REACH)).status == 500
    assert len(script.seen) == 4


# --- deadlines


async def test_a_request_gets_sixty_seconds_and_at_most_two_hundred_and_forty(clock: FixedClock) -> None:
    script = Script(clock, 200)
    await upstream(script).send(call(), REACH)
    await upstream(script).send(call(), REACH, timeout=5)
    await upstream(script).send(call(), REACH, timeout=9999)
    assert [timeout for _, timeout in script.seen] == [60, 5, 240]


async def test_everything_together_ends_within_two_hundred_and_forty_seconds(clock: FixedClock) -> None:
    script = Script(clock, Lost("timeout"), lasts=100)
    with pytest.raises(ProviderUnavailable):
        await upstream(script).send(call(repeatable=True), REACH, timeout=100)
    assert [round(timeout) for _, timeout in script.seen] == [100, 100, 39]


async def test_endless_slow_redirects_end_at_the_deadline(clock: FixedClock) -> None:
    script = Script(clock, (302, {"location": "/x"}), lasts=81)
    with pytest.raises(ProviderUnavailable, match="did not finish within 240 s"):
        await upstream(script).send(call(), REACH, timeout=81)
    assert len(script.seen) == 3


# --- over the real transport


async def test_a_connection_reset_is_retried_for_a_read_and_not_for_a_write(transport: Open, clock: FixedClock) -> None:
    asked = 0

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        await reader.readuntil(b"\r\n\r\n")
        asked += 1
        if asked == 3:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        sender = Upstream(await transport("127.0.0.1"), clock)
        reach = Reach("t", (f"127.0.0.1:{port}",), plain=True)
        url = f"http://127.0.0.1:{port}/?key=hunter2"
        assert (await sender.send(call(url=url, repeatable=True), reach)).body == b"ok"
        asked = 0
        with pytest.raises(ProviderUnavailable, match="may or may not") as told:
            await sender.send(Outgoing("POST", url, {"Authorization": "s3cret"}), reach)
    assert asked == 1
    assert "hunter2" not in str(told.value)
    assert "s3cret" not in str(told.value)
