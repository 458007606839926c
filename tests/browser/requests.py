"""What a client asks of the hub where no program asks it: the authorization page's URL, the exchange of its code.

Clients that real programs are stand in ``programs.py``.
"""

from urllib.parse import urlencode

from tests.browser.house import House, Seat

VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
"""Of RFC 7636, appendix B."""
CLAUDE = "https://claude.ai/api/mcp/auth_callback"


def page_of(house: House, redirect_uri: str, client: str, **changed: str) -> str:
    """The authorization page for a client with a document of its own."""
    document = house.documents.publish(client, client_name="Ada's desk", redirect_uris=[redirect_uri])
    params = {
        "response_type": "code",
        "client_id": document,
        "redirect_uri": redirect_uri,
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        "state": "a state & more",
        "resource": house.mcp,
        **changed,
    }
    return f"{house.url}/authorize?{urlencode(params)}"


async def let_in(house: House, seat: Seat, client: str) -> None:
    """Allow what the page at ``seat`` asks for, and fetch the client's tokens."""
    await seat.allow()
    form: dict[str, str | float | bool] = {
        "grant_type": "authorization_code",
        "code": (await house.outside.next())["code"],
        "client_id": house.documents.url(client),
        "redirect_uri": CLAUDE,
        "code_verifier": VERIFIER,
    }
    assert (await seat.context.request.post(f"{house.url}/token", form=form)).ok
