"""What goes wrong at the authorization server, by where it is answered.

Their texts are for the author of a client or the person at the browser; they never repeat a token, code or secret.
"""

from hub.errors import HubError


class OAuthError(HubError):
    """An error of a token, registration or revocation request (RFC 6749, section 5.2): its code and HTTP status.

    ``after``: the seconds to wait, where it is about too many requests.
    """

    def __init__(self, code: str, description: str, status: int = 400, *, after: float | None = None) -> None:
        super().__init__(description)
        self.code = code
        self.status = status
        self.after = after


class RedirectRefused(HubError):
    """A redirect URI that no client may have; says why."""


class ClientUnknown(HubError):
    """There is no such client, or what is told of it cannot be used; says why, to the person at the browser."""


class PageError(HubError):
    """An authorization request that must not be answered by a redirect: its text is shown on a page."""


class ErrorRedirect(HubError):
    """An authorization request answered by sending the browser back with an error (RFC 6749, section 4.1.2.1)."""

    def __init__(self, location: str, code: str, description: str) -> None:
        super().__init__(description)
        self.location = location
        self.code = code
