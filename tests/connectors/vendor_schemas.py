"""Schemas of vendors' descriptions (Google Discovery, OpenAPI 3, Swagger 2.0) as JSON Schema 2020-12.

Not a test, and not the hub's importer: what recordings are held against is read without the hub's own code.
"""

from collections.abc import Mapping
from typing import Any

import jsonschema_rs

Json = Any

_KEPT = ("enum", "const")
_BOUNDS = ("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems")
_UNIONS = ("anyOf", "oneOf")


class Schemas:
    """The schemas of one description. ``by_name`` where a reference is a schema's bare name (Discovery)."""

    def __init__(self, document: Mapping[str, Any], *, by_name: bool) -> None:
        self._document = document
        self._by_name = by_name

    def find(self, reference: str) -> Json:
        """What a reference names. Raises ``KeyError`` where it leads nowhere."""
        if self._by_name and not reference.startswith("#"):
            return self._document["schemas"][reference]
        node: Json = self._document
        for step in reference.removeprefix("#/").split("/"):
            node = node[step.replace("~1", "/").replace("~0", "~")]
        return node

    def resolved(self, node: Json) -> Json:
        """``node``, or what it refers to in the end."""
        while isinstance(node, dict) and isinstance(node.get("$ref"), str):
            node = self.find(node["$ref"])
        return node

    def problems(self, schema: Json, value: Json, where: str, *, whole: bool) -> list[str]:
        """How ``value`` differs from ``schema``: types, allowed values, and fields that are not declared.

        ``whole`` asks for what is required too; recorded responses are cut down to what matters.
        """
        writing = _Writing(self, whole=whole)
        written = writing.schema(schema, closed=True)
        written["$defs"] = writing.definitions()
        check = jsonschema_rs.validator_for(written, validate_formats=False)
        return [
            f"{where}{''.join(f'.{step}' for step in one.instance_path)}: {one.message[:200]}"
            for one in check.iter_errors(value)
        ]


class _Writing:
    def __init__(self, schemas: Schemas, *, whole: bool) -> None:
        self._schemas = schemas
        self._whole = whole
        self._names: dict[tuple[str, bool], str] = {}
        self._open: list[tuple[str, bool]] = []

    def definitions(self) -> dict[str, Json]:
        """All that was referred to, once each; an object within ``allOf`` is open where others are closed."""
        made: dict[str, Json] = {}
        while self._open:
            reference, closed = self._open.pop()
            name = self._names[reference, closed]
            made[name] = self.schema(self._schemas.find(reference), closed=closed)
        return made

    def schema(self, node: Json, *, closed: bool) -> dict[str, Json]:
        if not isinstance(node, dict):
            return {}
        if isinstance(node.get("$ref"), str):
            return {"$ref": f"#/$defs/{self._name(node['$ref'], closed)}"}
        made: dict[str, Json] = {key: node[key] for key in _KEPT if key in node}
        made |= {key: _number(node[key]) for key in _BOUNDS if key in node}
        kinds = node.get("type")
        if kinds is not None and kinds != "any":
            made["type"] = kinds
        if isinstance(node.get("items"), dict):
            made["items"] = self.schema(node["items"], closed=closed)
        if isinstance(node.get("allOf"), list):
            made["allOf"] = [self.schema(one, closed=closed and len(node["allOf"]) == 1) for one in node["allOf"]]
        for key in _UNIONS:
            if isinstance(node.get(key), list):
                # A cut-down object may fit several branches.
                beside = "properties" in node
                made["anyOf"] = [self.schema(one, closed=closed and not beside) for one in node[key]]
        self._properties(node, made, closed)
        if node.get("nullable") is True or node.get("x-nullable") is True:
            return {"anyOf": [made, {"type": "null"}]}
        return made

    def _properties(self, node: Mapping[str, Any], made: dict[str, Json], closed: bool) -> None:
        properties, more = node.get("properties"), node.get("additionalProperties")
        if isinstance(properties, dict):
            made["properties"] = {name: self.schema(one, closed=True) for name, one in properties.items()}
        if isinstance(more, dict):
            made["additionalProperties"] = self.schema(more, closed=True) if more else {}
        elif more is False or (
            more is None
            and closed
            and isinstance(properties, dict)
            and not any(key in node for key in ("allOf", *_UNIONS))
        ):
            made["additionalProperties"] = False
        if self._whole and isinstance(node.get("required"), list):
            made["required"] = node["required"]

    def _name(self, reference: str, closed: bool) -> str:
        key = (reference, closed)
        if key not in self._names:
            self._names[key] = f"s{len(self._names)}"
            self._open.append(key)
        return self._names[key]


def _number(value: Json) -> Json:
    """Discovery writes bounds as text."""
    return int(value) if isinstance(value, str) and value.lstrip("-").isdigit() else value
