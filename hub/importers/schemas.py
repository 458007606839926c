"""Schemas: what descriptions write as schemas, in whatever dialect, as JSON Schema 2020-12 that a model can be shown.

References are written out (a type inside itself becomes a free object), ``allOf`` is merged, the five ways to say
null are one, ``readOnly`` properties are dropped, and what no validator or client takes is left out. One ``Shaper``
works for one document and keeps what it has written out. How much may be written is a ``Stage``'s; which stage fits
is decided where arguments are made (``arguments.py``).
"""

import re
from collections.abc import Mapping
from typing import Any

from hub.importers.keywords import (
    Schema,
    both,
    copy_bounds,
    is_null,
    is_object,
    joined,
    kind_of_schema,
    members,
    narrowed,
    shared,
    type_names,
    with_null,
)
from hub.importers.references import Pool
from hub.importers.stages import STAGES
from hub.importers.texts import cut, prose
from hub.sdk.schema import PROPERTY_NAME

_NOWHERE = 1 << 30
_BESIDE = frozenset({"required", "title", "description", "not"})  # which of the properties beside a union go together


class OutOfRoom(Exception):
    """A schema is larger than what is left of the budget at this stage."""


class Shaper:
    """Writes schemas out for one document, at one stage at a time."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self._stage = STAGES[0]
        self._number = 0
        self._room = _NOWHERE
        self._on: dict[str, int] = {}
        self._low = _NOWHERE
        self._kept: dict[tuple[str, int, int], tuple[Schema, int, bool]] = {}
        self._aliases: dict[str, str] = {}
        self.trimmed = False

    def begin(self, number: int, room: int) -> None:
        """Write at stage ``number`` from now on, at most about ``room`` bytes in all."""
        self._number, self._stage, self._room = number, STAGES[number], room
        self.trimmed = False
        self._on.clear()
        self._low = _NOWHERE

    @property
    def aliases(self) -> Mapping[str, str]:
        """Property names that clients refuse, by the name they are shown under."""
        return {alias: name for name, alias in self._aliases.items()}

    def write(self, raw: Any, *, description: str = "", depth: int = 1) -> Schema:
        """``raw`` written out, nested ``depth`` deep. ``description`` stands where the schema has none of its own.

        Raises ``OutOfRoom`` when it is larger than the room left.
        """
        written = self._schema(raw, depth)
        if description:
            told = self._told(description, 1)
            if told and written.get("description") != told:
                written = {**written, "description": told}
        return written

    def flat(self, raw: Any) -> Schema:
        """``raw`` with references and ``allOf`` at its top resolved, its properties as they stand."""
        node = self.pool.node(raw)
        return self._merged(node)[0] if isinstance(node.get("allOf"), list) else node

    def _told(self, text: Any, depth: int) -> str:
        most = self._stage.text if depth <= 1 else self._stage.deep_text
        if not isinstance(text, str) or not text or not most:
            self.trimmed = self.trimmed or bool(text and isinstance(text, str))
            return ""
        whole = prose(text)
        told = cut(whole, most)
        self.trimmed = self.trimmed or told is not whole
        return told

    def _spend(self, size: int) -> None:
        self._room -= size
        if self._room < 0:
            raise OutOfRoom

    def _schema(self, raw: Any, depth: int) -> Schema:
        if not isinstance(raw, dict):
            return {}
        reference = raw.get("$ref")
        if isinstance(reference, str):
            return self._referred(raw, reference, depth)
        if isinstance(raw.get("allOf"), list):
            raw, through = self._merged(raw)
            fresh = [one for one in through if one not in self._on]
            for one in fresh:
                self._on[one] = len(self._on)
            try:
                return self._written(raw, depth)
            finally:
                for one in fresh:
                    self._on.pop(one, None)
        return self._written(raw, depth)

    def _referred(self, raw: Mapping[str, Any], reference: str, depth: int) -> Schema:
        beside = {key: value for key, value in raw.items() if key != "$ref" and not key.startswith("x-")}
        if beside.keys() - {"description", "summary", "title", "example", "examples", "readOnly", "xml"}:
            return self._schema({"allOf": [{"$ref": reference}], **beside}, depth)
        written = self._target(reference, depth)
        told = self._told(beside["description"], depth) if beside.get("description") else ""
        if told and told != written.get("description"):
            self._spend(len(told))
            return {**written, "description": told}
        return written

    def _target(self, reference: str, depth: int) -> Schema:
        target = self.pool.find(reference)
        at = self._on.get(reference)
        if at is not None:
            self._low = min(self._low, at)
            found: Schema = {"type": "object"} if is_object(target) else {}
            self._spend(20)
            return found
        key = (reference, self._number, depth)
        kept = self._kept.get(key)
        if kept is not None:
            self._spend(kept[1])
            self.trimmed = self.trimmed or kept[2]
            return kept[0]
        index, low, room, trimmed = len(self._on), self._low, self._room, self.trimmed
        self._on[reference] = index
        self._low, self.trimmed = _NOWHERE, False
        try:
            written = self._schema(target, depth)
        finally:
            self._on.pop(reference, None)
        # What was cut at something above would be written out further elsewhere.
        if self._low >= index:
            self._kept[key] = (written, room - self._room, self.trimmed)
            self._low = _NOWHERE
        self._low, self.trimmed = min(low, self._low), self.trimmed or trimmed
        return written

    def _merged(self, raw: Mapping[str, Any]) -> tuple[Schema, list[str]]:
        """One schema for ``allOf`` and what stands beside it, and the references it was taken through."""
        through: list[str] = []
        members: list[Mapping[str, Any]] = []

        def gather(node: Any, depth: int) -> None:
            for _ in range(20):
                if not isinstance(node, dict) or not isinstance(node.get("$ref"), str):
                    break
                if node["$ref"] in through or node["$ref"] in self._on:
                    self._low = min(self._low, self._on.get(node["$ref"], _NOWHERE))
                    return
                through.append(node["$ref"])
                more = {key: value for key, value in node.items() if key != "$ref"}
                if more:
                    members.append(more)
                node = self.pool.find(node["$ref"])
            if not isinstance(node, dict):
                return
            parts = node.get("allOf")
            members.append({key: value for key, value in node.items() if key != "allOf"})
            if isinstance(parts, list) and depth < 20:
                for part in parts:
                    gather(part, depth + 1)

        gather(raw, 0)
        out: Schema = {}
        properties: dict[str, Any] = {}
        required: dict[str, None] = {}
        for member in members:
            for key, value in member.items():
                if key == "properties" and isinstance(value, dict):
                    for name, one in value.items():
                        properties[name] = both(properties[name], one) if name in properties else one
                elif key == "required" and isinstance(value, list):
                    required.update((name, None) for name in value if isinstance(name, str))
                elif (key == "additionalProperties" and value is False) or (
                    key in ("oneOf", "anyOf") and ("oneOf" in out or "anyOf" in out)
                ):
                    continue
                elif key == "enum" and isinstance(value, list):
                    out["enum"] = narrowed(out.get("enum"), value)
                else:
                    out.setdefault(key, value)
        if properties:
            out["properties"] = properties
        elif "items" in out and out.get("type") == "object":
            out["type"] = "array"
        if required:
            out["required"] = list(required)
        return out, through

    def _written(self, raw: Mapping[str, Any], depth: int) -> Schema:
        union = raw.get("oneOf") if isinstance(raw.get("oneOf"), list) else raw.get("anyOf")
        kind, nullable = kind_of_schema(raw)
        out: Schema = {}
        if kind is not None:
            out["type"] = kind
        if raw.get("description"):
            told = self._told(raw["description"], depth)
            if told:
                out["description"] = told
        self._spend(12 + len(out.get("description", "")))
        if isinstance(raw.get("enum"), list) or "const" in raw:
            nullable = self._enumerated(raw, kind, out, depth) or nullable
        if not self._stage.lean:
            copy_bounds(raw, kind, out)
        if kind == "object":
            self._object(raw, out, depth)
        elif kind == "array":
            self._array(raw, out, depth)
        if isinstance(union, list):
            nullable = self._union(union, out, depth) or nullable
        return with_null(out) if nullable else out

    def _enumerated(self, raw: Mapping[str, Any], kind: Any, out: Schema, depth: int) -> bool:
        given = raw["enum"] if isinstance(raw.get("enum"), list) else [raw["const"]]
        if kind == "array" and given and not any(isinstance(value, list | type(None)) for value in given):
            return None in given  # of its items, whatever the description says
        values = members(given, kind)
        if len(values) > self._stage.enum:
            self.trimmed = True
            shown = ", ".join(str(value) for value in values[: min(12, self._stage.enum)])
            if shown:
                told = f"{out.get('description', '')} One of {len(values)} values, such as {shown}.".strip()
                out["description"] = cut(told, 400)
                out["examples"] = values[:1]
                self._spend(len(told) + 40 if len(told) < 400 else 440)
        elif values:
            self._spend(sum(len(value) + 3 if isinstance(value, str) else 3 for value in values))
            out["enum"] = values
            notes = raw.get("enumDescriptions")
            if isinstance(notes, list) and len(notes) == len(values) and self._stage.deep_text:
                pairs = [f"{value}: {prose(str(note))}" for value, note in zip(values, notes, strict=True) if note]
                told = self._told(f"{out.get('description', '')} {'; '.join(pairs)}".strip(), depth)
                self._spend(max(0, len(told) - len(out.get("description", ""))))
                if told:
                    out["description"] = told
        return None in given

    def _object(self, raw: Mapping[str, Any], out: Schema, depth: int) -> None:
        properties = raw.get("properties")
        more = raw.get("additionalProperties")
        listed = raw.get("required")
        needed: list[Any] = listed if isinstance(listed, list) else []
        if depth >= self._stage.depth and (properties or (isinstance(more, dict) and more)):
            self.trimmed = True
            if depth >= self._stage.deepest or not isinstance(properties, dict):
                return
            # Whoever gives the object at all must give these.
            properties, more = {name: one for name, one in properties.items() if name in needed}, None
        if isinstance(properties, dict) and properties:
            written: dict[str, Any] = {}
            required: list[str] = []
            for name, one in properties.items():
                if not isinstance(name, str) or not name or hidden(self.pool, one):
                    continue
                alias = name if PROPERTY_NAME.match(name) else self._alias(name)
                self._spend(len(alias) + 4)
                written[alias] = self._schema(one, depth + 1)
                if name in needed or (isinstance(one, dict) and one.get("required") is True):
                    required.append(alias)
            if not raw.get("oneOf") and not raw.get("anyOf") and more is not False:
                for name in needed:
                    # Required, and declared nowhere: whoever calls must send something all the same.
                    if isinstance(name, str) and name and name not in properties and PROPERTY_NAME.match(name):
                        written[name] = {}
                        required.append(name)
            out["properties"] = written
            if required:
                out["required"] = required
                self._spend(sum(len(name) + 3 for name in required))
        if isinstance(more, dict) and more:
            below = self._schema(more, depth + 1)
            if below:
                out["additionalProperties"] = below
        elif more is False and isinstance(properties, dict):
            out["additionalProperties"] = False

    def _alias(self, name: str) -> str:
        alias = self._aliases.get(name)
        if alias is None:
            stem = (re.sub(r"[^A-Za-z0-9_.-]+", "_", name).strip("_") or "field")[:58] + "_"
            alias, number = stem, 2
            taken = set(self._aliases.values())
            while alias in taken:
                alias, number = f"{stem}{number}", number + 1
            self._aliases[name] = alias
        return alias

    def _array(self, raw: Mapping[str, Any], out: Schema, depth: int) -> None:
        items = raw.get("items")
        of_items = raw.get("enum")
        if (
            isinstance(of_items, list)
            and isinstance(items, dict)
            and not any(isinstance(one, list) for one in of_items)
        ):
            items = {**items, "enum": [one for one in of_items if one is not None]}
        tuple_items = items if isinstance(items, list) else raw.get("prefixItems")
        if isinstance(tuple_items, list):
            items = tuple_items[0] if len(tuple_items) == 1 else {"anyOf": tuple_items}
        if depth > self._stage.deepest and items:
            self.trimmed = True
            out["items"] = {}
            return
        out["items"] = self._schema(items, depth + 1)

    def _union(self, union: list[Any], out: Schema, depth: int) -> bool:
        """Write the branches of a union into ``out``; whether null is one of them."""
        nullable = False
        branches: list[Schema] = []
        together: list[Schema] = []
        for one in union:
            if is_null(one):
                nullable = True
                continue
            beside = _BESIDE | {"type"} if out.get("properties") else _BESIDE
            if not isinstance(one, dict) or one.keys() <= beside:
                listed = one.get("required") if isinstance(one, dict) else None
                names = [name for name in listed if isinstance(name, str)] if isinstance(listed, list) else []
                together.append({"required": [self._aliases.get(name, name) for name in names]})
                continue
            written = self._schema({"type": "object", **one} if "properties" in one else one, depth)
            if written.get("type") and isinstance(written["type"], list) and "null" in written["type"]:
                nullable = True
            if written not in branches:
                branches.append(written)
        if not branches:
            self._go_together(together, out)
            return nullable
        if any(not {key for key in branch if key != "description"} for branch in branches):
            return nullable  # anything fits
        if len(branches) == 1:
            told = out.get("description")
            inherited = {key: value for key, value in out.items() if key in branches[0]}
            kept = branches[0] if not out.get("properties") else joined(out, branches[0])
            merged = {**out, **kept, **({"description": told} if told else {})}
            if inherited.get("type") and "type" not in kept:
                merged["type"] = inherited["type"]
            out.clear()
            out.update(merged)
            return nullable
        types = type_names(branches)
        if types is not None and "type" not in out:
            out["type"] = types if len(types) > 1 else types[0]
        elif all(branch.get("type") == "string" and "enum" in branch and len(branch) <= 3 for branch in branches):
            out["type"] = "string"
            values = list(dict.fromkeys(value for branch in branches for value in branch["enum"]))
            out["enum"] = narrowed(out.get("enum"), values)
        elif len(branches) > self._stage.branches or self._stage.lean:
            self.trimmed = True
            kinds = {branch.get("type") for branch in branches if isinstance(branch.get("type"), str)}
            if len(kinds) == 1 and all("type" in branch for branch in branches):
                out["type"] = kinds.pop()
                common = {} if "properties" in out or self._stage.lean else shared(branches)
                self._spend(len(str(common)))
                out |= common
        else:
            self._spend(10)
            out["anyOf"] = branches
            if out.get("type") == "object" and not out.get("properties"):
                out.pop("type", None)
            elif out.get("properties"):
                out.pop("additionalProperties", None)
        return nullable

    def _go_together(self, together: list[Schema], out: Schema) -> None:
        """Which of an object's properties it needs: one of these lists, where all of them can be given."""
        known = out.get("properties", {}).keys()
        if len(together) > 1 and all(one["required"] and known >= set(one["required"]) for one in together):
            self._spend(sum(len(name) + 20 for one in together for name in one["required"]))
            out["anyOf"] = together


def hidden(pool: Pool, raw: Any) -> bool:
    """Whether a property is not the caller's to give: ``readOnly``, or kept internal with a default of its own."""
    if not isinstance(raw, dict):
        return False
    if raw.get("readOnly") is True or (raw.get("x-ms-visibility") == "internal" and "default" in raw):
        return True
    if isinstance(raw.get("$ref"), str):
        target = pool.node(raw)
        return target.get("readOnly") is True
    parts = raw.get("allOf")
    return isinstance(parts, list) and any(isinstance(part, dict) and part.get("readOnly") is True for part in parts)
