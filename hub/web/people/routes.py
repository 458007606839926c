"""All pages about people, added to an application. Nothing is decided here."""

from types import MappingProxyType

from aiohttp import web

from hub.identity import Profiles
from hub.identity.people import People
from hub.web.people.account_pages import AccountPages, Held, Waiting
from hub.web.people.admin_pages import AdminPages, End
from hub.web.people.second_factor_pages import SecondFactorPages
from hub.web.people.setup_pages import SetupPages
from hub.web.people.sign_in_pages import Failed, SignInPages

NONE: Profiles = MappingProxyType({})
"""No profiles."""


def people_routes(
    app: web.Application,
    people: People,
    profiles: Profiles = NONE,
    failed: Failed | None = None,
    waiting: Waiting | None = None,
    held: Held | None = None,
    end: End | None = None,
) -> None:
    """Add every page about people to ``app``, whose door (``session.open_door``) is open already; ``profiles`` are
    those a token can be bound to, ``failed`` is told of sign-ins that failed, ``waiting`` says to admins how much waits
    for them, ``held`` which connectors do, ``end`` ends the accounts at apps of those who are shut out."""
    sign_in = SignInPages(people, failed)
    sign_in.routes(app)
    SetupPages(people, sign_in).routes(app)
    AccountPages(people, profiles, waiting, held).routes(app)
    SecondFactorPages(people).routes(app)
    AdminPages(people, end).routes(app)
