"""Redaction: what must not stand in a file that is shared is found once, and replaced everywhere alike.

Replacing a value wherever it occurs, in addresses, bodies and the result, keeps the recording consistent, so that it
still replays. Not a guarantee for secrets under innocent names: a person reads a recording before sharing it.
"""

import re
from collections.abc import Mapping
from typing import Any

from hub.observe import is_secret_name
from hub.testing.bodies import parsed

_IN_TEXT = (
    re.compile(r"(?i)\b(?:bearer|basic|dpop)\s+([A-Za-z0-9._~+/=-]{8,})"),
    re.compile(r"\b(hub_[A-Za-z0-9_-]{24,})"),
    re.compile(r"\b(eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*)"),
)
_PAGING = re.compile(r"(page|next|prev|previous|cursor|continuation|sync|delta)", re.IGNORECASE)
_WEAK = re.compile(r"(^|[_.-])(app_?id|auth|code|key|sig|signature)$", re.IGNORECASE)
_MAIL = re.compile(r"\b[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}\b")

SHORTEST = 6
"""Characters from which a value under a secret's name is taken for one: ``token: none`` is none."""

LONG = 16
"""Characters from which it is taken for one under a name that may also mean something else: ``key``, ``code``."""


class Redaction:
    """Collects secrets, then replaces them. ``mails`` replaces e-mail addresses too, each by one of its own."""

    def __init__(self, *, mails: bool = False) -> None:
        self._mails = mails
        self._instead: dict[str, str] = {}

    def headers(self, headers: Mapping[str, str]) -> None:
        """Take in the secrets among headers: credentials and cookies, with and without their scheme."""
        for name, value in headers.items():
            if is_secret_name(name):
                self._secret(value)
                self._secret(value.partition(" ")[2])
        self.values(list(headers.values()))

    def values(self, value: Any) -> None:
        """Take in the secrets in JSON: what stands under a secret's name, and tokens inside texts."""
        if isinstance(value, Mapping):
            for name, held in value.items():
                sure = is_secret_name(str(name))
                if (sure or _WEAK.search(str(name))) and not _PAGING.search(str(name)):
                    for one in held if isinstance(held, list) else [held]:
                        self._secret(one, SHORTEST if sure else LONG)
                self.values(held)
        elif isinstance(value, list):
            for one in value:
                self.values(one)
        elif isinstance(value, str):
            held = parsed(value)
            if held is not None:
                self.values(held)
            for pattern in _IN_TEXT:
                for found in pattern.findall(value):
                    self._secret(found)
            for address in _MAIL.findall(value) if self._mails else ():
                self._mail(address)

    def applied(self, value: Any) -> Any:
        """``value`` with everything that was taken in replaced."""
        if isinstance(value, Mapping):
            return {name: self.applied(held) for name, held in value.items()}
        if isinstance(value, list):
            return [self.applied(one) for one in value]
        if isinstance(value, str):
            # The longest first: one secret may stand inside another.
            for secret in sorted(self._instead, key=len, reverse=True):
                value = value.replace(secret, self._instead[secret])
        return value

    def _secret(self, value: Any, shortest: int = SHORTEST) -> None:
        if isinstance(value, str) and len(value) >= shortest and not (shortest == LONG and " " in value):
            self._instead.setdefault(value, f"redacted-{len(self._instead) + 1}")

    def _mail(self, address: str) -> None:
        if not address.endswith("@example.com"):
            self._instead.setdefault(address, f"person{len(self._instead) + 1}@example.com")
