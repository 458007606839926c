"""Wiring: the only module that knows every other. Opens the parts in order, joins them, closes them in reverse.

Nothing is decided here. ``Hub`` is the running program without its socket, as the command line uses it;
``serve`` puts it on the network.
"""

import asyncio
import signal
import socket
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from hub import __version__, observe
from hub.clock import Clock, SystemClock
from hub.config import Config
from hub.errors import ConfigError
from hub.gateway import Gateway
from hub.identity import Caller, Identity, local_caller
from hub.identity.enrolment import Enrolment
from hub.mcp_server import McpServer
from hub.observe import Metrics
from hub.registry import Registry, places_of
from hub.seal import KeyRing
from hub.store import Store, StoreUnavailable
from hub.upstream.places import Network
from hub.upstream.transport import AioTransport, Transport
from hub.upstream.upstream import Upstream
from hub.web import Site
from hub.web.health import Health

SERVER_INFO = {"name": "connector-hub", "title": "Connector hub", "version": __version__}

CLOSING_SECONDS = 2.0
"""How long connections may take to close after the calls in flight have ended (``Limits.grace``)."""

_log = observe.log("app")


@dataclass(slots=True)
class Hub:
    """One hub, opened: its parts, joined. Made by ``start``, ended by ``close``."""

    config: Config
    clock: Clock
    ring: KeyRing
    store: Store
    identity: Identity
    upstream: Upstream
    registry: Registry
    gateway: Gateway
    metrics: Metrics
    _stack: AsyncExitStack

    @classmethod
    async def start(cls, config: Config, *, transport: Transport | None = None, clock: Clock | None = None) -> "Hub":
        """Open everything a command needs. ``transport`` replaces the network (recordings).

        Raises ``ConfigError`` when a part cannot be opened; what was opened by then is closed again.
        """
        clock = clock or SystemClock()
        async with AsyncExitStack() as stack:
            ring = KeyRing.open(config.data_dir)
            store = Store.open(config.store_url, clock)
            stack.push_async_callback(store.close)
            await store.migrate()
            identity = Identity(store, clock)
            if transport is None:
                network = config.network
                real = AioTransport(Network(network.allow_private, network.ca_file, network.proxy), clock=clock)
                stack.push_async_callback(real.close)
                await real.open()
                transport = real
            upstream = Upstream(transport, clock)
            registry = Registry(
                places_of(config.connectors, config.data_dir),
                clock=clock,
                disabled=config.connectors.disabled,
                unprefixed=config.connectors.unprefixed,
            )
            metrics = Metrics()
            gateway = Gateway(
                catalog=lambda: registry.catalog,
                send=upstream.send,
                audit=store.audit,
                ring=ring,
                clock=clock,
                settings=config.connectors.settings,
                measures=metrics,
            )
            registry.on_change(gateway.catalog_changed)
            await registry.load()
            return cls(config, clock, ring, store, identity, upstream, registry, gateway, metrics, stack.pop_all())
        raise AssertionError("unreachable: the block above returns or raises")

    async def close(self) -> None:
        """Close everything, in reverse order."""
        await self._stack.aclose()

    async def caller(self, request: web.Request) -> Caller | None:
        """Who sends this request: its bearer token's user, or the local user where ``auth.mode`` is none."""
        if self.config.auth.mode == "none":
            return local_caller()
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return None
        return await self.identity.authenticate(token.strip())


def application(hub: Hub) -> web.Application:
    """The hub's routes as an aiohttp application, ready to be run."""
    app = web.Application(client_max_size=1_000_000)
    mcp = McpServer(
        hub.gateway,
        hub.caller,
        hub.ring,
        public_url=hub.config.public_url,
        clock=hub.clock,
        server_info=SERVER_INFO,
        loopback=hub.config.listen.loopback,
    )
    mcp.routes(app)
    signs_in = hub.config.auth.mode != "none"
    Site(hub.store, Enrolment(hub.store), public_url=hub.config.public_url, signs_in=signs_in).routes(app)

    async def ready() -> dict[str, Any]:
        states: dict[str, int] = {}
        for loaded in hub.registry.catalog.connectors.values():
            states[loaded.state] = states.get(loaded.state, 0) + 1
        try:
            await hub.store.ping()
            database = True
        except StoreUnavailable:
            database = False
        return {"ready": database, "version": __version__, "database": database, "connectors": states}

    async def is_admin(request: web.Request) -> bool:
        caller = await hub.caller(request)
        return caller is not None and caller.admin

    Health(ready, hub.metrics, is_admin, hub.config.network.internal).routes(app)

    async def background(app: web.Application) -> Any:
        watching = asyncio.create_task(hub.registry.watch(), name="registry-watch")
        yield
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching

    async def stop(app: web.Application) -> None:
        await mcp.close()

    app.cleanup_ctx.append(background)
    app.on_shutdown.append(stop)
    return app


def run(config: Config) -> None:
    """Run the hub until SIGTERM or SIGINT, whatever its connectors do. Raises ``ConfigError`` when it cannot start.

    A connector's own tasks and callbacks may call ``sys.exit``, which ends the event loop's run; it is taken up again.
    """
    with asyncio.Runner() as runner:
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
    hub = await Hub.start(config)
    try:
        runner = web.AppRunner(
            application(hub), access_log=None, handler_cancellation=True, shutdown_timeout=CLOSING_SECONDS
        )
        await runner.setup()
        try:
            await _listen(runner, config)
            for loaded in hub.registry.catalog.connectors.values():
                if loaded.state in ("set_aside", "stale"):
                    _log.warning(
                        "connector not served", connector=loaded.name, state=loaded.state, reason=loaded.reason
                    )
            _log.info(
                "the hub is ready",
                url=f"{config.public_url}/mcp",
                listening=[f"{address[0]}:{address[1]}" for address in runner.addresses],
                connectors=sum(1 for one in hub.registry.catalog.connectors.values() if one.state == "ok"),
                tools=sum(1 for one in hub.registry.catalog.tools.values() if one.listed),
            )
            await stopped.wait()
            _log.info("the hub stops")
        finally:
            await runner.cleanup()
    finally:
        await hub.close()


async def _listen(runner: web.AppRunner, config: Config) -> None:
    host, port = config.listen.host, config.listen.port
    try:
        await web.TCPSite(runner, host, port).start()
    except (OSError, socket.gaierror) as wrong:
        raise ConfigError(
            f"listen: {host}:{port} cannot be listened on ({wrong.strerror or wrong}). Is another hub running? "
            "Set listen.port, or HUB_LISTEN__PORT, to a free port."
        ) from None


def _stop_signal() -> asyncio.Event:
    """An event set by SIGTERM or SIGINT, from now on."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, stopped.set)
    return stopped
