"""The hub's own tools: about accounts (which are connected, and the page where one is connected), and about files.

Those about accounts are listed where some connector needs one, those about files where they have a use. They never take
or give a secret: those go through the hub's pages only.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from hub.broker import Broker
from hub.broker.renewal import alive, cooling
from hub.clock import Clock
from hub.errors import ToolError
from hub.gateway.accounts import Invited, Links
from hub.gateway.file_tools import add_file_tools
from hub.gateway.files import CallFiles
from hub.registry import Catalog, Entry
from hub.registry.entries import offer_of
from hub.sdk.assembly import python_tool
from hub.sdk.connector import Connector
from hub.sdk.context import Context
from hub.sdk.shape import Naming
from hub.sdk.tool import CompiledConnector
from hub.store.connections import Connection

NAME = "hub"
"""The connector these tools seem to be of; no other may bear the name."""


def own_tools(
    catalog: Callable[[], Catalog], broker: Broker | None, links: Links | None, files: CallFiles | None, clock: Clock
) -> dict[str, Entry]:
    """The hub's own tools, by full name: about accounts where there is a broker, about files where they are kept."""
    own = Connector(title="Hub", description="Accounts at apps, and files.")
    if files is not None:
        add_file_tools(own, files)
    if broker is not None and links is not None:
        _add_account_tools(own, catalog, broker, links, clock)
    naming = Naming(NAME)
    tools = {draft.name: python_tool(draft, naming) for draft in own.tools}
    compiled = CompiledConnector(NAME, "Hub", "Accounts at apps, and files.", "1.0.0", "hub", tools)
    return {entry.full_name: entry for entry in offer_of(compiled, prefix=True).tools}


def _add_account_tools(
    own: Connector, catalog: Callable[[], Catalog], broker: Broker, links: Links, clock: Clock
) -> None:
    @own.tool(effect="read", title="List connected accounts")
    async def list_connections(ctx: Context) -> list[dict[str, Any]]:
        """List the accounts the user has connected, per app, with their labels and whether they work.

        health is ok, needs_sign_in, needs_operator or unavailable; why says what is wrong. Apps that need an account
        and have none are listed with health not_connected; hub_connect gives the page to connect one. shared_by names
        who shares an account with the user.
        """
        return await _listed(catalog(), broker, ctx.user.id, clock.now())

    @own.tool(effect="read", title="Connect an account")
    async def connect(ctx: Context, app: str) -> dict[str, str]:
        """Get the page where the user connects an account of an app, or signs in to it again.

        Give the user the link; they connect the account there. Never ask them for a password or a key.

        app: The app's name, as hub_list_connections shows it.
        """
        wanted = app.strip().lower()
        known = {name: one for name, one in catalog().connectors.items() if one.provider is not None}
        found = known.get(wanted) or next((one for one in known.values() if _title(one.compiled) == wanted), None)
        if found is None:
            names = ", ".join(sorted(known)) or "none"
            raise ToolError(f"app: {app!r} is not an app here that needs an account. There are: {names}.")
        return {"app": found.name, "link": links.to(Invited(ctx.user.id), found.name)}


def _title(compiled: CompiledConnector | None) -> str:
    return compiled.title.lower() if compiled is not None else ""


async def _listed(catalog: Catalog, broker: Broker, user_id: str, now: datetime) -> list[dict[str, Any]]:
    mine, shared = await broker.connections(user_id), await broker.shared(user_id)
    rows: list[dict[str, Any]] = []
    for loaded in catalog.connectors.values():
        if loaded.provider is None:
            continue
        found = [one for one in mine if one.provider == loaded.provider.name]
        if not found:
            rows.append({"app": loaded.name, "health": "not_connected", "effort": loaded.provider.effort})
        for one in found:
            row: dict[str, Any] = {"app": loaded.name, "account": one.label, **health_of(one, now)}
            if len(found) > 1 and one.is_default:
                row["default_for_reading"] = True
            if one.id in shared:
                row["shared_by"] = shared[one.id].owner
                if shared[one.id].read_only:
                    row["reading_only"] = True
            rows.append(row)
    return rows


def health_of(kept: Connection, now: datetime) -> dict[str, Any]:
    """How an account fares, for people and models."""
    if kept.health != "ok":
        return {"health": kept.health, "why": kept.reason}
    wait = cooling(kept, now)
    if wait > 0 and not alive(kept, now):
        return {"health": "unavailable", "why": kept.reason, "retry_after_seconds": round(wait)}
    return {"health": "ok"}
