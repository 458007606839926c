"""Wiring: the only module that knows every other. Opens the parts in order, joins them, closes them in reverse.

Nothing is decided here. ``Hub`` is the running program without its socket, as the command line uses it;
``hub/serving.py`` puts it on the network.
"""

import asyncio
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

from aiohttp import web

from hub import __version__
from hub.broker.assembly import Brokerage
from hub.broker.clients import configured
from hub.broker.keys import CHANGE as KEY_CHANGE
from hub.broker.keys import check_key
from hub.clock import Clock, SystemClock
from hub.config import Config
from hub.files.assembly import FileParts
from hub.gateway import Gateway
from hub.gateway.acquaintance import Acquaintance
from hub.gateway.admission import Admission, room_of
from hub.gateway.files import CallFiles
from hub.gateway.watches import Watches
from hub.identity import Caller, Identity, local_caller, profiles_of
from hub.identity.halts import Halts
from hub.identity.identity import Origin
from hub.identity.oauth.documents import MAX_BYTES
from hub.identity.oauth.server import AuthorizationServer
from hub.identity.oauth.trace import Trace
from hub.identity.people import People
from hub.identity.people.openid_issuer import openid_settings
from hub.identity.people.passwords import Cost
from hub.machine import give_memory_back, watch_lag
from hub.mcp_server import DOOR, Limits, McpServer
from hub.observe import Metrics
from hub.registry import Registry, Shelf, configured_content, places_of
from hub.seal import KeyRing
from hub.servers import Pins, Servers
from hub.servers.assembly import servers_of
from hub.store import EVERYTHING, Store, StoreUnavailable
from hub.upstream.places import Network
from hub.upstream.transport import AioTransport, Transport
from hub.upstream.upstream import Upstream
from hub.web import Site
from hub.web.accounts import account_routes
from hub.web.accounts.apps import Apps
from hub.web.accounts.wishes import Wishes
from hub.web.client_address import client_address, trust
from hub.web.files import FilePages
from hub.web.health import Health
from hub.web.oauth import Arrivals, add_oauth, new_clients, resource_routes
from hub.web.people.routes import people_routes
from hub.web.people.session import open_door, origin_of
from hub.web.servers import ServerPages
from hub.web.start import StartPage, held_of

SERVER_INFO = {"name": "connector-hub", "title": "Connector hub", "version": __version__}


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
    servers: Servers
    brokerage: Brokerage
    gateway: Gateway
    acquaintance: Acquaintance
    metrics: Metrics
    files: FileParts
    _stack: AsyncExitStack

    @classmethod
    async def start(
        cls, config: Config, *, transport: Transport | None = None, clock: Clock | None = None, cost: Cost | None = None
    ) -> "Hub":
        """Open everything a command needs. ``transport`` replaces the network (recordings); ``cost`` is what the hash
        of a password costs, where it is not to be the usual.

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
            halts = Halts(store)
            await halts.load()
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
                cost=cost,
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
            pins = Pins(config.data_dir / "servers")
            registry = Registry(
                places_of(config.connectors, config.data_dir),
                clock=clock,
                disabled=config.connectors.disabled,
                unprefixed=config.connectors.unprefixed,
                shelf=Shelf(config.data_dir / "cache" / "connectors", ring),
                pinned=pins.get,
                configured=configured_content(config.commands),
            )
            servers = servers_of(config, pins, clock, transport, info=SERVER_INFO, recompile=registry.recompile)
            stack.push_async_callback(servers.close)
            brokerage = Brokerage.of(
                store,
                ring,
                clock,
                upstream.send,
                public_url=config.public_url,
                configured=configured(config.providers),
                provider=lambda name: registry.catalog.providers.get(name),
                halted=halts.why,
            )
            stack.push_async_callback(brokerage.close)
            metrics = Metrics()
            files = FileParts.of(store, ring, clock, upstream.send, config=config.files, public_url=config.public_url)
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
                relays=servers.relay,
                halted=halts.why,
                files=CallFiles(files),
            )
            acquaintance = Acquaintance(brokerage.broker, upstream.send, lambda: registry.catalog, servers.read, clock)
            stack.push_async_callback(acquaintance.close)
            registry.on_change(gateway.catalog_changed)
            registry.on_change(lambda old, new: servers.follow(new.servers))
            store.changes.watch(servers.heard)
            servers.on_update(gateway.listeners.updated)
            gateway.listeners.on_watch(servers.watch)
            watches = Watches(brokerage.broker, upstream.send, lambda: registry.catalog, servers, halts.why)
            stack.push_async_callback(watches.close)
            gateway.listeners.on_watch(lambda uris: watches.want(gateway.listeners.watchers()))
            registry.on_change(lambda old, new: watches.again())
            store.changes.watch(watches.heard)
            await registry.load()
            kept = stack.pop_all()
            return cls(
                *(config, clock, ring, store, identity, people, oauth, trace, upstream),
                *(registry, servers, brokerage, gateway, acquaintance, metrics, files, kept),
            )
        raise AssertionError("unreachable: the block above returns or raises")

    async def close(self) -> None:
        """Close everything, in reverse order."""
        await self._stack.aclose()

    def caller(self, request: web.Request) -> Awaitable[Caller | None]:
        """Who sends this request: its bearer token's user at the door it knocks at, or the local user where
        ``auth.mode`` is none."""
        door = request.match_info.get(DOOR)
        if self.config.auth.mode == "none":
            return _known(local_caller(self.oauth.profiles[door] if door is not None else None))
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return _known(None)
        return self.identity.authenticate(token.strip(), door, partial(_origin, request))


async def _known(caller: Caller | None) -> Caller | None:
    return caller


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
    if arrivals is not None and (links := hub.gateway.links) is not None:
        servers = ServerPages(hub.servers.pins, lambda: hub.registry.catalog, hub.store)
        servers.routes(app)
        people_routes(
            app,
            hub.people,
            hub.oauth.profiles,
            arrivals.not_signed_in,
            servers.waiting,
            lambda: held_of(hub.registry.catalog),
            lambda id, by: hub.brokerage.ending.disconnect_all([id], cause="disabled", by=by),
        )
        apps = Apps(hub.brokerage, lambda: hub.registry.catalog, links)
        add_oauth(app, hub.oauth, hub.store, hub.clock, hub.trace, arrivals, apps)
        wishes = Wishes(lambda: hub.registry.catalog, hub.store, hub.clock, hub.oauth.profiles)
        account_routes(
            *(app, hub.brokerage, lambda: hub.registry.catalog, links, hub.store, hub.clock, wishes),
            hub.acquaintance.connected,
        )
    FilePages(hub.files.files, hub.files.links, hub.store, signs_in).routes(app)
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
            asyncio.create_task(hub.servers.keep(), name="servers-keep"),
            asyncio.create_task(watch_lag(hub.metrics, hub.clock), name="watch-lag"),
            asyncio.create_task(give_memory_back(hub.clock), name="give-memory-back"),
        ]
        if hub.gateway.tasks is not None:
            works.append(asyncio.create_task(hub.gateway.tasks.keep(), name="tasks-keep"))
        if signs_in:
            works.append(asyncio.create_task(hub.brokerage.idle.keep(), name="idle-renewal"))
            works.append(asyncio.create_task(hub.brokerage.devices.keep(), name="device-flows"))
            works.append(asyncio.create_task(hub.brokerage.lapsed.keep(), name="lapsed-choices"))
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
