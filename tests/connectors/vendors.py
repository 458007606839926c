"""Vendors' own descriptions of their APIs, and what a recorded request or response must be by them.

Not a test, and not the hub's importer: read without the hub's own code. Which connector is held against which file is
``DESCRIBED``; where a vendor's page contradicts its description, ``EXCEPTIONS`` names the page.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from hub.testing.recording import RecordedRequest, RecordedResponse
from tests.connectors.vendor_schemas import Schemas
from tests.importers.specs import FOLDER, METHODS, document_of

DESCRIBED: Mapping[str, str] = {
    "github": "openapi3/github-rest.json.gz",
    "gmail": "discovery/gmail.v1.json.gz",
    "google_calendar": "discovery/calendar.v3.json.gz",
    "notion": "openapi3/notion-api.json.gz",
    "slack": "swagger2/slack-web.json.gz",
}
"""The description each connector's recordings are held against, below the folder of descriptions."""

_SLACK_ANSWERS = "https://docs.slack.dev/apis/web-api#responses"
EXCEPTIONS: Mapping[tuple[str, str], str] = {
    ("notion", "body.rich_text."): "https://developers.notion.com/reference/rich-text",
    ("notion", "body.parent: "): "https://developers.notion.com/reference/parent-object",
    ("notion", "body.children."): "https://developers.notion.com/reference/block",
    # The token stands in the Authorization header, which the vendor recommends.
    ("slack", "query.token: "): "https://docs.slack.dev/apis/web-api#basics",
    ("slack", "response.ok: false is not one of true"): _SLACK_ANSWERS,
    ("slack", "response: Additional properties are not allowed ('error'"): _SLACK_ANSWERS,
    ("slack", "('response_metadata' was unexpected)"): "https://docs.slack.dev/apis/web-api/pagination",
    ("slack", "response.messages: [] has less"): "https://docs.slack.dev/reference/methods/conversations.history",
    # Uploads changed after the description was published; files themselves lie at another host.
    ("slack", "files.getUploadURLExternal"): "https://docs.slack.dev/reference/methods/files.getUploadURLExternal",
    ("slack", "files.completeUploadExternal"): "https://docs.slack.dev/reference/methods/files.completeUploadExternal",
    ("slack", "https://files.slack.com/"): "https://docs.slack.dev/messaging/working-with-files",
    ("slack", "response.message: "): "https://docs.slack.dev/reference/methods/chat.update",
}
"""Connector and words of a problem that is none, and the vendor's page that says so."""


@dataclass(frozen=True)
class Operation:
    """One operation as the vendor describes it. ``query`` and ``form`` hold the raw schema by name; ``responses`` by
    status, ``"2XX"`` for any success; ``scopes`` are those of which one suffices."""

    key: str
    method: str
    pattern: re.Pattern[str]
    literal: int
    query: Mapping[str, Mapping[str, Any]]
    needed: frozenset[str] = frozenset()
    body: Any = None
    form: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    body_needed: bool = False
    responses: Mapping[str, Any] = field(default_factory=dict)
    scopes: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Vendor:
    """A vendor's description: ``bases`` are where its paths begin."""

    bases: tuple[str, ...]
    operations: tuple[Operation, ...]
    schemas: Schemas

    def operation(self, request: RecordedRequest) -> Operation | None:
        """The operation a recorded request is of: the one with most literal text where several would do."""
        url = request.url.partition("?")[0]
        found = [
            one
            for base in self.bases
            if url.startswith(base + "/")
            for one in self.operations
            if one.method == request.method and one.pattern.fullmatch(url.removeprefix(base))
        ]
        return max(found, key=lambda one: one.literal, default=None)

    def request_problems(self, request: RecordedRequest) -> list[str]:
        """What a recorded request has that its description does not know, or lacks."""
        operation = self.operation(request)
        if operation is None:
            return [f"{request.method} {request.url.partition('?')[0]}: the vendor has no such operation"]
        query = {**_query(request.url), **request.query}
        told = [f"query.{name}: {operation.key} must have it" for name in sorted(operation.needed - set(query))]
        for name, value in query.items():
            schema = operation.query.get(name)
            if schema is None:
                told.append(f"query.{name}: {operation.key} has no such parameter")
            else:
                told += self._parameter(schema, value, f"query.{name}")
        return told + self._body(operation, request)

    def response_problems(self, request: RecordedRequest, response: RecordedResponse) -> list[str]:
        """How a recorded success differs from the declared one; fields may be missing, not wrong or unknown."""
        operation = self.operation(request)
        if operation is None or response.status >= 300:
            return []
        schema = operation.responses.get(str(response.status), operation.responses.get("2XX"))
        if schema is None or not response.has_body:
            return []
        return self.schemas.problems(schema, response.body, "response", whole=False)

    def _parameter(self, schema: Mapping[str, Any], value: Any, where: str) -> list[str]:
        held = self.schemas.resolved(schema)
        if held.get("type") == "array":
            inner = held.get("items", {})
            parts = value if isinstance(value, list) else str(value).split(",")
            return [problem for one in parts for problem in self._parameter(inner, one, where)]
        if isinstance(value, list):
            return [f"{where}: is sent {len(value)} times, and may be once"]
        return self.schemas.problems(held, _typed(held, str(value)), where, whole=True)

    def _body(self, operation: Operation, request: RecordedRequest) -> list[str]:
        if not request.has_body:
            return [f"body: {operation.key} must have one"] if operation.body_needed else []
        if operation.form and isinstance(request.body, dict):
            unknown = [name for name in request.body if name not in operation.form]
            told = [f"body.{name}: {operation.key} has no such field" for name in unknown]
            for name, schema in operation.form.items():
                if name in request.body:
                    told += self._parameter(schema, request.body[name], f"body.{name}")
            return told
        if operation.body is None:
            return [f"body: {operation.key} has none"]
        # In a PATCH null removes a field, whatever its type (RFC 7396; Google's "Patch semantics").
        body = _without_nulls(request.body) if request.method == "PATCH" else request.body
        return self.schemas.problems(operation.body, body, "body", whole=True)


@cache
def vendor(name: str) -> Vendor:
    """The description of that file below the folder of descriptions."""
    document = document_of(FOLDER / name)
    schemas = Schemas(document, by_name=name.startswith("discovery/"))
    if name.startswith("discovery/"):
        base = (str(document["rootUrl"]) + str(document["servicePath"])).rstrip("/")
        return Vendor((base,), tuple(_discovery(document)), schemas)
    if "swagger" in document:
        base = f"https://{document['host']}{document.get('basePath', '')}".rstrip("/")
        return Vendor((base,), tuple(_openapi(document, schemas)), schemas)
    bases = tuple(str(one["url"]).rstrip("/") for one in document["servers"])
    return Vendor(bases, tuple(_openapi(document, schemas)), schemas)


def _discovery(node: Mapping[str, Any], common: Mapping[str, Any] | None = None) -> Iterator[Operation]:
    shared = common if common is not None else node.get("parameters", {})
    for method in node.get("methods", {}).values():
        given = method.get("parameters", {})
        query = {name: one for name, one in given.items() if one["location"] == "query"}
        yield Operation(
            method["id"],
            method["httpMethod"],
            *_pattern("/" + method["path"]),
            {name: _repeated(one) for name, one in {**shared, **query}.items()},
            frozenset(name for name, one in query.items() if one.get("required") is True),
            method.get("request"),
            responses={"2XX": method["response"]} if "response" in method else {},
            scopes=frozenset(method.get("scopes", ())),
        )
    for below in node.get("resources", {}).values():
        yield from _discovery(below, shared)


def _openapi(document: Mapping[str, Any], schemas: Schemas) -> Iterator[Operation]:
    for path, item in document["paths"].items():
        for method in METHODS:
            if method not in item:
                continue
            node = item[method]
            given = [schemas.resolved(one) for one in [*item.get("parameters", []), *node.get("parameters", [])]]
            query = {one["name"]: one for one in given if one["in"] == "query"}
            body = next((one for one in given if one["in"] == "body"), None)
            held = schemas.resolved(node.get("requestBody")) or {}
            content = held.get("content", {})
            yield Operation(
                f"{method.upper()} {path}",
                method.upper(),
                *_pattern(path),
                {name: one.get("schema", one) for name, one in query.items()},
                frozenset(name for name, one in query.items() if one.get("required") is True),
                _json(content) if content else (body or {}).get("schema"),
                # Slack's methods take their arguments in the query as well as in a form.
                {one["name"]: one for one in given if one["in"] == "formData"},
                held.get("required") is True,
                dict(_responses(node, schemas)),
            )


def _responses(node: Mapping[str, Any], schemas: Schemas) -> Iterator[tuple[str, Any]]:
    for status, raw in node.get("responses", {}).items():
        held = schemas.resolved(raw)
        schema = _json(held["content"]) if "content" in held else held.get("schema")
        if schema is not None:
            yield str(status), schema


def _json(content: Mapping[str, Any]) -> Any:
    return next((held.get("schema") for kind, held in content.items() if "json" in kind), None)


def _pattern(path: str) -> tuple[re.Pattern[str], int]:
    parts = re.split(r"(\{\+?[^}]+\})", path)
    made = "".join((".+" if one[1] == "+" else "[^/]+") if one[:1] == "{" else re.escape(one) for one in parts)
    return re.compile(made), sum(len(one) for one in parts if one[:1] != "{")


def _repeated(one: Mapping[str, Any]) -> Mapping[str, Any]:
    plain = {key: value for key, value in one.items() if key not in ("required", "repeated")}
    return {"type": "array", "items": plain} if one.get("repeated") is True else plain


def _typed(schema: Mapping[str, Any], text: str) -> Any:
    if schema.get("type") == "integer" and re.fullmatch(r"-?[0-9]+", text):
        return int(text)
    if schema.get("type") == "number" and re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text):
        return float(text)
    return {"true": True, "false": False}.get(text, text) if schema.get("type") == "boolean" else text


def _query(url: str) -> dict[str, str]:
    return {unquote(name): value for name, value in parse_qsl(urlsplit(url).query, keep_blank_values=True)}


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(one) for name, one in value.items() if one is not None}
    return value


def excused(connector: str, problem: str) -> tuple[str, str] | None:
    """The exception a problem falls under."""
    return next((one for one in EXCEPTIONS if one[0] == connector and one[1] in problem), None)


def described() -> list[tuple[str, Path]]:
    """Connectors that have a description, and where it is."""
    return [(name, FOLDER / file) for name, file in DESCRIBED.items()]
