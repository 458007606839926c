"""Proposals: the ``connector.yaml`` that an import writes, for an operator to read and to change.

Where the API is, how it signs in and which operations are taken is written down, so that nothing of it changes behind
the operator's back. Pure: text out; the file is written by the command (``hub.cli.importing``).
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin, urlsplit

import orjson

from hub.errors import ConnectorError
from hub.importers.operation import Description, Operation, Server
from hub.importers.security import agreement
from hub.importers.selection import Selection, entries_of
from hub.importers.sign_in import Address, proposed
from hub.importers.texts import cut
from hub.importers.usefulness import most_useful
from hub.importers.words import effect_of, names_of
from hub.sdk.http import host_of

USEFUL = 20
"""How many operations are taken where nothing else is said."""

HOST_PATTERN = "[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?"
_PLACE = re.compile(r"\{([^{}]*)\}")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_./ -]*[A-Za-z0-9]\Z")
_YAML_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a person asked an import for. ``place`` is where the description came from."""

    name: str
    place: str
    include: Sequence[str] = ()
    exclude: Sequence[str] = ()
    read_only: bool = False
    everything: bool = False
    base_url: str | None = None
    provider: str | None = None
    signs_in: bool = True


@dataclass(slots=True)
class _Place:
    """Where requests go: the base URL as the YAML writes it, with the settings it needs."""

    base_url: str
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)


def connector_text(
    found: Description, wishes: Wishes, sha256: str, *, file: str = "description.json", raw_query: bool = False
) -> str:
    """The ``connector.yaml`` for a description. Raises ``ConnectorError`` when its servers or the wishes make no
    sense."""
    names = names_of(found.operations, wishes.name)
    include, exclude = _chosen(found, wishes, names)
    taken_by, left_by = Selection(include), Selection(exclude)
    taken = [one for one in found.operations if taken_by.holds(one, names[one.key])]
    taken = [one for one in taken if not left_by.holds(one, names[one.key])]
    if wishes.include and not taken:
        tags = ", ".join(sorted({tag for one in found.operations for tag in one.tags})[:20])
        raise ConnectorError(
            f"--include takes none of the {len(found.operations)} operations; tags are: {tags or 'none'}."
        )
    place = _place(found, wishes)
    place.settings = {name: one for name, one in place.settings.items() if f"{{settings.{name}}}" in place.base_url}
    hosts = _hosts(taken, place.base_url)
    lines = [
        "contract: 1",
        f"kind: {found.kind}",
        f"title: {_scalar(cut(found.title, 80))}",
        f"description: {_scalar(cut(' '.join(found.text.split()), 300) or f'The API {found.title}.')}",
        "category: other",
        *source_lines(file, wishes.place, sha256, agreement(found)),
        "",
        "# Where requests go, whatever the description says later.",
        f"base_url: {_scalar(place.base_url)}",
    ]
    others = [one.url for one in found.servers[1:8]]
    if others:
        lines.append(f"# Other servers it names: {', '.join(_comment(one) for one in others)}")
    if hosts:
        lines.append(f"hosts: {orjson.dumps(hosts).decode()}")
    auth = None
    if wishes.signs_in and wishes.provider is None:
        auth = proposed(found, taken, Address(place.base_url, tuple(hosts), place.settings))
    if place.settings and auth is None:
        lines += ["settings:", *(f"  {name}: {orjson.dumps(one).decode()}" for name, one in place.settings.items())]
    lines += ["", *_auth_lines(auth, wishes), ""]
    if wishes.read_only:
        lines += ["read_only: true"]
    if raw_query:
        lines += ["raw_query: true"]
    lines += ["# An entry is an operation, a glob over it or its tool's name, or tag:NAME."]
    lines += _entries("include", include, found.operations, names)
    lines += _entries("exclude", exclude, found.operations, names)
    lines += [
        "",
        "# What is said better here than in the description, by tool name or operation:",
        "#   get_thing: {name: read_thing, description: ..., effect: read, fields: {id: id}, pinned: {version: 2}}",
        "overrides: {}",
    ]
    return "\n".join(lines) + "\n"


def source_lines(file: str, place: str, sha256: str, agreed: Mapping[str, Sequence[str]] | None) -> list[str]:
    """The part of the YAML that the hub itself writes again when a description is read again."""
    return [
        "",
        "# The hub writes this part; read the description again with: hub import again NAME",
        "source:",
        f"  file: {_scalar(file)}",
        f"  place: {_scalar(place)}",
        f"  sha256: {sha256}",
        f"  agreed: {orjson.dumps(agreed or {}).decode()}",
    ]


def _chosen(found: Description, wishes: Wishes, names: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """The entries of include and exclude."""
    exclude = entries_of(wishes.exclude, found.operations)
    if wishes.include:
        return entries_of(wishes.include, found.operations), exclude
    left_by = Selection(exclude)
    able = [one for one in found.operations if one.trouble is None and not left_by.holds(one, names[one.key])]
    if wishes.read_only:
        able = [one for one in able if effect_of(one) == "read"]
    if wishes.everything or len(able) <= USEFUL:
        return ["*"], exclude
    useful = {one.key for one in most_useful(able, names, USEFUL)}
    rest = [one.key for one in found.operations if one.key not in useful]
    return [one.key for one in found.operations if one.key in useful], [*exclude, *rest]


def _place(found: Description, wishes: Wishes) -> _Place:
    if wishes.base_url is not None:
        if "{" not in wishes.base_url:
            host_of(wishes.base_url)
        return _Place(wishes.base_url.rstrip("/"), _settings_in(wishes.base_url, Server(wishes.base_url)))
    server = next((one for one in found.servers if one.url.startswith("https://")), None)
    server = server or (found.servers[0] if found.servers else Server("/"))
    url = server.url
    for name, (default, values) in server.variables.items():
        if default is not None and len(set(values)) == 1:
            url = url.replace(f"{{{name}}}", default)
    if not urlsplit(url).scheme:
        if url.startswith("//"):
            url = f"https:{url}"
        elif wishes.place.startswith(("http://", "https://")):
            url = urljoin(wishes.place, url or "/")
        else:
            path = url if url.startswith("/") else f"/{url}"
            setting = {
                "description": "Host and port of the API, such as api.example.com.",
                "host": True,
                "pattern": HOST_PATTERN,
            }
            return _Place(f"https://{{settings.address}}{path}".rstrip("/"), {"address": setting})
    settings = _settings_in(url, server)
    for name in settings:
        url = url.replace(f"{{{_variable(name, server, url)}}}", f"{{settings.{name}}}")
    if urlsplit(url).scheme not in ("http", "https"):
        raise ConnectorError(f"its server {server.url!r} is no http address; give the right one with --base-url.")
    return _Place(url.rstrip("/").partition("?")[0], settings)


def _variable(setting: str, server: Server, url: str) -> str:
    return next((one for one in _PLACE.findall(url) if _setting_name(one) == setting), setting)


def _setting_name(variable: str) -> str:
    name = re.sub(r"[^a-z0-9_]+", "_", variable.removeprefix("settings.").lower()).strip("_") or "value"
    return name if name[0].isalpha() else f"v_{name}"


def _settings_in(url: str, server: Server) -> dict[str, dict[str, Any]]:
    """A setting for each variable of a server's URL."""
    settings: dict[str, dict[str, Any]] = {}
    for found in _PLACE.finditer(url):
        variable = found.group(1)
        default, values = server.variables.get(variable, (None, ()))
        in_host = url[: found.start()].count("/") < 3
        one: dict[str, Any] = {"description": f"{variable.removeprefix('settings.')} in the API's address."}
        if in_host:
            one["host"] = True
            one["pattern"] = "|".join(re.escape(value) for value in values) if values else HOST_PATTERN
        elif values:
            one["pattern"] = "|".join(re.escape(value) for value in values)
        if default:
            one["default"] = default
        settings[_setting_name(variable)] = one
    return settings


def _hosts(taken: Iterable[Operation], base_url: str) -> list[str]:
    """Hosts that single operations name besides that of the base URL."""
    hosts: dict[str, None] = {}
    for one in taken:
        if one.server and "{" not in one.server and urlsplit(one.server).hostname:
            try:
                host = host_of(one.server)
            except ConnectorError:
                continue
            if host != urlsplit(base_url).netloc.lower():
                hosts[host] = None
    return list(hosts)


def _auth_lines(auth: Mapping[str, Any] | None, wishes: Wishes) -> list[str]:
    if wishes.provider is not None:
        return [f"provider: {wishes.provider}"]
    if auth is None:
        told = "it says of no sign-in" if wishes.signs_in else "--no-auth was given"
        return [
            f"# No account is asked for: {told}. If the API wants one, name a provider, or an auth of its own;",
            '# a token of the operator\'s own goes into a header: headers: {Authorization: "Bearer {settings.token}"}',
        ]
    return [
        "# How people sign in, as the description says it; credentials never stand in this file. Improve what it",
        "# cannot say: who (whose account it is), revoke, and for oauth2 app (where and how the hub is registered).",
        "auth:",
        *(f"  {key}: {orjson.dumps(one).decode()}" for key, one in auth.items()),
    ]


def _entries(key: str, entries: Sequence[str], operations: Iterable[Operation], names: Mapping[str, str]) -> list[str]:
    if not entries:
        return [f"{key}: []"]
    known = {one.key: one for one in operations}
    lines = [f"{key}:"]
    for entry in entries:
        one = known.get(entry)
        note = ""
        if one is not None:
            note = f"  # {names[one.key]} ({effect_of(one)}): {_comment(cut(one.title or one.description, 60))}".rstrip(
                ": "
            )
        lines.append(f"  - {_scalar(entry)}{note}")
    return lines


def _comment(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)


def _scalar(text: str) -> str:
    """A string as YAML reads it back: plain where it is a plain word, else as JSON."""
    if _WORD.match(text) and text.lower() not in _YAML_WORDS and " #" not in text:
        return text
    return orjson.dumps(text).decode()
