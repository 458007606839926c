"""The authorization server's rows: clients, codes, consents, grants and their tokens; the trace of how clients came.

Not the rules (``hub/identity/oauth``): which of them is good for what is decided there.
"""

from hub.store.oauth.clients import Clients, HostState, RedirectHost, RegisteredClient
from hub.store.oauth.codes import Code, Codes, Consent
from hub.store.oauth.grants import ACCESS_PREFIX, REFRESH_PREFIX, Grant, Grants, Held, Pair
from hub.store.oauth.handshakes import Folded, Handshake, Handshakes, Outcome, Step, StepName

__all__ = [
    "ACCESS_PREFIX",
    "REFRESH_PREFIX",
    "Clients",
    "Code",
    "Codes",
    "Consent",
    "Folded",
    "Grant",
    "Grants",
    "Handshake",
    "Handshakes",
    "Held",
    "HostState",
    "Outcome",
    "Pair",
    "RedirectHost",
    "RegisteredClient",
    "Step",
    "StepName",
]
