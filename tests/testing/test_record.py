"""Recordings made from real calls: whole, replayable, and without secrets."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub import yaml
from hub.clock import FixedClock
from hub.gateway.audit import NoAudit
from hub.identity import local_caller
from hub.registry import Catalog
from hub.sdk.http import Outgoing, Reply
from hub.testing import RecordingError, Studio, opened, replay, write
from hub.testing.redaction import Redaction
from hub.testing.yaml_text import dump
from hub.upstream.errors import NotSent

NOW = datetime(2026, 3, 1, 10, 0, 0, 123, tzinfo=UTC)


class Shop:
    """The shop's network: answers what it is told to, in order (``upstream.transport.Transport``)."""

    def __init__(self, replies: Sequence[tuple[int, dict[str, str], Any]]) -> None:
        self.replies = list(replies)
        self.sent: list[Outgoing] = []

    async def exchange(
        self,
        outgoing: Outgoing,
        *,
        connector: str,
        timeout: float,  # noqa: ASYNC109 - the protocol's
    ) -> Reply:
        """The next answer; a shop without one is closed."""
        self.sent.append(outgoing)
        if not self.replies:
            raise NotSent("the shop is closed", permanent=True)
        status, headers, body = self.replies.pop(0)
        return Reply(status, outgoing.url, headers, body if isinstance(body, bytes) else orjson.dumps(body))


async def studio(shop: Path, network: Shop, settings: dict[str, str] | None = None) -> tuple[Studio, Catalog]:
    """What records the shop's tools over ``network``."""
    _, catalog = await opened(shop)
    clock = FixedClock(NOW)
    return Studio(catalog, network, NoAudit(), clock, local_caller(), {"shop": settings or {}}), catalog


JSON = {"content-type": "application/json", "set-cookie": "session=abcdefgh", "date": "today"}


async def test_a_recorded_call_holds_when_it_is_replayed(shop: Path) -> None:
    link = {**JSON, "link": '<https://shop.example/api/tickets?after=9>; rel="next"'}
    making, catalog = await studio(shop, Shop([(200, link, {"tickets": [{"id": 1, "title": "on", "rest": "1e3"}]})]))
    data = await making.record("shop_find", {"query": "12:30", "tags": ["a", "b"]})
    file = write(shop / "recordings" / "find.yaml", data)
    assert await replay(file, catalog, "shop") is None
    assert data["source"] == "https://shop.example/api/tickets"
    assert data["at"] == "2026-03-01T10:00:00Z"
    assert data["result"]["next_cursor"] == "https://shop.example/api/tickets?after=9"
    (exchange,) = data["exchanges"]
    assert exchange["request"]["query"] == {"q": "12:30", "tag": ["a", "b"]}
    assert set(exchange["response"]["headers"]) == {"content-type", "link"}
    assert "headers" not in exchange["request"]


async def test_a_write_is_recorded_with_its_body_and_a_failure_with_its_words(shop: Path) -> None:
    network = Shop([(201, JSON, {"id": 7}), (422, JSON, {"message": "Too large"})])
    making, catalog = await studio(shop, network)
    good = await making.record("shop_add", {"title": "a", "size": 2})
    assert good["exchanges"][0]["request"]["body"] == {"ticket": {"title": "a", "size": 2}}
    bad = await making.record("shop_add", {"title": "b"}, source="https://shop.example/docs#add")
    assert bad["error"] == {"kind": "tool_error", "contains": "shop.example answered HTTP 422: Too large"}
    assert bad["source"] == "https://shop.example/docs#add"
    for case, data in (("good", good), ("bad", bad)):
        assert await replay(write(shop / "recordings" / f"add.{case}.yaml", data), catalog, "shop") is None


async def test_bytes_and_text_survive(shop: Path) -> None:
    picture = b"\x89PNG\x00\xff"
    page = "<p>Hi\r\n\tthere\x85\u200b</p>\n"
    network = Shop([(200, {"content-type": "image/png"}, picture), (200, {}, page.encode())])
    making, catalog = await studio(shop, network)
    for name, arguments in (("picture", {}), ("page", {"name": "a"})):
        data = await making.record(f"shop_{name}", arguments)
        assert await replay(write(shop / "recordings" / f"{name}.yaml", data), catalog, "shop") is None


async def test_credentials_cookies_and_tokens_never_reach_the_file(shop: Path) -> None:
    answer = {
        "tickets": [{"id": "sekrit-session-1", "title": "Bearer abc123def456ghi"}],
        "access_token": "sekrit-access-1",
        "next_page_token": "page-two-marker",
        "mine": {"apiKey": "sekrit-key-1", "password": None},
    }
    network = Shop([(200, JSON | {"set-cookie": "sid=sekrit-cookie-1"}, answer)])
    making, catalog = await studio(shop, network, {"team": "plain-team"})
    data = await making.record("shop_find", {"query": "sekrit-access-1"})
    path = shop / "recordings" / "find.yaml"
    file = write(path, data)
    text = path.read_text()
    for secret in ("sekrit-access-1", "sekrit-key-1", "sekrit-cookie-1", "abc123def456ghi"):
        assert secret not in text
    assert "page-two-marker" in text
    assert "plain-team" in text
    assert await replay(file, catalog, "shop") is None


async def test_mail_addresses_are_replaced_only_when_asked(shop: Path) -> None:
    answer = {"tickets": [{"id": "ada@shop.example", "title": "ada@shop.example and bob@shop.example"}]}
    making, catalog = await studio(shop, Shop([(200, JSON, answer), (200, JSON, answer)]))
    shown = await making.record("shop_find", {})
    assert shown["result"]["items"][0]["id"] == "ada@shop.example"
    hidden = await making.record("shop_find", {}, hide_mails=True)
    assert "@shop.example" not in dump(hidden)
    item = hidden["result"]["items"][0]
    assert item["title"].startswith(item["id"] + " and ")
    assert await replay(write(shop / "recordings" / "find.yaml", hidden), catalog, "shop") is None


async def test_a_recording_is_never_overwritten(shop: Path) -> None:
    making, _ = await studio(shop, Shop([(200, {}, b"Hello")]))
    data = await making.record("shop_page", {"name": "a"})
    path = shop / "recordings" / "page.yaml"
    path.write_text("mine")
    with pytest.raises(RecordingError, match="is there already"):
        write(path, data)
    assert path.read_text() == "mine"


async def test_an_app_that_was_not_reached_gives_no_recording(shop: Path) -> None:
    making, _ = await studio(shop, Shop([]))
    with pytest.raises(RecordingError, match=r"nothing to record: .*the shop is closed"):
        await making.record("shop_page", {"name": "a"})


async def test_a_call_that_sends_nothing_needs_a_source(shop: Path) -> None:
    making, catalog = await studio(shop, Shop([]))
    with pytest.raises(RecordingError, match="--source"):
        await making.record("shop_today", {})
    data = await making.record("shop_today", {}, source="https://shop.example/docs")
    assert data["result"] == "2026-03-01"
    assert await replay(write(shop / "recordings" / "today.yaml", data), catalog, "shop") is None


def test_a_shorter_secret_inside_a_longer_one_leaves_nothing_of_either() -> None:
    redaction = Redaction()
    redaction.headers({"Authorization": "Bearer abcdefgh", "X-Api-Key": "abcdefgh-and-more"})
    told = redaction.applied({"a": ["abcdefgh-and-more", "Bearer abcdefgh", "abcdefgh"]})
    assert "abcdefgh" not in str(told)


def test_a_name_that_may_mean_something_else_hides_only_what_looks_like_a_secret() -> None:
    redaction = Redaction()
    query = {"key": "AIzaSyA-0123456789abcdef", "code": "EUR", "api_key": "short-1"}
    redaction.values(query)
    told = redaction.applied(query)
    assert told["code"] == "EUR"
    assert told["key"].startswith("redacted-")
    assert told["api_key"].startswith("redacted-")


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda held: st.lists(held) | st.dictionaries(texts, held),
    max_leaves=12,
)


@given(plain)
def test_what_is_written_as_yaml_is_read_back_as_it_was(value: Any) -> None:
    assert yaml.plain(yaml.load(dump(value), "it")) == value


@pytest.mark.parametrize(
    "word", ["1e3", "0o17", "12:30", "on", "null", "~", "2026-01-15", ".5", "+1", "-", "<<", "a: b"]
)
def test_a_word_that_looks_like_something_else_stays_a_word(word: str) -> None:
    assert yaml.plain(yaml.load(dump({"a": word, word: 1}), "it")) == {"a": word, word: 1}
