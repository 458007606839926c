"""Descriptions on their way in: read from a file or URL, made a connector's folder, compared, agreed to; and the folder
of an MCP server.

The work behind ``hub import`` (``importing.py``). URLs are read through ``hub.upstream`` and its guard; a description
on a private address needs ``network.allow_private`` for the connector it becomes. Files that a description refers to
are read from its own folder, or its own origin, and from nowhere else.
"""

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import orjson

from hub import yaml
from hub.cli.joining import Joined, server_text, settled
from hub.cli.joining import told as told_of_server
from hub.cli.network import opened_network
from hub.clock import SystemClock
from hub.config import Config
from hub.errors import ConnectorError, HubError
from hub.importers import KINDS
from hub.importers.bundle import Bundle
from hub.importers.compilation import compile_described, described, fingerprint
from hub.importers.documents import MAX_BYTES, dump
from hub.importers.proposal import Wishes, connector_text
from hub.importers.report import Report
from hub.importers.security import agreement
from hub.sdk.http import Outgoing, Reach
from hub.sdk.names import connector_name
from hub.upstream.upstream import Upstream

Kind = Literal["openapi", "discovery", "graphql"]

_SHA = re.compile(r"^(  sha256: ).*$", re.MULTILINE)
_PLACE = re.compile(r"^(  place: ).*$", re.MULTILINE)
_AGREED = re.compile(r"^(  agreed: ).*$", re.MULTILINE)
_SHOWN = 30


@dataclass(frozen=True, slots=True)
class Made:
    """A connector that was just made, and what became of its description's operations."""

    folder: Path
    report: Report
    notes: tuple[str, ...] = ()


def told(made: Made) -> str:
    """What an import says to the person who asked for it."""
    report = made.report
    taken, name = report.taken, made.folder.name
    lines = [f"{made.folder} was made: {len(taken)} of {report.operations} operations are tools."]
    lines += [f"  {name}_{tool}  {key}" for key, tool in list(taken.items())[:_SHOWN]]
    if len(taken) > _SHOWN:
        lines.append(f"  and {len(taken) - _SHOWN} more")
    if report.excluded:
        lines.append(f"Excluded: {len(report.excluded)}; they stand under exclude in its connector.yaml.")
    for title, pairs in (("Trimmed to fit", report.trimmed), ("Left out", report.left_out)):
        if pairs:
            lines.append(f"{title}: {len(pairs)}.")
            lines += [f"  {key}: {why}" for key, why in pairs[:_SHOWN]]
    lines += [f"Note: {note}." for note in (*report.warnings, *made.notes)]
    if len(taken) > 60:
        lines.append(f"Note: {len(taken)} tools are more than most clients show well; take fewer, or use a profile.")
    lines.append(f"Now: read {made.folder / 'connector.yaml'}, then: hub list")
    return "\n".join(lines)


class Importer:
    """Makes, reads again and agrees to described connectors of one configuration."""

    def __init__(self, config: Config) -> None:
        self._config = config

    async def make(self, kind: Kind, wishes: Wishes, *, raw_query: bool = False) -> Made:
        """Make the connector. Raises ``HubError`` where its folder is there already, or nothing can be made of the
        description."""
        folder = self._free(wishes.name, f"Read its description again with: hub import again {wishes.name}; or choose")
        data, notes = await self._read(kind, wishes.name, wishes.place)
        if kind == "graphql":
            # Loaded where it is needed, as in hub.importers.compilation.
            from hub.importers.graphql import described_schema, read_schema

            endpoint = wishes.base_url or (wishes.place if _is_endpoint(wishes.place) else None)
            found = described_schema(read_schema(data, wishes.place), endpoint)
        else:
            found = described(data, kind, wishes.place)
        file = _file_name(kind, data)
        text = connector_text(found, wishes, fingerprint(data), file=file, raw_query=raw_query)
        report = self._compiled(wishes.name, text, data)
        self._write(folder, {file: data, "connector.yaml": text.encode()})
        return Made(folder, report, tuple(notes))

    async def join(self, wanted: Joined) -> str:
        """Write down an MCP server as a connector, and say what of it. Raises ``HubError`` where its folder is there
        already, or it does not answer as an MCP server."""
        folder = self._free(wanted.name, "Choose")
        account = await settled(self._config, wanted)
        self._write(folder, {"connector.yaml": server_text(wanted, account).encode()})
        return told_of_server(wanted, account, str(folder))

    async def again(self, name: str, place: str | None) -> str:
        """Read a connector's description again, and say what is new in it. Raises ``HubError``."""
        folder, text, declared = self._known(name)
        kind: Kind = declared["kind"]
        source = declared["source"]
        data, notes = await self._read(kind, name, whole(place or source["place"]))
        file = source.get("file", "description.json")
        before = _file(folder / file)
        if place is not None:
            text = _PLACE.sub(lambda found: found[1] + orjson.dumps(whole(place)).decode(), text, count=1)
        text = _SHA.sub(lambda found: found[1] + fingerprint(data), text, count=1)
        changes = [f"note: {note}" for note in notes]
        held: list[str] = []
        if kind != "graphql":
            old = {one.key for one in described(before, kind, file).operations} if before else set()
            found = described(data, kind, file)
            new = {one.key for one in found.operations}
            changes += [f"new: {key}" for key in sorted(new - old)][:_SHOWN]
            changes += [f"gone: {key}" for key in sorted(old - new)][:_SHOWN]
            held = _changes(source.get("agreed", {}), agreement(found))
        else:
            from hub.importers.graphql import read_schema

            read_schema(data, file)
        self._write(folder, {file: data, "connector.yaml": text.encode()})
        lines = [f"The description of {name} was read again: {'unchanged' if before == data else 'it changed'}."]
        lines += [f"  {change}" for change in changes]
        if held:
            lines += [
                f"{name} is held back, as its description is not what was agreed to:",
                *(f"  {change}" for change in held),
                f"Look at it, and if it is right: hub import agree {name}",
            ]
        return "\n".join(lines)

    def agree(self, name: str) -> str:
        """Agree to what a connector's description names now. Raises ``HubError``."""
        folder, text, declared = self._known(name)
        if declared["kind"] == "graphql":
            return f"{name} has nothing to agree to: a GraphQL schema names no servers and no sign-in."
        source = declared["source"]
        file = source.get("file", "description.json")
        now = agreement(described((folder / file).read_bytes(), declared["kind"], file))
        changes = _changes(source.get("agreed", {}), now)
        if not changes:
            return f"{name} is as it was agreed to; nothing was changed."
        text, count = _AGREED.subn(lambda found: found[1] + orjson.dumps(now).decode(), text, count=1)
        if count == 0:
            raise HubError(
                f"{folder}/connector.yaml has no line 'agreed:' under source; write it on one line, as imported."
            )
        self._write(folder, {"connector.yaml": text.encode()})
        return "\n".join([f"Agreed for {name}:", *(f"  {change}" for change in changes)])

    def _last(self) -> Path:
        paths = self._config.connectors.paths
        if not paths:
            raise HubError("connectors.paths is empty; name a folder there that imports are written to.")
        return paths[-1]

    def _free(self, name: str, remedy: str) -> Path:
        """The folder of a new connector. Raises ``HubError`` where there is one of this name; ``remedy`` goes before
        "another --name"."""
        folder = self._last() / name
        for taken in (folder, *(folder.with_suffix(suffix) for suffix in (".yaml", ".yml", ".py"))):
            if taken.exists():
                raise HubError(f"{taken} is there already. {remedy} another --name.")
        return folder

    def _known(self, name: str) -> tuple[Path, str, Mapping[str, Any]]:
        """The folder of an imported connector, its YAML as text and parsed."""
        connector_name(name)
        for place in reversed(self._config.connectors.paths):
            file = place / name / "connector.yaml"
            if not file.is_file():
                continue
            text = file.read_text("utf-8")
            data = yaml.load(text, str(file))
            if not isinstance(data, dict) or data.get("kind") not in KINDS:
                raise HubError(f"{file} was not made by an import: it has no kind {', '.join(KINDS)}.")
            source = data.get("source")
            if not isinstance(source, dict) or not isinstance(source.get("place"), str):
                raise HubError(f"{file}: source has no place to read the description from.")
            return file.parent, text, data
        raise HubError(f"There is no imported connector {name} in connectors.paths; make it with: hub import openapi")

    def _compiled(self, name: str, text: str, data: bytes) -> Report:
        """What becomes of the operations under this YAML. Raises ``ConnectorError`` where it would not load."""
        parsed = yaml.load(text, "connector.yaml")
        prefix = name not in self._config.connectors.unprefixed
        return compile_described(name, parsed, data, "connector.yaml", prefix=prefix).report

    async def _read(self, kind: Kind, name: str, place: str) -> tuple[bytes, list[str]]:
        """The description at ``place`` as it is kept, and what there is to be said about its parts."""
        if kind == "graphql":
            return (await self._fetched(name, place, graphql=True) if _is_url(place) else _file(Path(place))), []
        bundle = Bundle(
            place, await self._fetched(name, place) if _is_url(place) else _file(Path(place)), follow=kind == "openapi"
        )
        while bundle.wanted:
            for target in bundle.wanted:
                part = await self._part(name, place, target)
                if part is None:
                    bundle.miss(target)
                else:
                    bundle.add(target, part)
        notes = [
            f"it refers to {one}, which was not read: only files of its own folder or origin are"
            for one in bundle.missing[:5]
        ]
        return dump(bundle.document(), place), notes

    async def _part(self, name: str, place: str, target: str) -> bytes | None:
        """A further file of a description; None where it is not its own, or not there."""
        if _is_url(place):
            own, other = urlsplit(place), urlsplit(target)
            if (own.scheme, own.netloc) != (other.scheme, other.netloc):
                return None
            try:
                return await self._fetched(name, target)
            except HubError:
                return None
        return _beside(place, target)

    async def _fetched(self, name: str, url: str, *, graphql: bool = False) -> bytes:
        """What is at ``url``, of at most the size of a description. Raises ``HubError``."""
        clock = SystemClock()
        reach = Reach(name, ("*",), plain=url.startswith("http://"))
        asks = graphql and _is_endpoint(url)
        outgoing = Outgoing("GET", url, {"Accept": "application/json, application/yaml, */*"}, None, True)
        if asks:
            from hub.importers.graphql import request_body

            headers = {"Accept": "application/json", "Content-Type": "application/json"}
            outgoing = Outgoing("POST", url, headers, request_body(), True)
        async with opened_network(self._config, clock, max_body=MAX_BYTES) as transport:
            reply = await Upstream(transport, clock).send(outgoing, reach, timeout=120.0)
        if reply.status != 200:
            raise HubError(
                f"{urlsplit(url).hostname} answered with HTTP {reply.status} where the description was expected."
            )
        return reply.body

    def _write(self, folder: Path, files: Mapping[str, bytes]) -> None:
        """Write a connector's files, each whole or not at all, its YAML last. A new folder appears all at once."""
        try:
            if not folder.exists():
                folder.parent.mkdir(parents=True, exist_ok=True)
                draft = folder.parent / f".{folder.name}.new"
                shutil.rmtree(draft, ignore_errors=True)
                draft.mkdir()
                for file, data in files.items():
                    (draft / file).write_bytes(data)
                draft.replace(folder)
                return
            for file, data in files.items():
                draft = folder / f".{file}.new"
                draft.write_bytes(data)
                draft.replace(folder / file)
        except OSError as wrong:
            raise HubError(f"{wrong.filename} cannot be written: {wrong.strerror}.") from None


def _changes(before: Mapping[str, Any], now: Mapping[str, list[str]]) -> list[str]:
    changes: list[str] = []
    for part, lines in now.items():
        agreed = before.get(part) or []
        changes += [f"{part}: + {one}" for one in lines if one not in agreed]
        changes += [f"{part}: - {one}" for one in agreed if one not in lines]
    return changes


def _is_url(place: str) -> bool:
    return place.startswith(("http://", "https://"))


def whole(place: str) -> str:
    """A file's place as it can be read again from anywhere; a URL as it is."""
    return place if _is_url(place) else str(Path(place).resolve())


def _is_endpoint(place: str) -> bool:
    """Whether a URL is a GraphQL endpoint and not a file with a schema."""
    return _is_url(place) and not urlsplit(place).path.lower().endswith(
        (".graphql", ".graphqls", ".gql", ".json", ".sdl")
    )


def _file_name(kind: Kind, data: bytes) -> str:
    return (
        "schema.graphql"
        if kind == "graphql" and data.lstrip(b"\xef\xbb\xbf \r\n\t")[:1] != b"{"
        else "description.json"
    )


def _beside(place: str, target: str) -> bytes | None:
    """A further file of the description at the path ``place``; one named by URL is looked for in the same folder."""
    folder = Path(place).resolve().parent
    path = folder / Path(urlsplit(target).path).name if _is_url(target) else Path(target)
    resolved = path.resolve()
    return _file(resolved) if resolved.is_relative_to(folder) and resolved.is_file() else None


def _file(path: Path) -> bytes:
    """A description's file. Raises ``HubError`` where there is none or it is too large."""
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise HubError(f"{path} is not a file.")
        if size > MAX_BYTES:
            raise ConnectorError(f"{path} has {size:,} bytes; a description has at most {MAX_BYTES:,}.")
        return path.read_bytes()
    except OSError as wrong:
        raise HubError(f"{path} cannot be read: {wrong.strerror or wrong}.") from None
