"""What an authorization server must still know of everything it gave out: a model in plain Python, without a database.

It says of each code and token whose it is, what was agreed to, and whether it must be alive. Not the hub, and no HTTP.
"""

from dataclasses import dataclass, field

from tests.oauth.scene import Pkce

EFFECTS: dict[str, frozenset[str]] = {
    "read": frozenset({"get"}),
    "write": frozenset({"get", "set"}),
    "everything": frozenset({"get", "set", "drop"}),
}
"""The verbs of tools that each choice by effect allows."""

CONNECTORS = ("notes", "other")
PROFILES: dict[str, tuple[tuple[str, ...], frozenset[str]]] = {
    "notes_only": (("notes",), EFFECTS["everything"]),
    "looking": (CONNECTORS, EFFECTS["read"]),
}
"""Connectors and verbs of the profiles the hub is set up with."""

CODE_SECONDS, GRACE_SECONDS, ACCESS_SECONDS = 60.0, 60.0, 3600.0


@dataclass(eq=False)
class User:
    """A person, and whether they are let in."""

    name: str
    id: str
    enabled: bool = True


@dataclass(eq=False)
class Session:
    """A browser in which somebody signed in."""

    user: User
    headers: dict[str, str]
    alive: bool = True


@dataclass(frozen=True)
class Client:
    """A client, and how it shows at the token endpoint who it is."""

    id: str
    redirect_uri: str
    secret: str | None = None

    @property
    def shown(self) -> dict[str, str]:
        """Its part of a token request."""
        return {"client_id": self.id} | ({} if self.secret is None else {"client_secret": self.secret})


@dataclass(frozen=True)
class Agreement:
    """What somebody agreed to: for which client, at which door (None: the whole hub), and what was chosen."""

    user: User
    client: Client
    door: str | None
    choice: str

    @property
    def tools(self) -> frozenset[str]:
        """The tools it allows, and no other."""
        named = self.choice.removeprefix("profile:") if self.choice.startswith("profile:") else self.door
        connectors, verbs = PROFILES[named] if named is not None else (CONNECTORS, EFFECTS["everything"])
        if not self.choice.startswith("profile:"):
            verbs = verbs & EFFECTS[self.choice]
        return frozenset(f"{connector}_{verb}_note" for connector in connectors for verb in verbs)


@dataclass(eq=False)
class Grant:
    """What came of an agreement that was redeemed."""

    agreement: Agreement
    alive: bool = True


@dataclass(eq=False)
class Code:
    """An authorization code."""

    text: str
    agreement: Agreement
    pkce: Pkce
    expires: float
    used: bool = False
    grant: Grant | None = None


@dataclass(eq=False)
class Access:
    """An access token."""

    text: str
    grant: Grant
    expires: float
    ended: bool = False

    def opens(self, door: str | None, now: float) -> bool:
        """Whether it must open this door."""
        agreement = self.grant.agreement
        alive = self.grant.alive and agreement.user.enabled and not self.ended and now < self.expires
        return alive and door == agreement.door


@dataclass(eq=False)
class Refresh:
    """A refresh token; ``successor`` is the pair it was exchanged for at ``used``."""

    text: str
    grant: Grant
    used: float | None = None
    successor: "tuple[Access, Refresh] | None" = None


@dataclass
class Ledger:
    """Everything that was given out so far."""

    codes: list[Code] = field(default_factory=list)
    access: list[Access] = field(default_factory=list)
    refresh: list[Refresh] = field(default_factory=list)
    remembered: dict[tuple[User, str, str | None], str] = field(default_factory=dict)

    def redeemable(self, code: Code, client: Client, verifier: str, now: float) -> bool:
        """Whether this code must give tokens to this client; what showing it changes is written down."""
        if client.id != code.agreement.client.id:
            return False
        if code.used:
            if code.grant is not None:
                code.grant.alive = False
            return False
        if verifier != code.pkce.verifier:
            code.used = True
            return False
        return now < code.expires and code.agreement.user.enabled

    def given(self, grant: Grant, access: str, refresh: str, now: float) -> tuple[Access, Refresh]:
        """Write a new pair down."""
        pair = Access(access, grant, now + ACCESS_SECONDS), Refresh(refresh, grant)
        self.access.append(pair[0])
        self.refresh.append(pair[1])
        return pair

    def exchange(self, token: Refresh, client: Client, now: float) -> str:
        """What must become of showing this refresh token: ``new``, ``same`` or ``refused``; what it changes is
        written down."""
        grant = token.grant
        if client.id != grant.agreement.client.id or not grant.alive or not grant.agreement.user.enabled:
            return "refused"
        if token.used is None:
            return "new"
        if now - token.used > GRACE_SECONDS:
            grant.alive = False
            return "refused"
        assert token.successor is not None
        return "refused" if token.successor[0].ended else "same"

    def disabled(self, user: User, sessions: list[Session]) -> None:
        """Write down that somebody was shut out: their sessions and grants are over for good."""
        user.enabled = False
        for access in self.access:
            if access.grant.agreement.user is user:
                access.grant.alive = False
        for session in sessions:
            if session.user is user:
                session.alive = False
