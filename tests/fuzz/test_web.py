"""The web routes under requests that are nearly right, of people who are signed in and of nobody: no 5xx, no hang, no
secret in an answer, and none in the log.

``HUB_FUZZ`` is how many: 300 of a fixed choice without it, 10,000 by ``make fuzz``.
"""

import os
from collections import Counter
from collections.abc import Iterator
from urllib.parse import unquote

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.fuzz.running import Client
from tests.fuzz.stock import Stock, stocked
from tests.fuzz.web_shapes import NATURAL, Asked, requests, shares

REQUESTS = int(os.environ.get("HUB_FUZZ", "300"))
STOCK_LASTS = 50
"""Requests after which what may be used up is made anew."""

pytestmark = pytest.mark.timeout(3600)


@pytest.fixture(scope="module")
def stock(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stock]:
    with stocked(tmp_path_factory.mktemp("web") / "hub") as held:
        yield held


@pytest.fixture(scope="module")
def client(stock: Stock) -> Iterator[Client]:
    held = Client(stock.port)
    yield held
    held.close()


@pytest.fixture(scope="module")
def seen() -> Counter[tuple[str, int]]:
    """How often each status came for each route's first step."""
    return Counter()


fuzzed = settings(
    derandomize="HUB_FUZZ" not in os.environ,
    deadline=None,
    database=None,
    phases=(Phase.generate,) if "HUB_FUZZ" not in os.environ else (Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.proves("fuzzed")
def test_no_request_to_a_web_route_fails_or_tells_a_secret(
    stock: Stock, client: Client, seen: Counter[tuple[str, int]]
) -> None:
    for (method, canonical), number in shares(stock.routes, REQUESTS).items():
        if canonical in NATURAL:
            stock.renew()

        @settings(fuzzed, max_examples=number)
        @given(asked=requests(method, canonical))
        def answered(asked: Asked) -> None:
            if sum(seen.values()) % STOCK_LASTS == 0:
                stock.renew()
            sent = asked.filled(stock.values)
            answer = client.send(sent)
            seen["/".join(asked.path[:2]), answer.status] += 1
            told = (answer.head + answer.body).decode("utf-8", "replace")
            assert answer.status, told
            assert answer.status < 500, (sent, told)
            # What somebody wrote into an address is theirs to read there.
            address = unquote(sent.partition(b"\r\n")[0].decode())
            assert [secret for secret in stock.kept if secret in told and secret not in address] == [], (sent, told)

        answered()


def test_enough_of_it_came_through_to_where_there_is_something_to_break(seen: Counter[tuple[str, int]]) -> None:
    assert sum(seen.values()) > 0.9 * REQUESTS
    statuses = {status for _, status in seen}
    assert {200, 303, 400, 403, 404} <= statuses
    for step in ("/authorize", "/token", "/account", "/signin", "/files"):
        assert any(status in (200, 201, 206, 303) for place, status in seen if place == step), (step, seen)


@pytest.mark.proves("fuzzed", "storage")
def test_the_log_of_all_that_holds_no_secret_and_tells_of_no_failure(stock: Stock) -> None:
    log = stock.running.program.output
    assert "the hub is ready" in log
    assert "web.oauth" in log or "identity.oauth" in log
    # Without what they begin with, too: that is what is blackened by.
    assert [secret for secret in stock.secrets if secret in log or (len(secret) > 43 and secret[-43:] in log)] == []
    assert "Traceback" not in log
    assert '"level":"error"' not in log
    assert stock.running.program.running
