"""``Credential`` and ``Settled``: what an account's requests are signed with, and what is settled about its use.

Plain data, kept in memory only. What a call does with them is ``account.py``'s.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.broker.discovery.metadata import Challenge
from hub.broker.own_code import OwnCode
from hub.broker.pauses import Pauses
from hub.broker.signing import Signature, spellings, traces
from hub.broker.vault import Secrets
from hub.sdk.context import Connection as Shown
from hub.sdk.http import Send
from hub.sdk.placeholders import Scope
from hub.sdk.provider import Method, Provider, mints, origins, secret_part, signing_of
from hub.store.connections import Connection
from hub.store.shares import Shared


@dataclass(frozen=True, slots=True, eq=False)
class Credential:
    """One version of one connection's secrets, ready to sign with."""

    kept: Connection
    provider: Provider
    method: Method
    secrets: Secrets = field(repr=False)
    hosts: tuple[str, ...]
    origins: tuple[str, ...]
    signature: Signature = field(repr=False)
    traces: tuple[str, ...] = field(repr=False)
    spellings: tuple[re.Pattern[bytes], ...] = field(repr=False)
    shown: Shown
    """The account as connectors see it: never a secret."""
    renews: bool = False
    """Whether it lasts for a time only, and another is had in its place."""
    key: object = field(default_factory=object, repr=False)
    """Another for every version of the credential: what follows from it may be kept by it."""

    @classmethod
    def of(cls, kept: Connection, provider: Provider, method: Method, secrets: Secrets) -> "Credential":
        """The credential of a row. Raises ``ToolError`` where a setting is missing."""
        hosts = provider.hosts(kept.settings, method)
        if not provider.shipped:
            hosts = tuple(host for host in hosts if host in kept.hosts)
        signing = signing_of(method)
        scope = Scope(secrets, kept.settings, kept.fields)
        signature = Signature.of(signing, scope)
        known = traces(secret_part(method, secrets), signing, scope)
        patterns = spellings(known)
        shown = Shown(kept.id, kept.label, kept.fields)
        return cls(
            kept, provider, method, secrets, hosts, origins(hosts), signature, known, patterns, shown, mints(method)
        )


Ready = Callable[[Credential], Awaitable[Credential]]
"""The credential, or the one that takes its place where it is time."""

Renew = Callable[[Credential], Awaitable[Credential | None]]
"""Another credential in place of one that was refused, or None where there can be none."""

Judge = Callable[[Credential], Awaitable[bool]]
"""Whether the account works, asked of the provider; where not, that is noted."""

Lacks = Callable[[Credential, Challenge], Awaitable[Exception]]
"""What it means that a server wants scopes the account does not have; they are noted for its next connecting."""


@dataclass(frozen=True, slots=True, eq=False)
class Settled:
    """What is settled of a person's account for one purpose: the same for all their calls until something about it
    changes.

    ``send`` is what requests go through. ``own_code`` where the provider has some. ``several``: the person has
    more; ``shared`` where it is another's. ``halted`` says why the person's calls are stopped. ``people`` has, by
    person, what they can use as it is known now, and ``held`` is what this was settled by; ``there`` raises where
    the account is no longer among it.
    """

    credential: Credential
    user_id: str
    connector: str
    send: Send
    ready: Ready
    renew: Renew
    judge: Judge
    own_code: OwnCode | None = None
    several: bool = False
    lacks: Lacks | None = None
    halted: Callable[[str], str | None] = lambda user_id: None
    people: Mapping[str, object] = field(default_factory=dict)
    held: object = None
    there: Callable[[], Awaitable[None]] | None = None
    shared: Shared | None = None
    pauses: Pauses | None = None
    id: str = field(init=False)
    told: Mapping[str, Any] = field(init=False)
    """What programs are told of it with every answer."""

    def __post_init__(self) -> None:
        kept = self.credential.kept
        object.__setattr__(self, "id", kept.id)
        object.__setattr__(self, "told", {"hub/account": {"label": kept.label}})
