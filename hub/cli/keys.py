"""``hub key`` and ``hub recover``: the keys that seal what the hub keeps, and the way on where they are lost."""

from typing import Annotated

import typer

from hub.broker.keys import CHANGE, check_key, forget, reseal
from hub.cli.options import ConfigFile, run, settings
from hub.cli.storage import stored
from hub.errors import HubError
from hub.files.resealing import reseal as reseal_files
from hub.seal import KeyRing, key_id

app = typer.Typer(help="The keys that seal what the hub keeps.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_keys(config: ConfigFile = None) -> None:
    """List the keys of the key file, newest first, by what they are known by; never the keys themselves."""
    ring = KeyRing.open(settings(config).data_dir)
    for number, key in enumerate(ring.keys):
        typer.echo(f"{key_id(key).hex()}  {'seals and opens' if number == 0 else 'opens'}")


@app.command("rotate")
def rotate(config: ConfigFile = None) -> None:
    """Make a new key and seal everything with it; running hubs take it up at once, and nobody is interrupted.

    Accounts, credentials, second factors and the hour's files are sealed anew. The older keys stay in the key file, for
    what is on its way for a short time. Back the file up again.
    """
    chosen = settings(config)

    async def work() -> tuple[int, int]:
        async with stored(chosen) as store:
            ring = KeyRing.open(chosen.data_dir)
            await check_key(store, ring)
            ring.rotate()
            await store.changes.announce(CHANGE, "rotated")
            return await reseal(store, ring), await reseal_files(store, ring)

    typer.echo(f"A new key seals from now on. {_told(*run(work()))} Back up hub.key with the next backup.")
    typer.echo("The older keys still open what is on its way; a day from now: hub key retire")


@app.command("retire")
def retire(config: ConfigFile = None) -> None:
    """Take all but the newest key from the key file, a day or more after hub key rotate.

    What only they open is lost: unfinished sign-ins, cursors of Claude's, long-running calls, and links to download or
    hand in files. Accounts and files are not: what the older keys sealed of them is sealed anew first.
    """
    chosen = settings(config)

    async def work() -> tuple[int, int, int]:
        async with stored(chosen) as store:
            ring = KeyRing.open(chosen.data_dir)
            await check_key(store, ring)
            count, files = await reseal(store, ring), await reseal_files(store, ring)
            gone = ring.retire()
            await store.changes.announce(CHANGE, "retired")
            return count, files, gone

    count, files, gone = run(work())
    typer.echo(f"{_told(count, files)} Keys taken from the key file: {gone}.")
    if gone:
        typer.echo(
            "Links to files and sign-ins that began before hub key rotate end with them; files and accounts stay."
        )


def _told(count: int, files: int) -> str:
    return f"Sealed anew: {count} accounts, credentials and second factors, {files} files."


def recover(
    forget_secrets: Annotated[
        bool,
        typer.Option("--forget-secrets", help="Give up what only the lost key could open."),
    ] = False,
    config: ConfigFile = None,
) -> None:
    """Go on with a database whose key is lost for good. Stop the hub first, and look for a backup of hub.key before.

    People, their sign-ins, tokens and policy stay. Accounts at apps must be connected again, client credentials set
    again, and second factors set up again.
    """
    if not forget_secrets:
        raise HubError(
            "Nothing was done. Put hub.key back from a backup; only if there is none: hub recover --forget-secrets"
        )
    chosen = settings(config)

    async def work() -> dict[str, int]:
        async with stored(chosen) as store:
            return await forget(store, KeyRing.open(chosen.data_dir))

    told = ", ".join(f"{what}: {count}" for what, count in run(work()).items())
    typer.echo(f"Given up: {told}. Start the hub again.")
