"""The two cookies of a browser: its session, and its visit, which is there before anyone has signed in.

Both are opaque random texts; what they stand for is in the store. Their names begin with ``__Host-`` where the hub is
reached by https: then no other host and no plain connection can set them (RFC 6265bis, section 4.1.3.2).
"""

import hashlib
import hmac
import re

from aiohttp import web

from hub.store.web_sessions import LONGEST

_TEXT = re.compile(r"[A-Za-z0-9_-]{43}")


class Cookies:
    """The cookies of a hub at ``public_url``."""

    def __init__(self, public_url: str) -> None:
        self._secure = public_url.startswith("https://")
        prefix = "__Host-" if self._secure else ""
        self.session_name = f"{prefix}hub-session"
        self.visit_name = f"{prefix}hub-visit"

    def session(self, request: web.Request) -> str | None:
        """The secret of the session the browser shows; not looked up."""
        return _shown(request, self.session_name)

    def visit(self, request: web.Request) -> str | None:
        """The secret of the browser's visit."""
        return _shown(request, self.visit_name)

    def keep_session(self, response: web.StreamResponse, secret: str) -> None:
        """Give the browser a session."""
        self._set(response, self.session_name, secret, int(LONGEST.total_seconds()))

    def keep_visit(self, response: web.StreamResponse, secret: str) -> None:
        """Give the browser a visit; it forgets it when it is closed."""
        self._set(response, self.visit_name, secret, None)

    def forget(self, response: web.StreamResponse) -> None:
        """Take session and visit from the browser."""
        for name in (self.session_name, self.visit_name):
            response.del_cookie(name, path="/", secure=self._secure, httponly=True, samesite="Lax")

    def _set(self, response: web.StreamResponse, name: str, value: str, seconds: int | None) -> None:
        response.set_cookie(name, value, max_age=seconds, path="/", secure=self._secure, httponly=True, samesite="Lax")


def _shown(request: web.Request, name: str) -> str | None:
    value = request.cookies.get(name, "")
    return value if _TEXT.fullmatch(value) else None


def csrf_of(secret: str) -> str:
    """The token that forms carry for a cookie's secret: derived, so that it need not be kept, and one-way, so that a
    page that leaks it does not leak the cookie."""
    return hmac.new(secret.encode(), b"hub csrf", hashlib.sha256).hexdigest()
