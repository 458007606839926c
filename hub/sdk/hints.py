"""Type hints as pydantic reads them: words and keywords in ``Annotated`` applied, ``typing.TypedDict`` made readable.

Only hints; what becomes of them is ``schema.py``'s.
"""

import types
import typing
from typing import Any

import typing_extensions
from pydantic import Field


def described(hint: Any) -> Any:
    """``Annotated[T, "words", {"minimum": 1}]`` with the words as the argument's description, and a dict as further
    JSON Schema keywords of the argument."""
    if typing.get_origin(hint) is not typing.Annotated:
        return hint
    held, *notes = typing.get_args(hint)
    for note in notes:
        held = typing.Annotated[held, _field(note)]
    return held


def _field(note: Any) -> Any:
    if isinstance(note, str):
        return Field(description=note)
    return Field(json_schema_extra=note) if isinstance(note, dict) else note


def portable(hint: Any) -> Any:
    """``hint`` with every ``typing.TypedDict`` in it replaced by its twin of ``typing_extensions``.

    Before Python 3.12 pydantic reads only the twin, and connectors import only the standard library.
    """
    if typing.is_typeddict(hint):
        if type(hint).__module__ != "typing":
            return hint
        fields = {
            name: typing_extensions.Required[portable(held)]
            if name in hint.__required_keys__
            else typing_extensions.NotRequired[portable(held)]
            for name, held in typing.get_type_hints(hint, include_extras=False).items()
        }
        return typing_extensions.TypedDict(hint.__name__, fields)  # type: ignore[operator]
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return typing.Annotated[(portable(arguments[0]), *arguments[1:])]
    if origin in (typing.Union, types.UnionType):
        return typing.Union[tuple(portable(one) for one in arguments)]  # noqa: UP007 - made from a tuple
    if origin in (list, dict, set, frozenset, tuple) or isinstance(origin, type):
        try:
            return origin[tuple(one if one is Ellipsis else portable(one) for one in arguments)]
        except TypeError:
            return hint
    return hint
