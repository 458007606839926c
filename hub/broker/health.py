"""How an account fares: the one place where that is decided, for models, for its owner, for admins and the operator.

``health_of`` decides from what is known; ``Checkup`` knows what a running hub does besides the row. Nothing is asked of
a vendor here, and nobody is held up: which calls are made is ``broker.py``'s.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from hub.broker.clients import ClientCredential, ClientCredentials
from hub.broker.holdings import Holding, Holdings
from hub.broker.pauses import Pause, Pauses
from hub.broker.purpose import Purpose
from hub.broker.renewal import alive, cooling
from hub.clock import Clock
from hub.errors import ConnectionNeeded, OperatorNeeded
from hub.sdk.provider import GrantMethod, JwtBearerMethod, OAuthMethod, OperatorMethod, Provider
from hub.store.connections import Agreement, Connection

OPERATOR = "operator"
"""The id and the label of the operator's one credential, where it is used as everybody's account."""

State = Literal[
    "ok", "needs_sign_in", "needs_consent", "missing_scope", "rate_limited", "provider_down", "needs_operator"
]
"""The account works; its owner must sign in again, agree once to what uses it, or allow more; it passes by itself
(twice); only the operator can mend it."""


@dataclass(frozen=True, slots=True)
class Health:
    """How an account fares: ``why`` in words (empty where it works), ``until`` where time mends it, ``missing`` the
    scopes it lacks."""

    state: State
    why: str = ""
    until: datetime | None = None
    missing: tuple[str, ...] = ()


def health_of(kept: Connection, now: datetime, pause: Pause | None = None, missing: Sequence[str] = ()) -> Health:
    """How the account of a row fares; ``pause`` is what calls saw, ``missing`` the scopes it lacks for what it is
    wanted for."""
    if kept.health != "ok":
        return Health(kept.health, kept.reason)
    wait = cooling(kept, now)
    if wait > 0 and not alive(kept, now):
        return Health("provider_down", kept.reason, now + timedelta(seconds=wait))
    if pause is not None:
        return Health(pause.kind, pause.why, pause.until)
    if missing:
        return Health("missing_scope", f"It was connected without {', '.join(missing)}.", missing=tuple(missing))
    return Health("ok")


def lacking(kept: Connection, provider: Provider, wanted: Sequence[str]) -> tuple[str, ...]:
    """Which of the ``wanted`` scopes an account lacks, where it is known which it has."""
    if not kept.scopes or not isinstance(provider.methods.get(kept.method), GrantMethod | JwtBearerMethod):
        return ()
    return provider.missing(kept.scopes, wanted)


def check_agreed(held: Holding, kept: Connection, purpose: Purpose) -> None:
    """Raise ``ConnectionNeeded`` where the account's owner has not agreed to what would use it."""
    if not purpose.shipped and Agreement(kept.id, purpose.connector, purpose.code) not in held.agreed:
        raise ConnectionNeeded(
            f"{purpose.title} did not come with this hub, so the owner of the account {kept.label} must agree once "
            "that it is used by it, and again when its code has changed.",
            connector=purpose.connector,
        )


def operators_way(provider: Provider) -> str | None:
    """The provider's way by one credential of the operator's, if it has one."""
    return next((name for name, one in provider.methods.items() if isinstance(one, OperatorMethod)), None)


async def operators_credential(clients: ClientCredentials, provider: Provider) -> ClientCredential:
    """The operator's one credential. Raises ``OperatorNeeded`` where it is not set."""
    given = await clients.find(provider.name)
    if given is None or not given.fields:
        raise OperatorNeeded(
            f"{provider.title} is used with one credential of the operator's, which is not set: "
            f"providers.{provider.name}.credential in the configuration."
        )
    return given


class Checkup:
    """What a running hub says of accounts. ``halted`` says why somebody's calls are stopped, if they are."""

    def __init__(
        self,
        holdings: Holdings,
        clients: ClientCredentials,
        pauses: Pauses,
        clock: Clock,
        halted: Callable[[str], str | None],
    ) -> None:
        self._holdings = holdings
        self._clients = clients
        self._pauses = pauses
        self._clock = clock
        self._halted = halted

    async def of(self, user_id: str, kept: Connection, purpose: Purpose | None = None) -> Health:
        """How an account fares for this person, who owns it or whom it is shared with; ``purpose`` is what for, where
        that is known. Raises ``StoreUnavailable``."""
        stopped = self._halted(user_id)
        if stopped is not None:
            return Health("needs_operator", stopped)
        missing: tuple[str, ...] = ()
        if purpose is not None:
            if kept.method not in purpose.provider.methods:
                return Health("needs_sign_in", f"{purpose.provider.title} is no longer connected this way.")
            missing = lacking(kept, purpose.provider, purpose.scopes) or tuple(sorted(kept.wanted - kept.scopes))
        found = health_of(kept, self._clock.now(), self._pauses.of(kept.provider, kept.id), missing)
        if purpose is None or found.state in ("needs_sign_in", "needs_operator"):
            return found
        try:
            check_agreed(await self._holdings.of(user_id), kept, purpose)
        except ConnectionNeeded as wrong:
            return Health("needs_consent", str(wrong))
        return found

    async def common(self, provider: Provider) -> Health | None:
        """How the operator's one credential fares; None where the provider has no such way."""
        if operators_way(provider) is None:
            return None
        try:
            await operators_credential(self._clients, provider)
        except OperatorNeeded as wrong:
            return Health("needs_operator", str(wrong))
        pause = self._pauses.of(provider.name, OPERATOR)
        return Health("ok") if pause is None else Health(pause.kind, pause.why, pause.until)

    async def connectable(self, provider: Provider) -> bool:
        """Whether a person can connect an account now, without the operator."""
        for method in provider.methods.values():
            if isinstance(method, OperatorMethod):
                continue
            if not isinstance(method, OAuthMethod):
                return True
            client = await self._clients.find(provider.name)
            if client is not None and client.client_id:
                return True
        return False


def operators_account(provider: Provider, way: str, now: datetime) -> Connection:
    """The operator's one credential as an account, without its secret."""
    method = provider.methods[way]
    return Connection(
        id=OPERATOR, user_id="", provider=provider.name, method=way, label=OPERATOR, subject="",
        scopes=frozenset(), settings=provider.checked_settings({}, method), fields={},
        hosts=provider.hosts({}, method), secret="", version=1, health="ok", reason="", expires_at=None,
        renewed_at=now, lease_owner=None, lease_until=None, failures=0, failed_at=None, is_default=True,
        wanted=frozenset(), created_at=now, used_at=None,
    )  # fmt: skip
