"""``hub client``: which addresses OAuth clients may have people sent back to. Not the clients of the configuration."""

from typing import Annotated, Any

import orjson
import typer

from hub.cli.options import ConfigFile, run, settings, table
from hub.cli.storage import stored
from hub.identity.oauth.hosts import RedirectHosts
from hub.store.oauth import RedirectHost

app = typer.Typer(
    help="Addresses that OAuth clients may have people sent back to.", no_args_is_help=True, rich_markup_mode=None
)

Host = Annotated[str, typer.Argument(metavar="HOST", help="The host, as the page and hub client list show it.")]


@app.command("list")
def list_clients(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    config: ConfigFile = None,
) -> None:
    """List the addresses: those of the configuration, those allowed or denied, and those that wait for a yes."""
    chosen = settings(config)

    async def work() -> list[RedirectHost]:
        async with stored(chosen) as store:
            return await RedirectHosts(store, chosen.clients.allow).all()

    hosts = run(work())
    if as_json:
        told = [{"host": host, "state": "listed"} for host in chosen.clients.allow]
        typer.echo(orjson.dumps([*told, *map(_told, hosts)], option=orjson.OPT_INDENT_2).decode())
        return
    rows = [(host, "listed", "by clients.allow", "") for host in chosen.clients.allow]
    typer.echo(table(rows + [_row(one) for one in hosts]))


@app.command("allow")
def allow(host: Host, config: ConfigFile = None) -> None:
    """Let clients have people sent back to this host; they begin again in their app."""
    chosen = settings(config)

    async def work() -> str:
        async with stored(chosen) as store:
            return await RedirectHosts(store, chosen.clients.allow).allow(host)

    typer.echo(f"Clients may have people sent back to {run(work())}.")


@app.command("deny")
def deny(host: Host, config: ConfigFile = None) -> None:
    """Refuse this host, and end what people have let in there, within a second."""
    chosen = settings(config)

    async def work() -> tuple[str, int]:
        async with stored(chosen) as store:
            return await RedirectHosts(store, chosen.clients.allow).deny(host)

    name, ended = run(work())
    typer.echo(f"Clients may not have people sent back to {name}. Ended grants: {ended}.")


def _row(one: RedirectHost) -> tuple[str, ...]:
    asked = f"asked by {one.asked_by} for {one.client_name}" if one.asked_by else "never asked for"
    return one.host, one.state, asked, f"since {one.decided_at or one.asked_at:%Y-%m-%d}"


def _told(one: RedirectHost) -> dict[str, Any]:
    return {
        "host": one.host,
        "state": one.state,
        "client_name": one.client_name,
        "asked_by": one.asked_by,
        "asked_at": one.asked_at,
        "decided_at": one.decided_at,
    }
