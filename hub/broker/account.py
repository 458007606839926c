"""``Account``: one person's account in one call. Signs the call's requests, and knows when its credential was refused.

A request leaves with the credential only where it goes to a host the provider declares and the owner agreed to; every
other request of the connector leaves as it is. Which account a call gets is the broker's (``broker.py``).
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from hub.broker.credential import Credential, Settled
from hub.broker.discovery.metadata import Challenge, challenge_of
from hub.broker.own_code import OwnCode
from hub.broker.signing import added, scrubbed
from hub.broker.streams import Scrubbed
from hub.errors import ConnectionNeeded, OperatorNeeded, ProviderUnavailable, RateLimited, Refused, ToolError
from hub.sdk.context import Connection as Shown
from hub.sdk.http import Outgoing, Reach, Reply
from hub.sdk.limits import wait_asked
from hub.sdk.provider import Provider, based, covers
from hub.sdk.response import Reading, Rule, parsed, verify
from hub.store.shares import Shared
from hub.upstream.mcp.http import Streams
from hub.upstream.streaming import Streamed

_DOWN = frozenset({502, 503, 504})
"""What stands in front of a vendor answers so where the vendor does not."""


class Account:
    """An account for one call, by what is ``settled`` about it. Whether calls are stopped, and whether the account is
    still there, is asked before each request that is signed, also before one is sent again."""

    __slots__ = ("_acted", "_credential", "settled")

    def __init__(self, settled: Settled) -> None:
        self.settled = settled
        self._credential = settled.credential
        self._acted = False

    @property
    def id(self) -> str:
        """Which account it is, whatever its credential is today."""
        return self.settled.id

    @property
    def shown(self) -> Shown:
        """The account as connectors and people see it."""
        return self.settled.credential.shown

    @property
    def owner(self) -> str:
        """Whose account it is, by their id; not always who calls with it."""
        return self._credential.kept.user_id

    @property
    def settings(self) -> Mapping[str, str]:
        """What its owner typed when connecting it, and is no secret."""
        return self._credential.kept.settings

    @property
    def hosting(self) -> frozenset[str]:
        """The settings that may stand in a host."""
        declared = self._credential.provider.declared.settings
        return frozenset(name for name, setting in declared.items() if setting.host)

    def based(self, base_url: str) -> str:
        """A connector's ``base_url`` for accounts of this kind. Raises ``ConnectorError``."""
        return based(base_url, self._credential.method)

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
        settled, credential = self.settled, self._credential
        if not (outgoing.url.startswith(credential.origins) or covers(credential.hosts, outgoing.url)):
            return await settled.send(outgoing, reach, timeout=timeout)
        user_id = settled.user_id
        if settled.people.get(user_id) is not settled.held or settled.halted(user_id) is not None:
            await self._permitted(acted=self._acted)
        try:
            if credential.renews and (ready := await settled.ready(credential)) is not credential:
                credential = self._credential = ready
                await self._permitted(acted=self._acted)
            safe = outgoing.safe
            for again in (True, False):
                asked = self._asked_again if safe else partial(self._permitted, acted=True)
                sent, private = credential.signature.on(outgoing, credential.traces, asked), credential.traces
                if settled.own_code is not None:
                    sent, private = await self._by_own_code(settled.own_code, credential, sent)
                try:
                    reply = await settled.send(sent, reach, timeout=timeout)
                except ProviderUnavailable as wrong:
                    self._noted(wrong)
                    raise
                reply = scrubbed(reply, outgoing, sent, private, credential.spellings)
                if reply.status >= 400 or (settled.pauses is not None and settled.pauses.held):
                    self._heard(reply.status, reply.headers)
                rule = _rule_on(reply, credential.provider) if credential.provider.rules else None
                if reply.status != 401 if rule is None else rule.kind != "needs_sign_in":
                    self._acted = self._acted or not safe
                    if settled.halted(user_id) is not None:
                        # What was asked before an account was disconnected is answered; after a halt, nothing is.
                        await self._permitted(acted=self._acted)
                    return reply if rule is None else self._passed(reply, rule)
                # What was ended meanwhile is neither renewed, nor tried once more, nor asked about.
                await self._permitted(acted=self._acted)
                renewed = await settled.renew(credential) if again else None
                if renewed is None:
                    break
                credential = self._credential = renewed
                await self._permitted(acted=self._acted)
            if await settled.judge(credential):
                host, label = urlsplit(outgoing.url).hostname, credential.kept.label
                told = f"{host} refused this request (HTTP {reply.status}), although the account {label} works"
                raise ToolError(f"{told}: it may not do this.")
            return self._passed(reply, rule)
        except ConnectionNeeded as wrong:
            if settled.shared is None:
                raise
            raise for_owner(settled.shared, wrong) from None

    async def _permitted(self, *, acted: bool) -> None:
        """Raise unless the account may sign, now: ``Refused`` where calls are stopped, ``ConnectionNeeded`` where it
        was disconnected, ``ToolError`` where it is shared no more. ``acted``: the call may have changed something at
        the vendor by now, so that the person is not led to connect anew and have it all done once more."""
        try:
            self._check()
            if self.settled.there is not None:
                await self.settled.there()
        except (ConnectionNeeded, ToolError, Refused) as wrong:
            if not acted:
                raise
            told = f"{wrong} What the call had changed by then may stand: check before calling it again."
            raise (Refused(told) if isinstance(wrong, Refused) else ToolError(told)) from None

    async def _asked_again(self) -> None:
        """Whether a request that changes nothing may be sent once more. Raises as ``_permitted``."""
        await self._permitted(acted=self._acted)

    def _check(self) -> None:
        why = self.settled.halted(self.settled.user_id)
        if why is not None:
            raise Refused(why)

    async def _by_own_code(
        self, own_code: OwnCode, credential: Credential, sent: Outgoing
    ) -> tuple[Outgoing, tuple[str, ...]]:
        """The signed request as the provider's own code makes it, and the texts that are secret in it."""
        kept = credential.kept
        own = await own_code.step(
            credential.provider, "sign", sent, settings=kept.settings, fields=kept.fields, secrets=credential.secrets
        )
        return replace(own, again=sent.again), (*credential.traces, *added(sent, own))

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
        await self._permitted(acted=False)
        try:
            async with self._streamed(streams, outgoing, connector, timeout) as reply:
                yield reply
            self._check()
        except ConnectionNeeded as wrong:
            if self.settled.shared is None:
                raise
            raise for_owner(self.settled.shared, wrong) from None

    @asynccontextmanager
    async def _streamed(
        self,
        streams: Streams,
        outgoing: Outgoing,
        connector: str,
        timeout: float,  # noqa: ASYNC109 - as above
    ) -> AsyncIterator[Streamed]:
        self._credential = await self.settled.ready(self._credential)
        for again in (True, False):
            credential = self._credential
            sent = credential.signature.on(outgoing, credential.traces)
            async with streams.stream(sent, connector=connector, timeout=timeout) as reply:
                self._heard(reply.status, reply.headers)
                if reply.status not in (401, 403):
                    yield Scrubbed(reply, credential.traces, credential.spellings)
                    return
                status, challenge = reply.status, challenge_of(reply.headers.get("www-authenticate", ""))
            await self._permitted(acted=False)
            renewed = await self.settled.renew(credential) if again and status == 401 else None
            if renewed is None:
                break
            self._credential = renewed
        await self._declined(status, challenge, outgoing)

    async def _declined(self, status: int, challenge: Challenge, outgoing: Outgoing) -> None:
        """Raise what a refused request of a stream means."""
        if status == 403 and challenge.error == "insufficient_scope" and self.settled.lacks is not None:
            raise await self.settled.lacks(self._credential, challenge)
        if status == 401:
            await self.settled.judge(self._credential)
        host, label = urlsplit(outgoing.url).hostname, self._credential.kept.label
        raise ToolError(f"{host} refused this request (HTTP {status}) of the account {label}: it may not do this.")

    def came_to(self, wrong: Exception) -> None:
        """Remember that a call ended with the vendor's asking to wait, as a connector's own rules may have found."""
        if isinstance(wrong, RateLimited):
            self._noted(wrong)

    def _noted(self, wrong: ProviderUnavailable) -> None:
        """Remember that the vendor gave no answer, or asked to wait."""
        if self.settled.pauses is not None:
            self.settled.pauses.note(self._credential.kept, self._credential.provider.title, wrong)

    def _heard(self, status: int, headers: Mapping[str, str]) -> None:
        """Remember what a reply's status says of the vendor."""
        if status == 429:
            self._noted(RateLimited("", after=wait_asked(headers)))
        elif status in _DOWN:
            self._noted(ProviderUnavailable("", after=wait_asked(headers)))
        elif self.settled.pauses is not None:
            self.settled.pauses.answered(self._credential.kept)

    def _passed(self, reply: Reply, rule: Rule | None) -> Reply:
        """The reply; raises where the provider's rules say that it is an error. They apply before a connector's own."""
        if rule is not None and rule.kind != "ok":
            try:
                verify(reply, Reading(rules=(rule,)), connector=self.settled.connector, signed=True)
            except RateLimited as wrong:
                self._noted(wrong)
                raise
        return reply


def _rule_on(reply: Reply, provider: Provider) -> Rule | None:
    """The first of the provider's rules that speaks of the reply."""
    rules = [rule for rule in provider.rules if _speaks_of(rule, reply.status)]
    if not rules:
        return None
    data: Any = parsed(reply)
    return next((rule for rule in rules if rule.matches(reply, data)), None)


def for_owner(shared: Shared, wrong: ConnectionNeeded) -> OperatorNeeded:
    """What only the owner of a shared account can mend: whoever it is shared with is led to no page for it."""
    return OperatorNeeded(f"{wrong} {shared.owner} shares the account {shared.connection.label}, and must mend this.")


def _speaks_of(rule: Rule, status: int) -> bool:
    return not rule.statuses or bool({status, status // 100} & rule.statuses)
