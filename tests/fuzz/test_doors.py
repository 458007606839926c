"""Every door of the hub under requests that hypothesis makes up: none gets a 5xx, a hang, a stack trace or a secret.

``HUB_FUZZ`` is how many for each door: 500 of a fixed choice without it, 10,000 by ``make fuzz``.
"""

import os
import socket
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.fuzz import shapes
from tests.fuzz.running import Answer, Client, Target, running

REQUESTS = int(os.environ.get("HUB_FUZZ", "500"))
INSIDE = (b"went wrong inside the hub", b"failed unexpectedly")

fuzzed = settings(
    max_examples=REQUESTS,
    derandomize="HUB_FUZZ" not in os.environ,
    deadline=None,
    database=None,
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)
pytestmark = pytest.mark.timeout(3600)


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with running(tmp_path_factory.mktemp("fuzz")) as held:
        yield held


@pytest.fixture(scope="module")
def client(target: Target) -> Iterator[Client]:
    held = Client(target.port)
    yield held
    held.close()


def judge(answer: Answer, target: Target, *, may_close: bool = False) -> None:
    """Fail unless this is an answer the hub may give to anything."""
    told = answer.head + answer.body
    assert answer.status or may_close, told
    assert answer.status < 500, told
    assert [one for one in target.kept if one.encode() in told] == [], told
    assert [one for one in INSIDE if one in told] == [], told


@fuzzed
@given(data=st.data())
def test_the_modern_endpoint_answers_whatever_comes(target: Target, client: Client, data: st.DataObject) -> None:
    judge(client.send(data.draw(shapes.posts(target.token, modern=True))), target)


@fuzzed
@given(data=st.data())
def test_the_legacy_endpoint_answers_whatever_comes(target: Target, client: Client, data: st.DataObject) -> None:
    judge(client.send(data.draw(shapes.posts(target.token, modern=False))), target)


@fuzzed
@given(data=st.data())
def test_the_endpoints_other_methods_answer_whatever_comes(target: Target, client: Client, data: st.DataObject) -> None:
    judge(client.send(data.draw(shapes.visits(target.token))), target)


@fuzzed
@given(data=st.data())
def test_the_other_routes_answer_whatever_comes(target: Target, client: Client, data: st.DataObject) -> None:
    judge(client.send(data.draw(shapes.pages(target.token, target.secret, target.paths))), target)


@fuzzed
@given(sent=shapes.raw)
def test_what_is_hardly_http_is_refused_or_closed(target: Target, sent: bytes) -> None:
    held = Client(target.port)
    try:
        with socket.create_connection(("127.0.0.1", target.port), timeout=10) as wire:
            wire.sendall(sent)
            wire.shutdown(socket.SHUT_WR)
            told = b""
            try:
                while more := wire.recv(65536):
                    told += more
            except ConnectionError:
                pass
        status = int(told[9:12]) if told.startswith(b"HTTP/1.1 ") else 0
        judge(Answer(status, told, b""), target, may_close=True)
    finally:
        held.close()


def test_after_all_that_the_hub_is_as_well_as_before(target: Target, client: Client) -> None:
    client.close()
    fields = [(b"Host", b"localhost")]
    ready = client.send(shapes.request_of(b"GET", b"/readyz", fields, b""))
    assert ready.status == 200
    assert b'"ready": true' in ready.body
