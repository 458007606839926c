"""``/files/<id>``: where a signed link leads. A file is read by GET, in parts too; handed in by PUT or a page's form.

For browsers and programs such as curl: who has the link has the right, except at a browser where somebody else is
signed in. A file is never shown here, only handed over to be saved: no page of a stranger runs under the hub's name.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aiohttp_jinja2
from aiohttp import web
from aiohttp.multipart import BodyPartReader

from hub.errors import HubError, NotFoundError, ToolError
from hub.files import Files, Kept
from hub.files.kept import clean_name, told_size
from hub.files.links import FileLinks, Link, Right
from hub.store import Store, StoreUnavailable
from hub.web.people.session import signed_in
from hub.web.site import PAGE_HEADERS

FILE_HEADERS = {
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Accept-Ranges": "bytes",
}
"""What goes with every file: not kept by caches, not guessed at, not run, not framed, its address told to nobody."""

UPLOAD_SECONDS = 900.0
"""How long a file may take to arrive."""

DRAIN_SECONDS = 30.0
"""How long what is still sent of a refused file is taken in, so that the refusal is heard."""

_ID = re.compile(r"[0-9a-f]{32}")
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_READ = 65_536

Answer = Callable[[web.Request, Link], Awaitable[web.StreamResponse]]


class LinkRefused(HubError):
    """A link that leads to no file for the one who follows it; says why, as far as they may know. ``status`` is of
    HTTP."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class FilePages:
    """The routes of files. ``signs_in``: people have accounts here, and a link of one who is disabled leads nowhere."""

    files: Files
    links: FileLinks
    store: Store
    signs_in: bool

    def routes(self, app: web.Application) -> None:
        """Add the routes to ``app``."""
        app.router.add_get("/files/{file}", self._told(self._get))
        app.router.add_put("/files/{file}", self._told(self._put))
        app.router.add_post("/files/{file}", self._told(self._post))

    def _told(self, answer: Answer) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """The route's function: the link read first, every refusal told to a person as a page, to a program as JSON."""

        async def told(request: web.Request) -> web.StreamResponse:
            try:
                return await answer(request, await self._link(request))
            except LinkRefused as wrong:
                words, status = str(wrong), wrong.status
            except StoreUnavailable:
                words, status = "The hub's database does not answer. Try again shortly.", 503
            except NotFoundError:
                words, status = "The file is not there any more: files are kept for one hour.", 404
            except ToolError as wrong:
                words, status = str(wrong), 400
            response = _refusal(request, words, status)
            if not await self._drained(request):
                response.force_close()
            return response

        return told

    async def _drained(self, request: web.Request) -> bool:
        """Take what is still being sent, as far as a file may be long, and drop it; whether that was all of it.

        A connection closed under a sender is reset, and the answer is lost with it: a browser would say "connection
        reset" and a proxy 502 instead of why the file was refused.
        """
        left = self.files.limits.file + _READ
        if (request.content_length or 0) > left:
            return False
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                while left > 0 and (chunk := await request.content.readany()):
                    left -= len(chunk)
        except (TimeoutError, web.RequestPayloadError, ConnectionError):
            return False
        return request.content.at_eof()

    async def _link(self, request: web.Request) -> Link:
        id = request.match_info["file"]
        link = self.links.opened(request.query.get("t", ""), id) if _ID.fullmatch(id) else None
        if link is None:
            raise LinkRefused(
                "This link is not whole, or it has lapsed: such links work for an hour at most. Ask for a new one "
                "in your conversation.",
                403,
            )
        if self.signs_in:
            owner = await self.store.users.get(link.user_id)
            if owner is None or not owner.enabled:
                raise LinkRefused("The account this link was made for is disabled.", 403)
            who = await signed_in(request)
            if who is not None and who.user.id != link.user_id:
                raise LinkRefused(
                    f"This link was made for another person of this hub, and you are signed in as {who.user.name}.", 403
                )
        return link

    async def _get(self, request: web.Request, link: Link) -> web.StreamResponse:
        if link.right == "upload":
            owner = await self.store.users.get(link.user_id) if self.signs_in else None
            user = owner.name if owner is not None else ""
            most = told_size(self.files.limits.file)
            return _page(request, "upload", 200, name=link.name, user=user, most=most)
        kept = await self.files.find(link.user_id, link.id)
        start, stop, status = _span(request, kept)
        name = "".join(char if " " <= char <= "~" and char not in '"\\%' else "_" for char in kept.name)
        headers = {
            **FILE_HEADERS,
            "Content-Type": kept.mime_type,
            "Content-Disposition": f"attachment; filename=\"{name}\"; filename*=UTF-8''{quote(kept.name, safe='')}",
            "ETag": f'"{kept.id}"',
        }
        if status == 206:
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{kept.size}"
        response = web.StreamResponse(status=status, headers=headers)
        response.content_length = stop - start
        await response.prepare(request)
        if request.method != "HEAD":
            try:
                async for part in self.files.parts(kept, start, stop):
                    await response.write(part)
            except HubError:
                # It lapsed while it was read. What was announced does not come: the connection must not look whole.
                if request.transport is not None:
                    request.transport.abort()
        return response

    async def _put(self, request: web.Request, link: Link) -> web.StreamResponse:
        _check(link, "upload")
        plain = "Content-Encoding" not in request.headers
        size = request.content_length if plain else None
        name = link.name or clean_name(request.query.get("name", ""), request.content_type)
        kind = request.headers.get("Content-Type")
        return await self._taken(request, link, request.content.iter_chunked(_READ), name, kind, size)

    async def _post(self, request: web.Request, link: Link) -> web.StreamResponse:
        _check(link, "upload")
        if request.content_type != "multipart/form-data":
            raise LinkRefused("Send the file by PUT, or as the field file of a form (multipart/form-data).", 415)
        try:
            async with asyncio.timeout(UPLOAD_SECONDS):
                reader = await request.multipart()
                while (part := await reader.next()) is not None:
                    if isinstance(part, BodyPartReader) and part.name == "file" and part.filename is not None:
                        break
                else:
                    raise LinkRefused("The form has no file in its field file.", 400)
        except (TimeoutError, ValueError, AssertionError, web.RequestPayloadError):
            raise LinkRefused("This is no form with a file that the hub understands.", 400) from None
        if not part.filename:
            raise LinkRefused("No file was chosen. Go back, choose one, and send it again.", 400)
        name = link.name or part.filename
        return await self._taken(request, link, _parts(part), name, part.headers.get("Content-Type"), None)

    async def _taken(
        self,
        request: web.Request,
        link: Link,
        parts: AsyncIterator[bytes],
        name: str,
        kind: str | None,
        size: int | None,
    ) -> web.StreamResponse:
        try:
            async with asyncio.timeout(UPLOAD_SECONDS):
                kept = await self.files.take(
                    link.user_id, parts, name=name, mime_type=kind, source=None, size=size, id=link.id
                )
        except TimeoutError:
            raise LinkRefused("The file took too long to arrive.", 408) from None
        except (web.RequestPayloadError, ConnectionError, ValueError, AssertionError):
            raise LinkRefused("The file was cut off, or is not encoded as its headers say.", 400) from None
        if _for_people(request):
            return _page(request, "uploaded", 200, kept=kept, size=told_size(kept.size))
        told = {"file": kept.uri, "name": kept.name, "mime_type": kept.mime_type, "bytes": kept.size}
        return web.json_response(told, status=201, headers={"Cache-Control": "no-store"})


async def _parts(part: BodyPartReader) -> AsyncIterator[bytes]:
    while chunk := await part.read_chunk(_READ):
        yield part.decode(chunk)


def _check(link: Link, right: Right) -> None:
    if link.right != right:
        raise LinkRefused("This link is for reading a file; it takes none.", 405)


def _span(request: web.Request, kept: Kept) -> tuple[int, int, int]:
    """Which bytes are asked for (RFC 9110, section 14), and the status that goes with them. One range is answered;
    several, or what is none, are as if nothing had been asked. Raises ``LinkRefused`` 416."""
    asked = request.headers.get("Range", "")
    if request.headers.get("If-Range") not in (None, f'"{kept.id}"'):
        asked = ""
    found = _RANGE.fullmatch(asked.replace(" ", ""))
    if found is None or found.groups() == ("", ""):
        return 0, kept.size, 200
    first, last = found.groups()
    if first == "":
        start, stop = max(kept.size - int(last), 0), kept.size
    else:
        start, stop = int(first), min(int(last) + 1 if last else kept.size, kept.size)
        if last and int(last) < start:
            return 0, kept.size, 200
    if start >= stop:
        raise LinkRefused(f"The file has {kept.size} bytes; there are none where this range lies.", 416)
    return start, stop, 206


def _for_people(request: web.Request) -> bool:
    return "text/html" in request.headers.get("Accept", "")


def _refusal(request: web.Request, words: str, status: int) -> web.Response:
    if _for_people(request):
        return _page(request, "problem", status, words=words)
    return web.json_response({"error": words}, status=status, headers={"Cache-Control": "no-store"})


def _page(request: web.Request, template: str, status: int, **values: Any) -> web.Response:
    response = aiohttp_jinja2.render_template(f"files/{template}.html", request, values, status=status)
    response.headers.update(PAGE_HEADERS)
    return response
