"""Wiring: the only module that knows every other. Opens the parts in order, joins them, closes them in reverse.

Nothing is decided here. ``Hub`` is the running program without its socket, as the command line uses it;
``serve`` puts it on the network.
"""

import asyncio
import gc
import signal
import socket
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

from aiohttp import web

from hub import __version__, huge_pages, machine, observe
from hub.broker.assembly import Brokerage
from hub.broker.clients import configured
from hub.broker.keys import CHANGE as KEY_CHANGE
from hub.broker.keys import check_key
from hub.clock import Clock, SystemClock
from hub.config import Config, LimitsConfig
from hub.doctor.start import warn_of_reach
from hub.errors import ConfigError
from hub.gateway import Gateway
from hub.gateway.admission import Admission, room_of
from hub.identity import Caller, Identity, local_caller, profiles_of
from hub.identity.identity import Origin
from hub.identity.oauth.documents import MAX_BYTES
from hub.identity.oauth.server import AuthorizationServer
from hub.identity.oauth.trace import Trace
from hub.identity.people import People
from hub.identity.people.openid_issuer import openid_settings
from hub.machine import give_memory_back, watch_lag
from hub.mcp_server import DOOR, Limits, McpServer
from hub.observe import Metrics
from hub.registry import Registry, Shelf, places_of
from hub.seal import KeyRing
from hub.store import EVERYTHING, Store, StoreUnavailable
from hub.upstream.places import Network
from hub.upstream.resolver import SystemResolver
from hub.upstream.transport import AioTransport, Transport
from hub.upstream.upstream import Upstream
from hub.web import Site
from hub.web.accounts import account_routes
from hub.web.client_address import client_address, trust
from hub.web.connections import Patience, Port, open_files
from hub.web.health import Health
from hub.web.oauth import Arrivals, add_oauth, new_clients, resource_routes
from hub.web.people.routes import people_routes
from hub.web.people.session import open_door, origin_of
from hub.web.start import StartPage

SERVER_INFO = {"name": "connector-hub", "title": "Connector hub", "version": __version__}

CLOSING_SECONDS = 2.0
"""How long connections may take to close after the calls in flight have ended (``Limits.grace``)."""

YOUNG = 20_000
"""New objects after which the garbage collector looks through them. Python's own number of some hundreds is reached by
a few calls under way, which are then gone through again and again, and for nothing: they hold no cycles."""

_log = observe.log("app")


@dataclass(slots=True)
class Hub:
    """One hub, opened: its parts, joined. Made by ``start``, ended by ``close``."""

    config: Config
    clock: Clock
    ring: KeyRing
    store: Store
    identity: Identity
    people: People
    oauth: AuthorizationServer
    trace: Trace
    upstream: Upstream
    registry: Registry
    brokerage: Brokerage
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
            await check_key(store, ring)
            store.changes.watch(lambda change: ring.refresh() if change.kind in (KEY_CHANGE, EVERYTHING) else None)
            profiles = profiles_of(config.profiles)
            trace = Trace(store.handshakes, clock)
            stack.push_async_callback(trace.close)
            identity = Identity(
                store,
                clock,
                public_url=config.public_url,
                profiles=profiles,
                arrived=lambda grant, origin: trace.entered(grant, origin.address, origin.agent),
            )
            papers = transport
            if transport is None:
                network = config.network
                real = AioTransport(
                    Network(network.allow_private, network.ca_file, network.proxy),
                    clock=clock,
                    connections=config.limits.upstream_connections,
                    connections_per_host=config.limits.upstream_connections_per_host,
                )
                stack.push_async_callback(real.close)
                await real.open()
                transport = real
                # Small answers of public places only, whatever connectors may reach.
                papers = AioTransport(
                    Network({}, network.ca_file, network.proxy),
                    clock=clock,
                    max_body=MAX_BYTES,
                    connections=16,
                    connections_per_host=2,
                )
                stack.push_async_callback(papers.close)
                await papers.open()
            upstream = Upstream(transport, clock)
            people = People(
                store,
                ring,
                clock,
                public_url=config.public_url,
                origin=origin_of(config.public_url),
                openid={name: openid_settings(one) for name, one in config.oidc.items()},
                send=upstream.send,
            )
            oauth = AuthorizationServer.of(
                store,
                ring,
                clock,
                papers or transport,
                public_url=config.public_url,
                profiles=profiles,
                config=config.clients,
            )
            registry = Registry(
                places_of(config.connectors, config.data_dir),
                clock=clock,
                disabled=config.connectors.disabled,
                unprefixed=config.connectors.unprefixed,
                shelf=Shelf(config.data_dir / "cache" / "connectors", ring),
            )
            brokerage = Brokerage.of(
                store,
                ring,
                clock,
                upstream.send,
                public_url=config.public_url,
                configured=configured(config.providers),
                provider=lambda name: registry.catalog.providers.get(name),
            )
            stack.push_async_callback(brokerage.close)
            metrics = Metrics()
            gateway = Gateway(
                catalog=lambda: registry.catalog,
                send=upstream.send,
                audit=store.audit,
                ring=ring,
                clock=clock,
                settings=config.connectors.settings,
                measures=metrics,
                store=store,
                admission=Admission(room_of(config.limits)),
                accounts=brokerage.broker if config.auth.mode != "none" else None,
                public_url=config.public_url if config.auth.mode != "none" else None,
                tasks_per_user=config.limits.tasks_per_user,
            )
            registry.on_change(gateway.catalog_changed)
            await registry.load()
            kept = stack.pop_all()
            return cls(
                *(config, clock, ring, store, identity, people, oauth, trace, upstream),
                *(registry, brokerage, gateway, metrics, kept),
            )
        raise AssertionError("unreachable: the block above returns or raises")

    async def close(self) -> None:
        """Close everything, in reverse order."""
        await self._stack.aclose()

    async def caller(self, request: web.Request) -> Caller | None:
        """Who sends this request: its bearer token's user at the door it knocks at, or the local user where
        ``auth.mode`` is none."""
        door = request.match_info.get(DOOR)
        if self.config.auth.mode == "none":
            return local_caller(self.oauth.profiles[door] if door is not None else None)
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return None
        return await self.identity.authenticate(token.strip(), door, partial(_origin, request))


def _origin(request: web.Request) -> Origin:
    return Origin(client_address(request), request.headers.get("User-Agent"))


def application(hub: Hub) -> web.Application:
    """The hub's routes as an aiohttp application, ready to be run."""
    app = web.Application(client_max_size=1_000_000)
    signs_in = hub.config.auth.mode != "none"
    arrivals = Arrivals(hub.trace, hub.identity, hub.store) if signs_in else None
    mcp = McpServer(
        hub.gateway,
        hub.caller,
        hub.ring,
        public_url=hub.config.public_url,
        clock=hub.clock,
        server_info=SERVER_INFO,
        loopback=hub.config.listen.loopback,
        limits=Limits(streams=hub.config.limits.streams_per_user),
        tasks=hub.gateway.tasks,
        store=hub.store,
        profiles=list(hub.oauth.profiles),
        arrivals=arrivals,
    )
    mcp.routes(app)
    trust(app, hub.config.network.trusted_proxies)
    if signs_in:
        open_door(app, hub.store, hub.config.public_url)
    Site().routes(app)
    StartPage(
        public_url=hub.config.public_url,
        signs_in=signs_in,
        profiles=hub.oauth.profiles,
        catalog=lambda: hub.registry.catalog,
        hosts=hub.oauth.hosts,
        news=partial(new_clients, hub.store),
    ).routes(app)
    if arrivals is not None:
        people_routes(app, hub.people, hub.oauth.profiles, arrivals.not_signed_in)
        add_oauth(app, hub.oauth, hub.store, hub.clock, hub.trace, arrivals)
        account_routes(app, hub.brokerage, lambda: hub.registry.catalog, hub.gateway.links, hub.store, hub.clock)
    resource_routes(app, hub.config.public_url, hub.oauth.profiles, issuer=signs_in, arrivals=arrivals)

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
        works = [
            asyncio.create_task(hub.registry.watch(), name="registry-watch"),
            asyncio.create_task(watch_lag(hub.metrics, hub.clock), name="watch-lag"),
            asyncio.create_task(give_memory_back(hub.clock), name="give-memory-back"),
        ]
        if hub.gateway.tasks is not None:
            works.append(asyncio.create_task(hub.gateway.tasks.keep(), name="tasks-keep"))
        if signs_in:
            works.append(asyncio.create_task(hub.brokerage.idle.keep(), name="idle-renewal"))
        yield
        for work in works:
            work.cancel()
        await asyncio.wait(works)

    async def stop(app: web.Application) -> None:
        await mcp.close()
        if hub.gateway.tasks is not None:
            await hub.gateway.tasks.close()

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
