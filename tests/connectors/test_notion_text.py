"""Long and odd texts on their way into Notion: nothing is lost, and Notion's limits are kept.

Not the ordinary calls, which are recordings.
"""

import asyncio
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import orjson
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hub.clock import FixedClock, SystemClock
from hub.gateway import Gateway
from hub.gateway.audit import NoAudit
from hub.registry import Catalog, Place, Registry
from hub.registry.places import SHIPPED, shipped_folder
from hub.sdk.http import Outgoing, Reply
from hub.seal import KEY_BYTES, KeyRing
from hub.testing.conversation import Conversation, Seen
from hub.testing.recording import Recording
from hub.testing.rehearsal import Rehearsal
from hub.upstream.upstream import Upstream

PAGE = {"id": "p-1", "url": "https://www.notion.so/p1"}
WORDS = st.text(alphabet="abcdefgh", min_size=1, max_size=8)


class Notion:
    """Takes blocks as Notion does, and refuses the request of the number ``failing``."""

    def __init__(self, failing: int | None = None) -> None:
        self._failing = failing
        self.parts: list[list[dict[str, Any]]] = []

    async def exchange(self, outgoing: Outgoing, *, connector: str, timeout: float) -> Reply:  # noqa: ASYNC109
        """See ``Transport``."""
        if len(self.parts) + 1 == self._failing:
            told = {"object": "error", "status": 400, "code": "validation_error", "message": "too much at once"}
            return Reply(400, outgoing.url, {"content-type": "application/json"}, orjson.dumps(told))
        self.parts.append(orjson.loads(outgoing.body or b"{}").get("children", []))
        return Reply(200, outgoing.url, {"content-type": "application/json"}, orjson.dumps(PAGE))


@cache
def catalog() -> Catalog:
    """The shipped connectors."""
    folder = shipped_folder()
    assert folder is not None
    return asyncio.run(Registry([Place(folder, SHIPPED)], clock=SystemClock()).load())


def call(notion: Notion, tool: str, arguments: dict[str, Any]) -> Seen:
    """One call of a tool, as a client makes it."""
    clock = SystemClock()
    ring = KeyRing([bytes(KEY_BYTES)])
    gateway = Gateway(
        catalog=catalog,
        send=Upstream(notion, FixedClock(clock.now())).send,
        audit=NoAudit(),
        ring=ring,
        clock=clock,
        settings={},
        accounts=Rehearsal({}),
        new_key=lambda: "key",
    )
    recording = Recording(source="https://example.com/", arguments=arguments, exchanges=[], result=None)
    return asyncio.run(Conversation(gateway, catalog(), ring, clock).hold(recording, f"notion_{tool}"))


def texts(blocks: list[dict[str, Any]]) -> Iterator[str]:
    """All texts of blocks, in their order."""
    for one in blocks:
        held = one[one["type"]]
        for text in held.get("rich_text", []):
            yield text["text"]["content"]
        yield from texts(held.get("children", []))


def depth(blocks: list[dict[str, Any]]) -> int:
    """How deep blocks lie in each other; 0 for blocks without any in them."""
    inner = [children for one in blocks if (children := one[one["type"]].get("children"))]
    return max((1 + depth(one) for one in inner), default=0)


def test_a_text_of_250_paragraphs_arrives_whole_and_in_order() -> None:
    notion = Notion()
    paragraphs = [f"Paragraph {at}" for at in range(250)]
    made = call(notion, "create_page", {"title": "Long", "parent_page_id": "p-0", "content": "\n\n".join(paragraphs)})
    assert made.kind is None
    assert [len(part) for part in notion.parts] == [100, 100, 50]
    assert [text for part in notion.parts for text in texts(part)] == paragraphs


def test_a_page_that_was_made_but_not_filled_is_told_with_its_id() -> None:
    content = "\n\n".join(f"Paragraph {at}" for at in range(150))
    made = call(Notion(2), "create_page", {"title": "Long", "parent_page_id": "p-0", "content": content})
    assert made.kind == "tool_error"
    assert "created as p-1" in made.message
    assert "too much at once" in made.message


def test_a_paragraph_longer_than_notion_takes_is_cut_into_pieces_without_loss() -> None:
    notion = Notion()
    paragraph = "".join(f"{at:05d}" for at in range(1_000))
    assert call(notion, "append_to_page", {"page_id": "p-1", "content": paragraph}).kind is None
    pieces = list(texts(notion.parts[0]))
    assert [len(one) for one in pieces] == [2_000, 2_000, 1_000]
    assert "".join(pieces) == paragraph


@settings(max_examples=40, deadline=None)
@given(lines=st.lists(st.tuples(st.integers(0, 6), st.sampled_from(["- ", "1. ", "> ", ""]), WORDS), min_size=1))
@example(lines=[(level, "- ", "abcdefg"[level]) for level in range(7)])
def test_lists_and_quotes_however_deep_keep_every_word_and_notions_depth(
    lines: list[tuple[int, str, str]],
) -> None:
    notion = Notion()
    content = "\n".join(f"{'  ' * level}{mark}{word}" for level, mark, word in lines)
    assert call(notion, "append_to_page", {"page_id": "p-1", "content": content}).kind is None
    blocks = [one for part in notion.parts for one in part]
    assert re.findall("[a-h]+", " ".join(texts(blocks))) == [word for _, _, word in lines]
    assert depth(blocks) <= 2
