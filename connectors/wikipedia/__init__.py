"""Wikipedia: search, articles, languages, places and page views, through each wiki's Action API.

Not an editor, and not Wikidata: facts as data have a connector of their own.
"""

import re
from datetime import date
from html import unescape
from typing import Annotated, Any, Literal

from hub.sdk import Connector, Context, NotFoundError, Page, Size, ToolError, text_from_html

from .editions import API, PROJECT, known

connector = Connector.here()

_HEADING = re.compile(r"^(={2,6}) *(.+?) *\1 *$", re.MULTILINE)
_TAG = re.compile(r"<[^<>]*>")
_TEXT_MOST = 40_000
"""Characters of article text in one answer."""

_SECTIONS_NAMED = 60
_VIEWS = (
    "https://wikimedia.org/api/rest_v1/metrics/pageviews/per-article"
    "/{project}/all-access/user/{title}/{granularity}/{start}/{end}"
)

Json = dict[str, Any]
Language = Annotated[
    str, "Code of the Wikipedia to ask, as in its address: en, de, fr, ja, simple ...; en where left out."
]
Title = Annotated[str, "The article's title, as search_articles gives it; redirects are followed."]


@connector.tool(effect="read", untrusted=True)
async def search_articles(
    ctx: Context,
    query: Annotated[str, 'Words to look for; "quoted phrases", -without and intitle:word are understood.'],
    language: Language = "en",
    cursor: str | None = None,
    limit: Annotated[int, "How many articles to return, 1 to 50; 10 where left out."] = 10,
) -> Page[Json]:
    """Find Wikipedia articles by words in title and text, best first. Read one with get_article.

    Search in the language that knows the subject best; list_languages then leads to the same article in others.
    """
    found = await ctx.http.page(
        API[known(language)],
        style="cursor",
        items="query.search",
        next="continue.sroffset",
        send="sroffset",
        size=Size("srlimit", default=10, max=50),
        cursor=cursor,
        limit=limit,
        query={
            "action": "query",
            "format": "json",
            "formatversion": 2,
            "list": "search",
            "srsearch": query,
            "srprop": "snippet|wordcount|timestamp",
            "srinfo": "",
        },
    )
    items = [
        {
            "title": one["title"],
            "snippet": unescape(_TAG.sub("", one.get("snippet", ""))).strip(),
            "words": one.get("wordcount"),
            "edited": one.get("timestamp"),
        }
        for one in found.items
    ]
    return Page(items, found.next)


@connector.tool(effect="read", untrusted=True)
async def get_article(
    ctx: Context,
    title: Title,
    language: Language = "en",
    section: Annotated[str | None, "Heading of one section to read, with what stands below it."] = None,
    whole: Annotated[bool, "Give the whole text instead of the introduction; long articles are cut."] = False,
) -> Json:
    """Read a Wikipedia article as plain text: its introduction and the list of its sections, or one section, or all.

    Begin with the introduction; then read the sections that matter by heading. `wikidata` is the id of the same
    subject in Wikidata. A `disambiguation` page lists several meanings: search again with more words.
    """
    code = known(language)
    page = await _page(
        ctx,
        code,
        title,
        {
            "prop": "extracts|info|pageprops|description|revisions",
            "explaintext": 1,
            "exsectionformat": "wiki",
            "inprop": "url",
            "rvprop": "timestamp",
            "ppprop": "disambiguation|wikibase_item",
        },
    )
    text = page.get("extract") or ""
    headings = list(_HEADING.finditer(text))
    facts = page.get("pageprops") or {}
    revisions = page.get("revisions") or [{}]
    told: Json = {
        "title": page["title"],
        "description": page.get("description"),
        "url": page.get("fullurl"),
        "edited": revisions[0].get("timestamp"),
        "wikidata": facts.get("wikibase_item"),
        "disambiguation": True if "disambiguation" in facts else None,
    }
    if section is not None:
        told["section"], part = _section(text, headings, section)
    elif whole:
        part = text
    else:
        part = text[: headings[0].start()] if headings else text
        told["sections"] = [_indented(one) for one in headings[:_SECTIONS_NAMED]] or None
    part = part.strip()
    told["text"] = part[:_TEXT_MOST]
    if len(part) > _TEXT_MOST:
        told["cut"] = f"{len(part):,} characters in all; read the rest by section."
    return {name: value for name, value in told.items() if value is not None}


def _indented(heading: re.Match[str]) -> str:
    """A heading with two spaces for each level below the first."""
    return "  " * (len(heading[1]) - 2) + heading[2]


def _section(text: str, headings: list[re.Match[str]], wanted: str) -> tuple[str, str]:
    """The heading and text of one section, up to the next heading of its level. Raises ``ToolError``."""
    name = " ".join(wanted.split()).casefold()
    for at, one in enumerate(headings):
        if one[2].casefold() != name:
            continue
        after = (later for later in headings[at + 1 :] if len(later[1]) <= len(one[1]))
        following = next(after, None)
        return one[2], text[one.end() : following.start() if following else len(text)]
    names = "; ".join(one[2] for one in headings[:_SECTIONS_NAMED]) or "none"
    raise ToolError(f"The article has no section {wanted!r}. Its sections: {names}.")


async def _page(ctx: Context, code: str, title: str, wanted: Json) -> Json:
    """One page by title, redirects followed. Raises ``NotFoundError`` and ``ToolError``."""
    reply = await ctx.http.get(
        API[code],
        query={
            "action": "query",
            "format": "json",
            "formatversion": 2,
            "titles": title.replace("|", " "),
            "redirects": 1,
            **wanted,
        },
    )
    data = reply.json()
    pages = data.get("query", {}).get("pages") or []
    if not pages:
        raise NotFoundError(f"The {code} Wikipedia has no article {title!r}; find its title with search_articles.")
    page: Json = pages[0]
    if page.get("invalid"):
        raise ToolError(f"{title!r} cannot be a title: {text_from_html(page.get('invalidreason', 'not allowed'))}")
    if page.get("missing"):
        raise NotFoundError(f"The {code} Wikipedia has no article {title!r}; find its title with search_articles.")
    page["_continue"] = data.get("continue") or {}
    return page


@connector.tool(effect="read", untrusted=True)
async def list_languages(
    ctx: Context,
    title: Title,
    language: Language = "en",
    target: Annotated[str | None, "Only this language (a code such as fr); all where left out."] = None,
    cursor: str | None = None,
    limit: Annotated[int, "How many languages to return, 1 to 500; 100 where left out."] = 100,
) -> Page[Json]:
    """The same article in other languages: code, title and address. Read one with get_article and its language."""
    page = await _page(
        ctx,
        known(language),
        title,
        {
            "prop": "langlinks",
            "llprop": "url|langname",
            "lllang": target,
            "lllimit": max(1, min(limit, 500)),
            "llcontinue": cursor,
        },
    )
    items = [
        {"language": one["lang"], "name": one.get("langname"), "title": one.get("title"), "url": one.get("url")}
        for one in page.get("langlinks") or []
    ]
    return Page(items, page["_continue"].get("llcontinue"))


@connector.tool(effect="read", untrusted=True)
async def find_nearby(
    ctx: Context,
    latitude: Annotated[float, "Degrees north, -90 to 90."],
    longitude: Annotated[float, "Degrees east, -180 to 180."],
    radius: Annotated[int, "How far around, in metres, 10 to 10000; 1000 where left out."] = 1000,
    language: Language = "en",
    count: Annotated[int, "How many articles to return, 1 to 100; 20 where left out."] = 20,
) -> list[Json]:
    """Articles about places near a point, nearest first, with their distance in metres. Read one with get_article."""
    if not -90 <= latitude <= 90 or not -180 <= longitude <= 180:
        raise ToolError("latitude goes from -90 to 90 and longitude from -180 to 180.")
    reply = await ctx.http.get(
        API[known(language)],
        query={
            "action": "query",
            "format": "json",
            "formatversion": 2,
            "list": "geosearch",
            "gscoord": f"{latitude}|{longitude}",
            "gsradius": max(10, min(radius, 10_000)),
            "gslimit": max(1, min(count, 100)),
        },
    )
    return [
        {"title": one["title"], "distance_m": one["dist"], "latitude": one["lat"], "longitude": one["lon"]}
        for one in reply.json().get("query", {}).get("geosearch", [])
    ]


@connector.tool(effect="read")
async def get_page_views(
    ctx: Context,
    title: Title,
    start: Annotated[date, "First day, YYYY-MM-DD; counts begin in July 2015."],
    end: Annotated[date, "Last day, YYYY-MM-DD."],
    language: Language = "en",
    granularity: Annotated[
        Literal["daily", "monthly"], "One number per day or per month (whole months only)."
    ] = "daily",
) -> Json:
    """How often people read an article, per day or month: to see what drew attention and when.

    Counts are of this exact title: give the article's own title, not a redirect.
    """
    if end < start:
        raise ToolError("end lies before start.")
    reply = await ctx.http.get(
        _VIEWS,
        path={
            "project": PROJECT[known(language)],
            "title": title.strip().replace(" ", "_"),
            "granularity": granularity,
            "start": f"{start:%Y%m%d}00",
            "end": f"{end:%Y%m%d}00",
        },
    )
    rows = reply.json().get("items", [])
    views = [{"date": _day(one["timestamp"], granularity), "views": one["views"]} for one in rows]
    return {"title": title, "total": sum(one["views"] for one in rows), "views": views}


def _day(stamp: str, granularity: str) -> str:
    """A timestamp of the statistics (YYYYMMDDHH) as a day, or as a month."""
    month = f"{stamp[:4]}-{stamp[4:6]}"
    return month if granularity == "monthly" else f"{month}-{stamp[6:8]}"
