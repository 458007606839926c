"""``hub panic``: all calls stopped until that is lifted, all accounts ended at the vendors, and a report of both.

Stopping comes first and by itself: it holds in every running hub within a second, whatever the vendors do.
"""

from typing import Annotated

import orjson
import typer

from hub.cli.ended import ended_accounts, report, told
from hub.cli.options import ConfigFile, run, settings
from hub.cli.storage import known_user, stored
from hub.config import Config
from hub.store import User


def panic(
    user: Annotated[str | None, typer.Option("--user", metavar="NAME", help="Only this person, not everyone.")] = None,
    lift: Annotated[
        bool, typer.Option("--lift", help="Let the calls go on again; what was ended stays ended.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    config: ConfigFile = None,
) -> None:
    """Stop all calls at once, everyone's or one person's, and end their accounts at the vendors.

    Calls stay stopped until the same with --lift; accounts must be connected again. Prints what was ended and what not.
    """
    chosen = settings(config)
    if lift:
        typer.echo(run(_lifted(chosen, user)))
        return
    people = run(_stopped(chosen, user))
    whose = "Everyone's calls" if user is None else f"The calls of {user}"
    again = "hub panic --lift" if user is None else f"hub panic --user {user} --lift"
    typer.echo(f"{whose} are stopped, in every hub on this database. They go on after: {again}", err=as_json)
    ended = run(ended_accounts(chosen, people, "panic"))
    if as_json:
        typer.echo(orjson.dumps([told(one, people) for one in ended], option=orjson.OPT_INDENT_2).decode())
        return
    typer.echo(report(ended, people))


async def _stopped(config: Config, name: str | None) -> dict[str, User]:
    """Stop the calls; those concerned, by id."""
    async with stored(config) as store:
        user = await known_user(store, name) if name is not None else None
        await store.halts.begin(user.id if user is not None else None)
        people = await store.users.list() if user is None else [user]
        return {one.id: one for one in people}


async def _lifted(config: Config, name: str | None) -> str:
    async with stored(config) as store:
        user = await known_user(store, name) if name is not None else None
        done = await store.halts.lift(user.id if user is not None else None)
        others = [one.user_id for one in await store.halts.list()]
        names = {one.id: one.name for one in await store.users.list()}
    whose = "Everyone's calls" if user is None else f"The calls of {user.name}"
    text = f"{whose} go on." if done else f"{whose} were not stopped."
    left = ["everyone" if id is None else names.get(id, id) for id in others]
    return text + (f" Still stopped: {', '.join(left)}." if left else "")
