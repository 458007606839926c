"""``hub import``: an API description or an MCP server becomes a connector; descriptions are read again, and agreed to.

What a description means is ``hub.importers``'s; this reads it from a file or, guarded, from a URL, and writes the
connector's folder into the last of ``connectors.paths``. The work (``describing.py``) is imported where asked for:
every other command would wait for it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from hub.cli.options import ConfigFile, run, settings
from hub.sdk.names import connector_name

app = typer.Typer(
    help="Make connectors of API descriptions and MCP servers, read them again, agree to what changed.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

PlaceArgument = Annotated[str, typer.Argument(metavar="FILE|URL", help="The description.")]
Name = Annotated[
    str,
    typer.Option("--name", metavar="NAME", help="The connector's name: 2 to 20 of a-z, 0-9 and _, the first a letter."),
]
Include = Annotated[
    list[str] | None,
    typer.Option(
        "--include",
        metavar="GLOB|TAG",
        help="Take these operations instead of the most useful ones; repeat it for more.",
    ),
]
Exclude = Annotated[
    list[str] | None, typer.Option("--exclude", metavar="GLOB|TAG", help="Leave these out; repeat it for more.")
]
ReadOnly = Annotated[bool, typer.Option("--read-only", help="Take only operations that read.")]
Everything = Annotated[bool, typer.Option("--all", help="Take every operation.")]
BaseUrl = Annotated[
    str | None,
    typer.Option(
        "--base-url", metavar="URL", help="Where the API is, whatever the description says.", show_default=False
    ),
]
Provider = Annotated[
    str | None,
    typer.Option("--provider", metavar="NAME", help="The provider that signs its calls.", show_default=False),
]
NoAuth = Annotated[bool, typer.Option("--no-auth", help="Its calls need no account, whatever the description says.")]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The connector's name.")]


def _importing(kind: Literal["openapi", "discovery"], provider_otherwise: str | None, told_of: str) -> None:
    """Add the command that imports descriptions of this kind; ``told_of`` is its help, ``provider_otherwise`` who
    signs the calls where nothing is said of it."""

    def command(
        place: PlaceArgument,
        name: Name,
        include: Include = None,
        exclude: Exclude = None,
        read_only: ReadOnly = False,
        everything: Everything = False,
        base_url: BaseUrl = None,
        provider: Provider = None,
        no_auth: NoAuth = False,
        config: ConfigFile = None,
    ) -> None:
        if provider is not None and no_auth:
            raise typer.BadParameter("give --provider or --no-auth, not both.", param_hint="--no-auth")
        _make(
            kind, config, place, name, include, exclude,
            read_only=read_only, everything=everything, base_url=base_url,
            provider=provider or (None if no_auth else provider_otherwise), signs_in=not no_auth,
        )  # fmt: skip

    app.command(kind, help=told_of)(command)


def _make(
    kind: Literal["openapi", "discovery", "graphql"],
    config: Path | None,
    place: str,
    name: str,
    include: Sequence[str] | None,
    exclude: Sequence[str] | None,
    *,
    read_only: bool,
    everything: bool,
    base_url: str | None,
    provider: str | None,
    signs_in: bool = True,
    raw_query: bool = False,
) -> None:
    """Make the connector and say what came of it."""
    from hub.cli.describing import Importer, told, whole
    from hub.importers.proposal import Wishes

    if everything and include:
        raise typer.BadParameter("give --all or --include, not both.", param_hint="--all")
    wishes = Wishes(
        name=connector_name(name),
        place=whole(place),
        include=tuple(include or ()),
        exclude=tuple(exclude or ()),
        read_only=read_only,
        everything=everything,
        base_url=base_url,
        provider=provider,
        signs_in=signs_in,
    )
    typer.echo(told(run(Importer(settings(config)).make(kind, wishes, raw_query=raw_query))))


_importing(
    "openapi",
    None,
    """Make a connector of an OpenAPI 3 or Swagger 2.0 description (JSON or YAML, also in several files).

    The 20 most useful operations become tools, the rest stands under exclude in its connector.yaml.
    """,
)
_importing(
    "discovery",
    "google",
    """Make a connector of a Google Discovery document.

    The provider is google unless you name another.
    """,
)


@app.command("graphql")
def graphql(
    place: PlaceArgument,
    name: Name,
    include: Include = None,
    exclude: Exclude = None,
    read_only: ReadOnly = False,
    everything: Everything = False,
    base_url: Annotated[
        str | None,
        typer.Option("--base-url", metavar="URL", help="The endpoint, where FILE is a schema.", show_default=False),
    ] = None,
    provider: Provider = None,
    raw_query: Annotated[
        bool, typer.Option("--raw-query", help="One more tool, which takes a whole query, and only queries.")
    ] = False,
    config: ConfigFile = None,
) -> None:
    """Make a connector of a GraphQL schema: SDL, an introspection result, or an endpoint that is asked for it.

    One tool for each field taken, with a selection written in advance.
    """
    _make(
        "graphql", config, place, name, include, exclude,
        read_only=read_only, everything=everything, base_url=base_url, provider=provider, raw_query=raw_query,
    )  # fmt: skip


@app.command("mcp")
def mcp(
    url: Annotated[str, typer.Argument(metavar="URL", help="The server's address.")],
    name: Name,
    title: Annotated[
        str | None, typer.Option("--title", metavar="TITLE", help="What people call it.", show_default="the name")
    ] = None,
    sign_in: Annotated[bool, typer.Option("--sign-in", help="Each person signs in, whatever it answers.")] = False,
    header: Annotated[
        str | None,
        typer.Option("--header", metavar="NAME", help="The header a key goes in, as it stands.", show_default=False),
    ] = None,
    operator: Annotated[bool, typer.Option("--operator", help="One credential of yours is used for all.")] = False,
    no_auth: Annotated[bool, typer.Option("--no-auth", help="It is asked without an account.")] = False,
    config: ConfigFile = None,
) -> None:
    """Make a connector of another MCP server.

    It is asked whether people sign in at it. With --header each person pastes a key instead, or with --operator it is
    yours.
    """
    from hub.cli.describing import Importer
    from hub.cli.joining import Account, Joined

    chosen: list[tuple[bool, Account]] = [(sign_in, "user"), (operator, "operator"), (no_auth, "nobody")]
    accounts = [account for given, account in chosen if given]
    if len(accounts) > 1 or (no_auth and header is not None) or (sign_in and header is not None):
        raise typer.BadParameter(
            "give one of --sign-in, --header, --operator and --no-auth; --header goes with --operator.",
            param_hint="--sign-in",
        )
    known = connector_name(name)
    wanted = Joined(
        known, url, title or known.replace("_", " ").capitalize(), accounts[0] if accounts else None, header
    )
    typer.echo(run(Importer(settings(config)).join(wanted)))


@app.command("again")
def again(
    name: NameArgument,
    place: Annotated[
        str | None,
        typer.Option("--from", metavar="FILE|URL", help="Read it from here from now on.", show_default=False),
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Read a connector's description again.

    What you chose and changed in its connector.yaml stays. When the description now names other servers, or signs in
    otherwise, the connector is held back until you agree.
    """
    from hub.cli.describing import Importer

    typer.echo(run(Importer(settings(config)).again(name, place)))


@app.command("agree")
def agree(name: NameArgument, config: ConfigFile = None) -> None:
    """Agree to the servers and the sign-in that a connector's description names now."""
    from hub.cli.describing import Importer

    typer.echo(Importer(settings(config)).agree(name))
