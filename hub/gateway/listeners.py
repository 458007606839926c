"""Who listens for changes, and what each is told.

A subscription is a bounded set of pending notifications: the same news twice is news once, so a slow listener
costs no memory. Not a stream: how news travels is the wire's business.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Literal

from hub.identity import Caller

ListKind = Literal["tools", "prompts", "resources"]


@dataclass(frozen=True, slots=True)
class Wants:
    """Which changes a listener wants to hear of: the three lists, the resources named by ``uris``, and the tasks
    named by ``tasks``, which must be the listener's own."""

    tools: bool = False
    prompts: bool = False
    resources: bool = False
    uris: frozenset[str] = frozenset()
    tasks: frozenset[str] = frozenset()


class Subscription:
    """Changes as they come: an async iterator of notifications ``{"method", "params"?}``; ends after ``close``."""

    def __init__(self, listeners: "Listeners", caller: Caller, wants: Wants) -> None:
        self.caller = caller
        self.wants = wants
        self._listeners = listeners
        self._pending: dict[str, dict[str, Any]] = {}
        self._wake = asyncio.Event()
        self._closed = False

    def tell(self, key: str, notification: dict[str, Any]) -> None:
        """Note a notification; one with the same key that was not yet read is replaced."""
        self._pending[key] = notification
        self._wake.set()

    def close(self) -> None:
        """End it; may be called twice."""
        self._closed = True
        self._listeners.forget(self)
        self._wake.set()

    async def __aiter__(self) -> AsyncIterator[dict[str, Any]]:
        while True:
            while self._pending:
                yield self._pending.pop(next(iter(self._pending)))
            if self._closed:
                return
            self._wake.clear()
            await self._wake.wait()


class Listeners:
    """All open subscriptions of this process. ``permits`` says whether a caller may hear of a resource."""

    def __init__(self, permits: Callable[[Caller, str], bool] = lambda caller, uri: True) -> None:
        self._permits = permits
        self._open: set[Subscription] = set()
        self._on_watch: list[Callable[[set[str]], None]] = []

    def open(self, caller: Caller, wants: Wants) -> Subscription:
        """Begin to listen, from now on."""
        subscription = Subscription(self, caller, wants)
        self._open.add(subscription)
        self._watching(wants)
        return subscription

    def forget(self, subscription: Subscription) -> None:
        """Stop telling ``subscription``."""
        if subscription in self._open:
            self._open.discard(subscription)
            self._watching(subscription.wants)

    def on_watch(self, callback: Callable[[set[str]], None]) -> None:
        """Tell ``callback`` what is watched, whenever that may have changed."""
        self._on_watch.append(callback)

    def _watching(self, wants: Wants) -> None:
        if wants.uris and self._on_watch:
            watched = self.watched()
            for callback in self._on_watch:
                callback(watched)

    def changed(self, kind: ListKind) -> None:
        """Tell everyone who wants it that this list changed."""
        for one in tuple(self._open):
            if getattr(one.wants, kind):
                one.tell(kind, {"method": f"notifications/{kind}/list_changed"})

    def updated(self, uri: str, user_id: str | None = None) -> None:
        """Tell everyone subscribed to it that the resource at ``uri`` has new contents, or only this user, where it is
        one of an account's."""
        for one in tuple(self._open):
            if user_id is not None and one.caller.user_id != user_id:
                continue
            if uri in one.wants.uris and self._permits(one.caller, uri):
                one.tell(uri, {"method": "notifications/resources/updated", "params": {"uri": uri}})

    def watched(self) -> set[str]:
        """Every resource that anyone watches who may."""
        return {uri for one in self._open for uri in one.wants.uris if self._permits(one.caller, uri)}

    def watchers(self) -> dict[str, set[str]]:
        """The same by user."""
        found: dict[str, set[str]] = {}
        for one in self._open:
            for uri in one.wants.uris:
                if self._permits(one.caller, uri):
                    found.setdefault(one.caller.user_id, set()).add(uri)
        return found

    def follows(self, task: str) -> bool:
        """Whether anyone wants to hear of this task."""
        return any(task in one.wants.tasks for one in self._open)

    def progressed(self, task: str, detailed: dict[str, Any]) -> None:
        """Tell everyone who follows it how this task is now."""
        for one in tuple(self._open):
            if task in one.wants.tasks:
                one.tell(task, {"method": "notifications/tasks", "params": detailed})
