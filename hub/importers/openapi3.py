"""OpenAPI 3.0 and 3.1 read into operations, one bad operation at a time left out.

Source: OpenAPI Specification 3.0.4 and 3.1.1. Swagger 2.0 is another document altogether (``swagger2.py``).
"""

from collections.abc import Mapping
from typing import Any

from hub.importers.bodies import accepted, further, kind_of, preferred
from hub.importers.operation import (
    NO_OPERATIONS,
    Body,
    Description,
    Given,
    Operation,
    Server,
    description_of,
    operations_in,
    requirements_of,
    tags_of,
    texts_of,
)
from hub.importers.references import Pool
from hub.sdk.wire import Encoding, Style

_STYLES: dict[str, Style] = {
    "simple": "simple", "label": "label", "matrix": "matrix", "form": "form", "spaceDelimited": "spaceDelimited",
    "pipeDelimited": "pipeDelimited", "deepObject": "deepObject",
}  # fmt: skip
_OF_PLACE: dict[str, Style] = {"path": "simple", "query": "form", "header": "simple", "cookie": "form"}


def read_openapi(document: dict[str, Any]) -> Description:
    """The description in an OpenAPI 3.x document; what is malformed in it is left out with a warning."""
    pool = Pool(document)
    found = description_of(document, pool, servers_of(document.get("servers")), _schemes(document, pool))
    for path, method, node, item, shared in operations_in(document, pool):
        found.operations.append(_operation(found, path, method, node, item, shared))
    if not found.operations:
        found.warnings.append(NO_OPERATIONS)
    return found


def servers_of(given: Any) -> list[Server]:
    """The servers a document, path or operation names, malformed ones left out."""
    out = []
    for one in given if isinstance(given, list) else []:
        if not isinstance(one, dict) or not isinstance(one.get("url"), str):
            continue
        variables: dict[str, tuple[str | None, tuple[str, ...]]] = {}
        held = one.get("variables")
        for name, variable in held.items() if isinstance(held, dict) else ():
            if isinstance(variable, dict):
                default = variable.get("default")
                values = variable.get("enum") if isinstance(variable.get("enum"), list) else []
                variables[str(name)] = (None if default is None else str(default), tuple(map(str, values or [])))
        out.append(Server(one["url"].strip(), variables))
    return out


def _schemes(document: Mapping[str, Any], pool: Pool) -> dict[str, Mapping[str, Any]]:
    components = document.get("components")
    held = components.get("securitySchemes") if isinstance(components, dict) else None
    return {str(name): pool.node(one) for name, one in held.items()} if isinstance(held, dict) else {}


def _operation(
    found: Description, path: str, method: str, node: Mapping[str, Any], item: Mapping[str, Any], shared: list[Any]
) -> Operation:
    summary, description = texts_of(node)
    made = Operation(
        method=method.upper(),
        path=path,
        identifier=node["operationId"] if isinstance(node.get("operationId"), str) else "",
        title=summary,
        description=description,
        tags=tags_of(node),
        deprecated=node.get("deprecated") is True,
        security=requirements_of(node.get("security")),
    )
    own = servers_of(node.get("servers")) or servers_of(item.get("servers"))
    if own:
        made.server = filled(own[0])
    parameters: dict[tuple[str, str], Given] = {}
    listed = node.get("parameters") if isinstance(node.get("parameters"), list) else []
    for raw in [*shared, *(listed or [])]:
        one = _parameter(found.pool.node(raw), made)
        if one is not None:
            parameters[one.name, one.place] = one
    made.parameters = list(parameters.values())
    if node.get("requestBody") is not None:
        made.body = _body(found.pool, found.pool.node(node["requestBody"]), made)
    medias: list[str] = []
    responses = node.get("responses")
    for status, raw in responses.items() if isinstance(responses, dict) else ():
        if str(status)[:1] == "2" or (status == "default" and not medias):
            content = found.pool.node(raw).get("content")
            medias += [str(media) for media in content] if isinstance(content, dict) else []
    made.accept, made.streams = accepted(medias)
    return made


def filled(server: Server) -> str:
    """The server's URL with its variables' defaults; one without a default stays as it is written."""
    url = server.url
    for name, (default, _) in server.variables.items():
        if default is not None:
            url = url.replace(f"{{{name}}}", default)
    return url


def _parameter(raw: Mapping[str, Any], made: Operation) -> Given | None:
    name, place = raw.get("name"), raw.get("in")
    if not isinstance(name, str) or not name or place not in ("path", "query", "header", "cookie"):
        made.notes.append(f"a parameter without a name or place was left out ({name or 'no name'})")
        return None
    schema = raw.get("schema")
    style = _STYLES.get(str(raw.get("style")), _OF_PLACE[place])
    content = raw.get("content")
    if schema is None and isinstance(content, dict) and content:
        media = preferred([str(one) for one in content], Pool({})) or ""
        held = content.get(media)
        schema = held.get("schema") if isinstance(held, dict) else None
        style = "json" if kind_of(media) == "json" else style
    explode = raw["explode"] if isinstance(raw.get("explode"), bool) else style in ("form", "deepObject")
    if schema is None and isinstance(raw.get("type"), str):
        schema = {key: raw[key] for key in raw if key in ("type", "format", "enum", "default", "items")}
    return Given(
        name=name,
        place=place,
        schema=schema,
        required=raw.get("required") is True or place == "path",
        description=texts_of(raw)[1],
        style=style,
        explode=explode,
        reserved=raw.get("allowReserved") is True,
    )


def _body(pool: Pool, raw: Mapping[str, Any], made: Operation) -> Body | None:
    content = raw.get("content")
    if not isinstance(content, dict) or not content:
        return None
    media = preferred([str(one) for one in content], pool, content)
    if media is None:
        return None
    held = pool.node(content[media])
    encodings: dict[str, Encoding] = {}
    kind = kind_of(media)
    given = held.get("encoding")
    for name, one in given.items() if isinstance(given, dict) else ():
        if isinstance(one, dict) and kind in ("form", "multipart"):
            style = _STYLES.get(str(one.get("style")), "form")
            explode = one["explode"] if isinstance(one.get("explode"), bool) else style in ("form", "deepObject")
            own = one.get("contentType")
            own = own.split(",")[0].strip() if isinstance(own, str) and "*" not in own and own.isascii() else None
            encodings[str(name)] = Encoding(style, explode, own)
    return Body(
        kind=kind,
        media="application/json" if kind == "json" and "*" in media else media,
        schema=held.get("schema"),
        required=raw.get("required") is True,
        description=texts_of(raw)[1],
        encodings=encodings,
        others=further(content, media),
    )
