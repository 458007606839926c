"""How one round trip can fail, told by whether the provider may have seen the request.

Internal to this floor: ``Upstream`` turns both into errors for people. Not for HTTP statuses, which are replies.
"""


class TransportError(Exception):
    """A round trip without a reply; ``reason`` is a clause for people and never holds a URL or a header."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NotSent(TransportError):
    """No byte of the request left (name lookup, connecting, TLS, the proxy, no free connection).

    Any method may be sent again. ``permanent`` says that trying again at once cannot help.
    """

    def __init__(self, reason: str, *, permanent: bool = False) -> None:
        super().__init__(reason)
        self.permanent = permanent


class Lost(TransportError):
    """The reply never came, or not whole (reset, timeout, cut off, not HTTP).

    ``sent`` says that the request may have been carried out, so that only repeatable ones are sent again.
    """

    def __init__(self, reason: str, *, sent: bool = True) -> None:
        super().__init__(reason)
        self.sent = sent
