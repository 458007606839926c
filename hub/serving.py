"""The hub on the network: its socket, the signals that end it, and what it says when it begins.

Opens and joins nothing: that is ``hub/app.py``. Not a command: ``hub/cli`` says how it is called.
"""

import asyncio
import gc
import signal
import socket

from aiohttp import web

from hub import huge_pages, machine, observe
from hub.app import Hub, application
from hub.config import Config, LimitsConfig
from hub.doctor.start import warn_of_reach
from hub.errors import ConfigError
from hub.turns import new_loop
from hub.upstream.resolver import SystemResolver
from hub.web.connections import Patience, Port, open_files

CLOSING_SECONDS = 2.0
"""How long connections may take to close after the calls in flight have ended (``Limits.grace``)."""

YOUNG = 20_000
"""New objects after which the garbage collector looks through them. Python's own number of some hundreds is reached by
a few calls under way, which are then gone through again and again, and for nothing: they hold no cycles."""

_log = observe.log("app")


def run(config: Config) -> None:
    """Run the hub until SIGTERM or SIGINT, whatever its connectors do. Raises ``ConfigError`` when it cannot start.

    A connector's own tasks and callbacks may call ``sys.exit``, which ends the event loop's run; it is taken up again.
    """
    with asyncio.Runner(loop_factory=new_loop) as runner:
        loop = runner.get_loop()
        serving = loop.create_task(serve(config), name="serve")
        while True:
            try:
                return loop.run_until_complete(serving)
            except (SystemExit, KeyboardInterrupt) as wrong:
                if serving.done():
                    raise
                _log.error("something in the hub tried to end it; it goes on", exc_info=wrong)


async def serve(config: Config) -> None:
    """Run the hub until SIGTERM or SIGINT. Raises ``ConfigError`` when it cannot start."""
    stopped = _stop_signal()
    machine.few_heaps()
    # What is loaded lives as long as the hub; going through it again and again would only hold up the calls.
    gc.disable()
    try:
        hub = await Hub.start(config)
    finally:
        gc.enable()
    gc.freeze()
    gc.set_threshold(YOUNG)
    huge_pages.gather()
    try:
        runner = web.AppRunner(application(hub), access_log=None, shutdown_timeout=CLOSING_SECONDS)
        await runner.setup()
        try:
            await _listen(runner, config)
            if config.auth.mode != "none" and (secret := await hub.people.first_link()) is not None:
                # The one secret that is ever logged: whoever reads this log runs the hub, and it works once.
                _log.warning(
                    "there is no user yet; the first admin begins at this link, which works once within three days",
                    link=f"{config.public_url}/setup/{secret}",
                )
            for loaded in hub.registry.catalog.connectors.values():
                if loaded.state in ("set_aside", "held", "stale"):
                    _log.warning(
                        "connector not served", connector=loaded.name, state=loaded.state, reason=loaded.reason
                    )
            for reminder in await hub.brokerage.reminders.all():
                _log.warning("a client secret ends", provider=reminder.provider, what=reminder.tell)
            _log.info(
                "the hub is ready",
                url=f"{config.public_url}/mcp",
                listening=[f"{address[0]}:{address[1]}" for address in runner.addresses],
                connectors=sum(1 for one in hub.registry.catalog.connectors.values() if one.state == "ok"),
                tools=sum(1 for one in hub.registry.catalog.tools.values() if one.listed),
            )
            looking = asyncio.create_task(warn_of_reach(config.public_url, SystemResolver(1)), name="reach")
            await stopped.wait()
            looking.cancel()
            _log.info("the hub stops")
        finally:
            await runner.cleanup()
    finally:
        await hub.close()


async def _listen(runner: web.AppRunner, config: Config) -> None:
    host, port = config.listen.host, config.listen.port
    try:
        await Port(runner, host, port, Patience(most=_connections(config.limits))).start()
    except (OSError, socket.gaierror) as wrong:
        raise ConfigError(
            f"listen: {host}:{port} cannot be listened on ({wrong.strerror or wrong}). Is another hub running? "
            "Set listen.port, or HUB_LISTEN__PORT, to a free port."
        ) from None


def _connections(limits: LimitsConfig) -> int:
    """How many connections there can be, with the open files the system lets this process have."""
    wanted = limits.connections + limits.upstream_connections
    missing = wanted - open_files(wanted)
    if not missing:
        return limits.connections
    most = max(1, limits.connections - missing)
    _log.warning(
        "the system allows fewer open files than limits.connections needs; raise its limit (ulimit -n, LimitNOFILE)",
        connections=most,
        wanted=limits.connections,
    )
    return most


def _stop_signal() -> asyncio.Event:
    """An event set by SIGTERM or SIGINT, from now on."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, stopped.set)
    return stopped
