"""Who may knock at all: ``Host`` and ``Origin``, and what a browser is told about them.

Guards against DNS rebinding (2026-07-28, basic/transports/streamable-http, Security). Not authentication: what the
gate lets pass still needs a token.
"""

from collections.abc import Collection
from functools import lru_cache
from urllib.parse import urlsplit

from aiohttp import web

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

_PREFLIGHT = {
    "Access-Control-Allow-Methods": "POST, GET, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": (
        "Authorization, Content-Type, Accept, MCP-Protocol-Version, Mcp-Session-Id, Mcp-Method, Mcp-Name, Last-Event-ID"
    ),
    "Access-Control-Max-Age": "600",
}
_EXPOSED = "WWW-Authenticate, Mcp-Session-Id"


class Gate:
    """Admits a request by its ``Host`` and ``Origin``.

    ``public_url`` is the hub's own origin. With ``loopback`` (the hub listens on this machine only) a ``Host`` must be
    a loopback name, the public one or one of ``hosts``; without, any host is admitted unless ``hosts`` names some. An
    ``Origin`` must be the public one, a loopback one or one of ``origins``; none is fine.
    """

    def __init__(
        self, public_url: str, *, loopback: bool, hosts: Collection[str] = (), origins: Collection[str] = ()
    ) -> None:
        public = urlsplit(public_url)
        known = {host.lower().strip("[]") for host in hosts} | {(public.hostname or "").lower()}
        self._hosts = known | _LOOPBACK if loopback or hosts else None
        self._origins = {_origin(public_url), *(_origin(origin) for origin in origins)}
        # Both headers repeat endlessly; what was decided once is looked up.
        self._known_host = lru_cache(maxsize=256)(self._admits_host)
        self._known_origin = lru_cache(maxsize=256)(self._admits_origin)

    def refusal(self, request: web.Request) -> web.Response | None:
        """The answer to a request that may not come in: 421 for its ``Host``, 403 for its ``Origin``; else None."""
        hosts = request.headers.getall("Host", ())
        if len(hosts) != 1 or not self._known_host(hosts[0]):
            return _refused(421, "This host name is not the hub's; use the address the operator gave.")
        origins = request.headers.getall("Origin", ())
        if origins and not (len(origins) == 1 and self._known_origin(origins[0])):
            return _refused(403, "This web origin may not call the hub; the operator can allow it.")
        return None

    def browser_headers(self, request: web.Request) -> dict[str, str]:
        """The CORS headers for an admitted request's answer; none where no browser asks."""
        origin = request.headers.get("Origin")
        if origin is None:
            return {}
        return {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": _EXPOSED, "Vary": "Origin"}

    def preflight(self, request: web.Request) -> web.Response:
        """The answer to ``OPTIONS`` of an admitted request."""
        return web.Response(status=204, headers={**self.browser_headers(request), **_PREFLIGHT})

    def _admits_host(self, host: str) -> bool:
        return self._hosts is None or _hostname(f"//{host}") in self._hosts

    def _admits_origin(self, origin: str) -> bool:
        if _origin(origin) in self._origins - {""}:
            return True
        return origin.startswith(("http://", "https://")) and _hostname(origin) in _LOOPBACK


def _refused(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=text + "\n", headers={"Cache-Control": "no-store"})


def _hostname(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    if parts.path or parts.query or parts.fragment or parts.username is not None:
        return None
    return parts.hostname


def _origin(url: str) -> str:
    """``url`` as browsers write an origin: lower case, no slash, no default port."""
    try:
        parts = urlsplit(url.strip().rstrip("/").lower())
    except ValueError:
        return ""
    default = {"http": ":80", "https": ":443"}.get(parts.scheme, "")
    netloc = parts.netloc.removesuffix(default) if default else parts.netloc
    return f"{parts.scheme}://{netloc}"
