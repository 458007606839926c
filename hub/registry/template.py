"""Matching a URI against a resource template (RFC 6570, level 1: ``{name}`` only).

The reverse of expansion, in one pass without backtracking, so its time grows with the URI's length only. Not an
expander: clients expand templates.
"""

import re
from urllib.parse import unquote_to_bytes

_VARIABLE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_ENDS = frozenset("/?#")
"""What an expanded value never holds: expansion percent-encodes reserved characters (RFC 6570, section 3.2.2)."""

URI_MAX = 8_192
"""Characters of a URI that is matched at all."""


class Template:
    """A compiled resource template."""

    def __init__(self, template: str) -> None:
        parts = _VARIABLE.split(template)
        self._literals = tuple(parts[0::2])
        self._names = tuple(parts[1::2])

    def match(self, uri: str) -> dict[str, str] | None:
        """The variables of ``uri``, percent-decoded, or None when it does not fit.

        A value has at least one character, none of ``/?#``, and ends at the first place where what follows it in the
        template stands.
        """
        first, *others = self._literals
        if len(uri) > URI_MAX or not uri.startswith(first):
            return None
        at = len(first)
        found: dict[str, str] = {}
        for index, (name, literal) in enumerate(zip(self._names, others, strict=True)):
            if index == len(others) - 1:
                end = len(uri) - len(literal) if uri.endswith(literal) else -1
            else:
                end = uri.find(literal, at + 1)
            value = _decoded(uri[at:end]) if end > at else None
            if value is None:
                return None
            found[name] = value
            at = end + len(literal)
        return found if at == len(uri) else None


def _decoded(held: str) -> str | None:
    if _ENDS & set(held):
        return None
    try:
        return unquote_to_bytes(held).decode()
    except UnicodeError:
        return None
