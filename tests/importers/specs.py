"""The real descriptions the tests run on: which there are, and what each says, counted without the hub's own code.

Not a test. The folder stands beside the checkout, or where HUB_SPECS says.
"""

import gzip
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import yaml

from hub.importers.compilation import Compiled, compile_described, described, fingerprint
from hub.importers.security import agreement

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("HUB_SPECS", ROOT.parent / "shared" / "specs"))
METHODS = ("get", "put", "post", "delete", "patch", "head", "options")

FILES = sorted(FOLDER.glob("*/*.gz")) if FOLDER.is_dir() else []
MISSING = f"there are no descriptions at {FOLDER}; name their folder in HUB_SPECS"


def kind_of(file: Path) -> str:
    """Which importer a file is for."""
    return "discovery" if file.parent.name == "discovery" else "openapi"


def data_of(file: Path) -> bytes:
    """A description as it was published."""
    data = file.read_bytes()
    return gzip.decompress(data) if file.suffix == ".gz" else data


def declaration_of(data: bytes, kind: str, **more: Any) -> dict[str, Any]:
    """The YAML, parsed, that takes every operation of a description."""
    found = described(data, kind, "description.json")
    return {
        "kind": kind,
        "title": "Sample",
        "source": {"place": "here", "sha256": fingerprint(data), "agreed": agreement(found)},
        "base_url": "https://api.example.com",
        "hosts": sorted({host for one in found.operations if (host := _host(one.server))}),
        **more,
    }


def _host(server: str | None) -> str | None:
    return server.split("/")[2].lower() if server and "://" in server and "{" not in server else None


def compiled(data: bytes, kind: str = "openapi", **more: Any) -> Compiled:
    """A description with all its operations, compiled."""
    return compile_described("sample", declaration_of(data, kind, **more), data, "sample/connector.yaml")


@dataclass(frozen=True)
class Expected:
    """What one operation declares for its caller: required and other parameters, and fields at the top of its body."""

    key: str
    required: frozenset[str]
    optional: frozenset[str]
    body: frozenset[str]


@cache
def document_of(file: Path) -> Mapping[str, Any]:
    """A description, parsed by a library that is not the hub's."""
    data = data_of(file).removeprefix(b"\xef\xbb\xbf")
    if ".json" in file.name:
        return dict(orjson.loads(data))
    return dict(yaml.load(data, Loader=yaml.CBaseLoader))  # noqa: S506 - strings, lists and mappings only


def _at(document: Mapping[str, Any], node: Any) -> Any:
    for _ in range(20):
        if not isinstance(node, dict) or not isinstance(node.get("$ref"), str):
            return node
        found: Any = document
        for step in node["$ref"].split("/")[1:]:
            step = step.replace("~1", "/").replace("~0", "~").replace("%7B", "{").replace("%7D", "}")
            found = found.get(step) if isinstance(found, dict) else None
        node = found
    return None


def _true(value: Any) -> bool:
    return value is True or value == "true"


def _fields(document: Mapping[str, Any], schema: Any, depth: int = 0) -> set[str]:
    node = _at(document, schema)
    if not isinstance(node, dict) or depth > 6:
        return set()
    found = set()
    for name, one in (node.get("properties") or {}).items():
        held = _at(document, one)
        if not (isinstance(held, dict) and _true(held.get("readOnly"))):
            found.add(name)
    for part in node.get("allOf") or []:
        found |= _fields(document, part, depth + 1)
    return found


def expected(document: Mapping[str, Any]) -> Iterator[Expected]:
    """What every operation of an OpenAPI or Swagger document declares."""
    for path, item in (document.get("paths") or {}).items():
        held = _at(document, item) or {}
        for method in METHODS:
            node = held.get(method)
            if not isinstance(node, dict):
                continue
            parameters: dict[tuple[str, str], Mapping[str, Any]] = {}
            body: set[str] = set()
            for raw in [*(held.get("parameters") or []), *(node.get("parameters") or [])]:
                one = _at(document, raw)
                if not isinstance(one, dict) or "name" not in one:
                    continue
                if one.get("in") == "body":
                    body = _fields(document, one.get("schema"))
                elif one.get("in") == "formData":
                    body.add(one["name"])
                else:
                    parameters[one["name"], str(one.get("in"))] = one
            # A parameter for the path that stands nowhere in it cannot be sent.
            parameters = {key: one for key, one in parameters.items() if key[1] != "path" or f"{{{key[0]}}}" in path}
            content = (_at(document, node.get("requestBody")) or {}).get("content") or {}
            if content:
                media = next((one for one in content if "json" in one and "patch" not in one), next(iter(content)))
                body = _fields(document, (content[media] or {}).get("schema"))
            yield Expected(
                f"{method.upper()} {path}",
                frozenset(
                    name for (name, place), one in parameters.items() if _true(one.get("required")) or place == "path"
                ),
                frozenset(
                    name
                    for (name, place), one in parameters.items()
                    if not _true(one.get("required")) and place != "path"
                ),
                frozenset(body),
            )
