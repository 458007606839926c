"""Every key of a provider's declaration, as the schema itself has them; and which test shows which.

A key that no test names fails ``test_keys.py``, and so does a test that names a key there is not.
"""

import typing
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from pydantic import BaseModel

from hub.sdk.provider import ProviderCode, ProviderDeclaration

SHOWN: dict[str, list[str]] = {}
"""The tests by the key they show."""

_F = TypeVar("_F", bound=Callable[..., Any])


def shows(*keys: str) -> Callable[[_F], _F]:
    """Says which keys a test shows."""

    def note(test: _F) -> _F:
        for key in keys:
            SHOWN.setdefault(key, []).append(test.__name__)
        return test

    return note


def schema_keys() -> set[str]:
    """All keys, ``Model.key``, and where a key is one of several words ``Model.key=word``; the steps of own code."""
    keys: set[str] = set()
    _walk(ProviderDeclaration, keys, set())
    return keys | {f"ProviderCode.{step}" for step in ProviderCode.STEPS}


def _walk(found: Any, keys: set[str], seen: set[type]) -> None:
    for one in typing.get_args(found):
        _walk(one, keys, seen)
    if not (isinstance(found, type) and issubclass(found, BaseModel)) or found in seen:
        return
    seen.add(found)
    for name, declared in found.model_fields.items():
        # What several kinds have in common is shown once, under the class that declares it.
        owner = next(one for one in reversed(found.__mro__) if name in vars(one).get("__annotations__", {}))
        key = f"{owner.__name__.lstrip('_')}.{declared.alias or name}"
        words = list(_words(declared.annotation))
        keys.update([f"{key}={word}" for word in words] if words else [key])
        _walk(declared.annotation, keys, seen)


def _words(annotation: Any) -> Iterable[str]:
    if typing.get_origin(annotation) is typing.Literal:
        yield from (str(word) for word in typing.get_args(annotation))
        return
    for one in typing.get_args(annotation):
        if typing.get_origin(one) is typing.Literal:
            yield from (str(word) for word in typing.get_args(one))
