"""``hub doctor``: the hub as Claude finds it, from outside; with ``--watch`` clients as they come. Not the checks."""

import sys
from contextlib import suppress
from typing import Annotated
from urllib.parse import urlsplit

import orjson
import typer

from hub.cli.options import ConfigFile, run, settings
from hub.cli.storage import stored
from hub.cli.watching import watch
from hub.clock import SystemClock
from hub.config import Config
from hub.doctor import Doctor, Finding, Report
from hub.doctor.case import CLAUDE, Case
from hub.doctor.findings import TITLES
from hub.errors import HubError
from hub.store.oauth import REFRESH_PREFIX
from hub.upstream.probe import Probe

_TITLE_WIDTH = max(map(len, TITLES.values()))


def doctor(
    url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="The hub to look at. Default: public_url.", show_default=False),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            metavar="T", help="An access token, to try tools and streams; - reads it from stdin.", show_default=False
        ),
    ] = None,
    refresh_token: Annotated[
        str | None,
        typer.Option(
            metavar="R",
            help="A refresh token, to try the refresh, which uses it up; - reads it from stdin.",
            show_default=False,
        ),
    ] = None,
    client_id: Annotated[
        str, typer.Option(metavar="ID", help="The client the refresh token belongs to.", show_default="Claude's")
    ] = CLAUDE,
    watching: Annotated[
        bool, typer.Option("--watch", help="Show clients on their way to this hub as they come, until Ctrl-C.")
    ] = False,
    seconds: Annotated[
        float | None,
        typer.Option(metavar="N", min=0, help="End --watch after N seconds.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON; with --watch one object a line.")] = False,
    config: ConfigFile = None,
) -> None:
    """Look at the hub from outside as Claude does, and say what is wrong and how to mend it."""
    if watching and (url is not None or token is not None or refresh_token is not None):
        raise typer.BadParameter("it shows this hub's own clients; leave the other options out.", param_hint="--watch")
    if seconds is not None and not watching:
        raise typer.BadParameter("it goes with --watch.", param_hint="--seconds")
    chosen = settings(config)
    if watching:
        with suppress(KeyboardInterrupt):
            run(_watched(chosen, as_json, seconds))
        return
    opened, kept = _secret(token, "--token"), _secret(refresh_token, "--refresh-token")
    if opened is not None and opened.startswith(REFRESH_PREFIX):
        raise HubError("This is a refresh token; give it with --refresh-token.")
    there = _endpoint(url or chosen.public_url)
    if not as_json:
        typer.echo(f"Looking at {there} as Claude does.\n")
    report = run(_examined(there, opened, kept, client_id, as_json))
    if as_json:
        typer.echo(orjson.dumps(report.told(), option=orjson.OPT_INDENT_2).decode())
    else:
        typer.echo(_summary(report))
    if not report.ok:
        raise typer.Exit(1)


async def _examined(url: str, token: str | None, refresh_token: str | None, client_id: str, quiet: bool) -> Report:
    probe = Probe(url)
    await probe.open()
    try:
        case = Case(probe, url, token=token, refresh_token=refresh_token, client_id=client_id)
        return await Doctor(SystemClock(), (lambda finding: None) if quiet else _tell).examine(case)
    finally:
        await probe.close()


async def _watched(config: Config, as_json: bool, seconds: float | None) -> None:
    if not as_json:
        typer.echo(f"Watching for clients of {config.public_url}/mcp. Add it in Claude now; Ctrl-C ends.")
    async with stored(config) as store:
        await watch(store.handshakes, SystemClock(), typer.echo, as_json=as_json, seconds=seconds)


def _endpoint(text: str) -> str:
    """The MCP endpoint meant by a URL: ``/mcp`` where it has no path. Raises ``HubError``."""
    plain = text.strip()
    try:
        parts = urlsplit(plain)
        right = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        right = False
    if not right or parts.username is not None or parts.query or parts.fragment:
        raise HubError(f"{plain!r} is no address of a hub; write it like https://hub.example.org or with /mcp.")
    path = parts.path.rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path or '/mcp'}"


def _secret(given: str | None, option: str) -> str | None:
    """A token as it was given; ``-`` reads a line of stdin. Raises ``HubError``."""
    text = sys.stdin.readline().strip() if given == "-" else given
    if text is not None and (not text or not text.isascii() or not text.isprintable() or " " in text):
        raise HubError(f"{option}: this is no token.")
    return text


def _tell(finding: Finding) -> None:
    typer.echo(f"{finding.status:<8} {TITLES[finding.step]:<{_TITLE_WIDTH}}  {finding.text}")
    if finding.mend:
        typer.echo(f"{'':<9}{'':<{_TITLE_WIDTH}}  mend: {finding.mend}")


def _summary(report: Report) -> str:
    count = {status: sum(one.status == status for one in report.findings) for status in ("wrong", "warning")}
    if report.ok:
        more = f", with {count['warning']} warning(s)" if count["warning"] else ""
        return f"\nClaude can use {report.url}{more}."
    first = next(one for one in report.findings if one.status == "wrong")
    return f"\nClaude stops at: {TITLES[first.step]}. {count['wrong']} wrong, {count['warning']} warning(s)."
