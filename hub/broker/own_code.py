"""Running a provider's own code: one step at a time, in a thread of its own, within seconds, and checked afterwards.

What a step returns is data of the same kind as it was given; a request stays at the host it was made for. Not a
sandbox: the code has the hub's rights, as connectors' Python has. Where it comes from is the registry's business.
"""

import asyncio
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from hub.clock import Clock
from hub.errors import HubError, OperatorNeeded
from hub.observe import log
from hub.sdk.http import Outgoing, Reply
from hub.sdk.provider import Provider
from hub.sdk.provider.code import Given

SECONDS = 5.0
"""How long one step may take."""

_T = TypeVar("_T", str, Outgoing, Reply, Mapping[str, str])

_log = log("broker.own_code")


class OwnCode:
    """Runs steps; everything but the provider is the same for all of them."""

    def __init__(self, clock: Clock, random: Callable[[int], bytes]) -> None:
        self._clock = clock
        self._random = random

    async def step(
        self,
        provider: Provider,
        name: str,
        value: _T,
        *,
        settings: Mapping[str, Any],
        fields: Mapping[str, Any] | None = None,
        secrets: Mapping[str, Any] | None = None,
    ) -> _T:
        """``value`` as the step ``name`` of this provider makes it; the same where it has no such step.

        Raises what the step raises of the hub's own errors, and ``OperatorNeeded`` where it fails, takes too long, or
        returns what it may not.
        """
        code = provider.code
        if code is None or not code.has(name):
            return value
        told = {str(key): str(one) for key, one in settings.items()}
        given = Given(told, dict(fields or {}), dict(secrets or {}), self._clock.now(), self._random(32))
        try:
            made = await _in_thread(lambda: getattr(code, name)(value, given), f"{provider.name}.{name}")
        except HubError:
            raise
        except TimeoutError:
            raise _broken(provider, name, f"did not end within {SECONDS:g} s") from None
        except Exception as wrong:  # noqa: BLE001 - the edge to authors' code
            # Its words may hold what it was given.
            _log.warning("a provider's own code failed", provider=provider.name, step=name, error=type(wrong).__name__)
            raise _broken(provider, name, f"raised {type(wrong).__name__}") from None
        return cast(_T, _checked(provider, name, value, made))


def _checked(provider: Provider, name: str, value: object, made: object) -> object:
    """What a step returned, where it may. Raises ``OperatorNeeded``."""
    kind = Mapping if isinstance(value, Mapping) else type(value)
    if not isinstance(made, kind):
        raise _broken(provider, name, f"returned {type(made).__name__}, not {kind.__name__}")
    if isinstance(value, str) and isinstance(made, str):
        _check_place(provider, name, value, made)
    if isinstance(value, Outgoing) and isinstance(made, Outgoing):
        _check_place(provider, name, value.url, made.url)
        # Whether it may be sent twice is not the step's to say.
        return replace(made, repeatable=value.repeatable)
    return made


def _check_place(provider: Provider, name: str, before: str, after: str) -> None:
    first, then = urlsplit(before), urlsplit(after)
    if (first.scheme, first.netloc) != (then.scheme, then.netloc):
        raise _broken(provider, name, "led to another host than the declaration")


def _broken(provider: Provider, name: str, what: str) -> OperatorNeeded:
    return OperatorNeeded(f"the step {name} of the code of the provider {provider.name} (provider.py) {what}.")


async def _in_thread(run: Callable[[], Any], name: str) -> Any:
    """What ``run`` returns, in a thread that nobody waits for longer than ``SECONDS``."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Any] = loop.create_future()

    def settle(result: Any, wrong: BaseException | None) -> None:
        if future.done():
            return
        if wrong is not None:
            future.set_exception(wrong)
        else:
            future.set_result(result)

    def work() -> None:
        result, wrong = None, None
        try:
            result = run()
        except Exception as raised:  # noqa: BLE001 - handed on to whoever waits
            wrong = raised
        except BaseException as raised:  # noqa: BLE001 - sys.exit in a step ends the step
            wrong = RuntimeError(type(raised).__name__)
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, result, wrong)

    threading.Thread(target=work, name=name, daemon=True).start()
    async with asyncio.timeout(SECONDS):
        return await future
