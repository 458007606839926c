"""The store as commands use it: opened without connectors or network, so that ``hub user`` runs no connector's code.

Not a command.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hub.clock import SystemClock
from hub.config import Config
from hub.errors import HubError
from hub.store import Store, User


@asynccontextmanager
async def stored(config: Config) -> AsyncIterator[Store]:
    """The open, migrated store of this configuration. Raises ``ConfigError``."""
    store = Store.open(config.store_url, SystemClock())
    try:
        await store.migrate()
        yield store
    finally:
        await store.close()


async def known_user(store: Store, name: str) -> User:
    """The user of this name. Raises ``HubError`` that names the command that adds one."""
    user = await store.users.by_name(name)
    if user is None:
        raise HubError(f"There is no user {name!r}. Add them first: hub user add {name}")
    return user
