"""Swagger 2.0 read into operations.

Source: OpenAPI Specification 2.0. What OpenAPI 3 calls a request body is here a parameter ``in: body`` or ``formData``.
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

_COLLECTIONS: dict[str, tuple[Style, bool]] = {
    "csv": ("form", False), "ssv": ("spaceDelimited", False), "tsv": ("tabDelimited", False),
    "pipes": ("pipeDelimited", False), "multi": ("form", True),
}  # fmt: skip
_NOT_SCHEMA = frozenset({"name", "in", "required", "description", "collectionFormat", "allowEmptyValue", "schema"})


def read_swagger(document: dict[str, Any]) -> Description:
    """The description in a Swagger 2.0 document; what is malformed in it is left out with a warning."""
    pool = Pool(document)
    definitions = document.get("securityDefinitions")
    held = definitions.items() if isinstance(definitions, dict) else ()
    schemes: dict[str, Mapping[str, Any]] = {str(name): pool.node(one) for name, one in held}
    found = description_of(document, pool, _servers(document), schemes)
    for path, method, node, _, shared in operations_in(document, pool):
        found.operations.append(_operation(document, pool, path, method, node, shared))
    if not found.operations:
        found.warnings.append(NO_OPERATIONS)
    return found


def _servers(document: Mapping[str, Any]) -> list[Server]:
    host = document.get("host")
    path = document["basePath"] if isinstance(document.get("basePath"), str) else ""
    if not isinstance(host, str) or not host:
        return [Server(path)] if path else []
    schemes = document["schemes"] if isinstance(document.get("schemes"), list) else []
    scheme = "https" if "https" in schemes or "http" not in schemes else "http"
    return [Server(f"{scheme}://{host.removeprefix('https://').removeprefix('http://')}{path}")]


def _operation(
    document: Mapping[str, Any], pool: Pool, path: str, method: str, node: Mapping[str, Any], shared: list[Any]
) -> Operation:
    summary, description = texts_of(node)
    made = Operation(
        method=method.upper(),
        path=path,
        identifier=node["operationId"] if isinstance(node.get("operationId"), str) else "",
        title=summary or (node["x-ms-summary"] if isinstance(node.get("x-ms-summary"), str) else ""),
        description=description,
        tags=tags_of(node),
        deprecated=node.get("deprecated") is True,
        security=requirements_of(node.get("security")),
    )
    schemes = node.get("schemes")
    if isinstance(schemes, list) and schemes and not {"http", "https"} & {str(one) for one in schemes}:
        made.trouble = "it is no HTTP operation"
    parameters: dict[tuple[str, str], Given] = {}
    fields: dict[str, Mapping[str, Any]] = {}
    body: Mapping[str, Any] | None = None
    listed = node.get("parameters") if isinstance(node.get("parameters"), list) else []
    for raw in [*shared, *(listed or [])]:
        one = pool.node(raw)
        place, name = one.get("in"), one.get("name")
        if place == "body" or (place not in ("path", "query", "header", "formData") and "schema" in one):
            body = one
        elif not isinstance(name, str) or not name:
            made.notes.append("a parameter without a name was left out")
        elif place == "formData":
            fields[name] = one
        elif place in ("path", "query", "header"):
            parameters[name, place] = _parameter(one, name)
        else:
            made.notes.append(f"a parameter in no known place was left out ({name})")
    made.parameters = list(parameters.values())
    consumes = node.get("consumes") if isinstance(node.get("consumes"), list) else document.get("consumes")
    medias = [str(one) for one in consumes] if isinstance(consumes, list) else []
    if fields:
        made.body = _form(fields, medias)
    elif body is not None:
        media = preferred(medias, pool) or "application/json"
        kind = kind_of(media)
        schema = body.get("schema")
        if kind in ("form", "multipart"):
            media, kind = "application/json", "json"
        if kind in ("text", "binary") and _structured(pool, schema):
            media, kind = "application/json", "json"
        made.body = Body(
            kind=kind,
            media="application/json" if kind == "json" and "*" in media else media,
            schema=schema
            if schema is not None
            else {key: body[key] for key in body if key in ("type", "format", "items")},
            required=body.get("required") is True,
            description=texts_of(body)[1],
            others=further(medias, media),
        )
    produces = node.get("produces") if isinstance(node.get("produces"), list) else document.get("produces")
    made.accept, made.streams = accepted([str(one) for one in produces] if isinstance(produces, list) else [])
    return made


def _structured(pool: Pool, schema: Any) -> bool:
    node = pool.node(schema)
    return isinstance(node.get("properties"), dict) or node.get("type") in ("object", "array") or "allOf" in node


def _plain_schema(raw: Mapping[str, Any]) -> dict[str, Any]:
    held = {key: value for key, value in raw.items() if key not in _NOT_SCHEMA}
    if isinstance(raw.get("schema"), dict):
        held = {**raw["schema"], **{key: value for key, value in held.items() if not key.startswith("x-")}}
    return held


def _parameter(raw: Mapping[str, Any], name: str) -> Given:
    style, explode = _COLLECTIONS.get(str(raw.get("collectionFormat")), ("form", False))
    place = raw["in"]
    schema = _plain_schema(raw)
    if (
        isinstance(schema.get("items"), dict)
        and schema["items"].get("collectionFormat") == "multi"
        and "type" in schema
    ):
        style, explode = "form", True
    return Given(
        name=name,
        place=place,
        schema=schema,
        required=raw.get("required") is True or place == "path",
        description=texts_of(raw)[1],
        style="simple" if place in ("path", "header") else style,
        explode=explode,
        reserved=raw.get("x-ms-skip-url-encoding") is True,
    )


def _form(fields: Mapping[str, Mapping[str, Any]], medias: list[str]) -> Body:
    has_file = any(one.get("type") == "file" for one in fields.values())
    multipart = has_file or (
        any(kind_of(one) == "multipart" for one in medias) and not any(kind_of(one) == "form" for one in medias)
    )
    encodings = {}
    for name, one in fields.items():
        if one.get("type") == "array":
            style, explode = _COLLECTIONS.get(str(one.get("collectionFormat")), ("form", False))
            encodings[name] = Encoding(style, explode)
    properties = {
        name: {**_plain_schema(one), **({"description": one["description"]} if one.get("description") else {})}
        for name, one in fields.items()
    }
    required = [name for name, one in fields.items() if one.get("required") is True]
    return Body(
        kind="multipart" if multipart else "form",
        media="multipart/form-data" if multipart else "application/x-www-form-urlencoded",
        schema={"type": "object", "properties": properties, "required": required},
        required=bool(required),
        encodings=encodings,
    )
