"""Providers as found: ``<name>/provider.yaml`` in the places, its Python beside it, and ``auth:`` in connectors' YAML.

Unlike connectors, the first declaration of a name counts and every further one is set aside, never merged: whoever adds
a file must not thereby widen where credentials go. After a bad edit the last good version serves. Not the accounts
(the broker's), and nothing is sent.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from hub import observe, yaml
from hub.errors import ConnectorError, HubError
from hub.registry.places import Place
from hub.registry.provider_code import code_mark, provider_code
from hub.registry.units import Mark
from hub.sdk.names import connector_name
from hub.sdk.provider import Provider, compile_provider
from hub.sdk.tool import CompiledConnector

FILES = ("provider.yaml", "provider.yml")

MAX_BYTES = 1_000_000
"""Bytes of one declaration."""

_log = observe.log("registry")


@dataclass(frozen=True, slots=True)
class ProviderFile:
    """One declaration as the file system tells of it, with the Python beside it; equal as long as nothing changed."""

    name: str
    place: Place
    path: Path
    size: int
    modified: int
    inode: int
    code: Mark | None = None


@dataclass(frozen=True, slots=True)
class ProviderState:
    """One provider and how it fares: ``provider`` is None where nothing serves, ``reason`` says what is wrong."""

    name: str
    place: str
    path: str
    provider: Provider | None = None
    reason: str | None = None


def provider_files(places: Iterable[Place]) -> tuple[ProviderFile, ...]:
    """All declarations of all places, places in order. Raises ``OSError`` when a place cannot be listed."""
    found = []
    for place in places:
        try:
            folders = sorted(place.path.iterdir())
        except FileNotFoundError:
            continue
        for folder in folders:
            if folder.name.startswith(("_", ".")):
                continue
            for file in FILES:
                path = folder / file
                try:
                    seen = path.stat()
                except OSError:
                    continue
                told = (seen.st_size, seen.st_mtime_ns, seen.st_ino)
                found.append(ProviderFile(folder.name, place, path, *told, code_mark(folder)))
    return tuple(found)


class Providers:
    """The declarations that were read, and of each name the one that counts."""

    def __init__(self) -> None:
        self._read: dict[ProviderFile, Provider | str] = {}
        self._good: dict[str, Provider] = {}

    def read(self, files: Sequence[ProviderFile]) -> Mapping[str, ProviderState]:
        """The state of every declared provider; a file that did not change is not read again."""
        self._read = {file: self._read.get(file) or _compiled(file) for file in files}
        states: dict[str, ProviderState] = {}
        for file, outcome in self._read.items():
            if file.name in states:
                first = states[file.name]
                _log.warning("a provider is declared twice; the first counts", provider=file.name, kept=first.path)
                states[file.name] = replace(first, reason=f"{first.reason or ''} {_twice(file)}".strip())
                continue
            place, path = file.place.label, str(file.path)
            if isinstance(outcome, Provider):
                self._good[file.name] = outcome
                states[file.name] = ProviderState(file.name, place, path, outcome)
                continue
            good = self._good.get(file.name)
            good = good if good is not None and good.place == place else None
            _log.warning("a provider could not be loaded", provider=file.name, reason=outcome)
            states[file.name] = ProviderState(file.name, place, path, good, outcome)
        self._good = {name: one for name, one in self._good.items() if name in states}
        return MappingProxyType(states)


def _twice(file: ProviderFile) -> str:
    return f"{file.path} declares it a second time and is passed over; give it another name."


def _compiled(file: ProviderFile) -> Provider | str:
    """The provider in ``file``, or why there is none."""
    shown = f"{file.name}/{file.path.name}"
    try:
        connector_name(file.name)
        if not file.place.takes_code and not file.place.holds(file.path):
            raise ConnectorError(f"it leads out of {file.place.label}, where the hub itself writes.")
        if file.size > MAX_BYTES:
            raise ConnectorError(f"it has {file.size} bytes; a provider has at most {MAX_BYTES}.")
        data = yaml.load(file.path.read_text("utf-8-sig"), shown)
        provider = compile_provider(file.name, data, shown, place=file.place.label, shipped=file.place.shipped)
        if file.code is None:
            return provider
        return replace(provider, code=provider_code(file.name, file.place, file.path.parent, file.code))
    except OSError as wrong:
        return f"{shown} cannot be read: {wrong.strerror or wrong}."
    except UnicodeDecodeError as wrong:
        return f"{shown}: byte {wrong.start} is not UTF-8; save it as UTF-8."
    except HubError as wrong:
        told = str(wrong)
        return told if shown in told else f"{shown}: {told}"


def provider_of(
    connector: CompiledConnector, states: Mapping[str, ProviderState], place: str, *, shipped: bool
) -> Provider | None:
    """The provider that signs ``connector``'s calls; None where it needs no account.

    Raises ``ConnectorError`` where it names none that there is, or declares one that another file declares.
    """
    if connector.provider is None:
        return None
    state = states.get(connector.provider)
    if connector.auth is not None:
        if state is not None:
            raise ConnectorError(
                f"its auth declares the provider {connector.name}, which {state.path} declares already; write "
                f"provider: {connector.name} instead of auth, or rename the connector."
            )
        return replace(connector.auth, place=place, shipped=shipped)
    if state is None:
        known = ", ".join(sorted(states)) or "none"
        raise ConnectorError(f"it names the provider {connector.provider}, which is not declared; there are: {known}.")
    if state.provider is None:
        raise ConnectorError(f"its provider {connector.provider} cannot be loaded: {state.reason}")
    return state.provider
