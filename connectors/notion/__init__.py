"""Notion: the tools that read or write properties, rich text and blocks; the rest is connector.yaml.

Python because a property's value has another shape for each type, and because Notion writes blocks where Claude writes
Markdown. Not a rendering of pages: Notion itself tells them as Markdown.
"""

from collections.abc import Sequence
from typing import Annotated, Any

from hub.sdk import Connector, Context, Page, ProviderUnavailable, ToolError

from . import blocks, properties, rich_text

connector = Connector.here()

MARKDOWN_VERSION = {"Notion-Version": "2026-03-11"}
"""Pages as Markdown need this version or a later one (https://developers.notion.com/reference/retrieve-page-markdown)."""

BLOCKS_MAX = 100
"""Blocks in one request (https://developers.notion.com/reference/request-limits)."""

SIZE = 25
SIZE_MAX = 100

PageId = Annotated[str, "The page's id."]
Content = Annotated[str, "The text in Markdown: headings, lists, tasks, quotes, code and tables become Notion's own."]
VALUES = (
    "Values by the property's name, as read_page and get_database tell them: text (Markdown), number, true or false, "
    "an option's name, a list of options or ids, a day as 2026-01-31 or a span as 2026-01-31/2026-02-02; null empties."
)


def _row(page: dict[str, Any]) -> dict[str, Any]:
    """A page as the tools tell it."""
    held = page["properties"]
    return {
        "id": page["id"],
        "title": properties.title_of(held),
        "url": page.get("url"),
        "edited_at": page.get("last_edited_time"),
        "properties": properties.all_plain({name: one for name, one in held.items() if one.get("type") != "title"}),
    }


@connector.tool(effect="read", untrusted=True)
async def read_page(ctx: Context, page_id: PageId) -> dict[str, Any]:
    """Read a page: its title, its properties, and its text as Markdown. Comments are in list_comments."""
    page = (await ctx.http.get("/pages/{id}", path={"id": page_id})).json()
    told = (await ctx.http.get("/pages/{id}/markdown", path={"id": page_id}, headers=MARKDOWN_VERSION)).json()
    return {**_row(page), "content": told["markdown"], "truncated": told["truncated"]}


@connector.tool(effect="read", untrusted=True, idempotent=True, lookups={"data_source_id": "search_databases"})
async def query_database(
    ctx: Context,
    data_source_id: Annotated[str, "The data source's id."],
    filter: Annotated[
        dict[str, Any] | None,
        'Notion\'s filter, such as {"property": "Status", "status": {"equals": "Done"}}, joined by {"and": [...]} or '
        '{"or": [...]}; left out, all rows.',
    ] = None,
    sorts: Annotated[
        list[dict[str, str]] | None,
        'What to sort by, such as [{"property": "Due", "direction": "ascending"}]; left out, as the database is.',
    ] = None,
    cursor: str | None = None,
    limit: int | None = None,
) -> Page[dict[str, Any]]:
    """Find the rows of a database by their properties. get_database says which properties there are."""
    size = max(1, min(limit or SIZE, SIZE_MAX))
    asked = {"filter": filter, "sorts": sorts, "start_cursor": cursor, "page_size": size}
    body = {name: value for name, value in asked.items() if value is not None}
    found = (await ctx.http.post("/data_sources/{id}/query", path={"id": data_source_id}, json=body)).json()
    return Page([_row(page) for page in found["results"]], found.get("next_cursor") if found["has_more"] else None)


@connector.tool(effect="read", untrusted=True)
async def list_comments(
    ctx: Context, page_id: PageId, cursor: str | None = None, limit: int | None = None
) -> Page[dict[str, Any]]:
    """List the open comments on a page, the oldest first. Comments of one discussion_id answer each other."""
    query = {"block_id": page_id, "start_cursor": cursor, "page_size": max(1, min(limit or SIZE, SIZE_MAX))}
    found = (await ctx.http.get("/comments", query=query)).json()
    items = [
        {
            "id": one["id"],
            "discussion_id": one["discussion_id"],
            "author_id": one["created_by"]["id"],
            "created_at": one["created_time"],
            "text": rich_text.to_markdown(one["rich_text"]),
        }
        for one in found["results"]
    ]
    return Page(items, found.get("next_cursor") if found["has_more"] else None)


@connector.tool(
    effect="write",
    summary="Create the page “{title}” in Notion",
    lookups={"parent_page_id": "search_pages", "data_source_id": "search_databases"},
)
async def create_page(
    ctx: Context,
    title: Annotated[str, "The page's title."],
    parent_page_id: Annotated[str | None, "The page it is put below; this or data_source_id is needed."] = None,
    data_source_id: Annotated[str | None, "The data source (database) it becomes a row of."] = None,
    values: Annotated[dict[str, Any] | None, VALUES] = None,
    content: Content = "",
) -> dict[str, Any]:
    """Create a page below another page, or as a row of a database."""
    if (parent_page_id is None) == (data_source_id is None):
        raise ToolError("Give either parent_page_id or data_source_id: a page lies below a page or in a database.")
    held: dict[str, Any] = {}
    name = "title"
    if data_source_id is not None:
        source = (await ctx.http.get("/data_sources/{id}", path={"id": data_source_id})).json()
        types = {one: about["type"] for one, about in source["properties"].items()}
        name = next(one for one, kind in types.items() if kind == "title")
        held = properties.written(values or {}, types)
        parent = {"type": "data_source_id", "data_source_id": data_source_id}
    else:
        if values:
            raise ToolError("Only rows of a database have values; leave values out, or give data_source_id.")
        parent = {"type": "page_id", "page_id": str(parent_page_id)}
    held[name] = {"title": rich_text.from_markdown(title)}
    written = blocks.from_markdown(content)
    body: dict[str, Any] = {"parent": parent, "properties": held}
    if written:
        body["children"] = written[:BLOCKS_MAX]
    page = (await ctx.http.post("/pages", json=body)).json()
    try:
        await _append(ctx, page["id"], written[BLOCKS_MAX:])
    except (ToolError, ProviderUnavailable) as wrong:
        told = f"The page was created as {page['id']}, but its text is not whole: {wrong}"
        raise ToolError(f"{told} Look at it with read_page, and go on with append_to_page.") from wrong
    return {"id": page["id"], "url": page["url"]}


@connector.tool(effect="write", summary="Add to the page {page_id} in Notion: {content}")
async def append_to_page(ctx: Context, page_id: PageId, content: Content) -> dict[str, Any]:
    """Add text at the end of a page. To change what stands there already use edit_page."""
    written = blocks.from_markdown(content)
    if not written:
        raise ToolError("content is empty; give the text that is to be added.")
    await _append(ctx, page_id, written)
    return {"id": page_id, "blocks": len(written)}


async def _append(ctx: Context, page_id: str, written: Sequence[blocks.Block]) -> None:
    for start in range(0, len(written), BLOCKS_MAX):
        part = list(written[start : start + BLOCKS_MAX])
        await ctx.http.patch("/blocks/{id}/children", path={"id": page_id}, json={"children": part})


@connector.tool(effect="write", idempotent=True, summary="Change properties of the page {page_id} in Notion")
async def update_page(ctx: Context, page_id: PageId, values: Annotated[dict[str, Any], VALUES]) -> dict[str, Any]:
    """Change a page's properties, its title among them. Only those that are given change."""
    page = (await ctx.http.get("/pages/{id}", path={"id": page_id})).json()
    held = properties.written(values, {name: one["type"] for name, one in page["properties"].items()})
    changed = await ctx.http.patch("/pages/{id}", path={"id": page_id}, json={"properties": held})
    return _row(changed.json())


@connector.tool(effect="send", summary="Comment on the page {page_id} in Notion: {text}")
async def add_comment(
    ctx: Context, page_id: PageId, text: Annotated[str, "The comment, with Markdown's inline formatting."]
) -> dict[str, Any]:
    """Comment on a page. Those who follow it are told."""
    words = rich_text.from_markdown(text)
    if not words:
        raise ToolError("text is empty; give the comment's words.")
    body = {"parent": {"page_id": page_id}, "rich_text": words}
    made = (await ctx.http.post("/comments", json=body)).json()
    return {"id": made["id"], "discussion_id": made["discussion_id"], "text": rich_text.to_markdown(made["rich_text"])}
