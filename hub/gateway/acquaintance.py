"""``Acquaintance``: reads what an MCP server offers as soon as somebody has connected an account there.

Until then nobody knows its tools; from then on the list is what was accepted of its word, with or without accounts. Not
the reading itself (``hub/servers``).
"""

import asyncio
from collections.abc import Awaitable, Callable

from hub import observe
from hub.broker import Account, Purpose
from hub.clock import Clock
from hub.errors import HubError
from hub.gateway.accounts import Accounts
from hub.registry import Catalog
from hub.sdk.http import Send

PAUSES = (0.0, 5.0, 30.0, 120.0, 600.0)
"""Seconds before each attempt at a server that does not answer."""

_log = observe.log("gateway")

Learn = Callable[[str, Account], Awaitable[None]]
"""Reads the lists of a connector's server on an account."""


class Acquaintance:
    """Makes the hub acquainted with servers."""

    def __init__(
        self, accounts: Accounts, send: Send, catalog: Callable[[], Catalog], learn: Learn, clock: Clock
    ) -> None:
        self._accounts = accounts
        self._send = send
        self._catalog = catalog
        self._learn = learn
        self._clock = clock
        self._works: set[asyncio.Task[None]] = set()

    def connected(self, user_id: str, connector: str, label: str) -> None:
        """Somebody connected an account: read the server's lists, in the background."""
        loaded = self._catalog().connectors.get(connector)
        if loaded is None or loaded.compiled is None or loaded.compiled.server is None:
            return
        work = asyncio.create_task(self._read(user_id, connector, label), name=f"read {connector}")
        self._works.add(work)
        work.add_done_callback(self._works.discard)

    async def _read(self, user_id: str, connector: str, label: str) -> None:
        for pause in PAUSES:
            await self._clock.sleep(pause)
            loaded = self._catalog().connectors.get(connector)
            if loaded is None or loaded.compiled is None or loaded.provider is None:
                return
            purpose = Purpose(connector, loaded.compiled.title, loaded.shipped, loaded.code, loaded.provider)
            try:
                await self._learn(connector, await self._accounts.account(user_id, purpose, label, self._send))
                return
            except HubError as wrong:
                _log.info("an MCP server's lists could not be read", connector=connector, reason=str(wrong))
            except Exception:  # an edge: nobody waits for this
                _log.exception("the reading of an MCP server's lists failed", connector=connector)
                return

    async def close(self) -> None:
        """End what is under way."""
        for work in self._works:
            work.cancel()
        await asyncio.gather(*self._works, return_exceptions=True)
