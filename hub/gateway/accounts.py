"""Accounts in calls: which one a call gets, and how a person is led to connect one in the middle of a conversation.

2026-07-28 with ``elicitation.url``: an input-required result that resumes by itself. 2025-11-25 with it: the error that
names the page. Everywhere else: one line with the link, which a model can pass on. Links name nobody: who follows one
must be signed in as the person it was made for. Signing is the broker's.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from hub.broker import Account, Purpose
from hub.clock import Clock
from hub.errors import ConnectionNeeded, ConnectionPage
from hub.identity import Caller
from hub.registry import Catalog
from hub.sdk.effect import Effect
from hub.sdk.http import Send
from hub.sdk.talk import ErrorTalk, Talk, TaskTalk
from hub.sdk.tool import CompiledConnector
from hub.seal import Box, SealBroken

WAIT = 25.0
"""Seconds a resumed call waits for the account: accepting a link only means that it was opened."""

LINK_SECONDS = 3600.0
"""How long a link may lie about."""

_LOOK = 0.25


class Accounts(Protocol):
    """Where accounts come from (``hub.broker.Broker``; a stand-in while recordings are replayed)."""

    async def account(self, user_id: str, purpose: Purpose, named: str | None, send: Send) -> Account:
        """The account for a call, whose requests go through ``send``."""
        ...


class Links:
    """Makes and reads the links by which accounts are connected."""

    def __init__(self, box: Box, clock: Clock, public_url: str) -> None:
        self._box = box
        self._clock = clock
        self._public_url = public_url

    def to(self, user_id: str, connector: str) -> str:
        """The link for this person and connector; it holds neither a name nor a right."""
        token = self._box.seal(user_id.encode(), bound=connector, expires=self._clock.time() + LINK_SECONDS)
        return f"{self._public_url}/connect/{connector}?t={token}"

    def reader(self, token: str, connector: str) -> str | None:
        """Whom a link was made for; None for what is no link of ours, or is too old."""
        try:
            return self._box.open(token, bound=connector, now=self._clock.time()).decode()
        except SealBroken:
            return None


@dataclass(frozen=True, slots=True)
class Page:
    """A question that is a page to be opened (specification, client/elicitation, URL mode)."""

    url: str
    message: str

    @property
    def needs(self) -> dict[str, Any]:
        """The client capability it needs."""
        return {"elicitation": {"url": {}}}

    def request(self) -> dict[str, Any]:
        """The question as an MCP request, without id."""
        return {"method": "elicitation/create", "params": {"mode": "url", "url": self.url, "message": self.message}}

    def accepts(self, answer: Any) -> bool:
        """Whether it was answered at all."""
        return isinstance(answer, Mapping) and answer.get("action") in ("accept", "decline", "cancel")


class Doors:
    """Finds the accounts of calls, and leads to the page where one is missing."""

    def __init__(self, accounts: Accounts | None, links: Links | None, clock: Clock) -> None:
        self._accounts = accounts
        self._clock = clock
        self.links = links

    async def account(
        self,
        catalog: Catalog,
        connector: CompiledConnector,
        caller: Caller,
        send: Send,
        *,
        named: Any = None,
        effect: Effect = "read",
        scopes: tuple[str, ...] = (),
        answers: Mapping[str, Any] | None = None,
    ) -> Account | None:
        """The account of a call; None where its connector needs none.

        Where ``answers`` hold that the person has opened the page, they are given some time to be done with it. Raises
        ``ConnectionNeeded``, ``ToolError`` and ``OperatorNeeded``.
        """
        if connector.provider is None:
            return None
        loaded = catalog.connectors.get(connector.name)
        if self._accounts is None or loaded is None or loaded.provider is None:
            raise ConnectionNeeded(
                f"{connector.title} needs an account, and this hub connects none: set auth.mode to oauth.",
                connector=connector.name,
            )
        purpose = Purpose(connector.name, connector.title, loaded.shipped, loaded.provider, effect, scopes)
        name = named if isinstance(named, str) and named.strip() else None
        opened = _action(answers or {}, connector.name) == "accept"
        left = WAIT if opened else 0.0
        while True:
            try:
                return await self._accounts.account(caller.user_id, purpose, name, send)
            except ConnectionNeeded:
                if left <= 0:
                    raise
            await self._clock.sleep(_LOOK)
            left -= _LOOK

    def asked(
        self,
        wrong: ConnectionNeeded,
        caller: Caller,
        connector: CompiledConnector,
        talk: Talk,
        answers: Mapping[str, Any],
    ) -> dict[str, Page]:
        """The question that leads to the page, where this client can be asked it in a result.

        Raises ``ConnectionPage`` where it is asked by an error, and ``ConnectionNeeded`` with words for the model where
        it cannot be asked or has said no.
        """
        if self.links is None or connector.provider is None:
            raise wrong
        url = self.links.to(caller.user_id, connector.name)
        message = f"{wrong} Connect {connector.title} on this page, then come back."
        if _action(answers, connector.name) in ("decline", "cancel"):
            raise ConnectionNeeded(
                f"{wrong} The user did not want to connect {connector.title} now. Go on without it.",
                connector=connector.name,
                scopes=wrong.scopes,
            )
        if isinstance(talk, ErrorTalk) and _by_url(talk.declared):
            raise ConnectionPage(message, url=url, id=uuid.uuid4().hex)
        if not talk.waits and _by_url(talk.capabilities) and not (isinstance(talk, TaskTalk) and talk.begun):
            return {_key(connector.name): Page(url, message)}
        raise ConnectionNeeded(
            f"{wrong} Ask the user to open {url} and connect {connector.title} there, then call this again with the "
            "same arguments.",
            connector=connector.name,
            scopes=wrong.scopes,
        )

    def forgotten(self, answers: Mapping[str, Any], connector: str) -> dict[str, Any]:
        """The answers without the one to this question: the next time it is a new one."""
        return {name: answer for name, answer in answers.items() if name != _key(connector)}


def _key(connector: str) -> str:
    return f"connect_{connector}"


def _action(answers: Mapping[str, Any], connector: str) -> str | None:
    answer = answers.get(_key(connector))
    return answer.get("action") if isinstance(answer, Mapping) else None


def _by_url(capabilities: Mapping[str, Any]) -> bool:
    declared = capabilities.get("elicitation")
    return isinstance(declared, Mapping) and "url" in declared
