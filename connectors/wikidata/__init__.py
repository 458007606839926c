"""Wikidata: entities found, read in short form, and queried with SPARQL.

Not an editor. What statements say as text is ``statements.py``.
"""

import re
from typing import Annotated, Any, Literal

from hub.sdk import Connector, Context, NotFoundError, Page, ProviderUnavailable, Size, ToolError

from .statements import best, ids_in, named, said, snaks

connector = Connector.here()

_API = "/w/api.php"
_SPARQL = "https://query.wikidata.org/sparql"
_ENTITY = "http://www.wikidata.org/entity/"
_ID = re.compile(r"[QP][1-9][0-9]{0,11}\Z")
_NAMES_AT_ONCE = 50
"""How many entities one request may ask for (wbgetentities)."""

_NAMES_MOST = 200
_VALUES_MOST = 10
_VALUES_MOST_ASKED = 50
_PROPERTIES_MOST = 80
_ROWS_MOST = 500
_QUERY_MOST = 20_000
"""Characters of a query."""

Json = dict[str, Any]
Language = Annotated[str, "Language code of names and descriptions; en where left out."]


@connector.tool(effect="read", untrusted=True)
async def search_entities(
    ctx: Context,
    query: Annotated[str, "A name or alias, as written in the given language; beginnings of words match."],
    language: Language = "en",
    type: Annotated[Literal["item", "property"], "What to find: items (Q) or properties (P)."] = "item",
    cursor: str | None = None,
    limit: Annotated[int, "How many to return, 1 to 50; 7 where left out."] = 7,
) -> Page[Json]:
    """Find the id of a person, place, work, idea (item, Q...) or of a property (P...) by name.

    Use it before get_entity and run_query, which take ids. Tell namesakes apart by their descriptions.
    """
    found = await ctx.http.page(
        _API,
        style="cursor",
        items="search",
        next='"search-continue"',
        send="continue",
        size=Size("limit", default=7, max=50),
        cursor=cursor,
        limit=limit,
        query={
            "action": "wbsearchentities",
            "format": "json",
            "formatversion": 2,
            "search": query,
            "language": language,
            "uselang": language,
            "type": type,
        },
    )
    items = []
    for one in found.items:
        match = one.get("match") or {}
        told = {
            "id": one["id"],
            "label": one.get("label"),
            "description": one.get("description"),
            "alias": match.get("text") if match.get("type") == "alias" else None,
        }
        items.append({name: value for name, value in told.items() if value})
    return Page(items, found.next)


@connector.tool(effect="read", untrusted=True)
async def get_entity(
    ctx: Context,
    id: Annotated[str, "Id of an item or property: Q64, P31."],
    language: Language = "en",
    properties: Annotated[
        list[str] | None, "Only these properties (P569, P39 ...), with all values and qualifiers such as start and end."
    ] = None,
) -> Json:
    """What Wikidata says of one entity: label, description, aliases, Wikipedia article and statements as text.

    Without `properties` it is an overview: up to ten values each, no qualifiers, no external identifiers. Name
    properties to see those whole. For questions over many entities use run_query.
    """
    identifier = _identifier(id)
    asked = [_identifier(one) for one in properties or []]
    wiki = f"{language.replace('-', '_')}wiki"
    entity = await _entity(
        ctx,
        identifier,
        {
            "ids": identifier,
            "props": "labels|descriptions|aliases|claims|sitelinks/urls|datatype",
            "languages": language,
            "languagefallback": 1,
            "sitefilter": wiki,
        },
    )
    told: Json = {
        "id": entity.get("id", identifier),
        "label": _text(entity, "labels", language),
        "description": _text(entity, "descriptions", language),
        "aliases": [one["value"] for one in (entity.get("aliases") or {}).get(language, [])],
        "datatype": entity.get("datatype"),
        "wikipedia": ((entity.get("sitelinks") or {}).get(wiki) or {}).get("url"),
    }
    claims: dict[str, list[Json]] = entity.get("claims") or {}
    chosen = {
        name: best(statements)
        for name, statements in claims.items()
        if (name in asked if asked else statements[0]["mainsnak"].get("datatype") != "external-id")
    }
    shown = {name: held for name, held in list(chosen.items())[:_PROPERTIES_MOST] if held}
    most = _VALUES_MOST_ASKED if asked else _VALUES_MOST
    names = await _names(ctx, shown, most, language, qualifiers=bool(asked))
    told["statements"] = {
        named(name, names): [_value(one, names, qualifiers=bool(asked)) for one in held[:most]]
        + ([f"and {len(held) - most} more"] if len(held) > most else [])
        for name, held in shown.items()
    }
    if len(chosen) > _PROPERTIES_MOST:
        told["more_properties"] = list(chosen)[_PROPERTIES_MOST:]
    return {name: value for name, value in told.items() if value}


def _identifier(text: str) -> str:
    held = text.strip().upper()
    if not _ID.match(held):
        raise ToolError(f"{text!r} is not an entity's id; give one such as Q64 or P31 (search_entities finds them).")
    return held


async def _entity(ctx: Context, wanted: str, query: Json) -> Json:
    """The one entity a request asks for. Raises ``NotFoundError`` naming ``wanted``."""
    reply = await ctx.http.get(_API, query={"action": "wbgetentities", "format": "json", "formatversion": 2, **query})
    for entity in (reply.json().get("entities") or {}).values():
        if "missing" not in entity:
            found: Json = entity
            return found
    raise NotFoundError(f"Wikidata has no entity {wanted!r}; search_entities finds ids by name.")


def _text(entity: Json, kind: str, language: str) -> str | None:
    held = (entity.get(kind) or {}).get(language)
    return held["value"] if held else None


async def _names(
    ctx: Context, shown: dict[str, list[Json]], most: int, language: str, *, qualifiers: bool
) -> dict[str, str]:
    """The labels of the ids that statements speak of, properties first, at most ``_NAMES_MOST``."""
    wanted = dict.fromkeys(shown)
    for held in shown.values():
        for statement in held[:most]:
            for snak in snaks(statement, qualifiers=qualifiers):
                wanted.update(dict.fromkeys(ids_in(snak)))
    identifiers = [one for one in wanted if _ID.match(one)][:_NAMES_MOST]
    names: dict[str, str] = {}
    for at in range(0, len(identifiers), _NAMES_AT_ONCE):
        reply = await ctx.http.get(
            _API,
            query={
                "action": "wbgetentities",
                "format": "json",
                "formatversion": 2,
                "ids": "|".join(identifiers[at : at + _NAMES_AT_ONCE]),
                "props": "labels",
                "languages": language,
                "languagefallback": 1,
            },
        )
        for identifier, entity in (reply.json().get("entities") or {}).items():
            label = _text(entity, "labels", language)
            if label:
                names[identifier] = label
    return names


def _value(statement: Json, names: dict[str, str], *, qualifiers: bool) -> str | Json:
    """One value as text; with its qualifiers where they are wanted and there are any."""
    value = said(statement["mainsnak"], names)
    held = statement.get("qualifiers") if qualifiers else None
    if not held:
        return value
    return {
        "value": value,
        "qualifiers": {
            named(name, names): "; ".join(said(one, names) for one in group) for name, group in held.items()
        },
    }


@connector.tool(effect="read", untrusted=True)
async def find_by_article(
    ctx: Context,
    title: Annotated[str, "Exact title of a Wikipedia article."],
    language: Annotated[str, "Code of the Wikipedia the title is from; en where left out."] = "en",
) -> Json:
    """The Wikidata item of a Wikipedia article: its id, label and description. Read it with get_entity."""
    entity = await _entity(
        ctx,
        title,
        {
            "sites": f"{language.replace('-', '_')}wiki",
            "titles": title.replace("|", " "),
            "props": "labels|descriptions",
            "languages": language,
            "languagefallback": 1,
        },
    )
    told = {
        "id": entity["id"],
        "label": _text(entity, "labels", language),
        "description": _text(entity, "descriptions", language),
    }
    return {name: value for name, value in told.items() if value}


@connector.tool(effect="read", untrusted=True, timeout=75.0)
async def run_query(
    ctx: Context,
    query: Annotated[
        str,
        "A SPARQL SELECT or ASK query. The usual prefixes (wd, wdt, p, ps, pq, rdfs, schema, wikibase, bd) are known; "
        'for names add SERVICE wikibase:label { bd:serviceParam wikibase:language "en". }',
    ],
) -> Json:
    """Ask Wikidata a question over many entities with SPARQL: lists, counts, comparisons.

    Always give a LIMIT, and look ids up with search_entities first. A query may run for 60 seconds. Rows stand
    in the order of `columns`; entities are given as ids.
    """
    if len(query) > _QUERY_MOST:
        raise ToolError(f"The query has {len(query):,} characters; at most {_QUERY_MOST:,} can be sent.")
    # POST, though it only reads: a GET would be sent again after a timeout, and the service pays for each try.
    reply = await ctx.http.post(
        _SPARQL,
        form={"query": query},
        headers={"Accept": "application/sparql-results+json"},
        check=False,
    )
    if reply.status >= 400:
        _refuse(reply.status, reply.text(), reply.headers.get("retry-after", ""))
    data = reply.json()
    if "boolean" in data:
        return {"answer": data["boolean"]}
    columns = data.get("head", {}).get("vars", [])
    found = data.get("results", {}).get("bindings", [])
    rows = [[_cell(row.get(column)) for column in columns] for row in found[:_ROWS_MOST]]
    told: Json = {"columns": columns, "rows": rows}
    if len(found) > _ROWS_MOST:
        told["cut"] = f"{len(found):,} rows in all; add LIMIT and OFFSET to read on."
    return told


def _refuse(status: int, text: str, after: str) -> None:
    """Raise what an unwanted reply of the query service stands for. Its error texts repeat the whole query and a
    stack trace; only the line that says what was wrong is passed on."""
    if status == 429:
        raise ProviderUnavailable(
            "The query service asks to wait: too many queries, or too much time spent on them.",
            after=float(after) if after.isascii() and after.isdigit() else 60.0,
        )
    if "TimeoutException" in text or status == 504:
        raise ToolError(
            "The query ran into the limit of 60 seconds; narrow it (fewer triples, VALUES, a LIMIT inside)."
        )
    wrong = re.search(r"MalformedQueryException: ([^\r\n]{1,400})", text)
    if wrong:
        raise ToolError(f"The query is not valid SPARQL: {wrong[1].strip()}")
    if status >= 500:
        raise ProviderUnavailable(f"query.wikidata.org answered HTTP {status}.")
    raise ToolError(f"query.wikidata.org refused the query (HTTP {status}); check its syntax and prefixes.")


def _cell(held: Json | None) -> str | None:
    """One cell: an entity as its id, anything else as written; None where the row has no value."""
    if held is None:
        return None
    value = str(held["value"])
    return value.removeprefix(_ENTITY) if held.get("type") == "uri" else value
