"""Connecting by a code that the person types on the vendor's page (RFC 8628), while the hub asks for its outcome.

One row per flow. Whichever process finds it due moves its time on first and then asks, so that a vendor is asked by one
at a time, a restart loses nothing, and a process that dies while asking is followed by another. Not the page that shows
the code (``hub/web/accounts``).
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from hub.broker.clients import ClientCredentials
from hub.broker.endpoint import TokenEndpoint, wanted_scopes
from hub.broker.keeping import Keeping
from hub.broker.renewal import remedy
from hub.broker.tokens import AppBroken, GrantDead, Pending
from hub.broker.wanted import ConnectRefused, Gained, Undecided, Wanted
from hub.clock import Clock
from hub.errors import HubError, OperatorNeeded, ProviderUnavailable
from hub.observe import log
from hub.sdk.provider import DeviceMethod, Provider
from hub.store import EVERYTHING, Change, Store, StoreUnavailable
from hub.store.connect_flows import CHANGE, ConnectFlow

ASKING = timedelta(seconds=40)
"""How long one question may take before another process may ask: longer than a call of a token endpoint can take, its
one wait for a rate limit included."""

SLOWER = 5
"""Seconds by which the hub asks less often when the vendor says so (RFC 8628, section 3.5)."""

_MOST = 100
_ROUND = 60.0
"""Seconds after which a process looks again although it heard of nothing: another's flow, whose process died."""

_log = log("broker.devices")


@dataclass(frozen=True, slots=True)
class TypedCode:
    """What the person needs: ``user_code`` to be typed on ``page``; ``whole_page`` has it filled in already."""

    user_code: str
    page: str
    whole_page: str | None


class DeviceFlows:
    """The flows under way. ``provider`` finds a declaration by name."""

    def __init__(
        self,
        *,
        store: Store,
        keeping: Keeping,
        clients: ClientCredentials,
        endpoint: TokenEndpoint,
        clock: Clock,
        provider: Callable[[str], Provider | None],
    ) -> None:
        self._rows = store.connect_flows
        self._keeping = keeping
        self._clients = clients
        self._endpoint = endpoint
        self._clock = clock
        self._provider = provider
        self._woken = asyncio.Event()
        store.changes.watch(self._heard)

    def _heard(self, change: Change) -> None:
        if change.kind in (CHANGE, EVERYTHING):
            self._woken.set()

    async def begin(self, wanted: Wanted) -> str:
        """Ask the vendor for a code; the id of the flow. Raises ``ConnectRefused`` and ``OperatorNeeded``."""
        self._keeping.check_halt(wanted.user_id)
        provider, method = wanted.provider, wanted.way
        if not isinstance(method, DeviceMethod):
            raise ConnectRefused(f"{provider.title} is not connected by a code this way.")
        client = await self._clients.need(provider, method)
        scopes = wanted_scopes(method, wanted.scopes)
        try:
            got = await self._endpoint.device_code(provider, method, client, wanted.settings, scopes)
        except AppBroken as wrong:
            raise OperatorNeeded(remedy(provider, method, wrong, self._clients.redirect_uri(provider.name))) from None
        except (GrantDead, ProviderUnavailable) as wrong:
            raise ConnectRefused(f"{provider.title} gave no code: {wrong} Try again in a few minutes.") from None
        id = self._rows.new_id()
        held = {
            "wanted": replace(wanted, scopes=tuple(scopes)).plain(),
            "client_id": client.client_id,
            "code": got.code,
            "user_code": got.user_code,
            "page": got.page,
            "whole_page": got.whole_page,
            "interval": got.interval,
        }
        now = self._clock.now()
        sealed = self._keeping.seal(held, id=id, user_id=wanted.user_id)
        ends, due = now + timedelta(seconds=got.seconds), now + timedelta(seconds=got.interval)
        await self._rows.add(id, wanted.user_id, wanted.connector, provider.name, "waiting", sealed, ends, due)
        return id

    def code(self, flow: ConnectFlow) -> TypedCode:
        """What the person of a waiting flow types, and where. Raises ``ConnectRefused``."""
        held = self._keeping.open(flow)
        return TypedCode(held["user_code"], held["page"], held["whole_page"])

    async def keep(self) -> None:
        """Ask whenever a flow is due, until cancelled."""
        while True:
            self._woken.clear()
            pause = _ROUND
            try:
                await self.once()
                due = await self._rows.next_due()
                if due is not None:
                    pause = min(max((due - self._clock.now()).total_seconds(), 0.05), _ROUND)
            except StoreUnavailable as wrong:
                _log.warning("flows with codes cannot be looked up", reason=str(wrong))
            sleeping = asyncio.ensure_future(self._clock.sleep(pause))
            waking = asyncio.ensure_future(self._woken.wait())
            try:
                await asyncio.wait((sleeping, waking), return_when=asyncio.FIRST_COMPLETED)
            finally:
                sleeping.cancel()
                waking.cancel()

    async def once(self) -> int:
        """Ask for every flow that is due; returns how many."""
        due = await self._rows.due(_MOST)
        done = await asyncio.gather(*(self._asked(flow) for flow in due))
        return sum(done)

    async def _asked(self, flow: ConnectFlow) -> bool:
        if flow.expires_at <= self._clock.now():
            await self._rows.move(flow, "refused", told="The code was not typed in time. Begin anew.")
            return False
        if not await self._rows.claim(flow, self._clock.now() + ASKING):
            return False
        try:
            await self._poll(flow)
        except StoreUnavailable:
            raise
        except HubError as wrong:
            _log.info("an account was not connected by a code", provider=flow.provider, reason=str(wrong))
            await self._rows.move(flow, "refused", told=_told(wrong))
        return True

    async def _poll(self, flow: ConnectFlow) -> None:
        """Ask once. Raises what ends the flow."""
        provider = self._provider(flow.provider)
        if provider is None:
            raise ConnectRefused(f"The provider {flow.provider} is no longer there. Begin anew.")
        held = self._keeping.open(flow)
        wanted = Wanted.of(held["wanted"], provider)
        method = wanted.way
        if not isinstance(method, DeviceMethod):
            raise ConnectRefused(f"{provider.title} is no longer connected this way. Begin anew.")
        client = await self._clients.need(provider, method)
        if client.client_id != held["client_id"]:
            raise ConnectRefused("The operator changed the app meanwhile. Begin anew.")
        try:
            tokens = await self._endpoint.poll(provider, method, client, wanted.settings, device_code=held["code"])
        except Pending as wrong:
            if wrong.slower:
                held["interval"] += SLOWER
            return await self._later(flow, held)
        except ProviderUnavailable:
            # A vendor that did not answer is asked half as often (RFC 8628, section 3.5).
            held["interval"] = min(held["interval"] * 2, 60)
            return await self._later(flow, held)
        except AppBroken as wrong:
            raise OperatorNeeded(remedy(provider, method, wrong, self._clients.redirect_uri(provider.name))) from None
        except GrantDead as wrong:
            raise ConnectRefused(f"{provider.title} did not connect the account: {wrong} Begin anew.") from None
        done = await self._keeping.keep(wanted, Gained.of(tokens, brought={"client_id": client.client_id}), flow)
        if not isinstance(done, Undecided):
            await self._rows.move(flow, "connected", told=done.label)
        return None

    async def _later(self, flow: ConnectFlow, held: dict[str, object]) -> None:
        sealed = self._keeping.seal(held, id=flow.id, user_id=flow.user_id)
        due = self._clock.now() + timedelta(seconds=float(str(held["interval"])))
        await self._rows.move(flow, "waiting", held=sealed, due_at=due)


def _told(wrong: HubError) -> str:
    if isinstance(wrong, OperatorNeeded):
        return f"Only the operator of this hub can mend this: {wrong}"
    return str(wrong)
