"""What all pages about people share: how they are shown, how forms are read, how refusals are told.

No page itself, and no use case.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

import aiohttp_jinja2
import orjson
from aiohttp import web

from hub.errors import HubError
from hub.identity.people import People
from hub.identity.people.refusals import SignInRefused, TooManyAttempts
from hub.identity.people.sign_in import Admitted, Browser
from hub.store import StoreUnavailable
from hub.web.client_address import client_address, neighbourhood
from hub.web.people.session import (
    DOOR,
    FOUND,
    check_csrf,
    csrf_field,
    csrf_token,
    keep_visit,
    local_path,
    signed_in,
    visit,
)
from hub.web.site import PAGE_HEADERS

Page = Callable[[web.Request], Awaitable[web.StreamResponse]]

_WITH_SCRIPTS = PAGE_HEADERS["Content-Security-Policy"] + "; script-src 'self'; connect-src 'self'"

NEVER_CACHED = {"Cache-Control": "no-store"}

_PART = re.compile(r"[A-Za-z0-9_-]{1,128}")
_MOST_FIELDS = 50


def browser_of(request: web.Request) -> Browser:
    """Where the person sits who sends this request."""
    address = client_address(request)
    agent = "".join(one for one in request.headers.get("User-Agent", "")[:255] if one.isprintable())
    return Browser(visit(request), address, neighbourhood(address), agent)


def shown(
    request: web.Request, template: str, *, status: int = 200, scripts: bool = False, **values: Any
) -> web.Response:
    """A page. ``scripts`` lets the hub's own scripts run on it. The request must have been looked at by ``page``."""
    door = request.config_dict[DOOR]
    told = {
        "csrf": csrf_field(request),
        "csrf_token": csrf_token(request),
        "public_url": door.origin,
        "mcp_url": f"{door.origin}/mcp",
        **values,
    }
    made = aiohttp_jinja2.render_template(_named(template), request, told, status=status)
    made.headers.update(PAGE_HEADERS)
    if scripts:
        made.headers["Content-Security-Policy"] = _WITH_SCRIPTS
    return made


def _named(template: str) -> str:
    """A template's name; those of other rooms of the web are given with their folder."""
    return template if "/" in template else f"people/{template}"


def page(handle: Page) -> Page:
    """A page's function, with its browser known and every refusal shown to the person."""

    async def answer(request: web.Request) -> web.StreamResponse:
        _check_path(request)
        try:
            await signed_in(request)
            response = await handle(request)
        except HubError as wrong:
            response = _told(request, wrong)
        keep_visit(request, response)
        return response

    return answer


def scripted(handle: Callable[[web.Request, dict[str, Any]], Awaitable[dict[str, Any] | web.Response]]) -> Page:
    """The same for what scripts ask: a JSON object in, one out, the token of a form's page with it."""

    async def answer(request: web.Request) -> web.StreamResponse:
        _check_path(request)
        try:
            await signed_in(request)
            asked = _object(await request.read())
            await check_csrf(request, asked)
            told = await handle(request, asked)
            response = told if isinstance(told, web.Response) else web.json_response(told, headers=NEVER_CACHED)
        except HubError as wrong:
            response = web.json_response({"error": str(wrong)}, status=_status(wrong), headers=_headers(wrong))
        keep_visit(request, response)
        return response

    return answer


async def form_of(request: web.Request) -> dict[str, str]:
    """The fields of a form of ours. Raises ``HTTPForbidden`` for another's, ``HTTPBadRequest`` for what is no form.

    Read here and strictly: aiohttp's own reading takes files too, and fails on bytes that are not text.
    """
    try:
        body = (await request.read()).decode("utf-8")
        fields = dict(parse_qsl(body, keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict"))
    except ValueError:
        raise _nonsense() from None
    await check_csrf(request, fields)
    if any("\x00" in value for value in fields.values()):
        raise _nonsense()
    return fields


def see(path: str) -> web.Response:
    """Lead the browser on to ``path``, after a form or otherwise."""
    return web.Response(status=303, headers={"Location": path, **NEVER_CACHED})


async def welcomed(request: web.Request, people: People, admitted: Admitted) -> web.Response:
    """Give the browser its new session, end the one it had, and lead on."""
    path = await begun(request, people, admitted)
    # From there the browser may be led to another site at once, which a form's policy (form-action) would forbid.
    leaves = path.startswith("/authorize")
    response = shown(request, "onward.html", path=path) if leaves else see(path)
    request.config_dict[DOOR].cookies.keep_session(response, admitted.secret)
    return response


async def begun(request: web.Request, people: People, admitted: Admitted) -> str:
    """End the session the browser had; where to go with the new one."""
    before = await signed_in(request)
    if before is not None:
        await people.store.web_sessions.end(before.user.id, before.session_id)
    path = local_path(admitted.next)
    if admitted.user.role == "admin" and not admitted.strong and path == "/account":
        return "/account/second-factor"
    return path


def script_welcomed(request: web.Request, path: str, admitted: Admitted) -> web.Response:
    """The same for a script: where to go, and the cookie."""
    response = web.json_response({"next": path}, headers=NEVER_CACHED)
    request.config_dict[DOOR].cookies.keep_session(response, admitted.secret)
    return response


def _check_path(request: web.Request) -> None:
    """Raises ``HTTPNotFound`` for a path whose parts are none that the hub ever made."""
    if not all(_PART.fullmatch(part) for part in request.match_info.values()):
        raise web.HTTPNotFound(headers=NEVER_CACHED)


def _nonsense() -> web.HTTPBadRequest:
    return web.HTTPBadRequest(text="This is no form that the hub understands.\n", headers=NEVER_CACHED)


def _object(body: bytes) -> dict[str, Any]:
    try:
        asked = orjson.loads(body)
    except orjson.JSONDecodeError:
        asked = None
    if not isinstance(asked, dict):
        raise SignInRefused("A JSON object is needed here.")
    return asked


def text_of(asked: Mapping[str, Any], name: str) -> str:
    """A text a script sent; empty where there is none."""
    value = asked.get(name)
    return value if isinstance(value, str) else ""


def _status(wrong: HubError) -> int:
    if isinstance(wrong, TooManyAttempts):
        return 429
    if isinstance(wrong, SignInRefused):
        return 403
    return 503 if isinstance(wrong, StoreUnavailable) else 400


def _headers(wrong: HubError) -> dict[str, str]:
    after = {"Retry-After": str(int(wrong.after) + 1)} if isinstance(wrong, TooManyAttempts) else {}
    return {**NEVER_CACHED, **after}


def _told(request: web.Request, wrong: HubError) -> web.Response:
    words = (
        "The hub's database does not answer. Try again shortly." if isinstance(wrong, StoreUnavailable) else str(wrong)
    )
    request.setdefault(FOUND, None)
    response = shown(request, "refused.html", status=_status(wrong), words=words)
    response.headers.update(_headers(wrong))
    return response
