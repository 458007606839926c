"""``Watches``: what people watch at MCP servers that ask for an account is watched on the account of each, and heard by
them alone; and what an account can no longer do, its sessions do not do either.

Not the sessions (``hub/servers``), and not who listens (``listeners.py``).
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol

from hub import observe
from hub.broker import Account, Purpose
from hub.errors import HubError
from hub.gateway.accounts import Accounts
from hub.registry import Catalog
from hub.sdk.http import Send
from hub.sdk.relay import connector_of_uri
from hub.servers.sessions import Sessions
from hub.store import Change
from hub.store.changes import EVERYTHING
from hub.store.connections import CHANGE, Connection
from hub.store.halts import HALT, LIFT
from hub.store.shares import SHARED

_log = observe.log("gateway")

_Key = tuple[str, str]
"""A user's id, and a connector."""


class Owned(Accounts, Protocol):
    """Where accounts come from, and which there are (``hub.broker.Broker``)."""

    async def connections(self, user_id: str) -> list[Connection]:
        """A user's own accounts."""
        ...


class AccountServers(Protocol):
    """The servers that ask for accounts (``hub.servers.Servers``)."""

    sessions: Sessions

    def watch_on(self, name: str, account: Account, user_id: str, uris: frozenset[str]) -> None:
        """This user watches these resources on this account."""
        ...


class Watches:
    """``halted`` says why the calls of a user are stopped, None where they are not."""

    def __init__(
        self,
        accounts: Owned,
        send: Send,
        catalog: Callable[[], Catalog],
        servers: AccountServers,
        halted: Callable[[str], str | None],
    ) -> None:
        self._accounts = accounts
        self._send = send
        self._catalog = catalog
        self._servers = servers
        self._halted = halted
        self._wanted: dict[_Key, frozenset[str]] = {}
        self._works: dict[_Key, asyncio.Task[None]] = {}
        self._looking: set[asyncio.Task[None]] = set()

    def want(self, watchers: Mapping[str, set[str]]) -> None:
        """From now on these resources are watched, by the hub's URIs, by user."""
        wanted: dict[_Key, set[str]] = {}
        for user_id, uris in watchers.items():
            for uri in uris:
                name = connector_of_uri(uri)
                if name is not None and self._signed(name):
                    wanted.setdefault((user_id, name), set()).add(uri)
        before, self._wanted = self._wanted, {key: frozenset(uris) for key, uris in wanted.items()}
        for key in before.keys() | self._wanted.keys():
            if before.get(key) != self._wanted.get(key):
                self._settle(key)

    def again(self) -> None:
        """Servers came, went or moved: begin anew with what is watched at them."""
        for key in self._wanted:
            self._settle(key)

    def heard(self, change: Change) -> None:
        """Take up that accounts, who shares them, or whose calls are stopped changed."""
        if change.kind not in (CHANGE, HALT, LIFT, EVERYTHING):
            return
        owners = self._servers.sessions.owners
        one = change.kind == CHANGE and change.key != SHARED
        for owner in owners & {change.key} if one else owners:
            task = asyncio.create_task(self._look_at(owner))
            self._looking.add(task)
            task.add_done_callback(self._looking.discard)
        for key in self._wanted:
            if not one or key[0] == change.key:
                self._settle(key)

    async def close(self) -> None:
        """End what is under way."""
        works = [*self._works.values(), *self._looking]
        for task in works:
            task.cancel()
        await asyncio.gather(*works, return_exceptions=True)

    def _signed(self, name: str) -> bool:
        loaded = self._catalog().connectors.get(name)
        server = loaded.compiled.server if loaded is not None and loaded.compiled is not None else None
        return server is not None and server.sign_in

    async def _look_at(self, owner: str) -> None:
        """Close the sessions of an owner's accounts that ended, or may not be used now."""
        usable: frozenset[str] = frozenset()
        if self._halted(owner) is None:
            held = await self._accounts.connections(owner)
            usable = frozenset(one.id for one in held if one.health != "needs_sign_in")
        self._servers.sessions.keep(owner, usable.__contains__)

    def _settle(self, key: _Key) -> None:
        before = self._works.pop(key, None)
        if before is not None:
            before.cancel()
        task = asyncio.create_task(self._settled(key), name=f"watch {key[1]}")
        self._works[key] = task
        task.add_done_callback(lambda done: self._works.pop(key) if self._works.get(key) is done else None)

    async def _settled(self, key: _Key) -> None:
        """Watch what is wanted on the account a reading would be made on; nothing where there is none."""
        user_id, name = key
        uris = self._wanted.get(key)
        loaded = self._catalog().connectors.get(name)
        if uris and loaded is not None and loaded.compiled is not None and loaded.provider is not None:
            purpose = Purpose(name, loaded.compiled.title, loaded.shipped, loaded.code, loaded.provider)
            try:
                account = await self._accounts.account(user_id, purpose, None, self._send)
                self._servers.watch_on(name, account, user_id, uris)
                return
            except HubError as wrong:
                _log.info("a resource cannot be watched", connector=name, reason=str(wrong))
        self._servers.sessions.unwatch(name, user_id)
