"""The settings' keys as a model declares them: kinds, sections, secrets and the variables that set them.

Works on whatever pydantic model it is given; no setting is known here by name.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr

PREFIX = "HUB_"
"""What the names of all the hub's environment variables begin with."""


class Hidden:
    """Marks, inside ``Annotated``, a plain string that may hold a secret (a URL with a password)."""


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in (Union, UnionType)


def _parts(kind: Any) -> tuple[Any, ...]:
    """The kinds in a union or behind ``Annotated``, without None."""
    if get_origin(kind) is Annotated:
        return _parts(get_args(kind)[0])
    if _is_union(kind):
        return tuple(part for each in get_args(kind) for part in _parts(each) if part is not type(None))
    return (kind,)


def section_of(kind: Any) -> type[BaseModel] | None:
    """The model that ``kind`` is, or None."""
    return next((part for part in _parts(kind) if isinstance(part, type) and issubclass(part, BaseModel)), None)


def entry_of(kind: Any) -> Any:
    """The kind of a mapping's values, or None where ``kind`` is no mapping."""
    for part in _parts(kind):
        origin = get_origin(part)
        if isinstance(origin, type) and issubclass(origin, Mapping):
            return get_args(part)[1]
    return None


def is_container(kind: Any) -> bool:
    """Whether a value of this kind is a list or a mapping."""
    return any(get_origin(part) is tuple for part in _parts(kind)) or entry_of(kind) is not None


def kind_of(kind: Any, keys: Sequence[str | int]) -> Any:
    """The declared kind of the setting at ``keys``, or None where there is none."""
    for key in keys:
        if not isinstance(key, str) or not key:
            return None
        model = section_of(kind)
        if model is not None:
            known = model.model_fields.get(key)
            if known is None:
                return None
            kind = known.annotation
        else:
            kind = entry_of(kind)
            if kind is None:
                return None
    return kind


def is_secret(kind: Any) -> bool:
    """Whether a value of this kind is never shown and may be read from a file: ``SecretStr`` or ``Hidden``."""
    if kind is SecretStr or kind is Hidden:
        return True
    if get_origin(kind) is Annotated or _is_union(kind):
        return any(is_secret(part) for part in get_args(kind))
    return False


def variables(kind: Any, before: str = "") -> Iterator[str]:
    """Every variable there is, ``<NAME>`` standing for a name the operator chooses."""
    model, entry = section_of(kind), entry_of(kind)
    if model is not None:
        for key, known in model.model_fields.items():
            yield from variables(known.annotation, f"{before}__{key.upper()}" if before else PREFIX + key.upper())
    elif entry is not None:
        yield from variables(entry, f"{before}__<NAME>")
    else:
        yield before
