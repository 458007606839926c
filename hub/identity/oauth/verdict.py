"""What a handshake has come to, in words for the admin: connected, under way, waiting for a person, or stopped.

Pure. The causes it names are the usual ones; ``hub doctor`` is what tells which of them it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from hub.identity.oauth.correlation import is_done
from hub.store.oauth import Handshake, Step, StepName

State = Literal["connected", "going on", "waiting", "stopped"]

QUIET_SECONDS = 45.0
"""A client that has not gone on for this long has stopped; its own deadlines are 10 to 30 seconds."""

PERSON_SECONDS = 900.0
"""How long a person may take to sign in and agree: as long as the page is good."""

TITLES: Mapping[StepName, str] = {
    "request": "first request",
    "challenge": "401",
    "resource": "resource document",
    "server": "authorization server document",
    "registration": "registration",
    "authorize": "authorize",
    "sign_in": "sign-in",
    "consent": "consent",
    "accounts": "connecting apps",
    "token": "token",
    "entry": "first call with the token",
    "list": "first list of tools",
}
"""The steps as people read them."""

_AFTER: Mapping[StepName, str] = {
    "request": "it was not answered with a 401",
    "challenge": (
        "it got the 401 and never asked for the documents. A proxy may strip WWW-Authenticate or keep /.well-known/ "
        "from the hub, or the client only takes a token that is typed in"
    ),
    "resource": (
        "it read the resource document and went no further. The URL that was typed may differ from its resource, or "
        "the authorization server's document cannot be reached"
    ),
    "server": (
        "it read the documents and went no further. It may refuse what they say (issuer, http addresses behind a "
        "proxy), or nobody pressed Connect"
    ),
    "registration": "it registered, and no browser came to the authorize page. The person may have closed it",
    "authorize": "the authorize page was opened, and nothing more came",
    "sign_in": "the person was signed in and did not answer the consent page",
    "consent": (
        "the person agreed, and the client never fetched its token. The redirect after the consent may have been "
        "changed on the way (it must stay a 303), or a bot rule stops the client at /token"
    ),
    "accounts": (
        "the person went on from the page where apps are connected, and the client never fetched its token. It may "
        "have given up waiting, or the redirect was changed on the way (it must stay a 303)"
    ),
    "token": (
        "it got its token and never came with it. The answer may have been lost, or the client looks for the hub at "
        "another address than /mcp"
    ),
    "entry": "it came with its token and never asked for the tools",
    "list": "",
}
_WAITS: Mapping[str, str] = {
    "sign_in": "the person was sent to the sign-in page and has not signed in",
    "consent": "the person has the consent page and has not answered",
    "accounts": "the person has the page where apps are connected, and has neither gone on nor skipped it",
    "authorize": "it waits for an admin",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """A handshake's state. ``step`` is the last one; ``text`` says why it stopped, or what it waits for."""

    state: State
    step: StepName
    text: str

    @property
    def sentence(self) -> str:
        """State and reason in one line."""
        if self.state == "connected":
            return "connected: the client has its tools"
        if self.state == "going on":
            return f"under way, after the {TITLES[self.step]}"
        if self.state == "waiting":
            return f"waiting: {self.text}"
        return f"stopped {self.text}"


def verdict(one: Handshake, now: datetime) -> Verdict:
    """What has become of ``one`` by ``now``."""
    last = one.steps[-1]
    if is_done(one):
        return Verdict("connected", "list", "")
    quiet = (now - one.seen_at).total_seconds()
    if last.outcome == "wrong":
        return Verdict("stopped", last.name, f"at the {TITLES[last.name]}: {last.text}")
    if last.outcome == "waits":
        text = _WAITS.get(last.name, last.text)
        if quiet <= PERSON_SECONDS:
            return Verdict("waiting", last.name, text)
        return Verdict("stopped", last.name, f"at the {TITLES[last.name]}: {text}")
    patience = PERSON_SECONDS if last.name in ("registration", "authorize") else QUIET_SECONDS
    if quiet <= patience:
        return Verdict("going on", last.name, "")
    return Verdict("stopped", last.name, f"after the {TITLES[last.name]}: {_AFTER[last.name]}")


def origin(step: Step) -> str:
    """Where a step came from, for people."""
    agent = f" ({step.agent})" if step.agent else ""
    return f"{step.address}{agent}"
