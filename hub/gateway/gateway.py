"""The use cases of one caller: lists, calls, reads, prompts, completions.

One call, in order: find the tool, authorize, open what was asked before, check the arguments, write the intent
down, run, make the result, note the outcome. Not the wire, and not where connectors load.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from hub.broker import Account, Broker
from hub.clock import Alarms, Clock
from hub.errors import (
    ConnectionNeeded,
    NotFoundError,
    ProtocolError,
    ReadFailed,
    ResourceMissing,
    UnknownName,
)
from hub.files.kept import URI
from hub.gateway import results
from hub.gateway.accounts import Accounts, Doors, Links
from hub.gateway.admission import Admission
from hub.gateway.arguments import tool_arguments
from hub.gateway.asks import Asks, Resume, carried
from hub.gateway.audit import Audit, Measures, Records
from hub.gateway.authorize import allowed, authorize
from hub.gateway.completions import Completions
from hub.gateway.echo import Echo
from hub.gateway.failures import failure, retry
from hub.gateway.files import CallFiles, answered, passed
from hub.gateway.listeners import Listeners
from hub.gateway.offers import Offers
from hub.gateway.own_tools import own_tools
from hub.gateway.runs import Runs, ServerRelays, Settings, fill_text, prompt_arguments
from hub.gateway.tasks import MOST, Subject, Tasks
from hub.identity import Caller
from hub.observe import log
from hub.registry import Catalog, Entry
from hub.sdk.context import Context
from hub.sdk.http import Send
from hub.sdk.relay import Relay, Relayed
from hub.sdk.request import Call as Declared
from hub.sdk.talk import AskPending, Silence, Talk
from hub.sdk.tool import Effect
from hub.seal import KeyRing
from hub.store import Store

DEADLINE = 240.0
"""Seconds within which a call is answered (Claude gives up at 300)."""

_log = log(__name__)


class Gateway:
    """What callers may do, on the connectors of the current catalog.

    ``catalog`` gives the snapshot to serve from; ``settings`` are the operator's values for connectors. With a
    ``store`` calls can become tasks, and what a tool announces is heard in all processes; ``deadline`` is the seconds
    within which a call is answered; ``admission`` bounds how many run at once, ``tasks_per_user`` how many of one
    user are tasks. ``accounts`` sign calls, and people connect them at ``public_url``; ``relays`` reaches
    other MCP servers, ``files`` keeps what calls take and give; ``halted`` says why somebody's calls are stopped. The
    coroutines raise only ``ProtocolError`` kinds and ``Refused``; cancelling one cancels the call.
    """

    def __init__(
        self,
        *,
        catalog: Callable[[], Catalog],
        send: Send,
        audit: Audit,
        ring: KeyRing,
        clock: Clock,
        settings: Settings | None = None,
        measures: Measures | None = None,
        new_key: Callable[[], str] | None = None,
        store: Store | None = None,
        deadline: float = DEADLINE,
        admission: Admission | None = None,
        accounts: Accounts | None = None,
        public_url: str | None = None,
        tasks_per_user: int = MOST,
        relays: ServerRelays | None = None,
        halted: Callable[[str], str | None] = lambda user_id: None,
        files: CallFiles | None = None,
    ) -> None:
        self._catalog = catalog
        self._halted = halted
        self._records = Records(audit, clock, measures)
        self._clock = clock
        self.listeners = Listeners(self._may_hear)
        self._echo = Echo(self.listeners, store.changes if store else None)
        self._asks = Asks(ring.box("request-state"), clock)
        extra: dict[str, Any] = {} if new_key is None else {"new_key": new_key}
        if files is not None:
            extra["file_bytes"] = files.files.limits.file
        self._runs = Runs(
            send=send,
            cursors=ring.box("cursor"),
            clock=clock,
            settings=settings or {},
            announce=self._echo.announce,
            admission=admission,
            relays=relays,
            **extra,
        )
        self.links = Links(ring.box("connect link"), clock, public_url) if public_url is not None else None
        self._doors = Doors(accounts, self.links, clock, send)
        self._files = files
        broker = accounts if isinstance(accounts, Broker) else None
        self._own = own_tools(catalog, broker, self.links, files, clock)
        self._offers = Offers([entry.listing for entry in self._own.values()])
        self._completions = Completions(self._runs, self._doors, self.values)
        self._deadline = deadline
        self._alarms = Alarms()
        self.tasks = (
            Tasks(store, ring, clock, self.listeners, permits=self._may_fetch, most=tasks_per_user) if store else None
        )

    def catalog_changed(self, old: Catalog, new: Catalog) -> None:
        """Drop what was kept of the old catalog and tell listeners which lists changed."""
        self._runs.forget()
        self._doors.forget()
        for kind in self._offers.differing(old, new):
            self.listeners.changed(kind)

    def _may_hear(self, caller: Caller, uri: str) -> bool:
        """Whether the caller may hear that this resource changed."""
        catalog = self._catalog()
        found = (catalog.resources[uri],) if uri in catalog.resources else catalog.template_for(uri)
        return allowed(caller, "read", found[0].connector.name if found is not None else None)

    def _authorize(self, caller: Caller, effect: Effect, name: str, connector: str, tool: str | None = None) -> None:
        authorize(caller, effect, name, connector, tool, halt=self._halted(caller.user_id))

    def _may_fetch(self, caller: Caller, tool: str, effect: Effect) -> bool:
        """Whether the caller may look after a task of this tool."""
        entry = self._catalog().tools.get(tool) or self._own.get(tool)
        return allowed(caller, effect, entry.connector.name if entry is not None else None, tool)

    # -- lists -----------------------------------------------------------------------------------------------

    def list_tools(self, caller: Caller) -> list[dict[str, Any]]:
        """The tools this caller may use, as ``tools/list`` shows them; the same list until something changes."""
        return self._offers.tools(self._catalog(), caller)

    def list_resources(self, caller: Caller) -> list[dict[str, Any]]:
        """The resources, as ``resources/list`` shows them."""
        return self._offers.resources(self._catalog(), caller)

    def list_templates(self, caller: Caller) -> list[dict[str, Any]]:
        """The resource templates, as ``resources/templates/list`` shows them."""
        return self._offers.templates(self._catalog(), caller)

    def list_prompts(self, caller: Caller) -> list[dict[str, Any]]:
        """The prompts, as ``prompts/list`` shows them."""
        return self._offers.prompts(self._catalog(), caller)

    def instructions(self, caller: Caller) -> str:
        """What a client is told about the hub as a whole; at most 2,000 characters, which is what clients keep."""
        return self._offers.instructions(self._catalog(), caller)

    # -- tools -----------------------------------------------------------------------------------------------

    async def call_tool(
        self, caller: Caller, name: str, arguments: Mapping[str, Any], talk: Talk, resume: Resume | None = None
    ) -> dict[str, Any]:
        """Call a tool: a ``CallToolResult``, or an input-required result where the tool asked.

        Where the client can fetch results later, a call that takes long is answered with the task it has become.
        Raises ``UnknownName``, ``Refused``, ``StateRejected`` and ``CapabilityMissing``; every other failure is a
        result with ``isError``.
        """
        entry = self._catalog().tools.get(name) or self._own.get(name)
        if entry is None:
            raise UnknownName(f"There is no tool {name!r} here; tools/list names those there are.")
        self._authorize(caller, entry.tool.effect, entry.full_name, entry.connector.name, entry.full_name)
        answers = self._asks.answers(caller, f"tools/call {entry.full_name}", arguments, resume)
        if self.tasks is None or not self.tasks.declared(talk.capabilities):
            return await self._carried_out(caller, entry, arguments, answers, talk, self._deadline)
        subject = Subject(caller, entry.full_name, entry.tool.effect, arguments)
        try:
            return await self.tasks.conduct(
                subject, talk, self._deadline, partial(self._carried_out, caller, entry, arguments, answers)
            )
        except TimeoutError as wrong:
            return failure(wrong, connector=entry.connector.name, tool=entry.full_name)[0]

    async def _carried_out(
        self,
        caller: Caller,
        entry: Entry,
        arguments: Mapping[str, Any],
        answers: Mapping[str, Any],
        talk: Talk,
        seconds: float,
    ) -> dict[str, Any]:
        """Check, write down, run and answer one call, within ``seconds``; raises ``ProtocolError`` kinds only."""
        begun = self._clock.monotonic()
        intent: str | None = None
        outcome = "internal"
        account: Account | None = None
        try:
            checked = tool_arguments(entry.tool, arguments)
            if entry.tool.effect != "read":
                intent = await self._records.intent(caller, entry, arguments)
            with self._alarms.within(seconds):
                if entry.connector.provider is not None:
                    account = self._doors.known(entry, caller, checked.get("account"), begun)
                    account = account or await self._account(caller, entry, checked, answers)
                value = await self._value(caller, entry, checked, talk, answers, account)
            answer = await answered(self._files, caller, entry, value)
            if account is not None:
                results.sign(answer, account.settled)
            outcome = "ok"
        except ConnectionNeeded as wrong:
            outcome = "connection_needed"
            answer = self._led(caller, entry, arguments, answers, talk, wrong, account)
        except AskPending as pending:
            outcome = "asked"
            known = carried(answers, pending)
            answer = self._asks.required(caller, f"tools/call {entry.full_name}", arguments, known, pending.asks)
        except asyncio.CancelledError:
            outcome = "cancelled"
            raise
        except ProtocolError:
            outcome = "protocol_error"
            raise
        except Exception as wrong:  # noqa: BLE001 - the edge around a connector's code
            if account is not None:
                account.came_to(wrong)
            answer, outcome = failure(wrong, connector=entry.connector.name, tool=entry.full_name)
        finally:
            used = account.settled.id if account is not None else None
            self._records.ended(caller, entry, arguments, intent, outcome, self._clock.monotonic() - begun, used)
        return answer

    async def values(self, caller: Caller, connector: str, tool: str) -> Any:
        """What a read tool of a connector returns without arguments (lookups). Raises as the tool does."""
        for entry in self._catalog().tools.values():
            if entry.connector.name == connector and entry.name == tool:
                if not allowed(caller, entry.effect, connector, entry.full_name):
                    return []
                async with asyncio.timeout(self._deadline):
                    account = await self._account(caller, entry, {}, {})
                    return await self._value(caller, entry, {}, Silence(), {}, account)
        return []

    async def _account(
        self, caller: Caller, entry: Entry, arguments: Mapping[str, Any], answers: Mapping[str, Any]
    ) -> Account | None:
        """The account a call is made with; None where its connector needs none. Raises as ``Doors.account``."""
        named = arguments.get("account")
        return await self._doors.account(
            self._catalog(), entry.connector, caller, named=named, entry=entry, answers=answers
        )

    def _value(
        self,
        caller: Caller,
        entry: Entry,
        arguments: Mapping[str, Any],
        talk: Talk,
        answers: Mapping[str, Any],
        account: Account | None,
    ) -> Awaitable[Any]:
        """What the tool returns."""
        tool = entry.tool
        if account is not None and "account" in arguments:
            arguments = {name: value for name, value in arguments.items() if name != "account"}
        http = self._runs.http(
            entry.connector,
            caller,
            purpose=f"tool {entry.full_name}",
            idempotent=tool.idempotent,
            timeout=tool.timeout,
            account=account,
        )
        plain = self._files is None or not self._files.concern(entry)
        if plain and isinstance(tool.run, Declared):
            return self._runs.called(tool.run, http, caller, arguments)
        context = self._runs.context(entry.connector, caller, talk, answers, http, account)
        if self._files is None or plain:
            return self._runs.value(tool.run, context, entry.connector, arguments)
        return self._given(self._files, caller, entry, arguments, context)

    async def _given(
        self, files: CallFiles, caller: Caller, entry: Entry, arguments: Mapping[str, Any], context: Context
    ) -> Any:
        async with files.given(caller, entry, arguments) as given:
            return await self._runs.value(entry.tool.run, context, entry.connector, given)

    def _led(
        self,
        caller: Caller,
        entry: Entry,
        arguments: Mapping[str, Any],
        answers: Mapping[str, Any],
        talk: Talk,
        wrong: ConnectionNeeded,
        account: Account | None,
    ) -> dict[str, Any]:
        """How the person is led to the page where an account is connected. Raises ``ConnectionPage``."""
        connector = entry.connector
        try:
            asked = self._doors.asked(wrong, caller, connector, talk, answers, tool=entry.tool, account=account)
        except ConnectionNeeded as told:
            return failure(told, connector=connector.name, tool=entry.full_name)[0]
        known = self._doors.forgotten(answers, connector.name)
        return self._asks.required(caller, f"tools/call {entry.full_name}", arguments, known, asked)

    # -- resources, prompts, completions ---------------------------------------------------------------------

    async def read_resource(self, caller: Caller, uri: str, talk: Talk, resume: Resume | None = None) -> dict[str, Any]:
        """Read a resource: ``{"contents": [...]}``. Raises ``ResourceMissing``, ``ReadFailed`` and ``Refused``."""
        if self._files is not None and uri.startswith(URI):
            return await self._files.contents(caller, uri)
        catalog = self._catalog()
        found = catalog.template_for(uri) if uri not in catalog.resources else (catalog.resources[uri], {})
        if found is None:
            raise ResourceMissing(uri)
        entry, variables = found
        self._authorize(caller, "read", uri, entry.connector.name)

        async def read(answers: Mapping[str, Any]) -> dict[str, Any]:
            account = await self._doors.account(catalog, entry.connector, caller)
            http = self._runs.http(entry.connector, caller, purpose=f"resource {uri}", account=account)
            context = self._runs.context(entry.connector, caller, talk, answers, http, account)
            foreign = isinstance(entry.resource.run, Relay)
            given = {"uri": uri} if foreign else variables
            value = await self._runs.value(entry.resource.run, context, entry.connector, given)
            if isinstance(value, Relayed):
                return await passed(self._files, caller, value, entry.connector)
            contents = results.contents(uri, entry.resource.mime_type, value)
            return {"resultType": "complete", "contents": contents}

        try:
            return await self._asking(caller, f"resources/read {uri}", {}, resume, read, entry.connector.name)
        except NotFoundError:
            raise ResourceMissing(uri) from None

    async def get_prompt(
        self, caller: Caller, name: str, arguments: Mapping[str, Any], talk: Talk, resume: Resume | None = None
    ) -> dict[str, Any]:
        """Make a prompt: ``{"description", "messages"}``. Raises ``UnknownName``, ``ReadFailed``, ``Refused``, and
        ``ProtocolError`` for missing arguments."""
        entry = self._catalog().prompts.get(name)
        if entry is None:
            raise UnknownName(f"There is no prompt {name!r} here; prompts/list names those there are.")
        self._authorize(caller, "read", name, entry.connector.name)
        given = prompt_arguments(entry, arguments)

        async def make(answers: Mapping[str, Any]) -> dict[str, Any]:
            prompt = entry.prompt
            if isinstance(prompt.run, str):
                value: Any = fill_text(prompt.run, given)
            else:
                account = await self._doors.account(self._catalog(), entry.connector, caller)
                http = self._runs.http(entry.connector, caller, purpose=f"prompt {name}", account=account)
                context = self._runs.context(entry.connector, caller, talk, answers, http, account)
                value = await self._runs.value(prompt.run, context, entry.connector, given)
                if isinstance(value, Relayed):
                    return await passed(self._files, caller, value, entry.connector)
            return {"resultType": "complete", "description": prompt.description, "messages": results.messages(value)}

        return await self._asking(caller, f"prompts/get {name}", given, resume, make, entry.connector.name)

    async def _asking(
        self,
        caller: Caller,
        call: str,
        arguments: Mapping[str, Any],
        resume: Resume | None,
        make: Callable[[Mapping[str, Any]], Awaitable[dict[str, Any]]],
        connector: str,
    ) -> dict[str, Any]:
        answers = self._asks.answers(caller, call, arguments, resume)
        try:
            async with asyncio.timeout(self._deadline):
                return await make(answers)
        except AskPending as pending:
            return self._asks.required(caller, call, arguments, carried(answers, pending), pending.asks)
        except (ProtocolError, NotFoundError, asyncio.CancelledError):
            raise
        except Exception as wrong:
            answer, _ = failure(wrong, connector=connector, tool=call)
            told = answer["_meta"]["hub/error"]
            raise ReadFailed(answer["content"][0]["text"], data=retry(told)) from wrong

    async def complete(
        self, caller: Caller, ref: Mapping[str, Any], argument: Mapping[str, Any], context: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Complete an argument of a prompt or resource template: ``{"completion": {"values", ...}}``.

        Raises ``UnknownName``, ``ResourceMissing`` and ``ProtocolError`` for a reference to nothing.
        """
        return await self._completions.complete(self._catalog(), caller, ref, argument, context)
