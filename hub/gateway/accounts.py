"""Accounts in calls: which one a call gets, and how a person is led to connect one in the middle of a conversation.

2026-07-28 with ``elicitation.url``: an input-required result that resumes by itself. 2025-11-25 with it: the error that
names the page. Everywhere else: one line with the link, which a model can pass on. Links name nobody: who follows one
must be signed in as the person it was made for. Signing is the broker's.
"""

import uuid
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import Any, Protocol

import orjson

from hub.broker import Account, Purpose
from hub.clock import Clock
from hub.errors import ConnectionNeeded, ConnectionPage
from hub.identity import Caller
from hub.registry import Catalog, Entry
from hub.sdk.effect import Effect
from hub.sdk.http import Send
from hub.sdk.talk import ErrorTalk, Talk, TaskTalk
from hub.sdk.tool import CompiledConnector, Tool
from hub.seal import Box, SealBroken

WAIT = 25.0
"""Seconds a resumed call waits for the account: accepting a link only means that it was opened."""

LINK_SECONDS = 3600.0
"""How long a link may lie about."""

_LOOK = 0.25


class Accounts(Protocol):
    """Where accounts come from (``hub.broker.Broker``; a stand-in while recordings are replayed)."""

    def known(self, user_id: str, purpose: Purpose, named: str | None, now: float) -> Account | None:
        """The account for a call, where it was found before and nothing has changed since; ``now`` is by the monotonic
        clock."""
        ...

    async def account(self, user_id: str, purpose: Purpose, named: str | None, send: Send) -> Account:
        """The account for a call; ``send`` is what all requests for this purpose go through."""
        ...


@dataclass(frozen=True, slots=True)
class Invited:
    """What a link was made for: a person; what their client may use, where a client asked (``effects`` None where
    not); the ``scopes`` that an account lacks, and which account it is, where one is meant."""

    user_id: str
    effects: tuple[Effect, ...] | None = None
    profile: str | None = None
    scopes: tuple[str, ...] = ()
    connection: str = ""

    @classmethod
    def by(cls, caller: Caller, scopes: tuple[str, ...] = (), connection: str = "") -> "Invited":
        """The same for what a caller may use."""
        profile = caller.profile.name if caller.profile is not None else None
        return cls(caller.user_id, tuple(sorted(caller.effects)), profile, scopes, connection)


class Links:
    """Makes and reads the links by which accounts are connected."""

    def __init__(self, box: Box, clock: Clock, public_url: str) -> None:
        self._box = box
        self._clock = clock
        self._public_url = public_url

    def to(self, invited: Invited, connector: str) -> str:
        """The link to connect an account of this connector; it holds no right."""
        return f"{self._public_url}{self.path(invited, connector)}"

    def path(self, invited: Invited, connector: str) -> str:
        """The same without the hub's origin."""
        plain = orjson.dumps(astuple(invited))
        token = self._box.seal(plain, bound=connector, expires=self._clock.time() + LINK_SECONDS)
        return f"/connect/{connector}?t={token}"

    def read(self, token: str, connector: str) -> Invited | None:
        """What a link was made for; None for what is no link of ours, or is too old."""
        try:
            plain = self._box.open(token, bound=connector, now=self._clock.time())
        except SealBroken:
            return None
        user_id, effects, profile, scopes, connection = orjson.loads(plain)
        return Invited(user_id, None if effects is None else tuple(effects), profile, tuple(scopes), connection)


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
    """Finds the accounts of calls, whose requests go through ``send``, and leads to the page where one is missing."""

    def __init__(self, accounts: Accounts | None, links: Links | None, clock: Clock, send: Send) -> None:
        self._accounts = accounts
        self._clock = clock
        self._send = send
        self._purposes: dict[tuple[str, Effect, tuple[str, ...]], tuple[Catalog, Purpose]] = {}
        self._of_tools: dict[str, tuple[Entry, Purpose]] = {}
        self.links = links

    def forget(self) -> None:
        """Drop what was kept of a catalog (it changed)."""
        self._purposes.clear()
        self._of_tools.clear()

    def known(self, entry: Entry, caller: Caller, named: Any, now: float) -> Account | None:
        """The account of a call of this tool, where it was found before and nothing has changed since; else it is
        ``account`` that finds it. ``now`` is by the monotonic clock."""
        kept = self._of_tools.get(entry.full_name)
        if kept is None or kept[0] is not entry or self._accounts is None:
            return None
        return self._accounts.known(caller.user_id, kept[1], None if named is None else _label(named), now)

    async def account(
        self,
        catalog: Catalog,
        connector: CompiledConnector,
        caller: Caller,
        *,
        named: Any = None,
        entry: Entry | None = None,
        answers: Mapping[str, Any] | None = None,
    ) -> Account | None:
        """The account of a call, of the tool ``entry`` where it is one's; None where its connector needs none.

        Where ``answers`` hold that the person has opened the page, they are given some time to be done with it. Raises
        ``ConnectionNeeded``, ``ToolError`` and ``OperatorNeeded``.
        """
        if connector.provider is None:
            return None
        effect, scopes = (entry.tool.effect, entry.tool.scopes) if entry is not None else ("read", ())
        purpose = self._purpose(catalog, connector, effect, scopes)
        if entry is not None and purpose is not None:
            self._of_tools[entry.full_name] = entry, purpose
        if self._accounts is None or purpose is None:
            raise ConnectionNeeded(
                f"{connector.title} needs an account, and this hub connects none: set auth.mode to oauth.",
                connector=connector.name,
            )
        waited = 0.0
        while True:
            try:
                return await self._accounts.account(caller.user_id, purpose, _label(named), self._send)
            except ConnectionNeeded:
                if waited >= WAIT or _action(answers or {}, connector.name) != "accept":
                    raise
            await self._clock.sleep(_LOOK)
            waited += _LOOK

    def _purpose(
        self, catalog: Catalog, connector: CompiledConnector, effect: Effect, scopes: tuple[str, ...]
    ) -> Purpose | None:
        """What the account is wanted for; None where the connector's provider is not there."""
        kept = self._purposes.get((connector.name, effect, scopes))
        if kept is not None and kept[0] is catalog:
            return kept[1]
        loaded = catalog.connectors.get(connector.name)
        if loaded is None or loaded.provider is None:
            return None
        shipped, code, provider = loaded.shipped, loaded.code, loaded.provider
        purpose = Purpose(connector.name, connector.title, shipped, code, provider, effect, scopes)
        self._purposes[connector.name, effect, scopes] = catalog, purpose
        return purpose

    def asked(
        self,
        wrong: ConnectionNeeded,
        caller: Caller,
        connector: CompiledConnector,
        talk: Talk,
        answers: Mapping[str, Any],
        *,
        tool: Tool | None = None,
        account: Account | None = None,
    ) -> dict[str, Page]:
        """The question that leads to the page, where this client can be asked it in a result. ``tool`` is what
        was called, ``account`` what it was made with, if it came so far.

        Raises ``ConnectionPage`` where it is asked by an error, and ``ConnectionNeeded`` with words for the model where
        it cannot be asked or has said no.
        """
        if self.links is None or connector.provider is None:
            raise wrong
        scopes, connection = wrong.scopes, wrong.connection
        if wrong.unscoped and account is not None:
            scopes, connection = scopes or (tool.scopes if tool is not None else ()), account.id
        url = self.links.to(Invited.by(caller, scopes, connection), connector.name)
        deed = f"{'Allow it for' if scopes else 'Connect'} {connector.title}"
        message = f"{wrong} {deed} on this page, then come back."
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
            f"{wrong} Ask the user to open {url} and {deed[0].lower()}{deed[1:]} there, then call this again with the "
            "same arguments.",
            connector=connector.name,
            scopes=wrong.scopes,
        )

    def forgotten(self, answers: Mapping[str, Any], connector: str) -> dict[str, Any]:
        """The answers without the one to this question: the next time it is a new one."""
        return {name: answer for name, answer in answers.items() if name != _key(connector)}


def _label(named: Any) -> str | None:
    return named if isinstance(named, str) and named.strip() else None


def _key(connector: str) -> str:
    return f"connect_{connector}"


def _action(answers: Mapping[str, Any], connector: str) -> str | None:
    answer = answers.get(_key(connector))
    return answer.get("action") if isinstance(answer, Mapping) else None


def _by_url(capabilities: Mapping[str, Any]) -> bool:
    declared = capabilities.get("elicitation")
    return isinstance(declared, Mapping) and "url" in declared
