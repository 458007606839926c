"""What tools announce (``ctx.changed``), told to the listeners of every process.

Not the listeners themselves, and not the changes the hub notices on its own (a connector's file edited): each process
notices those itself.
"""

import hashlib
from typing import cast

from hub.errors import ToolError
from hub.gateway.listeners import Listeners, ListKind
from hub.observe import log
from hub.store import Change, Changes, StoreUnavailable

CHANGE = "announced"
"""The kind of change that tells of an announcement; the key is what changed."""

_KEY_CHARACTERS = 255
_DIGEST = "sha256:"
_LISTS = ("tools", "prompts", "resources")

_log = log(__name__)


class Echo:
    """Announces through the change table, and tells what comes out of it; with no table, in this process only."""

    def __init__(self, listeners: Listeners, changes: Changes | None) -> None:
        self._listeners = listeners
        self._changes = changes
        if changes is not None:
            changes.watch(self._heard)

    async def announce(self, what: str) -> None:
        """Tell everyone that ``what`` changed: a list by its name, a resource by its URI. Raises ``ToolError``."""
        if what not in _LISTS and "://" not in what:
            raise ToolError(f"ctx.changed({what!r}): say 'tools', 'prompts', 'resources' or a resource's URI.")
        if self._changes is not None:
            try:
                await self._changes.announce(CHANGE, what if len(what) <= _KEY_CHARACTERS else _digest(what))
                return
            except StoreUnavailable as wrong:
                _log.warning("an announcement reaches this process only", reason=str(wrong))
        self._tell(what)

    def _heard(self, change: Change) -> None:
        if change.kind != CHANGE:
            return
        if not change.key.startswith(_DIGEST):
            self._tell(change.key)
            return
        for uri in self._listeners.watched():
            if _digest(uri) == change.key:
                self._listeners.updated(uri)

    def _tell(self, what: str) -> None:
        if what in _LISTS:
            self._listeners.changed(cast(ListKind, what))
        else:
            self._listeners.updated(what)


def _digest(uri: str) -> str:
    return _DIGEST + hashlib.sha256(uri.encode()).hexdigest()
