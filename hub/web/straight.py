"""Requests for paths without variables, led straight to their routes.

For each request aiohttp asks its router, which makes a match of it anew and freezes it. Where a path has no variables
the match is always the same: here it is made once, when the hub begins to listen. What is asked for otherwise (a
query, ``Expect``, an address that is none) goes aiohttp's way, and so does everything where the application has
middlewares, or where a newer aiohttp is inside no longer what this module knows (``missing``). Not a router: paths and
handlers are the routes'.
"""

from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web

from hub.observe import log

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
_Route = Callable[[web.Request], Awaitable[web.StreamResponse]]

_NEEDED = ("_match_info", "add_app", "freeze")
"""What aiohttp's ``Application._handle`` uses of what its documentation does not name, and this module leans on."""


def missing(names: tuple[str, ...] = web.Application._handle.__code__.co_names) -> list[str]:
    """The names this module needs in aiohttp's ``_handle`` that are not there."""
    return [name for name in _NEEDED if name not in names]


def straight(app: web.Application, handle: Handler) -> Handler:
    """``handle``, which is the started application's own way, for all but requests for paths without variables."""
    if missing():
        log("web").warning("aiohttp has changed inside; every request is led by its router", missing=missing())
        return handle
    if app.middlewares:
        return handle
    matches: dict[tuple[str, str], tuple[web.UrlMappingMatchInfo, _Route]] = {}
    for route in app.router.routes():
        if isinstance(route.resource, web.PlainResource):
            match = web.UrlMappingMatchInfo({}, route)
            match.add_app(app)
            match.freeze()
            # Of two routes for the same the first counts, as it does with the router.
            matches.setdefault((route.method, route.resource.canonical), (match, route.handler))

    def led(request: web.BaseRequest) -> Awaitable[web.StreamResponse]:
        found = matches.get((request.method, request.raw_path))
        if found is None or not isinstance(request, web.Request) or hdrs.EXPECT in request.headers:
            return handle(request)
        request._match_info, handler = found
        return handler(request)

    return led
