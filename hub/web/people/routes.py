"""All pages about people, added to an application. Nothing is decided here."""

from types import MappingProxyType

from aiohttp import web

from hub.identity import Profiles
from hub.identity.people import People
from hub.web.people.account_pages import AccountPages
from hub.web.people.admin_pages import AdminPages
from hub.web.people.second_factor_pages import SecondFactorPages
from hub.web.people.setup_pages import SetupPages
from hub.web.people.sign_in_pages import Failed, SignInPages

NONE: Profiles = MappingProxyType({})
"""No profiles."""


def people_routes(
    app: web.Application, people: People, profiles: Profiles = NONE, failed: Failed | None = None
) -> None:
    """Add every page about people to ``app``, whose door (``session.open_door``) is open already; ``profiles`` are
    those a token can be bound to, ``failed`` is told of sign-ins that failed."""
    sign_in = SignInPages(people, failed)
    sign_in.routes(app)
    SetupPages(people, sign_in).routes(app)
    AccountPages(people, profiles).routes(app)
    SecondFactorPages(people).routes(app)
    AdminPages(people).routes(app)
