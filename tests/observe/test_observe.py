"""``hub.observe``: what is logged reaches the operator, and no secret does."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from hub import observe

TOKEN = "hub_" + "Ab3_-" * 8


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where the log lines go during one test."""
    handlers, level = list(logging.getLogger().handlers), logging.getLogger().level
    out = io.StringIO()
    observe.setup(out)
    yield out
    structlog.reset_defaults()
    logging.getLogger().handlers[:] = handlers
    logging.getLogger().setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_json_with_its_part_its_level_and_its_time(stream: io.StringIO) -> None:
    observe.log("store").warning("the disk is slow", seconds=3, connector="rss")
    (line,) = lines(stream)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "the disk is slow",
        "part": "store",
        "level": "warning",
        "seconds": 3,
        "connector": "rss",
    }


@pytest.mark.parametrize(
    "name",
    [
        "authorization",
        "Authorization",
        "token",
        "access_token",
        "refreshToken",
        "client_secret",
        "password",
        "X-API-Key",
        "api_key",
        "apiKey",
        "cookie",
        "Set-Cookie",
        "private_key",
        "code_verifier",
        "credentials",
    ],
)
def test_a_value_under_a_secret_name_is_not_written_however_deep(stream: io.StringIO, name: str) -> None:
    observe.log("x").info("sent", **{name: "s3cret"})
    observe.log("x").info("sent", request={"headers": [{name: ["s3cret", {"a": b"s3cret"}]}]})
    assert "s3cret" not in stream.getvalue()
    assert stream.getvalue().count(observe.BLACK) == 2


@pytest.mark.parametrize("name", ["token_id", "tokens_seen", "keyword", "secretary", "author", "cookie_banner"])
def test_a_value_under_a_harmless_name_is_written(stream: io.StringIO, name: str) -> None:
    observe.log("x").info("sent", **{name: "shown"})
    assert lines(stream)[0][name] == "shown"


def test_a_count_under_a_secret_name_is_written(stream: io.StringIO) -> None:
    observe.log("x").info("sent", tokens=7, password=None)
    assert (lines(stream)[0]["tokens"], lines(stream)[0]["password"]) == (7, None)


@pytest.mark.parametrize(
    "text",
    [
        f"got {TOKEN} from the client",
        f"Authorization: Bearer {TOKEN}",
        "Authorization: Basic dXNlcjpwYXNz",
        "postgresql://hub:dXNlcjpwYXNz@db/hub is away",
        "GET https://api.example.org/a?access_token=dXNlcjpwYXNz&x=1",
        "https://example.org/callback?code=dXNlcjpwYXNz",
        "jwt eyJhbGciOiJIUzI1NiJ9.dXNlcjpwYXNz.c2ln",
    ],
)
def test_a_secret_inside_a_text_is_not_written(stream: io.StringIO, text: str) -> None:
    observe.log("x").error(text, detail=[text])
    assert TOKEN not in stream.getvalue()
    assert "dXNlcjpwYXNz" not in stream.getvalue()


def test_a_secret_inside_a_traceback_is_not_written(stream: io.StringIO) -> None:
    try:
        raise ValueError(f"cannot read {TOKEN}")
    except ValueError:
        observe.log("x").exception("it failed")
    (line,) = lines(stream)
    assert "cannot read hub_[redacted]" in line["exception"]
    assert TOKEN not in stream.getvalue()


def test_the_libraries_lines_are_written_alike(stream: io.StringIO) -> None:
    logging.getLogger("aiohttp.access").warning("slow %s", TOKEN, extra={"password": "s3cret"})
    logging.getLogger("aiohttp.access").info("chatter")
    (line,) = lines(stream)
    assert (line["event"], line["part"], line["level"]) == ("slow hub_[redacted]", "aiohttp.access", "warning")
    assert "s3cret" not in stream.getvalue()


def test_bytes_and_endless_nesting_are_not_written_out(stream: io.StringIO) -> None:
    endless: list[Any] = []
    endless.append(endless)
    observe.log("x").info("odd", body=b"s3cret", endless=endless)
    assert lines(stream)[0]["body"] == "[6 bytes]"


def test_lines_below_the_level_are_not_written(stream: io.StringIO) -> None:
    observe.setup(stream, level=logging.WARNING)
    observe.log("x").info("chatter")
    observe.log("x").warning("news")
    assert [line["event"] for line in lines(stream)] == ["news"]


def test_a_terminal_gets_readable_text(stream: io.StringIO) -> None:
    observe.setup(stream, json=False)
    observe.log("x").info("hello", token=TOKEN)
    assert "hello" in stream.getvalue()
    assert not stream.getvalue().startswith("{")
    assert TOKEN not in stream.getvalue()


def test_calls_are_counted_by_connector_and_outcome() -> None:
    metrics, other = observe.Metrics(), observe.Metrics()
    metrics.called("rss", "ok", 0.02)
    metrics.called("rss", "ok", 0.2)
    metrics.called("rss", "tool_error", 3.0)
    text = metrics.exposition().decode()
    assert 'hub_calls_total{connector="rss",outcome="ok"} 2.0' in text
    assert 'hub_calls_total{connector="rss",outcome="tool_error"} 1.0' in text
    assert 'hub_call_seconds_count{connector="rss"} 3.0' in text
    assert 'connector="rss"' not in other.exposition().decode()
