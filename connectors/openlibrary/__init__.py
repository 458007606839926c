"""Open Library: books as works and editions, and their authors, from the Internet Archive's open catalogue.

Not a lender: reading and borrowing happen on the web site. Keys such as ``/works/OL27448W`` are told and taken as
their last part.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from hub.sdk import Connector, Context, NotFoundError, Page, Size, ToolError

connector = Connector(
    title="Open Library",
    description="Books, their editions and authors, from the Internet Archive's open catalogue.",
    category="reference",
    base_url="https://openlibrary.org",
    headers={"Accept": "application/json"},
)

_SEARCH_FIELDS = (
    "key,title,subtitle,author_name,author_key,first_publish_year,edition_count,language,ebook_access,"
    "ratings_average,cover_edition_key"
)
_LANGUAGES_MOST = 8
_SUBJECTS_MOST = 15
_TEXT_MOST = 3_000

Json = dict[str, Any]
WorkId = Annotated[str, "Id of a work, as OL27448W; search_books gives it."]
AuthorId = Annotated[str, "Id of an author, as OL26320A; search_authors and search_books give it."]


@connector.tool(effect="read", untrusted=True)
async def search_books(
    ctx: Context,
    query: Annotated[
        str | None,
        "Words to look for anywhere, or fields: language:fre, publisher:penguin, first_publish_year:[1990 TO 2000].",
    ] = None,
    title: Annotated[str | None, "Words of the title."] = None,
    author: Annotated[str | None, "Name of the author."] = None,
    subject: Annotated[str | None, "A subject, as 'time travel'."] = None,
    sort: Annotated[
        Literal["new", "old", "rating", "editions", "title"] | None,
        "Newest, oldest, best rated, most editions or by title first; by relevance where left out.",
    ] = None,
    cursor: str | None = None,
    limit: Annotated[int, "How many books to return, 1 to 100; 10 where left out."] = 10,
) -> Page[Json]:
    """Find books by title, author, subject or words: one entry per work, whatever its editions.

    `id` leads to get_work and list_editions, `author_ids` to get_author. For an ISBN use get_edition.
    """
    given = {"q": query, "title": title, "author": author, "subject": subject}
    if not any(given.values()):
        raise ToolError("Give at least one of query, title, author and subject.")
    found = await ctx.http.page(
        "/search.json",
        style="page",
        items="docs",
        send="page",
        size=Size("limit", default=10, max=100),
        cursor=cursor,
        limit=limit,
        query={**given, "sort": sort, "fields": _SEARCH_FIELDS},
    )
    return Page([_kept(_found_book(one)) for one in found.items], found.next)


def _found_book(one: Json) -> Json:
    return {
        "id": _short(one["key"]),
        "title": one.get("title"),
        "subtitle": one.get("subtitle"),
        "authors": one.get("author_name"),
        "author_ids": one.get("author_key"),
        "first_published": one.get("first_publish_year"),
        "editions": one.get("edition_count"),
        "languages": (one.get("language") or [])[:_LANGUAGES_MOST],
        "ebook": one.get("ebook_access") if one.get("ebook_access") != "no_ebook" else None,
        "rating": round(one["ratings_average"], 2) if one.get("ratings_average") else None,
    }


@connector.tool(effect="read", untrusted=True)
async def get_work(ctx: Context, id: WorkId) -> Json:
    """A book as a work: description, subjects, first publication and the ids of its authors.

    Publisher, pages and ISBN belong to editions: see list_editions. Names of authors come from get_author.
    """
    work = await _record(ctx, "/works/{id}.json", _identifier(id, "W"))
    return _kept(
        {
            "id": _short(work["key"]),
            "title": work.get("title"),
            "subtitle": work.get("subtitle"),
            "description": _text(work.get("description")),
            "first_published": work.get("first_publish_date"),
            "author_ids": [
                _short(one["author"]["key"]) for one in work.get("authors") or [] if isinstance(one.get("author"), dict)
            ],
            "subjects": (work.get("subjects") or [])[:_SUBJECTS_MOST],
            "places": (work.get("subject_places") or [])[:_SUBJECTS_MOST],
            "people": (work.get("subject_people") or [])[:_SUBJECTS_MOST],
            "url": f"https://openlibrary.org{work['key']}",
        }
    )


@connector.tool(effect="read", untrusted=True)
async def list_editions(
    ctx: Context,
    id: WorkId,
    cursor: str | None = None,
    limit: Annotated[int, "How many editions to return, 1 to 100; 20 where left out."] = 20,
) -> Page[Json]:
    """The editions of a work: title, publisher, date, language, format, pages and ISBN. One whole: get_edition."""
    found = await ctx.http.page(
        "/works/{id}/editions.json",
        style="offset",
        items="entries",
        more="links.next",
        send="offset",
        size=Size("limit", default=20, max=100),
        cursor=cursor,
        limit=limit,
        path={"id": _identifier(id, "W")},
    )
    return Page([_kept(_edition(one)) for one in found.items], found.next)


def _edition(one: Json) -> Json:
    return {
        "id": _short(one["key"]),
        "title": one.get("title"),
        "publishers": one.get("publishers"),
        "published": one.get("publish_date"),
        "languages": [_short(language["key"]) for language in one.get("languages") or []],
        "format": one.get("physical_format"),
        "pages": one.get("number_of_pages"),
        "isbn": (one.get("isbn_13") or one.get("isbn_10") or [None])[0],
    }


@connector.tool(effect="read", untrusted=True)
async def get_edition(
    ctx: Context,
    isbn: Annotated[str | None, "An ISBN of 10 or 13 digits, with or without hyphens."] = None,
    id: Annotated[str | None, "Id of an edition, as OL7353617M; list_editions gives it."] = None,
) -> Json:
    """One edition of a book, by ISBN or edition id: title, authors, publisher, date, pages, identifiers, cover."""
    if (isbn is None) == (id is None):
        raise ToolError("Give either isbn or id.")
    key = f"ISBN:{_isbn(isbn)}" if isbn is not None else f"OLID:{_identifier(id or '', 'M')}"
    reply = await ctx.http.get("/api/books", query={"bibkeys": key, "format": "json", "jscmd": "data"})
    book = reply.json().get(key)
    if not book:
        raise NotFoundError(f"Open Library has no edition {isbn or id}; find the book with search_books.")
    identifiers = book.get("identifiers") or {}
    return _kept(
        {
            "id": _short(book["key"]),
            "title": book.get("title"),
            "subtitle": book.get("subtitle"),
            "by": book.get("by_statement"),
            "authors": [
                {"id": _author_in(one.get("url", "")), "name": one["name"]} for one in book.get("authors") or []
            ],
            "publishers": [one["name"] for one in book.get("publishers") or []],
            "published": book.get("publish_date"),
            "pages": book.get("number_of_pages"),
            "isbn": identifiers.get("isbn_13", []) + identifiers.get("isbn_10", []),
            "subjects": [one["name"] for one in book.get("subjects") or []][:_SUBJECTS_MOST],
            "first_words": next((one["text"] for one in book.get("excerpts") or [] if one.get("first_sentence")), None),
            "cover": (book.get("cover") or {}).get("medium"),
            "preview": next((one.get("preview_url") for one in book.get("ebooks") or []), None),
            "url": book.get("url"),
        }
    )


@connector.tool(effect="read", untrusted=True)
async def search_authors(
    ctx: Context,
    name: Annotated[str, "Name of the author, or part of it."],
    cursor: str | None = None,
    limit: Annotated[int, "How many authors to return, 1 to 100; 10 where left out."] = 10,
) -> Page[Json]:
    """Find authors by name, with dates, best known work and number of works to tell namesakes apart.

    `id` leads to get_author and list_author_works.
    """
    found = await ctx.http.page(
        "/search/authors.json",
        style="offset",
        items="docs",
        send="offset",
        size=Size("limit", default=10, max=100),
        cursor=cursor,
        limit=limit,
        query={"q": name},
    )
    items = [
        {
            "id": _short(one["key"]),
            "name": one.get("name"),
            "born": one.get("birth_date"),
            "died": one.get("death_date"),
            "top_work": one.get("top_work"),
            "works": one.get("work_count"),
        }
        for one in found.items
    ]
    return Page([_kept(one) for one in items], found.next)


@connector.tool(effect="read", untrusted=True)
async def get_author(ctx: Context, id: AuthorId) -> Json:
    """An author's life in short: names, dates, biography, links. Their books are in list_author_works."""
    author = await _record(ctx, "/authors/{id}.json", _identifier(id, "A"))
    return _kept(
        {
            "id": _short(author["key"]),
            "name": author.get("name"),
            "full_name": author.get("fuller_name") or author.get("personal_name"),
            "other_names": (author.get("alternate_names") or [])[:10],
            "born": author.get("birth_date"),
            "died": author.get("death_date"),
            "biography": _text(author.get("bio")),
            "wikidata": (author.get("remote_ids") or {}).get("wikidata"),
            "links": [{"title": one.get("title"), "url": one.get("url")} for one in author.get("links") or []][:5],
            "url": f"https://openlibrary.org{author['key']}",
        }
    )


@connector.tool(effect="read", untrusted=True)
async def list_author_works(
    ctx: Context,
    id: AuthorId,
    cursor: str | None = None,
    limit: Annotated[int, "How many works to return, 1 to 100; 30 where left out."] = 30,
) -> Page[Json]:
    """An author's works, in the catalogue's order. For the best known or newest: search_books with author and sort."""
    found = await ctx.http.page(
        "/authors/{id}/works.json",
        style="offset",
        items="entries",
        more="links.next",
        send="offset",
        size=Size("limit", default=30, max=100),
        cursor=cursor,
        limit=limit,
        path={"id": _identifier(id, "A")},
    )
    items = [
        {"id": _short(one["key"]), "title": one.get("title"), "first_published": one.get("first_publish_date")}
        for one in found.items
    ]
    return Page([_kept(one) for one in items], found.next)


async def _record(ctx: Context, address: str, identifier: str) -> Json:
    """One record; one that was merged into another is followed there once.

    Raises ``NotFoundError`` for a record that is not there, or was deleted.
    """
    for _ in range(2):
        record: Json = (await ctx.http.get(address, path={"id": identifier})).json()
        kind = (record.get("type") or {}).get("key")
        if kind == "/type/delete":
            break
        if kind != "/type/redirect":
            return record
        identifier = _short(str(record.get("location", "")))
    raise NotFoundError(f"Open Library no longer has {identifier}; find it again with a search.")


def _identifier(text: str, kind: str) -> str:
    """``OL27448W`` from it or its key; ``kind`` is the letter it must end in."""
    found = re.fullmatch(rf"(?:/?[a-z]+/)?(OL[0-9]{{1,12}}{kind})", text.strip(), re.IGNORECASE)
    if found is None:
        wanted = {"W": "a work, as OL27448W", "M": "an edition, as OL7353617M", "A": "an author, as OL26320A"}[kind]
        raise ToolError(f"{text!r} is not the id of {wanted}; a search gives it.")
    return found[1].upper()


def _isbn(text: str) -> str:
    held = re.sub(r"[\s-]", "", text).upper()
    if not re.fullmatch(r"[0-9]{9}[0-9X]|[0-9]{13}", held):
        raise ToolError(f"{text!r} is not an ISBN; give its 10 or 13 digits.")
    return held


def _author_in(url: str) -> str | None:
    found = re.search(r"/authors/(OL[0-9]+A)", url)
    return found[1] if found else None


def _short(key: str) -> str:
    """The last part of a key: ``/works/OL27448W`` is ``OL27448W``."""
    return key.rsplit("/", 1)[-1]


def _text(held: Any) -> str | None:
    """A text that Open Library keeps bare or as ``{type, value}``, cut where it is long."""
    value = held.get("value") if isinstance(held, Mapping) else held
    if not isinstance(value, str):
        return None
    text = value.replace("\r\n", "\n").strip()
    return text if len(text) <= _TEXT_MOST else text[: _TEXT_MOST - 1] + "…"


def _kept(values: Json) -> Json:
    """``values`` without those that say nothing."""
    return {name: value for name, value in values.items() if value not in (None, "", [], {})}
