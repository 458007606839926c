"""Accounts ended by a command, and the report of it: what the vendors confirmed, and what is left to do.

Not a command. Connectors are loaded for it, because they say how an account is ended at its vendor.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any

from hub.app import Hub
from hub.broker.ending import Ended
from hub.cli.options import table
from hub.config import Config
from hub.errors import HubError
from hub.store import User
from hub.store.endings import Cause


async def ended_accounts(config: Config, user_ids: Collection[str], cause: Cause) -> list[Ended]:
    """End all accounts of these people. Raises ``ConfigError``."""
    async with AsyncExitStack() as stack:
        hub = await Hub.start(config)
        stack.push_async_callback(hub.close)
        return await hub.brokerage.ending.disconnect_all(user_ids, cause=cause)


async def ended_account(config: Config, id: str) -> Ended:
    """End one account, whosever it is. Raises ``HubError`` where there is none."""
    async with AsyncExitStack() as stack:
        hub = await Hub.start(config)
        stack.push_async_callback(hub.close)
        kept = await hub.store.connections.get(id)
        ended = None
        if kept is not None:
            ended = await hub.brokerage.ending.disconnect(kept.user_id, id, cause="revoked")
        if ended is None:
            raise HubError(f"There is no account {id!r}; hub connection list shows them.")
        return ended


def report(ended: Sequence[Ended], people: Mapping[str, User]) -> str:
    """The report, for people: first what is left to do."""
    if not ended:
        return "No account was connected."
    rows = [
        (people[one.user_id].name, one.provider, one.label, "revoked" if one.revoked else "NOT revoked", one.tell)
        for one in sorted(ended, key=lambda one: (one.revoked, people[one.user_id].name, one.provider))
    ]
    done = sum(one.revoked for one in ended)
    return (
        f"{table(rows)}\n{done} of {len(ended)} were ended at their vendors; admins see this on /account/connections."
    )


def told(one: Ended, people: Mapping[str, User]) -> dict[str, Any]:
    """One line of the report, for programs."""
    return {
        "user": people[one.user_id].name,
        "provider": one.provider,
        "account": one.label,
        "revoked": one.revoked,
        "tell": one.tell,
    }
