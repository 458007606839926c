"""``hub provider``: the operator's client credentials at providers, and how each provider is connected.

Not people's accounts (their page is /account/connections), and not the credentials of the configuration, which win.
"""

import sys
from contextlib import AsyncExitStack
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from hub.app import Hub
from hub.cli.options import ConfigFile, run, settings, table
from hub.clock import SystemClock
from hub.config import Config
from hub.errors import HubError
from hub.sdk.provider import GrantMethod, McpOAuthMethod, OAuthMethod, Provider

app = typer.Typer(help="Providers, and the hub's registration at them.", no_args_is_help=True, rich_markup_mode=None)

Name = Annotated[str, typer.Argument(metavar="PROVIDER", help="The provider, as hub provider list shows it.")]


@app.command("list")
def list_providers(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    config: ConfigFile = None,
) -> None:
    """List the providers: what it takes to connect an account, whether the hub is registered there, how many use it."""
    rows = run(_rows(settings(config)))
    if as_json:
        typer.echo(orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode())
    elif not rows:
        typer.echo("No connector needs an account.")
    else:
        typer.echo(
            table(
                [
                    (
                        row["name"],
                        row["effort"] or "cannot be loaded",
                        row["registered"] or "not registered",
                        f"accounts: {row['accounts']}",
                        row["reason"] or row["reminder"] or "",
                    )
                    for row in rows
                ]
            )
        )


async def _rows(config: Config) -> list[dict[str, Any]]:
    async with AsyncExitStack() as stack:
        hub = await Hub.start(config)
        stack.push_async_callback(hub.close)
        catalog = hub.registry.catalog
        rows = []
        for name in sorted({*catalog.states, *catalog.providers}):
            provider, state = catalog.providers.get(name), catalog.states.get(name)
            client = await hub.brokerage.clients.find(name)
            reminder = await hub.brokerage.reminders.of(name)
            known = None
            if client is not None and (client.client_id or client.fields):
                known = "in the configuration" if client.configured else "registered"
            rows.append(
                {
                    "name": name,
                    "title": provider.title if provider is not None else None,
                    "effort": provider.effort if provider is not None else None,
                    "registered": known,
                    "secret_expires": client.secret_expires if client is not None else None,
                    "reminder": reminder.tell if reminder is not None else None,
                    "redirect_uri": hub.brokerage.clients.redirect_uri(name),
                    "accounts": len(await hub.store.connections.of_provider(name)),
                    "reason": state.reason if state is not None else None,
                }
            )
        return rows


@app.command("show")
def show(name: Name, config: ConfigFile = None) -> None:
    """Print how the hub is registered at a provider, step by step."""

    async def work() -> list[str]:
        async with AsyncExitStack() as stack:
            hub = await Hub.start(settings(config))
            stack.push_async_callback(hub.close)
            provider = _known(hub, name)
            lines = [f"{provider.title}: {provider.effort}"]
            for method in provider.methods.values():
                if isinstance(method, McpOAuthMethod) and method.app is None:
                    lines.append(f"{method.title or 'Sign-in at the server'}: nothing to register; {_by_itself(hub)}")
                    lines.append(f"For a client id of your own, the redirect address: {_uri(hub, name)}")
                elif isinstance(method, GrantMethod | McpOAuthMethod) and method.app is not None:
                    lines.append(f"Open {method.app.register_at}")
                    steps = hub.brokerage.clients.steps(provider, method)
                    lines += [f"{number}. {step}" for number, step in enumerate(steps, 1)]
                    if isinstance(method, OAuthMethod | McpOAuthMethod):
                        lines.append(f"The redirect address: {_uri(hub, name)}")
                    lines.append(f"Then: hub provider set {name} --client-id ID")
                    turns = hub.brokerage.clients.turns(provider, method) if isinstance(method, GrantMethod) else []
                    lines += [f"Where {provider.title} says {when}: {tell}" for when, tell in turns]
                else:
                    lines.append(f"{method.title or method.kind}: nothing to register; people paste it on their page.")
            return lines

    typer.echo("\n".join(run(work())))


@app.command("set")
def set_provider(
    name: Name,
    client_id: Annotated[str, typer.Option("--client-id", metavar="ID", help="The client id.")],
    secret_file: Annotated[
        Path | None,
        typer.Option(
            "--secret-file", metavar="FILE", help="The client secret's file. Default: asked for, or read from stdin."
        ),
    ] = None,
    no_secret: Annotated[bool, typer.Option("--no-secret", help="A public client, which has none.")] = False,
    secret_expires: Annotated[
        str | None, typer.Option("--secret-expires", metavar="DATE", help="The day the secret ends, 2027-01-31.")
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Keep the client id and secret the hub is registered with at a provider, sealed; connected accounts stay.

    They are tried at once: what the provider refuses is kept all the same, and told.
    """
    ends = _day(secret_expires)
    secret = None if no_secret else _secret(secret_file)
    told = run(_set(settings(config), name, client_id.strip(), secret, ends))
    typer.echo(told)


async def _set(config: Config, name: str, client_id: str, secret: str | None, ends: date | None) -> str:
    async with AsyncExitStack() as stack:
        hub = await Hub.start(config)
        stack.push_async_callback(hub.close)
        provider = _known(hub, name)
        way = next((one for one in provider.methods.values() if isinstance(one, GrantMethod | McpOAuthMethod)), None)
        if way is None:
            raise HubError(f"{provider.title} needs no registration: people paste what it gives them on their page.")
        if name in config.providers:
            raise HubError(f"providers.{name} in the configuration wins; change it there, or take it out.")
        public = isinstance(way, OAuthMethod) and way.token.client_auth == "none"
        if way.app is not None and way.app.needs_secret and secret is None and not public:
            raise HubError(f"{provider.title} needs a client secret; leave out --no-secret.")
        await hub.brokerage.clients.put(name, client_id, secret, ends)
        if isinstance(way, McpOAuthMethod):
            # At which authorization server this client is used is settled when the next account is connected.
            await hub.store.registrations.remove(name, client_id)
        mended = await hub.store.connections.mend(name)
        told = "It is tried when the next account is connected."
        if isinstance(way, OAuthMethod):
            told = await hub.brokerage.connecting.tried(provider, way)
        more = f" {mended} accounts that waited for this are tried again." if mended else ""
        return f"Kept. {told}{more} Connect an account on {config.public_url}/account/connections"


@app.command("remove")
def remove(name: Name, config: ConfigFile = None) -> None:
    """Forget the client id and secret at a provider, and the hub's own registrations there.

    Accounts stay, and cannot be renewed until it is set again or they are connected again.
    """

    async def work() -> bool:
        async with AsyncExitStack() as stack:
            hub = await Hub.start(settings(config))
            stack.push_async_callback(hub.close)
            registered = await hub.store.registrations.remove(name)
            return await hub.store.client_credentials.remove(name) or registered > 0

    typer.echo(f"{name} is forgotten." if run(work()) else f"Nothing was kept for {name}.")


def _uri(hub: Hub, name: str) -> str:
    return hub.brokerage.clients.redirect_uri(name)


def _by_itself(hub: Hub) -> str:
    """How the hub is known to authorization servers that it finds by itself."""
    document = hub.brokerage.sign_in.document
    if document is None:
        return "the hub registers itself there (set public_url to an https address to be known by a document instead)."
    return f"the hub is known there by {document}, or registers itself."


def _known(hub: Hub, name: str) -> Provider:
    provider = hub.registry.catalog.providers.get(name)
    if provider is None:
        state = hub.registry.catalog.states.get(name)
        if state is not None:
            raise HubError(f"The provider {name} cannot be loaded: {state.reason}")
        known = ", ".join(sorted(hub.registry.catalog.providers)) or "none"
        raise HubError(f"There is no provider {name!r}. There are: {known}.")
    return provider


def _secret(file: Path | None) -> str:
    """The secret, from its file, from stdin, or typed unseen; never from an argument, which others can see."""
    if file is not None:
        found = file.read_text("utf-8").strip()
    elif sys.stdin.isatty():
        found = str(typer.prompt("Client secret", hide_input=True)).strip()
    else:
        found = sys.stdin.read().strip()
    if not found:
        raise HubError("The client secret is empty. For a public client say --no-secret.")
    return found


def _day(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        ends = date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("a day such as 2027-01-31 is needed.", param_hint="--secret-expires") from None
    if ends < SystemClock().now().date():
        raise typer.BadParameter(
            f"{ends} is over; a secret that has ended is of no use.", param_hint="--secret-expires"
        )
    return ends
