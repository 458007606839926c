"""One run of one tool, resource or prompt: its context made, its function or declared request carried out.

Nothing is decided here: authorization, audit and answers are the gateway's.
"""

import asyncio
import re
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from hub.broker import Account
from hub.clock import Clock
from hub.errors import HubError, OperatorNeeded, ProtocolError, ToolError
from hub.gateway.admission import Admission, Place
from hub.gateway.asks import Cursors
from hub.gateway.own_context import OwnContext
from hub.gateway.tasks.run import TaskRun
from hub.gateway.threads import Threads
from hub.identity import Caller
from hub.registry import PromptEntry
from hub.sdk.client import FILE_BYTES, Http
from hub.sdk.context import Context, User
from hub.sdk.http import Reach, Send, host_of
from hub.sdk.names import RESERVED_CONNECTORS
from hub.sdk.placeholders import Pattern, Scope
from hub.sdk.relay import Relay, Relayed, Relays
from hub.sdk.request import Call, fill_base_url
from hub.sdk.talk import AskPending, Talk
from hub.sdk.tool import CompiledConnector, Function
from hub.seal import Box

Settings = Mapping[str, Mapping[str, str]]
"""The operator's values for connectors' settings, by connector and setting."""


GROUNDS = 4096
"""How many connectors and accounts what they share is kept of."""


class ServerRelays(Relays, Protocol):
    """Carries out relays, on an account where the server asks for one (``hub.servers.Servers.relay``)."""

    async def __call__(
        self, relay: Relay, arguments: Mapping[str, Any], context: Context, account: Account | None = None
    ) -> Relayed:
        """See ``Relays``."""
        ...


class ToolExit(HubError):
    """A tool tried to end the process (``sys.exit``); only its own call ends."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What all runs of one connector share: its base URL, headers and reach, with its settings filled in."""

    base_url: str | None
    headers: Mapping[str, str]
    settings: Mapping[str, str]
    reach: Reach


class Runs:
    """Makes contexts and runs what they are for."""

    def __init__(
        self,
        *,
        send: Send,
        cursors: Box,
        clock: Clock,
        settings: Settings,
        announce: Callable[[str], Awaitable[None]],
        new_key: Callable[[], str] = lambda: str(uuid.uuid4()),
        admission: Admission | None = None,
        relays: ServerRelays | None = None,
        file_bytes: int = FILE_BYTES,
    ) -> None:
        self._relays = relays
        self._file_bytes = file_bytes
        self._cursors = cursors
        self._clock = clock
        self._settings = settings
        self._announce = announce
        self._new_key = new_key
        self._threads = Threads()
        self._admission = admission or Admission()
        self._grounds: dict[tuple[CompiledConnector, object], Ground] = {}
        self.send = send

    def forget(self) -> None:
        """Drop what was kept per connector (the catalog changed)."""
        self._grounds.clear()

    def http(
        self,
        connector: CompiledConnector,
        caller: Caller,
        *,
        purpose: str,
        idempotent: bool = False,
        timeout: float = 60.0,
        account: Account | None = None,
    ) -> Http:
        """The requests of one run; ``purpose`` (a full name or URI) binds its cursors.

        ``account`` signs them, where the connector needs one. Raises ``OperatorNeeded`` when a setting is missing or
        does not fit.
        """
        key = (connector, account.settled.credential.key if account is not None else None)
        ground = self._grounds.get(key)
        if ground is None:
            if len(self._grounds) >= GROUNDS:
                self._grounds.clear()
            ground = self._grounds[key] = self._ground(connector, account)
        return Http(
            send=self.send if account is None else account.send,
            reach=ground.reach,
            new_key=self._new_key,
            cursors=Cursors(self._cursors, self._clock, f"{caller.user_id}\n{purpose}"),
            base_url=ground.base_url,
            headers=ground.headers,
            settings=ground.settings,
            account=account.settled.credential.shown.fields if account is not None else {},
            signed=account is not None,
            reading=connector.reading,
            idempotent=idempotent,
            timeout=timeout,
            file_bytes=self._file_bytes,
        )

    def context(
        self,
        connector: CompiledConnector,
        caller: Caller,
        talk: Talk,
        answers: Mapping[str, Any],
        http: Http,
        account: Account | None = None,
    ) -> Context:
        """The context of one run, around its requests; the hub's own tools also know their caller."""
        own = connector.name in RESERVED_CONNECTORS
        kind = partial(OwnContext, caller=caller) if own else Context
        return kind(
            http=http,
            user=User(caller.user_id, caller.user_name),
            clock=self._clock,
            talk=talk,
            settings=http.settings,
            connection=account.shown if account is not None else None,
            answers=answers,
            announce=self._announce,
            logger=connector.name,
            relays=self._relays if account is None or self._relays is None else partial(self._relays, account=account),
        )

    @asynccontextmanager
    async def admitted(self, user: str) -> AsyncIterator[None]:
        """Hold a place for a call of ``user`` while the block runs. Raises ``HubBusy``."""
        if not self._admission.taken(user):
            await self._admission.wait(user)
        try:
            yield
        finally:
            self._admission.leave(user)

    async def value(
        self, run: Function | Call | Relay, context: Context, connector: CompiledConnector, arguments: Mapping[str, Any]
    ) -> Any:
        """What the function returned, or what the declared request's reply says. Raises ``HubBusy`` when there is no
        place for the call, and whatever the run raises. A task lends its place while it waits for a person."""
        place = Place(self._admission, context.user.id)
        await place.take()
        if isinstance(context.talk, TaskRun):
            context.talk.place = place
        try:
            return await self._run(run, context, connector, arguments)
        finally:
            place.leave()

    async def called(self, run: Call, http: Http, caller: Caller, arguments: Mapping[str, Any]) -> Any:
        """What the reply to a declared request says; it needs no context. Raises as ``value`` does."""
        user = caller.user_id
        if not self._admission.taken(user):
            await self._admission.wait(user)
        try:
            return await http.call(run, arguments)
        finally:
            self._admission.leave(user)

    async def _run(
        self, run: Function | Call | Relay, context: Context, connector: CompiledConnector, arguments: Mapping[str, Any]
    ) -> Any:
        if isinstance(run, Call):
            return await context.http.call(run, arguments)
        if isinstance(run, Relay):
            if context.relays is None:
                raise OperatorNeeded(f"{connector.title} is another MCP server, and none can be reached from here.")
            return await context.relays(run, arguments, context)
        given = run.convert(arguments)
        if run.takes_context:
            given[run.context_name] = context
        try:
            if run.threaded:
                return await self._threads.run(connector.name, partial(run.call, **given))
            return await run.call(**given)
        except (AskPending, Exception):
            raise
        except asyncio.CancelledError as wrong:
            running = asyncio.current_task()
            if running is not None and running.cancelling():
                raise
            raise RuntimeError("the tool cancelled itself") from wrong
        except (SystemExit, KeyboardInterrupt, GeneratorExit) as wrong:
            # Left alone, these would end the event loop, and every other call with it.
            raise ToolExit(
                f"The tool tried to end the hub ({type(wrong).__name__}); only this call was ended."
            ) from wrong
        except BaseException as wrong:
            raise RuntimeError("the tool raised what is no exception") from wrong

    def _ground(self, connector: CompiledConnector, account: Account | None) -> Ground:
        settings = self._checked(connector)
        fields: Mapping[str, Any] = {}
        placed = frozenset(name for name, setting in connector.settings.items() if setting.host)
        if account is not None:
            settings = {**settings, **account.settings}
            fields = account.shown.fields
            placed |= account.hosting
        base_url = None
        hosts = connector.hosts
        plain = "*" in hosts
        if connector.base_url is not None:
            declared = connector.base_url if account is None else account.based(connector.base_url)
            base_url = fill_base_url(Pattern.parse(declared), settings, fields, placed)
            hosts = (host_of(base_url), *hosts)
            plain = plain or base_url.startswith("http://")
        scope = Scope({}, settings, fields)
        headers = {name: str(Pattern.parse(value).text(scope, str)) for name, value in connector.headers.items()}
        if any(char in value for value in headers.values() for char in "\r\n\0"):
            raise OperatorNeeded(f"A setting of {connector.title} holds a line break, which a header cannot.")
        return Ground(base_url, headers, settings, Reach(connector.name, hosts, plain))

    def _checked(self, connector: CompiledConnector) -> dict[str, str]:
        given = self._settings.get(connector.name, {})
        unknown = sorted(set(given) - set(connector.settings))
        if unknown:
            raise OperatorNeeded(
                f"connectors.settings.{connector.name} has {', '.join(unknown)}, which it does not know."
            )
        values: dict[str, str] = {}
        for name, setting in connector.settings.items():
            value = given.get(name, setting.default)
            if value is None:
                if setting.required:
                    raise OperatorNeeded(
                        f"{connector.title} needs the setting {name} ({setting.description.rstrip('.')}); "
                        f"set connectors.settings.{connector.name}.{name} in the configuration."
                    )
                continue
            if setting.pattern is not None and not re.fullmatch(setting.pattern, value):
                raise OperatorNeeded(f"connectors.settings.{connector.name}.{name} does not match {setting.pattern}.")
            values[name] = value
        return values


def fill_text(text: str, arguments: Mapping[str, str]) -> str:
    """A prompt's text with its arguments filled in; those not given are left empty."""
    pattern = Pattern.parse(text)
    given = {name: arguments.get(name, "") for name in pattern.names}
    filled = pattern.text(Scope(given), str)
    if not isinstance(filled, str):
        raise ToolError("The prompt could not be filled in.")
    return filled


def prompt_arguments(entry: PromptEntry, arguments: Mapping[str, Any]) -> dict[str, str]:
    """The arguments of a prompt as it takes them. Raises ``ProtocolError`` for those missing, unknown or no text."""
    known = {argument.name: argument for argument in entry.prompt.arguments}
    missing = [name for name, argument in known.items() if argument.required and name not in arguments]
    if missing:
        raise ProtocolError(f"The prompt {entry.full_name} needs {', '.join(missing)}.")
    unknown = sorted(set(arguments) - set(known))
    if unknown:
        raise ProtocolError(f"The prompt {entry.full_name} has no argument {', '.join(unknown)}.")
    wrong = [name for name, value in arguments.items() if not isinstance(value, str)]
    if wrong:
        raise ProtocolError(f"Arguments of prompts are text; {', '.join(wrong)} is not.")
    return dict(arguments)
