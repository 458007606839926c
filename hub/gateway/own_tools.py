"""The hub's own tools: about accounts (which are connected, and the page where one is connected), and about files.

Those about accounts are listed where some connector needs one, those about files where they have a use. They never take
or give a secret: those go through the hub's pages only.
"""

from collections.abc import Callable
from typing import Any

from hub.broker import Broker
from hub.clock import Clock
from hub.errors import ToolError
from hub.gateway.account_list import AccountList
from hub.gateway.accounts import Invited, Links
from hub.gateway.file_tools import add_file_tools
from hub.gateway.files import CallFiles
from hub.gateway.own_context import OwnContext
from hub.registry import Catalog, Entry
from hub.registry.entries import offer_of
from hub.sdk.assembly import python_tool
from hub.sdk.connector import Connector
from hub.sdk.shape import Naming
from hub.sdk.tool import CompiledConnector

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
    accounts = AccountList(broker, links)

    @own.tool(effect="read", title="List connected accounts")
    async def list_connections(ctx: OwnContext) -> list[dict[str, Any]]:
        """List the accounts the user has connected, per app, with their labels and how they fare.

        health is ok, needs_sign_in, needs_consent, missing_scope, rate_limited or provider_down (both until a time),
        needs_operator, or not_connected where an app has none (hub_connect gives the page to connect one). why says
        what is wrong, next what to do about it, link where. shared_by names who shares an account with the user.
        """
        return await accounts.of(catalog(), ctx.caller, clock.now())

    @own.tool(effect="read", title="Connect an account")
    async def connect(ctx: OwnContext, app: str) -> dict[str, str]:
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
        return {"app": found.name, "link": links.to(Invited.by(ctx.caller), found.name)}


def _title(compiled: CompiledConnector | None) -> str:
    return compiled.title.lower() if compiled is not None else ""
