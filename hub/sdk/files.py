"""File arguments: how a schema says that an argument is a file, where in a call's arguments files stand, what fits.

``type: file`` in YAML, ``File`` in Python, a part of a form in a description: all become one schema, marked ``x-file``.
Not where files are kept or fetched (``hub/files``): before a tool runs, each was made a ``File``.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hub.errors import ConnectorError, ToolError
from hub.sdk.content import File
from hub.sdk.file_schema import HINT, MARK, Schema, file_schema

_OWN = ("accept", "max_bytes")
_TYPE_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789!#$&^_.+-")


@dataclass(frozen=True, slots=True)
class Accepts:
    """What a file may be: media types such as ``image/png`` or ``image/*`` (none: any), and at most how many bytes.

    In a signature: ``photo: Annotated[File, "The photo.", Accepts("image/*", max_bytes=5_000_000)]``.
    """

    types: tuple[str, ...] = ()
    max_bytes: int | None = None

    def __init__(self, *types: str, max_bytes: int | None = None) -> None:
        """Raises ``ConnectorError`` for what is no media type, and a size below 1."""
        for one in types:
            kind, slash, below = one.partition("/")
            if not slash or not kind or not below or (below != "*" and not set(kind + below) <= _TYPE_CHARACTERS):
                raise ConnectorError(f"accept: {one!r} is no media type such as image/png or image/*.")
        if max_bytes is not None and max_bytes < 1:
            raise ConnectorError(f"max_bytes: {max_bytes} is no size of a file.")
        object.__setattr__(self, "types", types)
        object.__setattr__(self, "max_bytes", max_bytes)

    def __get_pydantic_json_schema__(self, core: Any, handler: Callable[[Any], Schema]) -> Schema:
        """The schema of what it stands beside, with what it says."""
        return {**handler(core), MARK: self.held()}

    def held(self) -> Schema:
        """As the schema holds it."""
        kept: Schema = {"accept": list(self.types)} if self.types else {}
        return kept | ({"max_bytes": self.max_bytes} if self.max_bytes is not None else {})

    @classmethod
    def of(cls, held: Mapping[str, Any]) -> "Accepts":
        """What a schema holds. Raises ``ConnectorError``."""
        accept, most = held.get("accept", ()), held.get("max_bytes")
        accept = [accept] if isinstance(accept, str) else accept
        if not isinstance(accept, list | tuple) or not (most is None or (type(most) is int and most > 0)):
            raise ConnectorError("accept is a list of media types, and max_bytes a number.")
        return cls(*(str(one) for one in accept), max_bytes=most)

    def told(self) -> str:
        """In words: which types, how large; empty where everything is right."""
        parts = [f"Types: {', '.join(self.types)}"] if self.types else []
        parts += [f"at most {self.max_bytes:,} bytes"] if self.max_bytes is not None else []
        return f"{'; '.join(parts)}." if parts else ""

    def check(self, file: File, name: str) -> None:
        """Raise ``ToolError`` that says what would be right where ``file``, the argument ``name``, does not fit."""
        kind = file.mime_type.partition(";")[0].strip().lower()
        fits = not self.types or any(
            kind == one or (one.endswith("/*") and kind.startswith(one[:-1])) for one in self.types
        )
        if not fits:
            raise ToolError(f"{name}: {file.name} is of the type {kind}. {self.told()}")
        if self.max_bytes is not None and len(file.data) > self.max_bytes:
            raise ToolError(f"{name}: {file.name} has {len(file.data):,} bytes. {self.told()}")


def is_file(schema: Any) -> bool:
    """Whether a schema is that of a file argument."""
    return isinstance(schema, Mapping) and isinstance(schema.get(MARK), Mapping)


def with_words(schema: Mapping[str, Any]) -> Schema:
    """An argument's schema, where it is or holds a file with the words of how it is given and what it may be."""
    made = dict(schema)
    if is_file(schema):
        told = str(made.get("description", "")).strip()
        if HINT not in told:
            words = (f"{told.rstrip('.')}." if told else "", HINT, Accepts.of(made[MARK]).told())
            made["description"] = " ".join(one for one in words if one)
        return made
    if isinstance(made.get("items"), Mapping):
        made["items"] = with_words(made["items"])
    if isinstance(made.get("properties"), Mapping):
        made["properties"] = {name: with_words(one) for name, one in made["properties"].items()}
    return made


def declared(schema: Mapping[str, Any]) -> Schema:
    """An argument's schema as an author wrote it in YAML, with ``type: file`` made what it means.

    Raises ``ConnectorError`` for an ``accept`` or ``max_bytes`` that is none, or stands beside another type.
    """
    made = dict(schema)
    if made.get("type") == "file":
        own = {key: made.pop(key) for key in _OWN if key in made}
        made.pop("type")
        if "default" in made:
            raise ConnectorError("a file has no default.")
        return {**made, **file_schema(Accepts.of(own).held())}
    if isinstance(made.get("items"), Mapping):
        made["items"] = declared(made["items"])
    if isinstance(made.get("properties"), Mapping):
        made["properties"] = {name: declared(one) for name, one in made["properties"].items()}
    return made


@dataclass(frozen=True, slots=True)
class FilePlace:
    """Where in a call's arguments files stand: names of properties, None for each item of a list; and what they may
    be."""

    path: tuple[str | None, ...]
    accepts: Accepts

    @property
    def name(self) -> str:
        """As it is told to the model."""
        return ".".join(step for step in self.path if step is not None)


def places(schema: Mapping[str, Any]) -> tuple[FilePlace, ...]:
    """The places of files in the arguments that ``schema`` describes. Raises ``ConnectorError``."""
    return tuple(_places(schema, ()))


def _places(schema: Any, path: tuple[str | None, ...]) -> Iterator[FilePlace]:
    if not isinstance(schema, Mapping):
        return
    if is_file(schema):
        yield FilePlace(path, Accepts.of(schema[MARK]))
        return
    if isinstance(schema.get("items"), Mapping):
        yield from _places(schema["items"], (*path, None))
    if isinstance(schema.get("properties"), Mapping):
        for name, one in schema["properties"].items():
            yield from _places(one, (*path, name))


def found(arguments: Any, path: tuple[str | None, ...]) -> Iterator[Any]:
    """What stands at a place in these arguments; nothing where it was left out."""
    if not path:
        yield arguments
        return
    step, rest = path[0], path[1:]
    if step is None:
        if isinstance(arguments, list):
            for item in arguments:
                yield from found(item, rest)
    elif isinstance(arguments, Mapping) and arguments.get(step) is not None:
        yield from found(arguments[step], rest)


def replaced(arguments: Any, path: tuple[str | None, ...], following: Iterator[Any]) -> Any:
    """The arguments with what stands at a place replaced by what follows, one after another."""
    if not path:
        return next(following)
    step, rest = path[0], path[1:]
    if step is None:
        return [replaced(one, rest, following) for one in arguments] if isinstance(arguments, list) else arguments
    if isinstance(arguments, Mapping) and arguments.get(step) is not None:
        return {**arguments, step: replaced(arguments[step], rest, following)}
    return arguments
