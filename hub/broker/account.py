"""``Account``: one person's account in one call. Signs the call's requests, and knows when its credential was refused.

A request leaves with the credential only where it goes to a host the provider declares and the owner agreed to; every
other request of the connector leaves as it is. Which account a call gets is the broker's (``broker.py``).
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from hub.broker.signing import Signature, scrubbed, traces
from hub.broker.vault import Secrets
from hub.errors import ToolError
from hub.sdk.context import Connection as Shown
from hub.sdk.http import Outgoing, Reach, Reply, Send
from hub.sdk.placeholders import Scope
from hub.sdk.provider import Method, Provider, covers, signing_of
from hub.sdk.response import Reading, Rule, parsed, verify
from hub.store.connections import Connection


@dataclass(frozen=True, slots=True)
class Credential:
    """One version of one connection's secrets, ready to sign with. Kept in memory only."""

    kept: Connection
    provider: Provider
    method: Method
    secrets: Secrets = field(repr=False)
    hosts: tuple[str, ...]
    signature: Signature = field(repr=False)
    traces: tuple[str, ...] = field(repr=False)

    @classmethod
    def of(cls, kept: Connection, provider: Provider, method: Method, secrets: Secrets) -> "Credential":
        """The credential of a row. Raises ``ToolError`` where a setting is missing."""
        hosts = provider.hosts(kept.settings)
        if not provider.shipped:
            hosts = tuple(host for host in hosts if host in kept.hosts)
        signing = signing_of(method)
        scope = Scope(secrets, kept.settings, kept.fields)
        signature = Signature.of(signing, scope)
        return cls(kept, provider, method, secrets, hosts, signature, traces(secrets, signing, scope))

    @property
    def shown(self) -> Shown:
        """The account as connectors see it: never a secret."""
        return Shown(self.kept.id, self.kept.label, self.kept.fields)


Renew = Callable[[Credential], Awaitable[Credential | None]]
"""Another credential in place of one that was refused, or None where there can be none."""

Judge = Callable[[Credential], Awaitable[bool]]
"""Whether the account works, asked of the provider; where not, that is noted."""


class Account:
    """An account for one call; ``send`` is the ``Send`` its requests go through. ``several``: the person has more."""

    def __init__(
        self,
        credential: Credential,
        connector: str,
        send: Send,
        ready: Callable[[Credential], Awaitable[Credential]],
        renew: Renew,
        judge: Judge,
        *,
        several: bool,
    ) -> None:
        self._credential = credential
        self._connector = connector
        self._send = send
        self._ready = ready
        self._renew = renew
        self._judge = judge
        self.several = several

    @property
    def shown(self) -> Shown:
        """The account as connectors and people see it."""
        return self._credential.shown

    @property
    def key(self) -> tuple[str, int, Provider]:
        """What changes whenever something about the account does: what follows from it may be kept by it."""
        kept = self._credential.kept
        return kept.id, kept.version, self._credential.provider

    @property
    def settings(self) -> Mapping[str, str]:
        """What its owner typed when connecting it, and is no secret."""
        return self._credential.kept.settings

    @property
    def hosting(self) -> frozenset[str]:
        """The settings that may stand in a host."""
        declared = self._credential.provider.declared.settings
        return frozenset(name for name, setting in declared.items() if setting.host)

    async def send(
        self,
        outgoing: Outgoing,
        reach: Reach,
        *,
        timeout: float = 60.0,  # noqa: ASYNC109 - the Send protocol's
    ) -> Reply:
        """Send a request of the connector, signed where it may be.

        A refused credential is renewed once and the request sent once more. Raises what ``Send`` raises, besides
        ``ConnectionNeeded``, ``OperatorNeeded``, and the errors the provider's own rules speak of.
        """
        if not covers(self._credential.hosts, outgoing.url):
            return await self._send(outgoing, reach, timeout=timeout)
        self._credential = await self._ready(self._credential)
        reply = await self._once(outgoing, reach, timeout)
        if not self._refused(reply):
            return self._passed(reply)
        renewed = await self._renew(self._credential)
        if renewed is not None:
            self._credential = renewed
            reply = await self._once(outgoing, reach, timeout)
            if not self._refused(reply):
                return self._passed(reply)
        if await self._judge(self._credential):
            host = urlsplit(outgoing.url).hostname
            label = self._credential.kept.label
            told = f"{host} refused this request (HTTP {reply.status}), although the account {label} works"
            raise ToolError(f"{told}: it may not do this.")
        return self._passed(reply)

    async def _once(self, outgoing: Outgoing, reach: Reach, seconds: float) -> Reply:
        credential = self._credential
        sent = credential.signature.on(outgoing)
        reply = await self._send(sent, reach, timeout=seconds)
        return scrubbed(reply, outgoing, sent, credential.traces)

    def _refused(self, reply: Reply) -> bool:
        """Whether the reply says that the credential is no longer good."""
        rule = self._rule(reply)
        return rule.kind == "needs_sign_in" if rule is not None else reply.status == 401

    def _passed(self, reply: Reply) -> Reply:
        """The reply; raises where the provider's rules say that it is an error. They apply before a connector's own."""
        rule = self._rule(reply)
        if rule is not None and rule.kind != "ok":
            verify(reply, Reading(rules=(rule,)), connector=self._connector, signed=True)
        return reply

    def _rule(self, reply: Reply) -> Rule | None:
        if not self._credential.provider.rules:
            return None
        rules = [rule for rule in self._credential.provider.rules if _speaks_of(rule, reply.status)]
        if not rules:
            return None
        data: Any = parsed(reply)
        return next((rule for rule in rules if rule.matches(reply, data)), None)


def _speaks_of(rule: Rule, status: int) -> bool:
    return not rule.statuses or bool({status, status // 100} & rule.statuses)
