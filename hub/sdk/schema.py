"""JSON Schemas: from signatures, checked, and compiled to validators that never fetch and never backtrack.

Input schemas go to the model as they stand; output schemas are relaxed so that an app's extra or missing
field never turns a good answer into an error.
"""

import copy
import inspect
import re
import types
import typing
from collections.abc import Callable, Mapping
from typing import Any

import jsonschema_rs
import orjson
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model
from pydantic.errors import PydanticUserError
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema

from hub.errors import ConnectorError, ToolError
from hub.sdk.hints import described, portable

INPUT_MAX_BYTES = 16_000
"""Bytes of a tool's input schema; claude.ai silently drops tools above 16,384."""

PROPERTY_NAME = re.compile(r"[a-zA-Z0-9_.-]{1,64}\Z")
"""What Claude's API accepts as a property's name."""

_PATTERNS = jsonschema_rs.RegexOptions()
_ARGUMENTS_MAX_ERRORS = 5


def validator(schema: Mapping[str, Any], where: str) -> jsonschema_rs.Validator:
    """Compile ``schema`` (2020-12 unless it says otherwise), offline and with a linear-time regex engine.

    Raises ``ConnectorError`` for an invalid schema, a reference that is not inside it, or a pattern that needs
    look-around or back-references.
    """
    try:
        return jsonschema_rs.validator_for(
            dict(schema), offline=True, pattern_options=_PATTERNS, validate_formats=False
        )
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as wrong:
        told = str(wrong).split("\n", 1)[0]
        raise ConnectorError(f"{where}: the schema is not usable: {told}") from None


def check_arguments(check: jsonschema_rs.Validator, arguments: Mapping[str, Any]) -> None:
    """Raise ``ToolError`` naming every argument that does not fit, and what would."""
    if check.is_valid(arguments):
        return
    told: list[str] = []
    for wrong in check.iter_errors(arguments):
        place = ".".join(str(step) for step in wrong.instance_path)
        message = wrong.message if len(wrong.message) <= 300 else wrong.message[:299] + "…"
        told.append(f"{place}: {message}" if place else message)
        if len(told) == _ARGUMENTS_MAX_ERRORS:
            told.append("…")
            break
    raise ToolError("The arguments do not fit: " + "; ".join(told) + ".")


class _Plain(GenerateJsonSchema):
    """Pydantic's schemas without the titles it invents."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def inline(schema: Mapping[str, Any], where: str) -> dict[str, Any]:
    """``schema`` with its ``$defs`` written out where they are used.

    Raises ``ConnectorError`` for a type that contains itself, which cannot be written out.
    """
    defs = schema.get("$defs", {})

    def write_out(node: Any, inside: tuple[str, ...]) -> Any:
        if isinstance(node, list):
            return [write_out(item, inside) for item in node]
        if not isinstance(node, Mapping):
            return node
        target = node.get("$ref")
        if isinstance(target, str):
            name = target.removeprefix("#/$defs/")
            if name in inside or name not in defs:
                raise ConnectorError(f"{where}: the type {name} contains itself; use a plain object instead.")
            rest = {key: write_out(value, inside) for key, value in node.items() if key != "$ref"}
            return {**write_out(defs[name], (*inside, name)), **rest}
        return {key: write_out(value, inside) for key, value in node.items() if key not in ("$defs", "discriminator")}

    written: dict[str, Any] = write_out(schema, ())
    tidied: dict[str, Any] = _tidied(written)
    return tidied


def _tidied(node: Any) -> Any:
    """Drop invented titles and the ``null`` branch of optional arguments, which may simply be left out."""
    if isinstance(node, list):
        return [_tidied(item) for item in node]
    if not isinstance(node, dict):
        return node
    out: dict[str, Any] = {}
    for key, value in node.items():
        if key == "title" and isinstance(value, str):
            continue
        if key == "default" and value is None:
            continue
        below = key in ("properties", "patternProperties", "$defs")
        if below and isinstance(value, dict):
            out[key] = {name: _tidied(child) for name, child in value.items()}
        elif key in ("default", "examples", "enum", "const"):
            out[key] = value
        else:
            out[key] = _tidied(value)
    branches = out.get("anyOf")
    if isinstance(branches, list):
        kept = [branch for branch in branches if branch != {"type": "null"}]
        if len(kept) == 1 and len(kept) < len(branches):
            del out["anyOf"]
            out = {**kept[0], **out}
        elif kept:
            out["anyOf"] = kept
    return out


def relaxed(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of an output schema that any honest answer fits: no ``required``, nothing closed, null allowed
    where a type stands alone."""

    def relax(node: Any) -> Any:
        if isinstance(node, list):
            return [relax(item) for item in node]
        if not isinstance(node, dict):
            return node
        kept = {}
        for key, value in node.items():
            if key == "required" and isinstance(value, list):
                continue
            if key == "additionalProperties" and value is False:
                continue
            if key == "properties" and isinstance(value, dict):
                kept[key] = {name: relax(child) for name, child in value.items()}
            else:
                kept[key] = value if key in ("enum", "const", "examples", "default") else relax(value)
        return kept

    out: dict[str, Any] = relax(copy.deepcopy(dict(schema)))
    return out


class _Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=False)


def _is_context(hint: Any) -> bool:
    """Whether a parameter's type is ``Context``, or one made of it, by name: importing it here would go in a circle."""
    return any(one.__name__ == "Context" for one in getattr(hint, "__mro__", ()))


class Signature:
    """What a Python tool's signature says: its arguments' schema, its context parameter, its answer's type."""

    def __init__(self, function: Callable[..., Any], where: str) -> None:
        """Read ``function``; raises ``ConnectorError`` naming the parameter that cannot be described."""
        try:
            hints = typing.get_type_hints(function, include_extras=True)
        except (NameError, TypeError) as wrong:
            raise ConnectorError(f"{where}: a type hint cannot be resolved: {wrong}") from None
        fields: dict[str, Any] = {}
        self.context: str | None = None
        for name, parameter in inspect.signature(function).parameters.items():
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
                raise ConnectorError(f"{where}: parameter {name!r} must be a plain named parameter.")
            if _is_context(hints.get(name)) or (name == "ctx" and name not in hints):
                self.context = name
                continue
            if name not in hints:
                raise ConnectorError(f"{where}: parameter {name!r} needs a type hint.")
            default = ... if parameter.default is parameter.empty else parameter.default
            fields[name] = (
                described(portable(hints[name])),
                default if isinstance(default, FieldInfo) else Field(default),
            )
        self.answer: Any = portable(hints.get("return", Any))
        try:
            self._model = create_model("Arguments", __base__=_Arguments, **fields)
            schema = self._model.model_json_schema(schema_generator=_Plain, mode="validation")
        except (PydanticUserError, NameError, TypeError) as wrong:
            told = str(wrong).split("\n", 1)[0]
            raise ConnectorError(f"{where}: a parameter's type has no JSON Schema: {told}") from None
        self.names = tuple(fields)
        written = inline(schema, where)
        self.properties: dict[str, Any] = written.get("properties", {})
        self.required: list[str] = written.get("required", [])

    def convert(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """JSON arguments as the signature's types; raises ``ToolError`` for what the schema could not catch."""
        try:
            held = self._model.model_validate(dict(arguments))
        except ValidationError as wrong:
            told = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in wrong.errors()[:5])
            raise ToolError(f"The arguments do not fit: {told}.") from None
        return {name: getattr(held, name) for name in held.model_fields_set}


def answer_schema(answer: Any, where: str, *, blocks: tuple[type, ...], page: type) -> dict[str, Any] | None:
    """The relaxed output schema of a return type, or None where the answer is not structured.

    Strings, content blocks, lists of blocks (of one kind or several), ``Any`` and nothing have none; another list
    becomes ``{items: [...]}``; ``page`` marks the generic page type.
    """
    origin = typing.get_origin(answer)
    for member in _members(answer):
        if member in (Any, None, type(None), str, bytes, inspect.Signature.empty) or member in blocks:
            return None
    if origin in (list, tuple) and any(one in blocks for part in typing.get_args(answer) for one in _members(part)):
        return None
    item: Any = None
    if answer is page or origin is page or origin in (list, tuple, set) or answer in (list, tuple, set):
        item = (typing.get_args(answer) or (Any,))[0]
    target = answer if item is None else item
    try:
        schema = (
            TypeAdapter(target).json_schema(schema_generator=_Plain, mode="serialization") if target is not Any else {}
        )
    except (PydanticUserError, NameError, TypeError):
        return None
    try:
        told = relaxed(inline(schema, where))
    except ConnectorError:
        told = {}
    if item is not None:
        told = {"type": "object", "properties": {"items": {"type": "array", "items": told}}}
        if answer is page or origin is page:
            told["properties"]["next_cursor"] = {"type": "string"}
        return told
    return told if told.get("type") == "object" else None


def _members(hint: Any) -> list[Any]:
    """The types a hint stands for, without their parameters: those of a union, or itself."""
    union = typing.get_origin(hint) in (typing.Union, types.UnionType)
    return [typing.get_origin(one) or one for one in (typing.get_args(hint) if union else (hint,))]


def size(schema: Mapping[str, Any]) -> int:
    """Bytes of the schema as it travels."""
    return len(orjson.dumps(schema))
