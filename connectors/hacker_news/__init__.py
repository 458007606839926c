"""Hacker News: the tools that need several requests, or a tree cut to size. Not the searches; those are
connector.yaml."""

import asyncio
from collections import deque
from typing import Annotated, Any, Literal

from hub.sdk import Connector, Context, NotFoundError, Page, ToolError, iso, markdown_from_html

connector = Connector.here()

_ITEMS = "https://hacker-news.firebaseio.com/v0"
_LISTS = {
    "top": f"{_ITEMS}/topstories.json",
    "new": f"{_ITEMS}/newstories.json",
    "best": f"{_ITEMS}/beststories.json",
    "ask": f"{_ITEMS}/askstories.json",
    "show": f"{_ITEMS}/showstories.json",
    "job": f"{_ITEMS}/jobstories.json",
}
_LIST_MOST = 30
_COMMENTS_MOST = 200

Json = dict[str, Any]


async def _item(ctx: Context, number: int) -> Json | None:
    """One item as Firebase has it; None where there is none, or it was deleted or killed."""
    reply = await ctx.http.get(f"{_ITEMS}/item/{{id}}.json", path={"id": number})
    found = reply.json()
    if not isinstance(found, dict) or found.get("deleted") or found.get("dead"):
        return None
    return found


def _kept(values: Json) -> Json:
    return {name: value for name, value in values.items() if value is not None and value != ""}


def _story(found: Json) -> Json:
    return _kept(
        {
            "id": found["id"],
            "type": found.get("type") if found.get("type") != "story" else None,
            "title": found.get("title"),
            "url": found.get("url"),
            "author": found.get("by"),
            "points": found.get("score"),
            "comments": found.get("descendants"),
            "at": iso(found["time"]) if "time" in found else None,
            "text": markdown_from_html(found.get("text") or ""),
        }
    )


@connector.tool(effect="read", title="List stories", untrusted=True)
async def list_stories(
    ctx: Context,
    kind: Annotated[
        Literal["top", "new", "best", "ask", "show", "job"],
        "Which list: the front page (top), the newest, the best of late, Ask HN, Show HN or jobs.",
    ],
    cursor: str | None = None,
    limit: Annotated[int, "How many stories to return, 1 to 30; 15 where left out."] = 15,
) -> Page[Json]:
    """The stories of one of Hacker News's own lists, in its order, with points and number of comments.

    Use get_discussion with a story's id to read its comments, and search to find stories by words.
    """
    start = 0
    if cursor is not None:
        if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 4:
            raise ToolError(f"cursor {cursor!r} is not one this tool gave out; pass next_cursor of the last page.")
        start = int(cursor)
    count = max(1, min(limit, _LIST_MOST))
    reply = await ctx.http.get(_LISTS[kind])
    numbers = reply.json() or []
    wanted = numbers[start : start + count]
    found = await asyncio.gather(*(_item(ctx, number) for number in wanted))
    end = start + len(wanted)
    return Page([_story(one) for one in found if one is not None], str(end) if end < len(numbers) else None)


@connector.tool(effect="read", title="Get a discussion", untrusted=True)
async def get_discussion(
    ctx: Context,
    id: Annotated[int, "The id of a story or comment, as search and list_stories give it."],
    max_comments: Annotated[int, "How many comments to return at most, 0 to 200; 40 where left out."] = 40,
) -> Json:
    """A story with its comments as a tree, or a comment with the replies to it.

    The highest ranked comments come first. Where there are more than `max_comments`, replies are cut before
    first-level comments, and `omitted` says how many are missing below each; read on with that comment's id.
    """
    root = await _item(ctx, id)
    if root is None:
        raise NotFoundError(f"Hacker News has no item {id}, or it was deleted; search gives ids.")
    told = _story(root)
    if root.get("parent") is not None:
        told["parent"] = root["parent"]
    if not root.get("kids") or max_comments < 1:
        return told
    reply = await ctx.http.get("/items/{id}", path={"id": id})
    rank = {number: at for at, number in enumerate(root["kids"])}
    first = sorted(reply.json().get("children") or [], key=lambda one: rank.get(one["id"], len(rank)))
    told |= _tree(first, min(max_comments, _COMMENTS_MOST))
    return told


def _tree(first: list[Json], most: int) -> Json:
    """The comments below an item, level by level until ``most`` are taken; ``omitted`` counts those left out."""
    root: Json = {}
    waiting: deque[tuple[Json, list[Json]]] = deque([(root, first)])
    taken = 0
    while waiting:
        above, children = waiting.popleft()
        for at, child in enumerate(children):
            if taken >= most:
                above["omitted"] = sum(1 + _below(one) for one in children[at:])
                break
            taken += 1
            comment = _kept(
                {
                    "id": child["id"],
                    "author": child.get("author"),
                    "at": iso(child["created_at"]) if child.get("created_at") else None,
                    "text": markdown_from_html(child.get("text") or "") or "[deleted]",
                }
            )
            above.setdefault("replies" if above is not root else "discussion", []).append(comment)
            if child.get("children"):
                waiting.append((comment, child["children"]))
    return root


def _below(comment: Json) -> int:
    """How many comments stand below this one, at any depth."""
    count = 0
    waiting = [comment]
    while waiting:
        children = waiting.pop().get("children") or []
        count += len(children)
        waiting += children
    return count
