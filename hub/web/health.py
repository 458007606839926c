"""``/healthz``, ``/readyz`` and ``/metrics``.

``/healthz`` says ok and nothing else, to anyone: it is for load balancers. The other two tell details, and need
loopback, an address in ``network.internal``, or an admin's token. Not monitoring: they answer when asked.
"""

import ipaddress
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from aiohttp import web

from hub.observe import Metrics

Ready = Callable[[], Awaitable[dict[str, Any]]]
"""What ``/readyz`` tells: ``{"ready": bool, ...}``."""

IsAdmin = Callable[[web.Request], Awaitable[bool]]


class Health:
    """The three routes. ``internal`` are CIDR blocks from which details may be read without a token."""

    def __init__(self, ready: Ready, metrics: Metrics, is_admin: IsAdmin, internal: Sequence[str]) -> None:
        self._ready = ready
        self._metrics = metrics
        self._is_admin = is_admin
        self._internal = tuple(ipaddress.ip_network(one) for one in internal)

    def routes(self, app: web.Application) -> None:
        """Add the routes to ``app``."""
        app.router.add_get("/healthz", self._health)
        app.router.add_get("/readyz", self._readiness)
        app.router.add_get("/metrics", self._exposition)

    async def _health(self, request: web.Request) -> web.Response:
        return web.Response(text="ok\n", headers={"Cache-Control": "no-store"})

    async def _readiness(self, request: web.Request) -> web.Response:
        await self._insiders_only(request)
        told = await self._ready()
        return web.json_response(told, status=200 if told["ready"] else 503, headers={"Cache-Control": "no-store"})

    async def _exposition(self, request: web.Request) -> web.Response:
        await self._insiders_only(request)
        return web.Response(body=self._metrics.exposition(), headers={"Content-Type": Metrics.CONTENT_TYPE})

    async def _insiders_only(self, request: web.Request) -> None:
        if self._inside(request) or await self._is_admin(request):
            return
        raise web.HTTPForbidden(
            text="Details are for loopback, addresses in network.internal, or an admin's token.\n",
            headers={"Cache-Control": "no-store"},
        )

    def _inside(self, request: web.Request) -> bool:
        # A proxy on this machine connects from loopback for everyone; then the header says so, and only a token counts.
        if any(name in request.headers for name in ("Forwarded", "X-Forwarded-For", "X-Real-IP")):
            return False
        peer = request.transport.get_extra_info("peername") if request.transport else None
        if not peer:
            return False
        try:
            address = ipaddress.ip_address(str(peer[0]).partition("%")[0])
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        address = mapped or address
        return address.is_loopback or any(address in network for network in self._internal)
