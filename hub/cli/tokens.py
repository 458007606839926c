"""``hub token``: access tokens of users, for clients that take one. Not those that OAuth clients fetch themselves."""

from datetime import datetime, timedelta
from typing import Annotated, Any

import orjson
import typer

from hub.cli.options import ConfigFile, run, settings, table
from hub.cli.storage import known_user, stored
from hub.clock import SystemClock
from hub.errors import HubError
from hub.sdk.tool import EFFECTS, Effect
from hub.store import Token, User

app = typer.Typer(help="Access tokens of users.", no_args_is_help=True, rich_markup_mode=None)


@app.command("create")
def create(
    user: Annotated[str, typer.Option(metavar="NAME", help="Whose token it is.")],
    name: Annotated[str, typer.Option(metavar="LABEL", help="What it is for, for the list.")] = "command line",
    read_only: Annotated[bool, typer.Option("--read-only", help="It may only read.")] = False,
    effects: Annotated[
        str | None,
        typer.Option(metavar="A,B", help=f"It may only do this: {', '.join(EFFECTS)}.", show_default=False),
    ] = None,
    expires_days: Annotated[
        int | None, typer.Option(metavar="N", min=1, max=36_500, help="It ends after N days.", show_default=False)
    ] = None,
    profile: Annotated[
        str | None, typer.Option(metavar="PROFILE", help="It reaches only what this profile has.", show_default=False)
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Make a token and print it, and nothing else; it cannot be shown again."""
    allowed = _effects(read_only, effects)
    chosen = settings(config)
    if profile is not None and profile not in chosen.profiles:
        known = ", ".join(chosen.profiles) or "none yet; declare them under profiles in the configuration"
        raise HubError(f"There is no profile {profile!r}. There are: {known}.")

    async def work() -> str:
        async with stored(chosen) as store:
            owner = await known_user(store, user)
            if not owner.enabled:
                raise HubError(f"{owner.name} is disabled. Enable them first: hub user enable {owner.name}")
            ends = None if expires_days is None else SystemClock().now() + timedelta(days=expires_days)
            _, secret = await store.tokens.create(owner.id, name, allowed, ends, profile)
            return secret

    typer.echo(run(work()))


def _effects(read_only: bool, effects: str | None) -> frozenset[Effect]:
    if read_only and effects is not None:
        raise typer.BadParameter("give --read-only or --effects, not both.", param_hint="--effects")
    if read_only:
        return frozenset({"read"})
    if effects is None:
        return frozenset(EFFECTS)
    words = {word.strip() for word in effects.split(",") if word.strip()}
    unknown = sorted(words - set(EFFECTS))
    if unknown or not words:
        told = f"{', '.join(unknown)} is unknown" if unknown else "none is given"
        raise typer.BadParameter(f"{told}; known are {', '.join(EFFECTS)}.", param_hint="--effects")
    return frozenset(effect for effect in EFFECTS if effect in words)


@app.command("list")
def list_tokens(
    user: Annotated[str | None, typer.Option(metavar="NAME", help="Only this user's.", show_default=False)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    config: ConfigFile = None,
) -> None:
    """List tokens, without their secrets."""

    async def work() -> list[tuple[User, Token]]:
        async with stored(settings(config)) as store:
            owners = await store.users.list() if user is None else [await known_user(store, user)]
            return [(owner, token) for owner in owners for token in await store.tokens.list(owner.id)]

    found = run(work())
    now = SystemClock().now()
    if as_json:
        told = [_told(owner, token, now) for owner, token in found]
        typer.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2).decode())
    elif not found:
        typer.echo("There are no tokens. Make one: hub token create --user NAME")
    else:
        typer.echo(table([_row(owner, token, now) for owner, token in found]))


@app.command("revoke")
def revoke(
    id: Annotated[str, typer.Argument(metavar="ID", help="The token's id, as hub token list shows it.")],
    config: ConfigFile = None,
) -> None:
    """End a token for good, within a second, also in a running hub."""

    async def work() -> None:
        async with stored(settings(config)) as store:
            if await store.tokens.revoke(id):
                return
            for owner in await store.users.list():
                if any(token.id == id for token in await store.tokens.list(owner.id)):
                    raise HubError(f"The token {id} was revoked already.")
            raise HubError(f"There is no token {id}. hub token list shows them; the id is the first column.")

    run(work())
    typer.echo(f"The token {id} is revoked.")


def _state(token: Token, now: datetime) -> str:
    if token.revoked_at is not None:
        return "revoked"
    return "expired" if token.expires_at is not None and token.expires_at <= now else "valid"


def _row(owner: User, token: Token, now: datetime) -> tuple[str, ...]:
    ends = "never ends" if token.expires_at is None else f"ends {token.expires_at:%Y-%m-%d}"
    used = "never used" if token.last_used_at is None else f"used {token.last_used_at:%Y-%m-%d}"
    allowed = ",".join(effect for effect in EFFECTS if effect in token.effects)
    if token.profile is not None:
        allowed = f"{token.profile}: {allowed}"
    return token.id, owner.name, token.name, allowed, _state(token, now), ends, used


def _told(owner: User, token: Token, now: datetime) -> dict[str, Any]:
    return {
        "id": token.id,
        "user": owner.name,
        "name": token.name,
        "effects": [effect for effect in EFFECTS if effect in token.effects],
        "profile": token.profile,
        "state": _state(token, now),
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "last_used_at": token.last_used_at,
        "revoked_at": token.revoked_at,
    }
