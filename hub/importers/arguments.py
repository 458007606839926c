"""Arguments: an operation's parameters and body as one tool's input, and as the wire that carries it.

Every argument gets a name that clients take and that nothing else bears; a body's fields stand beside the parameters
where they can, under a key of their own where they cannot. The schema is trimmed in stages until it fits.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from hub.errors import ConnectorError
from hub.importers.bodies import file_kind
from hub.importers.keywords import Schema, is_null
from hub.importers.operation import Body, Given, Operation
from hub.importers.schemas import OutOfRoom, Shaper, hidden
from hub.importers.security import credential_field, is_credential, is_ignored
from hub.importers.stages import STAGES
from hub.importers.texts import cut, prose
from hub.sdk.file_schema import file_schema
from hub.sdk.files import with_words
from hub.sdk.names import RESERVED_ARGUMENTS
from hub.sdk.schema import INPUT_MAX_BYTES
from hub.sdk.wire import Encoding, Parameter, Wire, WireBody

ROOM = INPUT_MAX_BYTES - 400
"""Bytes for an operation's own arguments; the rest is for those the hub adds."""

_NAME = re.compile(r"\{([^{}]*)\}")
_WORDS = {"<": "_lt", ">": "_gt", "!": "_not", "~": "_", "@": "at_", "+": "", "%": "_pct"}
FILE: Schema = with_words(file_schema())


@dataclass(slots=True)
class Arguments:
    """What one operation's tool takes. ``stage`` says how far its schema was trimmed (0: not); ``dropped`` names
    optional arguments that found no room; ``hidden`` those the model is not asked for; ``counted`` is (parameters and
    top-level body fields described for the model, those that became arguments)."""

    properties: dict[str, Any]
    required: list[str]
    wire: Wire
    headers: dict[str, str]
    stage: int = 0
    trimmed: bool = False
    dropped: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    counted: tuple[int, int] = (0, 0)


@dataclass(slots=True)
class _Wanted:
    """One argument before its schema is written; ``depth`` at which writing begins."""

    name: str
    schema: Any
    description: str
    required: bool
    depth: int = 1
    ready: Schema | None = None


class Arranger:
    """Arranges the arguments of one document's operations."""

    def __init__(
        self, shaper: Shaper, schemes: Mapping[str, Mapping[str, Any]], pinned_headers: Mapping[str, str]
    ) -> None:
        """``schemes`` are the document's; ``pinned_headers`` the connector's own, which no argument sets."""
        self._shaper = shaper
        self._schemes = schemes
        self._pinned = {name.lower() for name in pinned_headers}

    def arrange(self, operation: Operation) -> Arguments:
        """The arguments of ``operation``. Raises ``ConnectorError`` when it cannot be called as described."""
        given, hidden_names, headers = self._parameters(operation)
        path_text, _, rest = operation.path.partition("?")
        path_text = path_text.partition("#")[0]
        fixed = [pair.partition("=")[::2] for pair in rest.partition("#")[0].split("&") if pair]
        wanted: list[_Wanted] = []
        wires: list[Parameter] = []
        taken: set[str] = set()
        by_name: dict[str, Parameter] = {}
        for one in given:
            argument = _argument(one.name, taken, one.place)
            taken.add(argument)
            wire = Parameter(argument, one.name, one.place, one.style, one.explode, one.reserved)
            if one.place == "path":
                by_name[one.name] = wire
            else:
                wires.append(wire)
            wanted.append(_Wanted(argument, one.schema, one.description, one.required))
        query: list[tuple[str, str]] = []
        for name, value in fixed:
            found = _NAME.fullmatch(value)
            if found is None:
                query.append((name, value))
            elif all(wire.name != name for wire in wires):
                argument = _argument(name, taken, "query")
                taken.add(argument)
                wires.append(Parameter(argument, name, "query"))
                wanted.append(_Wanted(argument, {"type": "string"}, "", True))
        pieces = _pieces(path_text, by_name)
        body = self._body(operation, wanted, taken, hidden_names) if operation.body is not None else None
        made = self._fitted(wanted, operation)
        aliases = self._shaper.aliases
        written = orjson.dumps(made.properties).decode() if aliases else ""
        renames = {alias: name for alias, name in aliases.items() if f'"{alias}"' in written}
        made.wire = Wire(tuple(pieces), tuple(wires), tuple(query), body, renames)
        made.headers = headers
        made.hidden = hidden_names
        return made

    def _parameters(self, operation: Operation) -> tuple[list[Given], list[str], dict[str, str]]:
        """The parameters to show, path first; those the model is not asked for; headers that are always the same."""
        shown: list[Given] = []
        hidden_names: list[str] = []
        headers: dict[str, str] = {}
        for one in operation.parameters:
            if is_ignored(one) or is_credential(one, self._schemes):
                hidden_names.append(one.name)
                continue
            if one.place == "header":
                if one.name.lower() in self._pinned:
                    hidden_names.append(one.name)
                    continue
                constant = self._constant(one)
                if constant is not None:
                    headers[one.name] = constant
                    hidden_names.append(one.name)
                    continue
                if not one.name.isascii() or not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", one.name):
                    hidden_names.append(one.name)
                    continue
            elif one.place == "query" and hidden(self._shaper.pool, one.schema):
                hidden_names.append(one.name)
                continue
            shown.append(one)
        declared = {one.name for one in shown if one.place == "path"}
        in_path = [name.lstrip("+") for name in _NAME.findall(operation.path.partition("?")[0].partition("#")[0])]
        shown = [one for one in shown if one.place != "path" or one.name in in_path]
        for name in dict.fromkeys(in_path):
            if name and name not in declared:
                shown.append(Given(name, "path", {"type": "string"}, True, "", "simple", False))
        order = {"path": 0, "query": 1, "header": 2, "cookie": 3}
        return sorted(shown, key=lambda one: order[one.place]), hidden_names, headers

    def _constant(self, one: Given) -> str | None:
        """The one value a header can have, or that of a version header with a default."""
        node = self._shaper.pool.node(one.schema)
        values = node.get("enum") if isinstance(node.get("enum"), list) else [node["const"]] if "const" in node else []
        if values and len(values) == 1 and isinstance(values[0], str | int | float) and one.required:
            return str(values[0])
        default = node.get("default")
        if default is not None and re.search(r"version|revision", one.name, re.IGNORECASE) and isinstance(default, str):
            return default
        return None

    def _body(
        self, operation: Operation, wanted: list[_Wanted], taken: set[str], hidden_names: list[str]
    ) -> WireBody | None:
        """The body's wire; its arguments are added to ``wanted``."""
        body = operation.body
        if body is None:
            return None
        if body.kind in ("text", "binary"):
            name = _argument("body", taken, "request")
            taken.add(name)
            whole: Schema = {"type": "string"} if body.kind == "text" else dict(FILE)
            described = body.description or f"The body, as {body.media}."
            wanted.append(_Wanted(name, None, described, body.required, ready=whole))
            return WireBody(body.kind, body.media, whole=name, required=body.required, others=body.others)
        flat = self._shaper.flat(body.schema)
        if is_null(flat):
            return None  # Swagger 2.0 documents made from others write so for no body
        properties = flat["properties"] if isinstance(flat.get("properties"), dict) else {}
        shown = {
            name: one
            for name, one in properties.items()
            if isinstance(name, str) and name and not hidden(self._shaper.pool, one)
        }
        for name in [
            name
            for name in shown
            if operation.streams is False and name == "stream" and _is_boolean(self._shaper.pool.node(shown[name]))
        ]:
            del shown[name]
            hidden_names.append(name)
        signed = [name for name, one in shown.items() if credential_field(name, one, operation)]
        for name in signed:
            del shown[name]
            hidden_names.append(name)
        listed = flat.get("required")
        needed = {name for name in listed if isinstance(name, str)} if isinstance(listed, list) else set()
        if shown and "oneOf" not in flat and "anyOf" not in flat:
            # Required, and declared nowhere: whoever calls must send something all the same.
            shown |= {name: {} for name in sorted(needed - set(properties)) if name}
        needed |= {name for name, one in shown.items() if isinstance(one, dict) and one.get("required") is True}
        needed &= set(shown)
        form = body.kind in ("form", "multipart")
        own_key = not form and (
            not shown
            or "oneOf" in flat
            or "anyOf" in flat
            or flat.get("type") not in ("object", None)
            or flat.get("nullable") is True
            or isinstance(flat.get("additionalProperties"), dict)
            or flat.get("additionalProperties") is True
            or (bool(needed) and not body.required)
            or any(name in taken or _argument(name, set(), "body") in taken for name in shown)
        )
        if own_key:
            name = _argument("body", taken, "request")
            taken.add(name)
            wanted.append(_Wanted(name, body.schema, body.description, body.required, depth=0))
            return WireBody(body.kind, body.media, whole=name, required=body.required)
        fields: list[tuple[str, str]] = []
        encodings = dict(body.encodings)
        for wire_name, raw in shown.items():
            argument = _argument(wire_name, taken, "body")
            taken.add(argument)
            fields.append((argument, wire_name))
            kind = file_kind(self._shaper.pool, raw) if body.kind == "multipart" else None
            ready: Schema | None = None
            if kind is not None:
                ready = dict(FILE) if kind == "file" else {"type": "array", "items": FILE}
            told = self._shaper.pool.node(raw).get("description")
            described = told if ready is not None and isinstance(told, str) else ""
            required = wire_name in needed and (body.required or not form)
            wanted.append(_Wanted(argument, raw, described, required, ready=ready))
            self._encode(body, wire_name, raw, encodings)
        return WireBody(
            body.kind,
            body.media,
            fields=tuple(fields),
            encodings=encodings,
            # A form that a credential is put into is sent even where nothing else stands in it.
            required=body.required or bool(signed),
        )

    def _encode(self, body: Body, name: str, raw: Any, encodings: dict[str, Encoding]) -> None:
        """A form's field that holds an object, and has no encoding of its own, is a part of JSON."""
        if body.kind == "form" and name not in encodings and self._shaper.pool.node(raw).get("type") == "object":
            encodings[name] = Encoding("json", media="application/json")

    def _fitted(self, wanted: list[_Wanted], operation: Operation) -> Arguments:
        """The schemas of all arguments at the first stage at which they fit."""
        described = len(wanted)
        required = [one.name for one in wanted if one.required]
        for number in range(len(STAGES)):
            self._shaper.begin(number, ROOM)
            try:
                properties = {one.name: self._one(one, number) for one in wanted}
            except OutOfRoom:
                continue
            if len(orjson.dumps({"properties": properties, "required": required})) <= ROOM:
                trimmed = self._shaper.trimmed
                return Arguments(properties, required, _NO_WIRE, {}, number, trimmed, counted=(described, described))
        # Not even names and types fit: what is required stays, of the rest what there is room for.
        self._shaper.begin(len(STAGES) - 1, 1 << 30)
        properties = {one.name: self._one(one, len(STAGES) - 1) for one in wanted}
        left = ROOM - len(
            orjson.dumps({"properties": {name: properties[name] for name in required}, "required": required})
        )
        if left < 0:
            raise ConnectorError("what it requires alone is larger than an input schema may be")
        kept: dict[str, Any] = {}
        dropped: list[str] = []
        for one in wanted:
            size = len(one.name) + len(orjson.dumps(properties[one.name])) + 4
            if one.required or size <= left:
                kept[one.name] = properties[one.name]
                left -= 0 if one.required else size
            else:
                dropped.append(one.name)
        return Arguments(
            kept, required, _NO_WIRE, {}, len(STAGES), True, dropped, counted=(described, described - len(dropped))
        )

    def _one(self, one: _Wanted, number: int) -> Schema:
        if one.ready is not None:
            told = cut(prose(one.description), max(STAGES[number].text, 60)) if one.description else ""
            if not told:
                return one.ready
            return with_words({**one.ready, "description": told})
        return self._shaper.write(one.schema, description=one.description, depth=one.depth)


_NO_WIRE = Wire(())


def _is_boolean(node: Mapping[str, Any]) -> bool:
    kind = node.get("type")
    if kind == "boolean" or (isinstance(kind, list) and "boolean" in kind):
        return True
    parts = node.get("anyOf") or node.get("oneOf") or node.get("allOf")
    return isinstance(parts, list) and any(isinstance(part, dict) and part.get("type") == "boolean" for part in parts)


def _argument(name: str, taken: set[str], place: str) -> str:
    """The argument's name for a wire name: what clients take, not reserved, not taken."""
    shown = name
    if not re.fullmatch(r"[a-zA-Z0-9_.-]{1,64}", name) or not re.search(r"[A-Za-z0-9]", name):
        for mark, word in _WORDS.items():
            shown = shown.replace(mark, word)
        shown = re.sub(r"[^A-Za-z0-9_.-]+", "_", shown).strip("_.-") or place
        shown = re.sub(r"_{2,}", "_", shown)[:60]
    if shown.lower() in RESERVED_ARGUMENTS:
        shown = f"api_{shown}"
    if shown in taken:
        shown = f"{place}_{shown}"[:62]
    stem, number = shown, 2
    while shown in taken:
        shown, number = f"{stem[:60]}_{number}", number + 1
    return shown


def _pieces(path: str, parameters: Mapping[str, Parameter]) -> list[str | Parameter]:
    """The path in literals and parameters. Raises ``ConnectorError`` for one that is no template."""
    pieces: list[str | Parameter] = []
    at = 0
    for found in _NAME.finditer(path):
        literal = path[at : found.start()]
        if literal:
            pieces.append(_literal(literal))
        name = found.group(1)
        one = parameters.get(name.lstrip("+"))
        if one is None:
            raise ConnectorError(f"its path {path!r} has a place without a name")
        if name.startswith("+"):
            one = Parameter(one.argument, one.name, "path", one.style, one.explode, reserved=True)
        pieces.append(one)
        at = found.end()
    if path[at:]:
        pieces.append(_literal(path[at:]))
    return pieces


def _literal(text: str) -> str:
    """A path's own text as it stands in a URL."""
    if any(step in (".", "..") for step in text.split("/")):
        raise ConnectorError("its path has a '.' or '..' step")
    if "{" in text or "}" in text or not text.isprintable():
        raise ConnectorError("its path is not a template with {name} places")
    return re.sub(
        r"[^A-Za-z0-9\-._~!$&'()*+,;=:@%/]",
        lambda found: "".join(f"%{byte:02X}" for byte in found.group().encode()),
        text,
    )
