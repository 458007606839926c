"""Connectors made from API descriptions, as ``hub import`` makes them: the real ones of vendors where they are beside
the checkout (or where HUB_SPECS says), small OpenAPI documents written here otherwise.

Not the hand-written connectors of the large hub (``apps.py``).
"""

import gzip
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from hub import yaml
from hub.errors import ConnectorError
from hub.importers.compilation import compile_described, described, fingerprint
from hub.importers.proposal import Wishes, connector_text

SPECS = Path(os.environ.get("HUB_SPECS", Path(__file__).resolve().parents[2] / "shared" / "specs"))

Made = tuple[str, bytes]
"""A ``connector.yaml`` and its description."""


def write(folder: Path, count: int, tools: int) -> str:
    """Write ``count`` connectors with so many ``tools`` each into ``folder``; says what they were made from."""
    made = list(islice(_real(tools), count))
    real = len(made)
    made += [_made(f"api{number}", _small(number, tools), "openapi") for number in range(real, count)]
    for number, (text, description) in enumerate(made):
        place = folder / f"api{number}"
        place.mkdir()
        (place / "connector.yaml").write_text(text)
        (place / "description.json").write_bytes(description)
    return f"{real} from vendors' API descriptions, {count - real} from small ones"


def _real(tools: int) -> Iterator[Made]:
    """What vendors publish, in the order of their names; those that come to exactly so many tools."""
    for file in sorted(SPECS.glob("*/*.gz")):
        kind = "discovery" if file.parent.name == "discovery" else "openapi"
        data = gzip.decompress(file.read_bytes())
        try:
            made = _made("sample", data, kind)
            compiled = compile_described("sample", yaml.load(made[0], "connector.yaml"), data, "connector.yaml")
        except ConnectorError:
            continue
        if len(compiled.connector.tools) == tools:
            yield made


def _made(name: str, data: bytes, kind: str) -> Made:
    wishes = Wishes(name, "here", base_url=f"https://{name}.example.com", signs_in=False)
    return connector_text(described(data, kind, "description.json"), wishes, fingerprint(data)), data


def _small(number: int, tools: int) -> bytes:
    """An OpenAPI document of so many operations, each with what descriptions say of one."""
    paths: dict[str, Any] = {}
    for index in range(tools // 2):
        thing = f"thing{index}"
        entry = {"$ref": f"#/components/schemas/Thing{index % 3}"}
        answer = {"200": {"description": "Done.", "content": {"application/json": {"schema": entry}}}}
        filters = [
            {
                "name": f"filter_{one}",
                "in": "query",
                "description": f"Only those with the {one} mark.",
                "schema": {"type": "integer", "minimum": 0, "maximum": 10_000},
            }
            for one in ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
        ]
        key = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
        paths[f"/{thing}s"] = {
            "get": {
                "operationId": f"list_{thing}s",
                "summary": f"List {thing}s",
                "description": f"Finds {thing}s by their marks, newest first.",
                "parameters": filters,
                "responses": answer,
            }
        }
        paths[f"/{thing}s/{{id}}"] = {
            "get": {
                "operationId": f"get_{thing}",
                "summary": f"Get a {thing}",
                "description": f"One {thing} with all that is known of it.",
                "parameters": [key, *filters],
                "responses": answer,
            }
        }
    shape = {
        "type": "object",
        "properties": {name: {"type": "string", "description": f"Its {name}."} for name in ("id", "title", "state")},
    }
    return orjson.dumps(
        {
            "openapi": "3.1.0",
            "info": {"title": f"App {number}", "version": "1.0.0", "description": "What people keep there."},
            "servers": [{"url": f"https://api{number}.example.com"}],
            "paths": paths,
            "components": {"schemas": {f"Thing{one}": shape for one in range(3)}},
        }
    )
