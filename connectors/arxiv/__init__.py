"""arXiv: search preprints and read one paper's record through arXiv's public query API.

Python because the API answers Atom. Not a reader of papers: the full text stays at the links given.
"""

import re
from typing import Annotated, Any, Literal

from hub.sdk import Connector, Context, Element, NotFoundError, Page, ProviderUnavailable, ToolError, iso, parse_xml

LIMIT_MAX = 50
START_MAX = 30_000
"""The API serves no result beyond this index (user's manual, 3.1.1.2)."""

_ATOM = "{http://www.w3.org/2005/Atom}"
_ARXIV = "{http://arxiv.org/schemas/atom}"
_SEARCH = "{http://a9.com/-/spec/opensearch/1.1/}"

_ID = re.compile(r"(?:\d{4}\.\d{4,5}|[a-z-]+(?:\.[A-Z]{2})?/\d{7})(?:v\d+)?")
_CATEGORY = re.compile(r"[a-z-]+(?:\.[A-Za-z-]+)?")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_OPERATORS = re.compile(r"\b(?:AND|OR|ANDNOT)\b|\b(?:ti|au|abs|co|jr|cat|rn|id|all|submittedDate):|[\"()]")

_TEXT = {"type": "string"}
_LIST = {"type": "array", "items": {"type": "string"}}
_PAPER: dict[str, Any] = {
    "type": "object",
    "properties": {
        "id": _TEXT,
        "title": _TEXT,
        "authors": _LIST,
        "author_count": {"type": "integer"},
        "abstract": _TEXT,
        "primary_category": _TEXT,
        "categories": _LIST,
        "submitted": _TEXT,
        "updated": _TEXT,
        "comment": _TEXT,
        "journal_reference": _TEXT,
        "doi": _TEXT,
        "abstract_page": _TEXT,
        "pdf": _TEXT,
    },
}
_PAPERS = {
    "type": "object",
    "properties": {"items": {"type": "array", "items": _PAPER}, "next_cursor": {"type": "string"}},
}

connector = Connector(
    title="arXiv",
    description="Preprints in physics, mathematics, computer science, biology, finance, statistics and economics.",
    category="research",
    base_url="https://export.arxiv.org/api",
)


@connector.tool(effect="read", untrusted=True, output=_PAPERS)
async def search_papers(
    ctx: Context,
    query: Annotated[
        str | None,
        "Words that must all occur anywhere, or arXiv's own syntax: prefixes ti:, au:, abs:, cat:, all: with AND, OR, "
        'ANDNOT, parentheses and "phrases".',
    ] = None,
    title: Annotated[str | None, "Words that must all occur in the title."] = None,
    author: Annotated[str | None, "An author's name, such as Yann LeCun, or a family name."] = None,
    category: Annotated[str | None, "An arXiv category such as cs.CL, math.NT or hep-th."] = None,
    since: Annotated[str | None, "First submitted on this day or later (YYYY-MM-DD)."] = None,
    until: Annotated[str | None, "First submitted on this day or earlier (YYYY-MM-DD)."] = None,
    sort: Annotated[
        Literal["relevance", "submittedDate", "lastUpdatedDate"],
        "Best match first, or by day of first submission or of last change.",
    ] = "relevance",
    order: Annotated[Literal["descending", "ascending"], "Newest or best first, or last."] = "descending",
    cursor: str | None = None,
    limit: Annotated[int, "How many papers to return, 1 to 50."] = 10,
) -> Page[dict[str, Any]]:
    """Find arXiv papers by words, title, author, category or day of submission. Abstracts are cut to 400 characters;
    use get_paper for a whole abstract, comments and journal reference. For what is new in a field give only category,
    with sort submittedDate."""
    start, size = _start(cursor), max(1, min(limit, LIMIT_MAX))
    parts = [
        _anywhere(query),
        _all_of("ti", title),
        _phrase("au", author),
        _category(category),
        _period(since, until or f"{ctx.now():%Y-%m-%d}") if since or until else None,
    ]
    asked = " AND ".join(part for part in parts if part)
    if not asked:
        raise ToolError("Give at least one of query, title, author, category, since and until.")
    feed = await _query(
        ctx,
        {"search_query": asked, "start": start, "max_results": size, "sortBy": sort, "sortOrder": order},
    )
    entries = feed.findall(f"{_ATOM}entry")
    total = int(_text(feed, f"{_SEARCH}totalResults") or 0)
    following = start + len(entries)
    more = bool(entries) and following < min(total, START_MAX)
    return Page([_brief(_paper(entry)) for entry in entries], str(following) if more else None)


@connector.tool(effect="read", untrusted=True, output=_PAPER)
async def get_paper(
    ctx: Context,
    id: Annotated[str, "The arXiv id, with or without version: 1706.03762, 1706.03762v5 or hep-ex/0307015."],
) -> dict[str, Any]:
    """One arXiv paper by its id: title, all authors, whole abstract, categories, comments, journal reference, DOI and
    the links to its abstract page and PDF. Use search_papers to find ids."""
    wanted = id.strip().removeprefix("https://arxiv.org/abs/").removeprefix("arXiv:")
    if not _ID.fullmatch(wanted):
        raise ToolError(f"{id!r} is not an arXiv id; write one like 1706.03762, 1706.03762v5 or hep-ex/0307015.")
    feed = await _query(ctx, {"id_list": wanted, "max_results": 1})
    found = feed.find(f"{_ATOM}entry")
    # For an id that is well-formed but unknown the API answers either no entry or one without a title.
    if found is None or not _text(found, f"{_ATOM}title"):
        raise NotFoundError(f"arXiv has no paper {wanted}; search_papers finds ids.")
    return _paper(found)


async def _query(ctx: Context, query: dict[str, Any]) -> Element:
    """The feed that answers ``query``.

    Raises ``ToolError`` with arXiv's own words for a query it refuses (user's manual, 3.4: an error is a feed with a
    single entry titled Error), ``ProviderUnavailable`` for any other failure.
    """
    reply = await ctx.http.get("/query", query=query, check=False)
    if reply.status not in (200, 400):
        raise ProviderUnavailable(f"arXiv answered HTTP {reply.status}; try again in a while.")
    feed = parse_xml(reply.body)
    entry = feed.find(f"{_ATOM}entry")
    if entry is not None and "/api/errors" in (_text(entry, f"{_ATOM}id") or ""):
        raise ToolError(f"arXiv refuses this query: {_text(entry, f'{_ATOM}summary')}")
    if reply.status == 400:
        raise ToolError("arXiv refuses this query; check its prefixes, quotes and parentheses.")
    return feed


def _start(cursor: str | None) -> int:
    if cursor is None:
        return 0
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 5 and int(cursor) < START_MAX):
        raise ToolError(f"cursor {cursor!r} is not one this tool gave out; pass next_cursor of the last page, or none.")
    return int(cursor)


def _anywhere(query: str | None) -> str | None:
    if query is None or not query.strip():
        return None
    if _OPERATORS.search(query):
        return f"({query.strip()})"
    return _all_of("all", query)


def _all_of(prefix: str, words: str | None) -> str | None:
    found = re.findall(r"[^\s\"()]+", words or "")
    return " AND ".join(f"{prefix}:{word}" for word in found) or None


def _phrase(prefix: str, words: str | None) -> str | None:
    clean = " ".join((words or "").replace('"', " ").split())
    return f'{prefix}:"{clean}"' if clean else None


def _category(category: str | None) -> str | None:
    if category is None:
        return None
    if not _CATEGORY.fullmatch(category):
        raise ToolError(f"{category!r} is not an arXiv category; write one like cs.CL, math.NT or hep-th.")
    return f"cat:{category}"


def _period(since: str | None, until: str) -> str:
    first = since or "1991-01-01"  # arXiv began in 1991
    for day in (first, until):
        if not _DAY.fullmatch(day):
            raise ToolError(f"{day!r} is not a day; write YYYY-MM-DD.")
    return f"submittedDate:[{first.replace('-', '')}0000 TO {until.replace('-', '')}2359]"


def _text(element: Element, path: str) -> str | None:
    found = element.find(path)
    text = "" if found is None or found.text is None else " ".join(found.text.split())
    return text or None


def _day(element: Element, path: str) -> str | None:
    text = _text(element, path)
    try:
        return iso(text) if text else None
    except ValueError:
        return text


def _paper(entry: Element) -> dict[str, Any]:
    links = {link.get("title") or link.get("rel"): link.get("href") for link in entry.findall(f"{_ATOM}link")}
    primary = entry.find(f"{_ARXIV}primary_category")
    page = _text(entry, f"{_ATOM}id") or ""
    paper = {
        "id": page.rpartition("/abs/")[2],
        "title": _text(entry, f"{_ATOM}title"),
        "authors": [name for author in entry.findall(f"{_ATOM}author") if (name := _text(author, f"{_ATOM}name"))],
        "abstract": _text(entry, f"{_ATOM}summary"),
        "primary_category": primary.get("term") if primary is not None else None,
        "categories": [term for one in entry.findall(f"{_ATOM}category") if (term := one.get("term"))],
        "submitted": _day(entry, f"{_ATOM}published"),
        "updated": _day(entry, f"{_ATOM}updated"),
        "comment": _text(entry, f"{_ARXIV}comment"),
        "journal_reference": _text(entry, f"{_ARXIV}journal_ref"),
        "doi": _text(entry, f"{_ARXIV}doi"),
        "abstract_page": links.get("alternate"),
        "pdf": links.get("pdf"),
    }
    return {name: value for name, value in paper.items() if value}


def _brief(paper: dict[str, Any]) -> dict[str, Any]:
    """What of a paper stands in a list: few authors, a short abstract."""
    kept: dict[str, Any] = {name: paper[name] for name in ("id", "title") if name in paper}
    authors = paper.get("authors", [])
    kept["authors"] = authors[:6]
    if len(authors) > 6:
        kept["author_count"] = len(authors)
    abstract = paper.get("abstract", "")
    kept["abstract"] = abstract if len(abstract) <= 400 else abstract[:400].rpartition(" ")[0] + " …"
    return kept | {name: paper[name] for name in ("primary_category", "submitted", "updated", "pdf") if name in paper}
