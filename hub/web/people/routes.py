"""All pages about people, added to an application. Nothing is decided here."""

from aiohttp import web

from hub.identity.people import People
from hub.web.people.account_pages import AccountPages
from hub.web.people.admin_pages import AdminPages
from hub.web.people.second_factor_pages import SecondFactorPages
from hub.web.people.setup_pages import SetupPages
from hub.web.people.sign_in_pages import SignInPages


def people_routes(app: web.Application, people: People) -> None:
    """Add every page about people to ``app``, whose door (``session.open_door``) is open already."""
    sign_in = SignInPages(people)
    sign_in.routes(app)
    SetupPages(people, sign_in).routes(app)
    AccountPages(people).routes(app)
    SecondFactorPages(people).routes(app)
    AdminPages(people).routes(app)
