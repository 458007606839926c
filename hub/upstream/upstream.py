"""``Upstream``: how the hub talks to providers. Reach, redirects, retries and deadlines over one ``Transport``.

It returns replies of any status; what they mean is the sdk's. Credentials come signed from above. Errors name the
host and nothing else of a request: its query and headers may hold secrets.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import SystemRandom

from hub.clock import Clock
from hub.errors import OperatorNeeded, ProviderUnavailable, RateLimited
from hub.sdk.http import Outgoing, Reach, Reply
from hub.sdk.limits import wait_asked
from hub.upstream.errors import Lost, NotSent
from hub.upstream.redirects import MAX_REDIRECTS, redirected
from hub.upstream.retries import MAX_RETRIES, backoff, passing, retry_after
from hub.upstream.target import Target
from hub.upstream.transport import Transport

REQUEST_TIMEOUT = 60.0
"""Seconds one request may take where the tool does not say otherwise."""

OVERALL = 240.0
"""Seconds everything may take: redirects, waits and retries; also the most a tool may ask for."""


@dataclass(slots=True)
class _Journey:
    """What one ``send`` has used up, over all its redirects."""

    connector: str
    timeout: float
    deadline: float
    failures: int = 0
    throttled: bool = False
    redirects: int = 0


class Upstream:
    """The one way out, ``sdk.Send``. ``random`` gives numbers from 0 to 1 that spread retries (the system's unless
    told otherwise)."""

    def __init__(self, transport: Transport, clock: Clock, random: Callable[[], float] | None = None) -> None:
        self._transport = transport
        self._clock = clock
        self._random = random or SystemRandom().random

    async def send(
        self,
        outgoing: Outgoing,
        reach: Reach,
        *,
        timeout: float = REQUEST_TIMEOUT,  # noqa: ASYNC109 - bounds each request, not this call
    ) -> Reply:
        """Send ``outgoing`` within ``reach``, follow redirects, and return the last reply, whatever its status.

        ``timeout`` are the seconds each request may take, at most 240. Raises ``OperatorNeeded`` (outside the
        reach, a forbidden address), ``ProviderUnavailable`` (no answer; ``RateLimited`` after the one retry)
        and ``ToolError`` (a malformed request, a reply above the cap), and what ``outgoing.again`` does.
        """
        allowed = min(timeout, OVERALL)
        journey = _Journey(reach.connector, allowed, self._clock.monotonic() + OVERALL)
        target = Target.of(outgoing.url)
        request = outgoing if target.url == outgoing.url else outgoing.with_url(target.url)
        self._check(target, reach, "may not send requests to")
        while True:
            try:
                reply = await self._transport.exchange(
                    request, connector=journey.connector, timeout=self._allowed(request, journey)
                )
            except (NotSent, Lost) as failure:
                await self._failed(request, failure, journey)
                continue
            if reply.status >= 400:
                if await self._put_off(request, reply, journey):
                    continue
                return reply
            following = redirected(request, reply)
            if following is None:
                return reply
            journey.redirects += 1
            if journey.redirects > MAX_REDIRECTS:
                raise ProviderUnavailable(f"{_host(outgoing)} redirected more than {MAX_REDIRECTS} times.")
            request = following
            await _permitted(request)
            self._check(Target.of(request.url), reach, "was redirected to")

    def _check(self, target: Target, reach: Reach, what: str) -> None:
        if not reach.covers(target.scheme, target.host, target.port):
            raise OperatorNeeded(
                f"The connector {reach.connector!r} {what} {target.scheme}://{target.netloc}, "
                "which is not among the hosts it declares."
            )

    def _allowed(self, request: Outgoing, journey: _Journey) -> float:
        """Seconds the next exchange may take. Raises ``ProviderUnavailable`` where there are none left."""
        left = journey.deadline - self._clock.monotonic()
        if left <= 0:
            raise ProviderUnavailable(f"{_host(request)} did not finish within {OVERALL:g} s.")
        return min(journey.timeout, left)

    async def _failed(self, request: Outgoing, failure: NotSent | Lost, journey: _Journey) -> None:
        """Wait until the request may be sent once more after it failed. Raises ``ProviderUnavailable`` where it may
        not be."""
        if isinstance(failure, NotSent):
            if failure.permanent or not await self._again(request, journey):
                raise ProviderUnavailable(f"{_host(request)} cannot be reached: {failure.reason}.") from failure
        elif failure.sent and not request.repeatable:
            raise ProviderUnavailable(_unknown_outcome(request, failure)) from failure
        elif not await self._again(request, journey):
            raise ProviderUnavailable(f"{_host(request)} did not answer: {failure.reason}.") from failure

    async def _put_off(self, request: Outgoing, reply: Reply, journey: _Journey) -> bool:
        """Wait, where this reply of failure says that the request may be sent once more later; whether it does."""
        wait = retry_after(reply.headers, self._clock.now())
        if reply.status == 429 or (reply.status == 503 and wait is not None):
            await self._throttled(request, reply, wait, journey)
            return True
        return passing(reply.status) and request.repeatable and await self._again(request, journey)

    async def _again(self, request: Outgoing, journey: _Journey) -> bool:
        """Count a failure, and wait before the next attempt; False when there is none left or no time for it. Raises
        what ``request.again`` does."""
        journey.failures += 1
        pause = backoff(journey.failures, self._random())
        if journey.failures > MAX_RETRIES or self._clock.monotonic() + pause >= journey.deadline:
            return False
        await self._clock.sleep(pause)
        await _permitted(request)
        return True

    async def _throttled(self, request: Outgoing, reply: Reply, wait: float | None, journey: _Journey) -> None:
        """Wait as the provider asks, once. Raises ``RateLimited`` with the seconds, when it asks again or for more than
        a request may take: the model then does better to come back than to wait."""
        pause = wait if wait is not None else 1.0 + self._random()
        left = journey.deadline - self._clock.monotonic()
        if journey.throttled or pause > journey.timeout or pause >= left:
            told = wait if wait is not None else wait_asked(reply.headers, self._clock.now())
            after = f"in {told:.0f} s" if told is not None else "later"
            raise RateLimited(f"{_host(request)} asks to wait (rate limit); try again {after}.", after=told)
        journey.throttled = True
        await self._clock.sleep(pause)
        await _permitted(request)


async def _permitted(request: Outgoing) -> None:
    """Raise where the request may not be sent once more."""
    if request.again is not None:
        await request.again()


def _host(request: Outgoing) -> str:
    return Target.of(request.url).host


def _unknown_outcome(request: Outgoing, failure: Lost) -> str:
    told = f"{_host(request)} did not answer: {failure.reason}."
    if request.safe:
        return told
    return f"{told} It may or may not have carried out the request; check before sending it again."
