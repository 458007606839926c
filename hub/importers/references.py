"""References: ``$ref`` within one document (RFC 6901 pointers, Discovery's schema names), with a guard against cycles.

What leads nowhere is noted and answered with None; nothing is ever fetched. Descriptions in several files are made one
before (``bundle.py``).
"""

from typing import Any
from urllib.parse import unquote

_MISSING = object()
_HOPS = 50


class Pool:
    """The places of one document that references lead to."""

    def __init__(self, document: dict[str, Any], *, schema_names: bool = False) -> None:
        """``schema_names``: a reference is the bare name of a schema (Google Discovery)."""
        self.document = document
        self.unresolved: dict[str, None] = {}
        self._schema_names = schema_names
        self._found: dict[str, Any] = {}

    def find(self, reference: str) -> Any:
        """What ``reference`` names, or None where it leads nowhere, which is noted."""
        found = self._found.get(reference, _MISSING)
        if found is _MISSING:
            self._found[reference] = None  # what leads through itself leads nowhere
            found = self._found[reference] = self._sought(reference)
            if found is None:
                self.unresolved[reference] = None
        return found

    def _sought(self, reference: str) -> Any:
        if self._schema_names and not reference.startswith("#"):
            schemas = self.document.get("schemas")
            return schemas.get(reference) if isinstance(schemas, dict) else None
        if not reference.startswith("#"):
            return None
        node: Any = self.document
        for step in reference[1:].split("/")[1:]:
            if isinstance(node, dict) and isinstance(node.get("$ref"), str):
                node = self.node(node)
            step = unquote(step).replace("~1", "/").replace("~0", "~")
            if isinstance(node, dict):
                node = node.get(step)
            elif isinstance(node, list) and step.isdigit() and int(step) < len(node):
                node = node[int(step)]
            else:
                return None
        return node

    def node(self, value: Any) -> dict[str, Any]:
        """``value``, or what its ``$ref`` leads to, keys beside the reference laid over it; an empty dict for what is
        no mapping in the end."""
        beside: dict[str, Any] = {}
        for _ in range(_HOPS):
            if not isinstance(value, dict):
                return {}
            reference = value.get("$ref")
            if not isinstance(reference, str):
                return {**value, **beside} if beside else value
            more = {key: item for key, item in value.items() if key != "$ref"}
            beside = {**more, **beside}
            value = self.find(reference)
        return {}
