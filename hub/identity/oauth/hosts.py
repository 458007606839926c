"""The redirect hosts that admins decide on: which clients may have people sent back there, beside the operator's list.

What a decision means for a request is ``clients.py``'s (``Clients.standing``). Not the pages and commands that ask
here.
"""

from collections.abc import Collection

from hub.errors import HubError
from hub.observe import log
from hub.store import Store
from hub.store.oauth import RedirectHost

_log = log("identity.oauth")


class HostRefused(HubError):
    """A text that is no host, or a decision against the operator's own list; says what would be right."""


class RedirectHosts:
    """All redirect hosts of one hub. ``listed`` are those of ``clients.allow``, which only the operator changes."""

    def __init__(self, store: Store, listed: Collection[str]) -> None:
        self._store = store
        self.listed = tuple(one.lower() for one in listed)

    async def all(self) -> list[RedirectHost]:
        """Every host that was asked for or decided on, by name; not those of the operator's list."""
        return await self._store.clients.list_hosts()

    async def waiting(self) -> list[RedirectHost]:
        """The hosts that wait for an admin's yes or no."""
        return [one for one in await self.all() if one.state == "pending"]

    async def allow(self, host: str) -> str:
        """Let clients have people sent back to ``host``; the host as it is kept. Raises ``HostRefused``."""
        name = _checked(host)
        await self._store.clients.decide(name, "allowed")
        _log.info("a redirect host was allowed", host=name)
        return name

    async def deny(self, host: str) -> tuple[str, int]:
        """Refuse ``host``, and end within a second what people let in there; the host as it is kept, and how many
        grants ended. Raises ``HostRefused``, also for a host of the operator's list."""
        name = _checked(host)
        if name in self.listed:
            raise HostRefused(f"{name} is on the operator's list; take it out of clients.allow.")
        await self._store.clients.decide(name, "denied")
        # Else whoever allows the host again would let its clients back in without a question.
        await self._store.codes.forget_host(name)
        ended = await self._store.grants.revoke_host(name)
        _log.info("a redirect host was refused", host=name, ended_grants=ended)
        return name, ended


def _checked(host: str) -> str:
    name = host.strip().lower()
    if not name or "/" in name or "@" in name or not all(char.isprintable() and not char.isspace() for char in name):
        raise HostRefused(f"{host!r} is no host; write it as the page shows it, such as app.example.org.")
    if len(name) > 255:
        raise HostRefused("A host has at most 255 characters.")
    return name
