"""What is wrong with the settings, told to the operator: one line for each wrong key.

Not the checks themselves (``model.py``); this turns pydantic's errors into place, key, what was found and what is
allowed, and keeps secrets out.
"""

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from hub import yaml
from hub.config.keys import is_secret, kind_of, section_of

Keys = tuple[str, ...]

_ALLOWED = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "string_type": "text (put numbers and true or false in quotes)",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "tuple_type": "a list, such as [a, b]",
    "mapping_type": "keys with values",
    "model_type": "keys with values",
    "dict_type": "keys with values",
    "path_type": "a path",
    "string_too_short": "text that is not empty",
    "date_from_datetime_parsing": "a date such as 2027-01-31",
    "date_parsing": "a date such as 2027-01-31",
    "string_pattern_mismatch": "a name of 2 to 20 characters a-z, 0-9 and _, beginning with a letter",
}


def problems(
    model: type[BaseModel],
    wrong: ValidationError,
    data: Mapping[str, Any],
    file: Any,
    name: str,
    origins: Mapping[Keys, str],
) -> list[str]:
    """One line for each error of ``wrong``: where it stands, which key, what was found, what is allowed.

    ``data`` is what was validated, ``file`` the loaded file (for lines) and ``name`` its name; ``origins`` tell which
    variable set a key.
    """
    told: list[str] = []
    for error in wrong.errors(include_url=False, include_context=False, include_input=False):
        keys = tuple(key for key in error["loc"] if key != "[key]")
        message = error["msg"].removeprefix("Value error, ").removeprefix("Input should be ").rstrip(".")
        if not keys:
            # A rule over several keys; its message begins with the key to be changed.
            named = re.match(r"([a-z_.]+): ", message)
            keys = tuple(named[1].split(".")) if named else ()
            told.append(f"{_where(keys, file, name, origins)}: {message}.")
            continue
        where, key = _where(keys, file, name, origins), ".".join(str(step) for step in keys)
        if error["type"] == "extra_forbidden":
            told.append(f"{where}: {_unknown_key(model, keys)}")
        elif error["type"] == "missing":
            told.append(f"{where}: {key} is missing.")
        else:
            allowed = _ALLOWED.get(error["type"], message)
            found = repr(keys[-1]) if error["loc"][-1] == "[key]" else _found(model, data, keys)
            told.append(f"{where}: {key}: found {found}; allowed: {allowed}.")
    return told


def _where(keys: Sequence[str | int], file: Any, name: str, origins: Mapping[Keys, str]) -> str:
    for length in range(len(keys), 0, -1):
        origin = origins.get(tuple(str(key) for key in keys[:length]))
        if origin is not None:
            return origin
    line = yaml.line_of(file, keys) if keys else None
    return f"{name}, line {line}" if line else name


def _unknown_key(model: type[BaseModel], keys: Sequence[str | int]) -> str:
    section = section_of(kind_of(model, keys[:-1]))
    allowed = sorted(section.model_fields) if section is not None else []
    close = difflib.get_close_matches(str(keys[-1]), allowed, n=1, cutoff=0.6)
    hint = f" Did you mean {close[0]}?" if close else ""
    return f"{'.'.join(map(str, keys))}: there is no such key.{hint} Allowed here: {', '.join(allowed)}."


def _found(model: type[BaseModel], data: Any, keys: Sequence[str | int]) -> str:
    """What stands at ``keys``, unless it is or may hold a secret."""
    if any(is_secret(kind_of(model, keys[: depth + 1])) for depth in range(len(keys))):
        return "a value that is not shown"
    for key in keys:
        try:
            data = data[key]
        except (KeyError, IndexError, TypeError):
            break
    if isinstance(data, Mapping) and data:
        return f"a mapping with {', '.join(map(str, data))}"
    shown = repr(data)
    return shown if len(shown) <= 80 else shown[:77] + "..."
