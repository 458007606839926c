"""The registry: finds, loads and reloads the connectors, and holds the catalog of those that serve.

A reload reads what changed, loads it beside what serves, and swaps the catalog: a call in flight keeps the version it
began with. What fails after it once was good keeps serving as it was (``stale``). Not the isolation of one load
(``load.py``), and not who may see which connector (the gateway's).
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from watchfiles import awatch

from hub import observe
from hub.clock import Clock
from hub.errors import ConfigError
from hub.importers.foreign.pin import Pin
from hub.registry.catalog import Catalog, Loaded, State, catalog_of
from hub.registry.load import IMPORT_TIMEOUT, Loading, Outcome, stdout_diverted
from hub.registry.places import Place
from hub.registry.providers import ProviderFile, Providers, ProviderState, provider_files
from hub.registry.shelf import Shelf
from hub.registry.units import Content, Unit, read, survey
from hub.sdk.tool import CompiledConnector

SWEEP = 1.0
"""Seconds between two looks at the places when the system tells of no change: some mounts never do."""

SETTLE = 0.2
"""Seconds given to a connector that vanished to come back: editors and deployments replace files in two steps."""

_PATIENCE = 0.5
"""Seconds one load is waited for before the next is begun beside it."""

_DEBOUNCE_MS = 150
_STEP_MS = 40

Listener = Callable[[Catalog, Catalog], None]
"""Told the catalog before and the one now."""

log = observe.log("registry")


@dataclass(frozen=True, slots=True)
class _Winner:
    """The unit that counts for a name, and those of earlier places it replaces."""

    content: Content
    replaces: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Kept:
    """How the load of one content ended; valid while the digest stays."""

    digest: str
    outcome: Outcome


class Registry:
    """All connectors of one hub."""

    def __init__(
        self,
        places: Sequence[Place],
        *,
        clock: Clock,
        disabled: Iterable[str] = (),
        unprefixed: Iterable[str] = (),
        import_timeout: float = IMPORT_TIMEOUT,
        force_polling: bool | None = None,
        shelf: Shelf | None = None,
        pinned: Callable[[str], Pin | None] | None = None,
        configured: Sequence[Content] = (),
        providers: Sequence[Place] = (),
    ) -> None:
        """``places`` in order (``places_of``); ``disabled`` and ``unprefixed`` are connectors' names;
        ``import_timeout`` in seconds; ``force_polling`` looks at files in intervals instead of asking the system
        (None: as WATCHFILES_FORCE_POLLING says); ``shelf`` keeps what was compiled for the next start;
        ``pinned`` tells what is accepted of a connector's MCP server, ``configured`` are connectors no file holds;
        ``providers`` are places in front of ``places`` of which only the providers count."""
        self._pinned = pinned or (lambda name: None)
        self._configured = {one.unit.name: one for one in configured}
        self._places = tuple(places)
        self._declaring = (*providers, *self._places)
        self._clock = clock
        self._disabled = frozenset(disabled)
        self._unprefixed = frozenset(unprefixed)
        self._import_timeout = import_timeout
        self._force_polling = force_polling
        self._shelf = shelf
        self._outdated: set[str] = set()
        self._unshelved: dict[str, Content] = {}
        self._catalog = Catalog()
        self._listeners: list[Listener] = []
        self._lock = asyncio.Lock()
        self._loaded = False
        self._trouble = ""
        self._seen: tuple[Unit, ...] = ()
        self._providers = Providers()
        self._declared: tuple[ProviderFile, ...] = ()
        self._states: Mapping[str, ProviderState] = {}
        self._kept: dict[str, _Kept] = {}
        self._good: dict[str, Outcome] = {}
        self._codes: dict[str, str] = {}

    @property
    def catalog(self) -> Catalog:
        """The snapshot that serves now."""
        return self._catalog

    def on_change(self, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` on the event loop after each change of the catalog; returns what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    async def load(self) -> Catalog:
        """Load all connectors. Raises ``ConfigError`` when a place cannot be listed; a connector that fails is set
        aside with its reason."""
        return await self.reload()

    async def reload(self) -> Catalog:
        """Load what changed since the last time, and swap the catalog. Raises ``ConfigError`` as ``load``."""
        async with self._lock:
            while self._outdated:
                self._kept.pop(self._outdated.pop(), None)
            self._seen, winners = await asyncio.to_thread(self._look)
            self._states = await asyncio.to_thread(self._look_for_providers)
            with stdout_diverted():
                await self._load_changed(winners)
            self._publish(winners)
            self._loaded = True
            return self._catalog

    async def recompile(self, name: str) -> None:
        """Compile one connector anew though its files are the same: what is accepted of its server changed."""
        self._outdated.add(name)
        await self.reload()

    async def watch(self) -> None:
        """Reload on every change in the places, until cancelled."""
        await self.fill_shelf()
        while True:
            present = self._present()
            try:
                if present:
                    await self._watch_present(present)
                else:
                    await self._sweep()
            except (OSError, RuntimeError) as wrong:
                # Out of inotify watches, or a folder that went while it was being watched (watchfiles raises both).
                self._trouble_is(f"The system does not tell of changes, so the files are looked at: {wrong}")
                await self._sweep()

    async def _watch_present(self, present: dict[Place, tuple[int, int]]) -> None:
        """Follow the places that exist until one of them appears, goes or is another folder."""
        changes = awatch(
            *(place.path for place in present),
            watch_filter=None,
            debounce=_DEBOUNCE_MS,
            step=_STEP_MS,
            rust_timeout=round(SWEEP * 1000),
            yield_on_timeout=True,
            force_polling=self._force_polling,
            ignore_permission_denied=True,
        )
        async with aclosing(changes):
            async for told in changes:
                await self._follow(told=bool(told))
                if self._present() != present:
                    return

    async def _sweep(self) -> None:
        await self._clock.sleep(SWEEP)
        await self._follow(told=False)

    async def _follow(self, *, told: bool) -> None:
        """Reload when the system told of a change, or the files look different from when they were read."""
        try:
            units = await asyncio.to_thread(survey, self._places)
            if not told and units == self._seen and await asyncio.to_thread(self._declarations) == self._declared:
                return
            if {unit.name for unit in self._seen} - {unit.name for unit in units}:
                await self._clock.sleep(SETTLE)
            await self.reload()
            await self.fill_shelf()
        except (ConfigError, OSError) as wrong:
            self._trouble_is(f"The connectors cannot be looked at, so those loaded keep serving: {wrong}")

    def _trouble_is(self, told: str) -> None:
        """Log what ails the watching, once until it is something else."""
        if told != self._trouble:
            log.warning(told)
        self._trouble = told

    def _present(self) -> dict[Place, tuple[int, int]]:
        """The places that exist, each with the identity of its folder."""
        found = {}
        for place in self._places:
            try:
                seen = place.path.stat()
            except OSError:
                continue
            found[place] = (seen.st_dev, seen.st_ino)
        return found

    def _look(self) -> tuple[tuple[Unit, ...], dict[str, _Winner]]:
        """What the places hold, and of each name the unit that counts, read."""
        try:
            units = survey(self._places)
        except OSError as wrong:
            raise ConfigError(f"connectors.paths: {wrong.filename} cannot be listed: {wrong.strerror}.") from None
        winners: dict[str, tuple[Unit, tuple[str, ...]]] = {}
        for unit in units:
            before = winners.pop(unit.name, None)
            replaces = (*before[1], str(before[0].path)) if before else ()
            winners[unit.name] = (unit, replaces)
        found = {name: _Winner(read(unit), replaces) for name, (unit, replaces) in winners.items()}
        for name, content in self._configured.items():
            file = found.get(name)
            replaced = (*file.replaces, str(file.content.unit.path)) if file else ()
            found[name] = _Winner(content, replaced)
        return units, found

    def _declarations(self) -> tuple[ProviderFile, ...]:
        return provider_files(self._declaring)

    def _look_for_providers(self) -> Mapping[str, ProviderState]:
        """The providers the places declare, those that changed read anew."""
        try:
            self._declared = self._declarations()
        except OSError as wrong:
            raise ConfigError(f"connectors.paths: {wrong.filename} cannot be listed: {wrong.strerror}.") from None
        return self._providers.read(self._declared)

    async def _load_changed(self, winners: dict[str, _Winner]) -> None:
        for name in set(self._kept) - set(winners):
            self._forget(name)
        slow: list[Loading] = []
        changed = [
            (name, winner.content)
            for name, winner in sorted(winners.items())
            if name not in self._disabled and not self._is_kept(name, winner.content)
        ]
        found = await asyncio.to_thread(self._from_shelf, [content for _, content in changed])
        for name, content in changed:
            if content.problem is not None:
                self._keep(content, Outcome(reason=content.problem))
                continue
            if name in found:
                self._keep(content, Outcome(found[name]))
                continue
            pin = await asyncio.to_thread(self._pinned, name)
            loading = Loading(content, prefix=self._prefixed(name), timeout=self._import_timeout, pin=pin)
            if await loading.within(_PATIENCE):
                self._keep(content, await loading.outcome())
            else:
                slow.append(loading)
        if slow and self._loaded:
            # What is ready need not wait for what is slow.
            self._publish(winners)
        for loading in slow:
            self._keep(loading.content, await loading.outcome())
        if self._shelf is not None:
            self._unshelved.update((name, content) for name, content in changed if name not in found)

    async def fill_shelf(self) -> None:
        """Put on the shelf what was compiled since the last time, one by one. ``watch`` does so when nobody waits."""
        while self._shelf is not None and self._unshelved:
            name, content = self._unshelved.popitem()
            kept = self._kept.get(name)
            if kept is not None and kept.digest == content.digest and kept.outcome.compiled is not None:
                prefix = self._prefixed(name)
                await asyncio.to_thread(self._shelf.keep, content, kept.outcome.compiled, prefix=prefix)

    def _is_kept(self, name: str, content: Content) -> bool:
        kept = self._kept.get(name)
        return kept is not None and kept.digest == content.digest

    def _from_shelf(self, contents: Sequence[Content]) -> dict[str, CompiledConnector]:
        if self._shelf is None:
            return {}
        found = ((one.unit.name, self._shelf.find(one, prefix=self._prefixed(one.unit.name))) for one in contents)
        return {name: compiled for name, compiled in found if compiled is not None}

    def _prefixed(self, name: str) -> bool:
        return name not in self._unprefixed

    def _keep(self, content: Content, outcome: Outcome) -> None:
        name = content.unit.name
        self._kept[name] = _Kept(content.digest, outcome)
        if outcome.compiled is None:
            if outcome.held:
                self._good.pop(name, None)
            serves = name in self._good
            log.warning(
                "a connector could not be loaded", connector=name, reason=outcome.reason, last_good_serves=serves
            )
            return
        before = self._good.get(name)
        self._good[name] = outcome
        self._codes[name] = content.digest
        if before is not None and before.generation is not None:
            before.generation.retire()

    def _forget(self, name: str) -> None:
        self._kept.pop(name)
        before = self._good.pop(name, None)
        if before is not None and before.generation is not None:
            before.generation.retire()

    def _publish(self, winners: dict[str, _Winner]) -> None:
        """Swap the catalog for what is loaded now, and tell those who listen."""
        before = self._catalog
        loads = [one for one in (self._state(name, winner) for name, winner in winners.items()) if one is not None]
        self._catalog = catalog_of(loads, unprefixed=self._unprefixed, previous=before, states=self._states)
        if self._catalog is before:
            return
        for listener in tuple(self._listeners):
            try:
                listener(before, self._catalog)
            except Exception:  # an edge: one listener's fault must not keep the others from hearing of it
                log.exception("a listener failed on a change of the connectors")

    def _state(self, name: str, winner: _Winner) -> Loaded | None:
        """How the connector ``name`` fares; None while its first load is still under way."""
        unit = winner.content.unit
        replaces = ", ".join(winner.replaces) or None

        def loaded(state: State, outcome: Outcome, reason: str | None) -> Loaded:
            return Loaded(
                name=name,
                state=state,
                place=unit.place.label,
                path=str(unit.path),
                shipped=unit.place.shipped,
                reason=reason,
                replaces=replaces,
                compiled=outcome.compiled,
                code=self._codes.get(name, "") if outcome.compiled is not None else "",
            )

        if name in self._disabled:
            return loaded("disabled", Outcome(), "connectors.disabled names it.")
        kept = self._kept.get(name)
        if kept is None:
            return None
        if kept.outcome.compiled is not None:
            return loaded("ok", kept.outcome, None)
        good = self._good.get(name)
        if good is not None:
            return loaded("stale", good, kept.outcome.reason)
        return loaded("held" if kept.outcome.held else "set_aside", kept.outcome, kept.outcome.reason)
