"""How ``/authorize`` and the page after it answer a browser: pages, what went wrong, and the way back to the client.

Nothing is decided here.
"""

from typing import Any

import aiohttp_jinja2
from aiohttp import web

from hub.identity.oauth.errors import OAuthError, PageError
from hub.identity.oauth.request import AuthorizationRequest
from hub.observe import log
from hub.store import StoreUnavailable
from hub.web.site import PAGE_HEADERS

_log = log("web.oauth")


def form_action(asked: AuthorizationRequest) -> str:
    """Where the page's form may lead.

    Browsers hold this against the answer's redirect and every one that follows it: clients lead people on to pages of
    theirs elsewhere, and a policy cannot name ``[::1]``. So only the schemes are said; the page has one form, and its
    answer leads to the redirect URI that was checked.
    """
    return "form-action 'self' https:" + (" http:" if asked.redirect.loopback else "")


def sent(location: str) -> web.Response:
    """The way to ``location``, which is the client's redirect URI with the answer."""
    # 303, so that no browser repeats the form's POST there. Not web.HTTPSeeOther, which would spell the URI anew.
    headers = {"Location": location, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return web.Response(status=303, headers=headers)


def problem(request: web.Request, wrong: PageError | OAuthError | StoreUnavailable) -> web.Response:
    """The page that says what is wrong."""
    status, text = 400, str(wrong)
    if isinstance(wrong, OAuthError):
        status = wrong.status
    elif isinstance(wrong, StoreUnavailable):
        _log.error("an authorization request cannot be answered", reason=text)
        status, text = 503, "The hub cannot look this up right now. Try again shortly."
    return rendered(request, "oauth/problem.html", status, text=text)


def rendered(request: web.Request, template: str, status: int = 200, **values: Any) -> web.Response:
    """A page of this room."""
    page = aiohttp_jinja2.render_template(template, request, values, status=status)
    page.headers.update(PAGE_HEADERS)
    return page
