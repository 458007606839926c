"""What every kind of description comes down to before tools are made of it: operations, parameters, bodies, security.

Plain data, schemas still as the description writes them. Not a tool: ``arguments.py`` and ``drafts.py`` make those.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.importers.references import Pool
from hub.importers.texts import prose
from hub.sdk.wire import BodyKind, Encoding, Place, Style


@dataclass(slots=True)
class Given:
    """One parameter as described; ``schema`` is raw."""

    name: str
    place: Place
    schema: Any
    required: bool = False
    description: str = ""
    style: Style = "form"
    explode: bool = True
    reserved: bool = False


@dataclass(slots=True)
class Body:
    """A request body as described. ``others`` are the further media types that a file as the whole may have."""

    kind: BodyKind
    media: str
    schema: Any
    required: bool = False
    description: str = ""
    encodings: dict[str, Encoding] = field(default_factory=dict)
    others: tuple[str, ...] = ()


@dataclass(slots=True)
class Operation:
    """One operation. ``security`` are alternatives, each the names of schemes needed together with their scopes; None
    where the description says nothing. ``server`` is its own base URL where it is not the document's; ``media`` that
    its answer is the content itself, of whatever type."""

    method: str
    path: str
    identifier: str = ""
    title: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    deprecated: bool = False
    parameters: list[Given] = field(default_factory=list)
    body: Body | None = None
    accept: str = "*/*"
    streams: bool = False
    security: list[dict[str, list[str]]] | None = None
    server: str | None = None
    trouble: str | None = None
    notes: list[str] = field(default_factory=list)
    own_key: str = ""
    media: bool = False

    @property
    def key(self) -> str:
        """What names it for good: method and path as described, or what its kind of description has instead."""
        return self.own_key or f"{self.method} {self.path}"


@dataclass(slots=True)
class Server:
    """A base URL with its variables: each default, and the values it may take (empty for any)."""

    url: str
    variables: dict[str, tuple[str | None, tuple[str, ...]]] = field(default_factory=dict)


@dataclass(slots=True)
class Description:
    """A whole description, read. ``schemes`` are its security schemes as ``security.py`` knows them."""

    kind: str
    title: str
    version: str
    text: str
    servers: list[Server]
    operations: list[Operation]
    schemes: dict[str, Mapping[str, Any]]
    pool: Pool
    security: list[dict[str, list[str]]] | None = None
    warnings: list[str] = field(default_factory=list)


Found = tuple[str, str, dict[str, Any], dict[str, Any], list[Any]]
"""One operation as it stands in a document: path, method, itself, its path's item, and the item's parameters."""


def description_of(
    document: Mapping[str, Any], pool: Pool, servers: list[Server], schemes: dict[str, Mapping[str, Any]]
) -> Description:
    """The description in an OpenAPI or Swagger document, still without its operations."""
    info = document["info"] if isinstance(document.get("info"), dict) else {}
    return Description(
        kind="openapi",
        title=str(info.get("title") or "An API"),
        version=str(info.get("version") or ""),
        text=prose(info["description"]) if isinstance(info.get("description"), str) and info["description"] else "",
        servers=servers,
        operations=[],
        schemes=schemes,
        pool=pool,
        security=requirements_of(document.get("security")),
    )


def operations_in(document: Mapping[str, Any], pool: Pool) -> Iterator[Found]:
    """The operations under ``paths``; what is no operation is passed over."""
    paths = document.get("paths")
    for path, item in paths.items() if isinstance(paths, dict) else ():
        if not isinstance(path, str) or path.startswith("x-"):
            continue
        held = pool.node(item)
        shared = held.get("parameters") if isinstance(held.get("parameters"), list) else []
        for method in METHODS:
            node = held.get(method)
            if isinstance(node, dict):
                yield path, method, node, held, shared or []


NO_OPERATIONS = "the description has no operations under paths"

METHODS = ("get", "put", "post", "delete", "patch", "head", "options")
"""The methods operations may have; ``trace`` echoes credentials back and is left out."""


def texts_of(node: Mapping[str, Any]) -> tuple[str, str]:
    """Summary and description, each a string or empty."""
    summary, description = node.get("summary"), node.get("description")
    return summary if isinstance(summary, str) else "", description if isinstance(description, str) else ""


def requirements_of(given: Any) -> list[dict[str, list[str]]] | None:
    """Security requirements as a list of alternatives; None where there are none or they are malformed."""
    if not isinstance(given, list):
        return None
    out = []
    for one in given:
        if isinstance(one, dict):
            out.append(
                {
                    str(name): [str(scope) for scope in scopes or []]
                    for name, scopes in one.items()
                    if isinstance(scopes, list | type(None))
                }
            )
    return out


def tags_of(node: Mapping[str, Any]) -> tuple[str, ...]:
    """An operation's tags."""
    tags = node.get("tags")
    return tuple(str(tag) for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else ()
