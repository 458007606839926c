"""``ctx.http``: what a tool calls its app with. Signed, paged and guarded, within the connector's reach.

Not an HTTP client: it shapes requests and reads replies; the ``send`` it is given does the rest.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol
from urllib.parse import quote, urlsplit

import orjson

from hub.errors import ToolError
from hub.sdk.content import File, Page
from hub.sdk.http import SAFE_METHODS, Outgoing, Reach, Reply, Send
from hub.sdk.paging import Paging, Size
from hub.sdk.paths import compile_path
from hub.sdk.placeholders import Pattern, Scope, plain
from hub.sdk.request import Call, build, join
from hub.sdk.response import Reading, decode, verify

FILE_BYTES = 25_000_000
"""How many bytes a file may have where nobody says otherwise."""

_PAGED = ("cursor", "limit")

_URL_CHARACTERS = "%:/?#[]@!$&'()*+,;=~"
"""What stays as it is in a URL that may hold more than ASCII (RFC 3986, section 2.2)."""


class CursorSeal(Protocol):
    """Makes cursors that hold a URL opaque and tamper-proof, bound to the user and the tool."""

    def wrap(self, url: str) -> str:
        """The cursor to hand out for ``url``."""
        ...

    def unwrap(self, cursor: str) -> str:
        """The URL in ``cursor``; raises ``ToolError`` when it is not one of ours."""
        ...


@dataclass(slots=True)
class Http:
    """A connector's requests in one run of one tool.

    Paths are relative to ``base_url``; an absolute https URL is allowed where the connector's hosts name it.
    Values go into a path by name (``get("/users/{id}", path={"id": id})``) so that each stays one segment.
    Every method returns a ``Reply``, and raises the typed error an unwanted reply stands for unless ``check``
    is false. ``acted`` turns true with the first request that may have changed something. ``file_bytes`` is how many
    bytes a file may have here.
    """

    send: Send
    reach: Reach
    new_key: Callable[[], str]
    cursors: CursorSeal
    base_url: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    account: Mapping[str, Any] = field(default_factory=dict)
    reading: Reading = field(default_factory=Reading)
    signed: bool = False
    idempotent: bool = False
    timeout: float = 60.0
    acted: bool = False
    file_bytes: int = FILE_BYTES

    async def get(self, url: str, **options: Any) -> Reply:
        """GET; see ``request`` for the options."""
        return await self.request("GET", url, **options)

    async def post(self, url: str, **options: Any) -> Reply:
        """POST; see ``request`` for the options."""
        return await self.request("POST", url, **options)

    async def put(self, url: str, **options: Any) -> Reply:
        """PUT; see ``request`` for the options."""
        return await self.request("PUT", url, **options)

    async def patch(self, url: str, **options: Any) -> Reply:
        """PATCH; see ``request`` for the options."""
        return await self.request("PATCH", url, **options)

    async def delete(self, url: str, **options: Any) -> Reply:
        """DELETE; see ``request`` for the options."""
        return await self.request("DELETE", url, **options)

    async def request(
        self,
        method: str,
        url: str,
        *,
        path: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        form: Mapping[str, Any] | None = None,
        body: bytes | None = None,
        check: bool = True,
        largest: int | None = None,
    ) -> Reply:
        """Send one request.

        ``path`` fills ``{name}`` in ``url``; ``query`` values may be lists (repeated), None is left out; at most
        one of ``json``, ``form`` and ``body``; ``largest`` bytes of a reply that holds a file (10 MB where left out).
        Raises ``ToolError``, ``NotFoundError``, ``ConnectionNeeded``,
        ``ProviderUnavailable`` or ``OperatorNeeded`` (hub/errors.py).
        """
        sent = {**self.headers, **(headers or {})}
        data = body
        if json is not None:
            data = orjson.dumps(json)
            sent.setdefault("Content-Type", "application/json")
        elif form is not None:
            data = _encode(form).encode()
            sent.setdefault("Content-Type", "application/x-www-form-urlencoded")
        target = self._target(url, path or {})
        if query:
            encoded = _encode(query)
            target += ("&" if urlsplit(target).query else "?") + encoded if encoded else ""
        method = method.upper()
        repeatable = method in SAFE_METHODS or self.idempotent
        reply = await self._send(Outgoing(method, target, sent, data, repeatable, largest=largest))
        if check:
            verify(reply, self.reading, connector=self.reach.connector, signed=self.signed)
        return reply

    async def page(
        self,
        url: str,
        *,
        style: Literal["cursor", "page", "offset", "link"],
        items: str = "@",
        next: str | None = None,
        more: str | None = None,
        send: str | None = None,
        size: Size | None = None,
        first: int = 1,
        cursor: str | None = None,
        limit: int | None = None,
        path: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
        json: Mapping[str, Any] | None = None,
    ) -> Page[Any]:
        """GET one page, or POST for it where ``json`` is given: the body, into which cursor and page size then go.
        The other options are those of ``pagination`` in YAML. ``Page.next`` is what the tool hands out as its cursor
        and takes back. Raises what ``request`` raises."""
        paging = Paging(
            style=style,
            items=compile_path(items),
            send=send,
            next=compile_path(next) if next else None,
            more=compile_path(more) if more else None,
            size=size,
            first=first,
        )
        target = self._target(url, path or {})
        bound = paging.limit(limit)
        turned = paging.parameters(cursor, bound)
        if style == "link" and cursor is not None:
            target = self.cursors.unwrap(cursor)
        else:
            pairs = {**(query or {}), **(turned if json is None else {})}
            target += "?" + _encode(pairs) if pairs else ""
        asked = Outgoing("GET", target, dict(self.headers), None, True)
        if json is not None:
            headers = {**self.headers, "Content-Type": "application/json"}
            asked = Outgoing("POST", target, headers, orjson.dumps({**json, **turned}), self.idempotent)
        reply = await self._send(asked)
        verify(reply, self.reading, connector=self.reach.connector, signed=self.signed)
        return self._paged(paging, reply, reply.json(), cursor, bound)

    async def call(self, call: Call, arguments: Mapping[str, Any]) -> Any:
        """Run a declared request: build it, send it, read the answer. ``arguments`` are validated."""
        paging = call.paging
        given, cursor, limit = arguments, None, None
        if paging is not None:
            given = {name: value for name, value in arguments.items() if name not in _PAGED}
            cursor, limit = arguments.get("cursor"), paging.limit(arguments.get("limit"))
        if call.defaults:
            given = {**call.defaults, **given}
        scope = Scope(given, self.settings, self.account)
        linked = paging is not None and paging.style == "link"
        base_url = self._base(call)
        outgoing = build(
            call,
            scope,
            base_url=base_url,
            headers=self.headers,
            cursor=None if linked else cursor,
            limit=limit,
            new_key=self.new_key,
        )
        if linked and cursor is not None:
            outgoing = outgoing.with_url(self.cursors.unwrap(cursor))
        reading = call.reading
        if reading.reply == "file":
            outgoing = replace(outgoing, largest=self.file_bytes)
        reply = await self._send(outgoing)
        verify(reply, reading, connector=self.reach.connector, signed=self.signed)
        data = decode(reply, reading)
        if paging is not None:
            page = self._paged(paging, reply, data, cursor, limit)
            return Page([reading.shape(item) for item in page.items], page.next)
        if isinstance(data, File):
            return data
        if reading.items is not None:
            return Page([reading.shape(item) for item in reading.items(data) or []])
        return reading.shape(reading.root(data) if reading.root is not None else data)

    def _paged(self, paging: Paging, reply: Reply, data: Any, cursor: str | None, limit: int | None) -> Page[Any]:
        found = paging.items(data)
        items = found if isinstance(found, list) else []
        following = paging.following(reply, data, items, cursor, limit)
        if following is not None and paging.style == "link":
            following = quote(following, safe=_URL_CHARACTERS)
            if not self.reach.allows(following):
                raise ToolError("The app's link to the next page leads outside the hosts this connector may reach.")
            following = self.cursors.wrap(following)
        return Page(items, following)

    def _base(self, call: Call) -> str:
        if call.base_url is not None:
            literal = call.base_url.literal
            if literal is not None:
                return literal
        if self.base_url is None:
            raise ToolError("This connector has no base_url; the tool must name an absolute URL.")
        return self.base_url

    def _target(self, url: str, values: Mapping[str, Any]) -> str:
        pattern = Pattern.parse(url) if values else Pattern((url,) if url else ())
        if url.startswith(("https://", "http://")):
            scheme, _, rest = url.partition("://")
            host, slash, tail = rest.partition("/")
            if not values:
                return url
            return join(f"{scheme}://{host}", Pattern.parse(slash + tail), Scope(values))
        if self.base_url is None:
            raise ToolError("This connector has no base_url; the tool must name an absolute URL.")
        return join(self.base_url, pattern, Scope(values))

    def _send(self, outgoing: Outgoing) -> Awaitable[Reply]:
        if not outgoing.safe:
            self.acted = True
        return self.send(outgoing, self.reach, timeout=self.timeout)


def _encode(pairs: Mapping[str, Any]) -> str:
    out = []
    for name, value in pairs.items():
        for item in value if isinstance(value, list | tuple) else [value]:
            if item is not None:
                out.append(f"{quote(name, safe='')}={quote(plain(item, name), safe='')}")
    return "&".join(out)
