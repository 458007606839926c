"""Connectors that the operator's configuration declares: programs on this machine that are MCP servers.

They have no file, so that no file can name a program. Not the program itself (``upstream/mcp/commands.py``).
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from hub.config.model import CommandConfig
from hub.registry.places import CONFIGURED, Place
from hub.registry.units import Content, Unit

_PLACE = Place(Path("configuration"), CONFIGURED)


def configured_content(commands: Mapping[str, CommandConfig]) -> tuple[Content, ...]:
    """A connector for each of ``commands``, as the registry reads them from files. JSON is YAML."""
    found = []
    for name, one in commands.items():
        told: dict[str, Any] = {
            "kind": "mcp",
            "title": one.title or name.replace("_", " ").capitalize(),
            "description": one.description,
            "command": name,
            "effects": dict(one.effects),
            "allow": list(one.allow),
        }
        text = orjson.dumps(told)
        declaration = f"commands.{name}"
        unit = Unit(name, _PLACE, _PLACE.path / declaration, _PLACE.path, declaration)
        found.append(Content(unit, {declaration: text}, hashlib.blake2b(text, digest_size=16).hexdigest()))
    return tuple(found)
