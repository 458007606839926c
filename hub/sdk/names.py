"""Names: what connectors, tools and settings may be called, and how a tool's full name is made.

A full name is never parsed, only looked up.
"""

import re

from hub.errors import ConnectorError

FULL_NAME_MAX = 48
"""Characters of a full name; Claude's own limit is 64, and clients put a prefix of theirs before it."""

FULL_NAME_GOOD = 40
"""Characters from which a full name is linted as long."""

RESERVED_CONNECTORS = frozenset({"hub"})
RESERVED_ARGUMENTS = frozenset({"account", "cursor", "limit"})
"""Arguments with one meaning on every tool: which account, which page, how many items."""

_CONNECTOR = re.compile(r"[a-z][a-z0-9_]{1,19}\Z")
_TOOL = re.compile(r"[a-z][a-z0-9_]*\Z")
_UNPREFIXED = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z")


def connector_name(name: str) -> str:
    """``name`` when a connector may bear it; raises ``ConnectorError`` otherwise."""
    if name in RESERVED_CONNECTORS:
        raise ConnectorError(f"{name!r} is reserved for the hub's own tools; choose another name.")
    if not _CONNECTOR.match(name):
        raise ConnectorError(
            f"{name!r} cannot be a connector's name: 2 to 20 of a-z, 0-9 and _, beginning with a letter."
        )
    return name


def full_name(connector: str, tool: str, *, prefix: bool = True) -> str:
    """The name a tool is listed under; raises ``ConnectorError`` when it is malformed or too long."""
    if not prefix:
        if not _UNPREFIXED.match(tool):
            raise ConnectorError(f"{tool!r} cannot be a tool's name: at most 64 of A-Z, a-z, 0-9, _, . and -.")
        return tool
    if not _TOOL.match(tool):
        raise ConnectorError(f"{tool!r} cannot be a tool's name: a-z, 0-9 and _, beginning with a letter.")
    full = f"{connector}_{tool}"
    if len(full) > FULL_NAME_MAX:
        raise ConnectorError(f"{full!r} has {len(full)} characters; a full name has at most {FULL_NAME_MAX}.")
    return full
