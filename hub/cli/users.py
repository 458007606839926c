"""``hub user``: the people of this hub. Not their sign-in, and not their tokens (``tokens.py``)."""

import sys
from datetime import timedelta
from typing import Annotated, Any

import orjson
import typer

from hub.cli.ended import ended_accounts, report
from hub.cli.options import ConfigFile, run, settings, table
from hub.cli.storage import known_user, stored
from hub.store import User

LINK_LIFE = timedelta(days=3)
"""How long a set-up link may wait to be used."""

app = typer.Typer(help="The people of this hub.", no_args_is_help=True, rich_markup_mode=None)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The user's name.")]


@app.command("add")
def add(
    name: Name,
    admin: Annotated[bool, typer.Option("--admin", help="They may also run the hub in the console.")] = False,
    config: ConfigFile = None,
) -> None:
    """Add a user, and print the link by which they set themselves up, once. No password is involved."""
    chosen = settings(config)

    async def work() -> tuple[User, str]:
        async with stored(chosen) as store:
            user = await store.users.add(name, "admin" if admin else "member")
            return user, await store.setup_links.create(user.id, LINK_LIFE)

    user, secret = run(work())
    _print_link(f"{user.name} was added.", user, f"{chosen.public_url}/setup/{secret}")


@app.command("reset")
def reset(name: Name, config: ConfigFile = None) -> None:
    """Print a new set-up link for a user who lost theirs. What they have keeps working."""
    chosen = settings(config)

    async def work() -> tuple[User, str]:
        async with stored(chosen) as store:
            user = await known_user(store, name)
            return user, await store.setup_links.create(user.id, LINK_LIFE)

    user, secret = run(work())
    _print_link(f"A new link for {user.name}.", user, f"{chosen.public_url}/setup/{secret}")


def _print_link(told: str, user: User, link: str) -> None:
    """The bare link where a program reads it, with words around it for a person."""
    if not sys.stdout.isatty():
        typer.echo(link)
        return
    typer.echo(f"{told} Give them this link; it works once, within {LINK_LIFE.days} days:\n")
    typer.echo(f"    {link}\n")
    typer.echo(f"For a token without the link: hub token create --user {user.name}")


@app.command("list")
def list_users(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    config: ConfigFile = None,
) -> None:
    """List the users."""

    async def work() -> list[User]:
        async with stored(settings(config)) as store:
            return await store.users.list()

    users = run(work())
    if as_json:
        typer.echo(orjson.dumps([_told(user) for user in users], option=orjson.OPT_INDENT_2).decode())
    elif not users:
        typer.echo("There are no users yet. Add one: hub user add NAME")
    else:
        rows = [(user.name, user.role, _state(user), f"since {user.created_at:%Y-%m-%d}") for user in users]
        typer.echo(table(rows))


@app.command("disable")
def disable(name: Name, config: ConfigFile = None) -> None:
    """Shut a user out, with all their tokens, within a second; their accounts at apps are ended at the vendors too."""
    chosen = settings(config)

    async def work() -> tuple[bool, User, int]:
        async with stored(chosen) as store:
            user = await known_user(store, name)
            done = await store.users.disable(user.id)
            return done, user, len(await store.connections.list(user.id))

    done, user, accounts = run(work())
    typer.echo(f"{name} is shut out." if done else f"{name} was shut out already.")
    if accounts:
        people = {user.id: user}
        typer.echo(report(run(ended_accounts(chosen, people, "disabled")), people))


@app.command("enable")
def enable(name: Name, config: ConfigFile = None) -> None:
    """Let a user in again."""

    async def work() -> bool:
        async with stored(settings(config)) as store:
            return await store.users.enable((await known_user(store, name)).id)

    typer.echo(f"{name} may use the hub again." if run(work()) else f"{name} was not shut out.")


def _state(user: User) -> str:
    return "enabled" if user.enabled else "disabled"


def _told(user: User) -> dict[str, Any]:
    return {"name": user.name, "role": user.role, "state": _state(user), "created_at": user.created_at}
