"""Who is signed in at this browser, and whether a form comes from a page of ours. The door for every page with people.

Not how they signed in (``sign_in.py``), nor what they may do with connectors.
"""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

from aiohttp import web
from markupsafe import Markup
from yarl import URL

from hub.store import Store, User
from hub.web.people.cookies import Cookies, csrf_of

CSRF_FIELD = "csrf"
"""The form field that carries the token."""

CSRF_HEADER = "X-Hub-Csrf"
"""The header that carries it where a script asks."""

FRESH = timedelta(minutes=30)
"""How long after signing in the sensitive parts of an account may be changed without signing in again."""

_MAX_PATH = 8000


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A person at a browser. ``strong``: they showed a second factor (or a passkey, which is two)."""

    user: User
    session_id: str
    since: datetime
    strong: bool
    csrf: str

    @property
    def admin(self) -> bool:
        """Whether they may do what admins may, here and now: the role alone does not do without a second factor."""
        return self.user.role == "admin" and self.strong


@dataclass(frozen=True, slots=True)
class Door:
    """What this module needs of the application."""

    store: Store
    cookies: Cookies
    origin: str


DOOR: web.AppKey[Door] = web.AppKey("people_door", Door)


def open_door(app: web.Application, store: Store, public_url: str) -> None:
    """Let ``app``'s pages ask who is signed in; call it once, before the routes of any page."""
    app[DOOR] = Door(store, Cookies(public_url), origin_of(public_url))


def origin_of(public_url: str) -> str:
    """``public_url`` as browsers write origins: without the port that is the scheme's own."""
    return public_url.removesuffix(":443" if public_url.startswith("https:") else ":80")


FOUND: web.RequestKey[SignedIn | None] = web.RequestKey("hub_signed_in", SignedIn)
"""Who was found to be signed in, kept with the request."""

_VISIT: web.RequestKey[str] = web.RequestKey("hub_visit", str)


async def signed_in(request: web.Request) -> SignedIn | None:
    """Who is signed in at the browser that sends this request; None for nobody, and in a hub without sign-in.

    Raises ``StoreUnavailable``.
    """
    if FOUND in request:
        return request[FOUND]
    door = request.config_dict.get(DOOR)
    secret = door.cookies.session(request) if door is not None else None
    found = await door.store.web_sessions.find(secret) if door is not None and secret is not None else None
    who = None
    if found is not None and secret is not None:
        session, user = found
        who = SignedIn(user, session.id, session.created_at, session.strong, csrf_of(secret))
    request[FOUND] = who
    return who


async def require_sign_in(request: web.Request) -> SignedIn:
    """Who is signed in; else raises the redirect to the sign-in page, which leads back here."""
    who = await signed_in(request)
    if who is None:
        raise led(f"/signin?next={_here(request)}")
    return who


async def require_fresh(request: web.Request, now: datetime) -> SignedIn:
    """Who is signed in since a short time; else raises the redirect to sign in (again)."""
    who = await require_sign_in(request)
    if now - who.since > FRESH:
        raise led(f"/signin?again=1&next={_here(request)}")
    return who


async def require_admin(request: web.Request) -> SignedIn:
    """The admin who is signed in with a second factor; else raises: to the sign-in page, to where a second factor is
    set up, or 403 for members."""
    who = await require_sign_in(request)
    if who.user.role != "admin":
        raise web.HTTPForbidden(text="This page is for admins of the hub.\n", headers={"Cache-Control": "no-store"})
    if not who.strong:
        raise led("/account/second-factor")
    return who


def led(path: str) -> web.HTTPSeeOther:
    """What is raised to lead a browser to ``path``, which is encoded already."""
    return web.HTTPSeeOther(URL(path, encoded=True), headers={"Cache-Control": "no-store"})


def local_path(text: str | None, otherwise: str = "/account") -> str:
    """``text`` where it is a path of this hub, with its query; else ``otherwise``. Never leads elsewhere."""
    if not text or len(text) > _MAX_PATH or not text.startswith("/") or text.startswith("//"):
        return otherwise
    if "\\" in text or any(character <= " " or character == "\x7f" for character in text) or not text.isascii():
        return otherwise
    try:
        parts = urlsplit(text)
    except ValueError:
        return otherwise
    return otherwise if parts.scheme or parts.netloc else text


def csrf_token(request: web.Request) -> str:
    """The token forms on this page carry: of the session, or of the visit where nobody is signed in.

    Where there is neither, a visit begins; ``keep_visit`` must then be called with the response.
    """
    who: SignedIn | None = request.get(FOUND)
    if who is not None:
        return who.csrf
    return csrf_of(visit(request))


def csrf_field(request: web.Request) -> Markup:
    """The hidden field with the token, for a form on a page that answers this request; call ``signed_in`` before."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(CSRF_FIELD, csrf_token(request))


async def check_csrf(request: web.Request, form: Mapping[str, Any]) -> None:
    """Raises ``HTTPForbidden`` unless the request comes from a page of this hub: the token in ``form`` (or the header)
    is that of the browser's session or visit, and the browser, where it says so, names this origin."""
    # A form of a page that tells its address to nobody comes with the origin "null"; then Sec-Fetch-Site speaks.
    origin = request.headers.get("Origin", "null")
    site = request.headers.get("Sec-Fetch-Site", "same-origin")
    door = request.config_dict[DOOR]
    if origin not in ("null", door.origin, f"{request.scheme}://{request.host}") or site not in ("same-origin", "none"):
        raise _refused()
    who = await signed_in(request)
    held = door.cookies.visit(request)
    expected = who.csrf if who is not None else (csrf_of(held) if held is not None else None)
    shown = form.get(CSRF_FIELD) or request.headers.get(CSRF_HEADER)
    if expected is None or not isinstance(shown, str) or not shown.isascii():
        raise _refused()
    if not hmac.compare_digest(shown, expected):
        raise _refused()


def visit(request: web.Request) -> str:
    """The secret of this browser's visit; begun here where there is none."""
    known: str | None = request.get(_VISIT)
    if known is not None:
        return known
    begun: str = request.config_dict[DOOR].cookies.visit(request) or secrets.token_urlsafe(32)
    request[_VISIT] = begun
    return begun


def keep_visit(request: web.Request, response: web.StreamResponse) -> None:
    """Give the browser the visit that began with this request, if one did."""
    begun = request.get(_VISIT)
    cookies = request.config_dict[DOOR].cookies
    if begun is not None and begun != cookies.visit(request):
        cookies.keep_visit(response, begun)


def _here(request: web.Request) -> str:
    return quote(local_path(request.path_qs) if request.method in ("GET", "HEAD") else "/account", safe="")


def _refused() -> web.HTTPForbidden:
    return web.HTTPForbidden(
        text="This form is not from a page of this hub, or the page is too old. Go back, load it anew, try again.\n",
        headers={"Cache-Control": "no-store"},
    )
