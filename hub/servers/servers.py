"""``Servers``: the MCP servers of all connectors, one shared connection each, and the relays to them.

A list is what was last accepted of a server's word, whether it answers or not. Who may call what is the gateway's.
"""

import asyncio
import os
import re
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from hub import observe
from hub.clock import Clock
from hub.errors import ConnectionNeeded, HubError, OperatorNeeded, ProviderUnavailable, ToolError
from hub.sdk.context import Context
from hub.sdk.relay import STATE, ForeignAsk, Relay, Relayed, RelayPending, Server, connector_of_uri, uri_prefix
from hub.servers.exchange import cleaned, params_of, told
from hub.servers.link import Link
from hub.servers.pins import CHANGE, Pins
from hub.servers.questions import ASKS_MAX, Questions, refused
from hub.servers.sessions import Session, Sessions, Signer
from hub.store import Change
from hub.upstream.errors import TransportError
from hub.upstream.mcp import Client, Command, RpcError, SessionEnded, Unauthorized
from hub.upstream.mcp.http import Streams
from hub.upstream.mcp.wire import Message, NotMcp

CALL_SECONDS = 235.0
"""Seconds for one relayed call: under the gateway's own deadline, so that the server hears of its end."""

READ_APART = 3600.0
"""Seconds between two readings of the lists of a server that is asked on people's own accounts."""

NEWS_APART = 60.0
"""The same where it tells that they changed."""

ROUNDS = 10
"""How often a server of 2026-07-28 may ask anew in one call of a client that answers while it waits."""

_FIELD = re.compile(r"\{([^{}]*)\}")

_log = observe.log("servers")

Updated = Callable[[str, str | None], None]

Recompile = Callable[[str], Coroutine[Any, Any, None]]


class Servers:
    """``streams`` is the guarded way out, None where there is no network; ``commands`` are the operator's programs,
    ``credentials`` the operator's, by connector. ``recompile`` is told of connectors whose pin changed."""

    def __init__(
        self,
        pins: Pins,
        clock: Clock,
        *,
        streams: Streams | None,
        commands: Mapping[str, Command],
        credentials: Mapping[str, Mapping[str, str]],
        info: Mapping[str, Any],
        recompile: Recompile,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.pins = pins
        self._clock = clock
        self._streams = streams
        self._commands = commands
        self._credentials = credentials
        self._info = info
        self._recompile = recompile
        self._environment = os.environ if environment is None else environment
        self._links: dict[str, Link] = {}
        self.sessions = Sessions(streams, clock, info, read=self._news, updated=self._told, fares=self._fares)
        self._read_at: dict[str, float] = {}
        self._due: dict[str, asyncio.Task[None]] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._watching = False
        self._watched: set[str] = set()
        self._updated: Updated | None = None

    def follow(self, servers: Mapping[str, Server]) -> None:
        """From now on there are these, by connector; connections to others, or to other addresses, are closed."""
        for name in list(self._links):
            if servers.get(name) != self._links[name].server:
                self._later(self._links.pop(name).close())
                self.sessions.forget(name)
        for name, server in servers.items():
            if name not in self._links:
                self._links[name] = self._link(name, server)
                if self._watching and not server.sign_in:
                    self._links[name].start()
        self.watch(self._watched)

    def on_update(self, callback: Updated) -> None:
        """Tell ``callback`` of a watched resource, by the hub's URI, whose contents changed, and for whom: a user's id,
        or None for everybody."""
        self._updated = callback

    def watch_on(self, name: str, account: Signer, user_id: str, uris: frozenset[str]) -> None:
        """From now on this user watches these resources, by the hub's URIs, at a server that asks for an account.
        Raises ``OperatorNeeded``."""
        link = self._links.get(name)
        if link is not None and link.server.sign_in:
            own = frozenset(uri.removeprefix(uri_prefix(name)) for uri in uris)
            self.sessions.watch(name, link.server, account, user_id, own)

    def _told(self, name: str, uri: str, user_id: str | None) -> None:
        if self._updated is not None:
            self._updated(uri_prefix(name) + uri, user_id)

    def watch(self, uris: set[str]) -> None:
        """From now on these resources, by the hub's URIs, are watched at the servers that all users share, and no
        others."""
        self._watched = uris
        own: dict[str, set[str]] = {}
        for uri in uris:
            name = connector_of_uri(uri)
            if name in self._links and not self._links[name].server.sign_in:
                own.setdefault(name, set()).add(uri.removeprefix(uri_prefix(name)))
        for name, link in self._links.items():
            link.following.watched.want(own.get(name, set()))

    def heard(self, change: Change) -> None:
        """Take up what was accepted in another process (changes of kind ``pin``)."""
        if change.kind == CHANGE and (change.key in self._links or self._watching):
            self._later(self._recompile(change.key))
            if change.key in self._links:
                self._links[change.key].following.again()

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def keep(self) -> None:
        """Hold connections to all servers and follow their lists, until cancelled."""
        self._watching = True
        for link in self._links.values():
            if not link.server.sign_in:
                link.start()
        try:
            await asyncio.Event().wait()
        finally:
            self._watching = False

    async def read(self, name: str, account: Signer | None = None) -> None:
        """Read one server's lists now, on ``account`` where it asks for one.

        Raises ``ProviderUnavailable``, ``OperatorNeeded``, ``ConnectionNeeded``.
        """
        link = self._links[name]
        if account is not None:
            return await self._read_signed(link, account)
        try:
            await link.read()
        except (TransportError, NotMcp, RpcError, Unauthorized, SessionEnded) as wrong:
            raise link.meaning(wrong) from None

    async def _read_signed(self, link: Link, account: Signer) -> None:
        self._read_at[link.name] = self._clock.monotonic()
        session, client = await self.sessions.session(link.name, link.server, account)
        try:
            try:
                definitions = await client.definitions()
            except SessionEnded:
                await session.renewed(client)
                definitions = await client.definitions()
        except (TransportError, NotMcp, RpcError, Unauthorized, SessionEnded, TimeoutError) as wrong:
            raise link.meaning(wrong) from None
        await self._take(link.name, link.server, definitions)

    def _read_in_passing(self, link: Link, account: Signer) -> None:
        if self._clock.monotonic() - self._read_at.get(link.name, -READ_APART) >= READ_APART:
            self._read_at[link.name] = self._clock.monotonic()
            self._later(self._read_again(link, account))

    async def _read_again(self, link: Link, account: Signer) -> None:
        """Read a server's lists in passing, on the account of a call that is made anyway."""
        try:
            await self._read_signed(link, account)
        except HubError as wrong:
            _log.info("an MCP server's lists could not be read", connector=link.name, reason=str(wrong))

    def _news(self, name: str, account: Signer) -> None:
        """Read a server's lists soon, on the account whose session heard that they changed: once for all that heard."""
        link = self._links.get(name)
        if link is not None and name not in self._due:
            self._due[name] = asyncio.create_task(self._read_due(link, account))

    async def _read_due(self, link: Link, account: Signer) -> None:
        try:
            next_at = self._read_at.get(link.name, -NEWS_APART) + NEWS_APART
            await self._clock.sleep(max(next_at - self._clock.monotonic(), 0.0))
            await self._read_again(link, account)
        finally:
            self._due.pop(link.name, None)

    async def close(self) -> None:
        """End all connections and programs."""
        due = list(self._due.values())
        for task in due:
            task.cancel()
        links, self._links = list(self._links.values()), {}
        await self.sessions.close()
        await asyncio.gather(*(link.close() for link in links), *self._closing, *due, return_exceptions=True)

    async def _take(self, name: str, server: Server, definitions: Mapping[str, Any]) -> None:
        if await asyncio.to_thread(self.pins.took, name, server.address, definitions, self._clock.time()):
            await self._recompile(name)

    def _fares(self, name: str, server: Server, trouble: str | None) -> None:
        if trouble is None:
            self.pins.answers(name, self._clock.time())
        else:
            self.pins.fails(name, server.address, trouble, self._clock.time())

    def _link(self, name: str, server: Server) -> Link:
        async def took(definitions: Mapping[str, Any]) -> None:
            await self._take(name, server, definitions)

        def fails(why: str) -> None:
            self.pins.fails(name, server.address, why, self._clock.time())

        async def connect() -> Client:
            return await self._connected(name, server)

        def updated(uri: str) -> None:
            self._told(name, uri, None)

        return Link(name, server, connect, self._clock, took=took, fails=fails, updated=updated)

    async def _connected(self, name: str, server: Server) -> Client:
        if server.sign_in:
            raise ConnectionNeeded(f"{server.title} is asked on each user's own account.", connector=name)
        if server.command is not None:
            command = self._commands.get(server.command)
            if command is None:
                raise OperatorNeeded(f"commands.{server.command} is not in the configuration.")
            return await Client.over_pipes(command, self._environment, info=self._info, allow=server.allow)
        if self._streams is None or server.url is None:
            raise OperatorNeeded(f"{server.title} cannot be reached: there is no network here.")
        headers = {**server.headers, **self._credential(name, server)}
        return await Client.over_http(self._streams, server.url, name, headers, info=self._info, allow=server.allow)

    def _credential(self, name: str, server: Server) -> dict[str, str]:
        """The header with the operator's credential. Raises ``OperatorNeeded`` where there is none."""
        if server.credential is None:
            return {}
        header, text = server.credential
        fields = self._credentials.get(name, {})
        missing = sorted({field for field in _FIELD.findall(text) if field not in fields})
        if missing:
            raise OperatorNeeded(
                f"{server.title} is asked with the operator's credential: set {', '.join(missing)} under "
                f"providers.{name}.credential in the configuration."
            )
        value = _FIELD.sub(lambda found: fields[found[1]], text)
        if not value.isascii() or not value.isprintable():
            raise OperatorNeeded(f"providers.{name}.credential holds what no header can.")
        return {header: value}

    # -- relays ------------------------------------------------------------------------------------------------

    async def relay(
        self, relay: Relay, arguments: Mapping[str, Any], context: Context, account: Signer | None = None
    ) -> Relayed:
        """Carry out a relay (``hub.sdk.relay.Relays``), on ``account`` where the server asks for one."""
        link = self._links.get(relay.connector)
        if link is None:
            raise ProviderUnavailable(f"The server of {relay.connector} is not connected.", after=1)
        params, mirrored = params_of(relay, arguments)
        questions = Questions(link.server, context)
        params |= _resumed(context)
        for _ in range(ROUNDS):
            result = await self._called(link, relay, params, mirrored, questions, account)
            if account is not None:
                self._read_in_passing(link, account)
            if result.get("resultType") != "input_required":
                return Relayed(cleaned(relay, result))
            pending = self._pending(link.server, result, questions)
            if not context.talk.waits:
                raise pending
            params |= _answered(await questions.answers(pending), pending.state)
        raise ToolError(f"{link.server.title} asks for more each time it is answered.")

    async def _called(
        self,
        link: Link,
        relay: Relay,
        params: Mapping[str, Any],
        mirrored: Mapping[str, Any],
        questions: Questions,
        account: Signer | None,
    ) -> Message:
        """The result as it came. Raises what ``relay`` does."""
        for again in (True, False):
            session: Session | None = None
            if account is not None and link.server.sign_in:
                session, client = await self.sessions.session(link.name, link.server, account)
            else:
                client = await link.client()
            try:
                return await client.call(
                    relay.method,
                    params,
                    questions.hear,
                    capabilities=questions.capabilities,
                    seconds=CALL_SECONDS,
                    mirrored=mirrored,
                    logs=True,
                )
            except SessionEnded:
                if not again:
                    break
                await self._renewed(link if session is None else session, client, link)
            except TransportError as wrong:
                if session is not None:
                    self.sessions.drop(session, client)
                    raise link.meaning(wrong) from None
                raise await link.failed(client, wrong) from None
            except (NotMcp, Unauthorized) as wrong:
                raise link.meaning(wrong) from None
            except RpcError as wrong:
                raise told(relay, wrong, link.server.title) from None
        raise ProviderUnavailable(f"{link.server.title} ended the session.") from None

    async def _renewed(self, held: Link | Session, client: Client, link: Link) -> None:
        try:
            await held.renewed(client)
        except (TransportError, NotMcp, RpcError, Unauthorized, SessionEnded, TimeoutError) as wrong:
            raise link.meaning(wrong) from None

    def _pending(self, server: Server, result: Message, questions: Questions) -> RelayPending:
        """The questions in a result, as the hub puts them (specification 2026-07-28, basic/patterns/mrtr).
        Raises ``ToolError`` where one of them is refused."""
        asked = result.get("inputRequests")
        asks: dict[str, ForeignAsk] = {}
        for key, one in (asked if isinstance(asked, Mapping) else {}).items():
            held = one if isinstance(one, Mapping) else {}
            try:
                asks[f"{_ASKED}{key}"] = questions.ask(held.get("method"), held.get("params"))
            except RpcError as wrong:
                raise refused(wrong, server.title) from None
        if not asks or len(asks) > ASKS_MAX:
            raise ToolError(f"{server.title} wants more for this call, and does not say what.")
        for ask in asks.values():
            if not questions.can_ask(ask):
                raise ToolError(f"{server.title} asks the user something here, and this app cannot show the question.")
        state = result.get("requestState")
        return RelayPending(asks, state if isinstance(state, str) else None)


_ASKED = "server_"
"""Before a server's own key of a question, so that it is none of the hub's."""


def _resumed(context: Context) -> dict[str, Any]:
    """What a call that asked brings back to the server: the answers by its own keys, and its state."""
    held = context.answers.get(STATE)
    if held is None:
        return {}
    return _answered(context.answers, held.get("state"))


def _answered(answers: Mapping[str, Any], state: Any) -> dict[str, Any]:
    """A request's members with the answers to a server's questions, by its own keys."""
    own = {key.removeprefix(_ASKED): one for key, one in answers.items() if key.startswith(_ASKED)}
    return {"inputResponses": own, **({"requestState": state} if isinstance(state, str) else {})}
