"""``hub connection``: everybody's accounts at apps as the operator sees them: shared, and ended; never used.

Connecting is people's own (their page is /account/connections).
"""

from typing import Annotated, Any

import orjson
import typer

from hub.broker.health import health_of
from hub.broker.sharing import Sharing
from hub.cli.ended import ended_account
from hub.cli.options import ConfigFile, run, settings, table
from hub.cli.storage import known_user, stored
from hub.clock import SystemClock
from hub.config import Config
from hub.errors import HubError

app = typer.Typer(help="People's accounts at apps.", no_args_is_help=True, rich_markup_mode=None)

Id = Annotated[str, typer.Argument(metavar="ID", help="The account's id, as hub connection list shows it.")]


@app.command("list")
def list_connections(
    user: Annotated[str | None, typer.Option("--user", metavar="NAME", help="Only this person's.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    config: ConfigFile = None,
) -> None:
    """List the accounts people have connected, how they fare, and whom they are shared with.

    How they fare is what the database knows: ok, needs_sign_in, needs_operator, or provider_down until a time. What a
    running hub knows besides (rate limits, scopes that tools lack) stands on its page /account/connections.
    """
    rows = run(_rows(settings(config), user))
    if as_json:
        typer.echo(orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode())
    elif not rows:
        typer.echo("No account is connected.")
    else:
        shown = [(row["id"], row["user"], row["provider"], row["account"], _fares(row), _shared(row)) for row in rows]
        typer.echo(table(shown))


async def _rows(config: Config, name: str | None) -> list[dict[str, Any]]:
    async with stored(config) as store:
        names = {one.id: one.name for one in await store.users.list()}
        only = (await known_user(store, name)).id if name is not None else None
        shares, now = await store.shares.all(), SystemClock().now()
        fares = {one.id: health_of(one, now) for one in await store.connections.all()}
        return [
            {
                "id": one.id,
                "user": names.get(one.user_id, one.user_id),
                "provider": one.provider,
                "account": one.label,
                "health": fares[one.id].state,
                "why": fares[one.id].why,
                "until": fares[one.id].until,
                "used_at": one.used_at,
                "shared": [
                    {
                        "with": None if share.user_id is None else names.get(share.user_id, share.user_id),
                        "read_only": share.read_only,
                    }
                    for share in shares
                    if share.connection_id == one.id
                ],
            }
            for one in await store.connections.all()
            if only in (None, one.user_id)
        ]


def _fares(row: dict[str, Any]) -> str:
    until = f" until {row['until']:%Y-%m-%d %H:%M} UTC" if row["until"] is not None else ""
    return f"{row['health']}{until}{': ' if row['why'] else ''}{row['why']}"


def _shared(row: dict[str, Any]) -> str:
    told = [f"{one['with'] or 'everyone'}{' (reading only)' if one['read_only'] else ''}" for one in row["shared"]]
    return f"shared with {', '.join(told)}" if told else ""


@app.command("share")
def share(
    id: Id,
    everyone: Annotated[bool, typer.Option("--everyone", help="With everyone of this hub.")] = False,
    users: Annotated[
        list[str] | None, typer.Option("--user", metavar="NAME", help="With this person. May be given several times.")
    ] = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="For reading only.")] = False,
    config: ConfigFile = None,
) -> None:
    """Let others use an account of an admin's own. Members' accounts are theirs alone and cannot be shared."""
    if everyone == bool(users):
        raise HubError("Say with whom: --everyone, or --user NAME.")

    async def work() -> None:
        async with stored(settings(config)) as store:
            await Sharing(store).share(id, None if everyone else users, read_only=read_only)

    run(work())
    whom = "everyone" if everyone else ", ".join(users or [])
    typer.echo(f"Shared with {whom}{', for reading only' if read_only else ''}.")


@app.command("unshare")
def unshare(id: Id, config: ConfigFile = None) -> None:
    """Share an account with nobody any more."""

    async def work() -> bool:
        async with stored(settings(config)) as store:
            return await Sharing(store).stop(id)

    typer.echo("It is its owner's alone." if run(work()) else "It was not shared.")


@app.command("revoke")
def revoke(id: Id, config: ConfigFile = None) -> None:
    """End somebody's account, at the vendor too where that can be done, and say what is left to do."""
    ended = run(ended_account(settings(config), id))
    typer.echo(f"{ended.label}: {ended.tell}")
