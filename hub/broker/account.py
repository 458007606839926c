"""``Account``: one person's account in one call. Signs the call's requests, and knows when its credential was refused.

A request leaves with the credential only where it goes to a host the provider declares and the owner agreed to; every
other request of the connector leaves as it is. Which account a call gets is the broker's (``broker.py``).
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from hub.broker.discovery.metadata import Challenge, challenge_of
from hub.broker.own_code import OwnCode
from hub.broker.signing import Signature, added, scrubbed, spellings, traces
from hub.broker.streams import Scrubbed
from hub.broker.vault import Secrets
from hub.errors import ConnectionNeeded, OperatorNeeded, ToolError
from hub.sdk.context import Connection as Shown
from hub.sdk.http import Outgoing, Reach, Reply, Send
from hub.sdk.placeholders import Scope
from hub.sdk.provider import Method, Provider, covers, secret_part, signing_of
from hub.sdk.response import Reading, Rule, parsed, verify
from hub.store.connections import Connection
from hub.store.shares import Shared
from hub.upstream.mcp.http import Streams
from hub.upstream.streaming import Streamed


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
    spellings: tuple[re.Pattern[bytes], ...] = field(repr=False)
    shown: Shown
    """The account as connectors see it: never a secret."""

    @classmethod
    def of(cls, kept: Connection, provider: Provider, method: Method, secrets: Secrets) -> "Credential":
        """The credential of a row. Raises ``ToolError`` where a setting is missing."""
        hosts = provider.hosts(kept.settings)
        if not provider.shipped:
            hosts = tuple(host for host in hosts if host in kept.hosts)
        signing = signing_of(method)
        scope = Scope(secrets, kept.settings, kept.fields)
        signature = Signature.of(signing, scope)
        known = traces(secret_part(method, secrets), signing, scope)
        shown = Shown(kept.id, kept.label, kept.fields)
        return cls(kept, provider, method, secrets, hosts, signature, known, spellings(known), shown)


Renew = Callable[[Credential], Awaitable[Credential | None]]
"""Another credential in place of one that was refused, or None where there can be none."""

Judge = Callable[[Credential], Awaitable[bool]]
"""Whether the account works, asked of the provider; where not, that is noted."""


Lacks = Callable[[Credential, Challenge], Awaitable[Exception]]
"""What it means that a server wants scopes the account does not have; they are noted for its next connecting."""


class Account:
    """An account for one call; ``send`` is the ``Send`` its requests go through. ``several``: the person has more;
    ``shared`` where it is another's. ``check`` is asked before each request that is signed, and raises where calls are
    stopped."""

    def __init__(
        self,
        credential: Credential,
        connector: str,
        send: Send,
        ready: Callable[[Credential], Awaitable[Credential]],
        renew: Renew,
        judge: Judge,
        own_code: OwnCode | None = None,
        *,
        several: bool,
        lacks: Lacks | None = None,
        check: Callable[[], None] = lambda: None,
        shared: Shared | None = None,
    ) -> None:
        self._lacks = lacks
        self._credential = credential
        self._connector = connector
        self._send = send
        self._ready = ready
        self._renew = renew
        self._judge = judge
        self._own_code = own_code
        self._check = check
        self._shared = shared
        self.several = several

    @property
    def shown(self) -> Shown:
        """The account as connectors and people see it."""
        return self._credential.shown

    @property
    def id(self) -> str:
        """Which account it is, whatever its credential is today."""
        return self._credential.kept.id

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
        self._check()
        try:
            return await self._signed(outgoing, reach, timeout)
        except ConnectionNeeded as wrong:
            if self._shared is None:
                raise
            raise for_owner(self._shared, wrong) from None

    async def _signed(self, outgoing: Outgoing, reach: Reach, timeout: float) -> Reply:  # noqa: ASYNC109
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

    @asynccontextmanager
    async def stream(
        self,
        streams: Streams,
        outgoing: Outgoing,
        *,
        connector: str,
        timeout: float,  # noqa: ASYNC109 - the Streams protocol's
    ) -> AsyncIterator[Streamed]:
        """The signed request's reply as it comes, for MCP servers. A refused credential is renewed once and the request
        sent once more: a server that refuses has carried out nothing.

        Raises what ``streams`` raises, ``ConnectionNeeded`` (also for scopes the account lacks), and ``ToolError``.
        """
        if not covers(self._credential.hosts, outgoing.url):
            raise ToolError(f"{urlsplit(outgoing.url).hostname} is no host the account {self.shown.label} is for.")
        self._check()
        try:
            async with self._streamed(streams, outgoing, connector, timeout) as reply:
                yield reply
        except ConnectionNeeded as wrong:
            if self._shared is None:
                raise
            raise for_owner(self._shared, wrong) from None

    @asynccontextmanager
    async def _streamed(
        self,
        streams: Streams,
        outgoing: Outgoing,
        connector: str,
        timeout: float,  # noqa: ASYNC109 - as above
    ) -> AsyncIterator[Streamed]:
        self._credential = await self._ready(self._credential)
        for again in (True, False):
            credential = self._credential
            sent = credential.signature.on(outgoing, credential.traces)
            async with streams.stream(sent, connector=connector, timeout=timeout) as reply:
                if reply.status not in (401, 403):
                    yield Scrubbed(reply, credential.traces, credential.spellings)
                    return
                status, challenge = reply.status, challenge_of(reply.headers.get("www-authenticate", ""))
            renewed = await self._renew(credential) if again and status == 401 else None
            if renewed is None:
                break
            self._credential = renewed
        await self._declined(status, challenge, outgoing)

    async def _declined(self, status: int, challenge: Challenge, outgoing: Outgoing) -> None:
        """Raise what a refused request of a stream means."""
        if status == 403 and challenge.error == "insufficient_scope" and self._lacks is not None:
            raise await self._lacks(self._credential, challenge)
        if status == 401:
            await self._judge(self._credential)
        host, label = urlsplit(outgoing.url).hostname, self._credential.kept.label
        raise ToolError(f"{host} refused this request (HTTP {status}) of the account {label}: it may not do this.")

    async def _once(self, outgoing: Outgoing, reach: Reach, seconds: float) -> Reply:
        credential = self._credential
        sent = credential.signature.on(outgoing, credential.traces)
        if self._own_code is None or credential.provider.code is None:
            reply = await self._send(sent, reach, timeout=seconds)
            return scrubbed(reply, outgoing, sent, credential.traces, credential.spellings)
        kept = credential.kept
        own = await self._own_code.step(
            credential.provider, "sign", sent, settings=kept.settings, fields=kept.fields, secrets=credential.secrets
        )
        reply = await self._send(own, reach, timeout=seconds)
        private = (*credential.traces, *added(sent, own))
        return scrubbed(reply, outgoing, own, private, credential.spellings)

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


def for_owner(shared: Shared, wrong: ConnectionNeeded) -> OperatorNeeded:
    """What only the owner of a shared account can mend: whoever it is shared with is led to no page for it."""
    return OperatorNeeded(f"{wrong} {shared.owner} shares the account {shared.connection.label}, and must mend this.")


def _speaks_of(rule: Rule, status: int) -> bool:
    return not rule.statuses or bool({status, status // 100} & rule.statuses)
