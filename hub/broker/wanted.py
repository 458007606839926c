"""What is to be connected, and what became of it: the words that the ways of connecting share.

Plain data. Nothing is asked and nothing kept here (``connecting.py``, ``devices.py``, ``keeping.py``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from hub.broker.refused import ConnectRefused
from hub.broker.tokens import Tokens
from hub.broker.vault import Secrets
from hub.sdk.provider import Method, OperatorMethod, Provider

__all__ = ["ConnectRefused", "Connected", "Gained", "Undecided", "Wanted"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be connected: by whom, for which connector (of which ``code``), with which scopes.

    ``again`` is the account that is connected anew, in place; ``next`` is where the person goes on to afterwards (a
    path of the hub; empty for nowhere).
    """

    user_id: str
    connector: str
    provider: Provider
    method: str
    settings: Mapping[str, str]
    scopes: tuple[str, ...] = ()
    label: str = ""
    again: str | None = None
    next: str = ""
    code: str = ""

    @property
    def way(self) -> Method:
        """The declared way of connecting. Raises ``ConnectRefused``."""
        found = self.provider.methods.get(self.method)
        if found is None or isinstance(found, OperatorMethod):
            raise ConnectRefused(f"{self.provider.title} cannot be connected this way.")
        return found

    def plain(self) -> dict[str, Any]:
        """The same as JSON, to be sealed; ``Wanted.of`` reads it."""
        return {
            "user_id": self.user_id,
            "connector": self.connector,
            "provider": self.provider.name,
            "method": self.method,
            "settings": dict(self.settings),
            "scopes": list(self.scopes),
            "label": self.label,
            "again": self.again,
            "next": self.next,
            "code": self.code,
        }

    @classmethod
    def of(cls, held: Mapping[str, Any], provider: Provider) -> "Wanted":
        """What ``plain`` made of one, whose provider is looked up anew."""
        return cls(
            held["user_id"],
            held["connector"],
            provider,
            held["method"],
            held["settings"],
            tuple(held["scopes"]),
            held["label"],
            held["again"],
            held.get("next", ""),
            held.get("code", ""),
        )


@dataclass(frozen=True, slots=True)
class Gained:
    """What a way of connecting gave. ``scopes`` and ``expires_at`` are None where the vendor did not say; ``fields``
    are no secret."""

    secrets: Secrets = field(repr=False)
    scopes: frozenset[str] | None = None
    expires_at: datetime | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, tokens: Tokens, *, brought: Mapping[str, Any] | None = None, pasted: Secrets | None = None) -> "Gained":
        """What a token endpoint gave, besides what the browser brought and what was pasted."""
        secrets: Secrets = {**(pasted or {}), **tokens.more, "token": tokens.access}
        if tokens.refresh is not None:
            secrets["refresh_token"] = tokens.refresh
        return cls(secrets, tokens.scopes, tokens.expires_at, {**(brought or {}), **tokens.fields})


@dataclass(frozen=True, slots=True)
class Connected:
    """A connected account: its label, for which connector, whether it was there before, and where to go on to."""

    label: str
    connector: str
    replaced: bool
    next: str = ""


@dataclass(frozen=True, slots=True)
class Undecided:
    """The vendor agreed, and the person must still choose a tenant on the page of the flow ``id``."""

    id: str
    connector: str
