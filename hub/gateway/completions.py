"""Completion of arguments: by the connector's own function, or by the read tool a ``lookup`` names.

Only what begins with (or else contains) what was typed is returned, at most 100 values (specification,
server/utilities/completion).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from hub.errors import HubError, ProtocolError, ResourceMissing, UnknownName
from hub.gateway.accounts import Doors
from hub.gateway.authorize import authorize
from hub.gateway.runs import Runs
from hub.identity import Caller
from hub.observe import log
from hub.registry import Catalog
from hub.sdk.content import Page
from hub.sdk.talk import Silence
from hub.sdk.tool import CompiledConnector, Prompt, Resource

VALUES_MAX = 100
DEADLINE = 10.0
"""Seconds a completion may take: somebody is typing."""

_log = log(__name__)

Values = Callable[[Caller, str, str], Awaitable[Any]]


class Completions:
    """Completes arguments of prompts and resource templates. A completer that fails completes nothing."""

    def __init__(self, runs: Runs, doors: Doors, values: Values) -> None:
        self._runs = runs
        self._doors = doors
        self._values = values

    async def complete(
        self,
        catalog: Catalog,
        caller: Caller,
        ref: Mapping[str, Any],
        argument: Mapping[str, Any],
        context: Mapping[str, Any],
    ) -> dict[str, Any]:
        """``{"completion": {"values", "total", "hasMore"}}`` for ``argument`` (``name``, ``value``) of ``ref``.

        Raises ``UnknownName``, ``ResourceMissing`` or ``ProtocolError`` when ``ref`` or the argument names nothing,
        ``Refused`` where the caller may not read there.
        """
        connector, subject = _subject(catalog, ref)
        authorize(caller, "read", f"completion for {connector.name}", connector.name)
        name, typed = argument.get("name"), argument.get("value")
        if not isinstance(name, str) or not isinstance(typed, str):
            raise ProtocolError("argument needs a name and a value, both text.")
        known = subject.variables if isinstance(subject, Resource) else [one.name for one in subject.arguments]
        if name not in known:
            raise ProtocolError(f"There is no argument {name!r} to complete.")
        others = context.get("arguments")
        given = {str(key): str(value) for key, value in others.items()} if isinstance(others, Mapping) else {}
        try:
            async with asyncio.timeout(DEADLINE):
                values = await self._found(catalog, connector, subject, caller, name, typed, given)
        except (HubError, TimeoutError) as wrong:
            _log.info("completion failed", connector=connector.name, argument=name, reason=str(wrong))
            values = []
        except Exception as wrong:  # noqa: BLE001 - a connector's function: whatever it raises, nothing is completed
            _log.error("completion failed", connector=connector.name, argument=name, exc_info=wrong)
            values = []
        shown = values[:VALUES_MAX]
        return {
            "resultType": "complete",
            "completion": {"values": shown, "total": len(values), "hasMore": len(values) > len(shown)},
        }

    async def _found(
        self,
        catalog: Catalog,
        connector: CompiledConnector,
        subject: Prompt | Resource,
        caller: Caller,
        name: str,
        typed: str,
        given: Mapping[str, str],
    ) -> list[str]:
        completer = subject.completions.get(name)
        if completer is not None:
            account = await self._doors.account(catalog, connector, caller)
            http = self._runs.http(connector, caller, purpose=f"completion {connector.name} {name}", account=account)
            run = self._runs.context(connector, caller, Silence(), {}, http, account)
            async with self._runs.admitted(caller.user_id):
                return [str(value) for value in await completer(run, typed, given)]
        if name not in subject.lookups:
            return []
        return _matching(await self._values(caller, connector.name, subject.lookups[name]), typed)


def _matching(value: Any, typed: str) -> list[str]:
    """The ids of looked-up items whose id or name begins with what was typed; failing that, contains it."""
    items = value.items if isinstance(value, Page) else value
    pairs: list[tuple[str, str]] = []
    for item in items if isinstance(items, list) else []:
        if isinstance(item, Mapping) and "id" in item:
            pairs.append((str(item["id"]), str(item.get("name", ""))))
        elif isinstance(item, str):
            pairs.append((item, ""))
    wanted = typed.casefold()
    for fits in (str.startswith, str.__contains__):
        found = [id for id, name in pairs if fits(id.casefold(), wanted) or fits(name.casefold(), wanted)]
        if found:
            return found
    return []


def _subject(catalog: Catalog, ref: Mapping[str, Any]) -> tuple[CompiledConnector, Prompt | Resource]:
    kind = ref.get("type")
    if kind == "ref/prompt":
        entry = catalog.prompts.get(str(ref.get("name")))
        if entry is None:
            raise UnknownName(f"There is no prompt {ref.get('name')!r} here.")
        return entry.connector, entry.prompt
    if kind == "ref/resource":
        uri = str(ref.get("uri"))
        found = catalog.templates.get(uri) or catalog.resources.get(uri)
        if found is None:
            raise ResourceMissing(uri)
        return found.connector, found.resource
    raise ProtocolError("ref needs a type: ref/prompt or ref/resource.")
