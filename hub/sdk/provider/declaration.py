"""A provider as it is written: every key of ``provider.yaml`` and of ``auth:``, with what it means.

Only the shape; ``compilation.py`` checks what a shape cannot say. ``hub schema provider`` prints its JSON Schema.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from hub.sdk.declaration import CONTRACT, ErrorRule
from hub.sdk.provider.steps import (
    Authorize,
    DeviceCall,
    NextCall,
    PlainUrl,
    Refresh,
    Revoke,
    Signing,
    Strict,
    Template,
    TemplateUrl,
    Tenants,
    TokenCall,
    Who,
)

BEARER = Signing(headers={"Authorization": "Bearer {token}"})
"""How access tokens are sent where nothing else is said (RFC 6750, section 2.1)."""


class AccountSetting(Strict):
    """A value the person gives before connecting (a subdomain, a server, a tenant)."""

    title: str
    description: str = ""
    pattern: str | None = Field(default=None, description="Must match the whole value; required where host is true.")
    host: bool = Field(default=False, description="May stand in a host name.")
    default: str | None = None
    choices: tuple[str, ...] = ()
    found: bool = Field(
        default=False,
        description="Not asked of the person: the vendor says it, under this name in a save. Of a URL the host counts "
        "where host is true.",
    )

    @model_validator(mode="after")
    def _host(self) -> "AccountSetting":
        if self.host and not (self.pattern or self.choices):
            raise ValueError("host: true needs a pattern that matches the whole value, or choices")
        return self


class PastedField(Strict):
    """One thing the person pastes. It is secret unless said otherwise."""

    title: str
    description: str = ""
    pattern: str | None = Field(default=None, description="What a whole one looks like, to tell a slip from a refusal.")
    secret: bool = True


class AppCredentials(Strict):
    """How the operator registers the hub as an app at the vendor."""

    register_at: str = Field(description="The page where apps are registered.")
    steps: tuple[str, ...] = Field(
        default=(), description="What to tick and fill in there; {redirect_uri} is the hub's."
    )
    secret_expires: bool = Field(default=False, description="Whether client secrets end some day.")
    test_mode: str | None = Field(default=None, description="What is different while the app is in test mode.")
    https_only: bool = Field(default=False, description="Whether the redirect address must be https.")
    needs_secret: bool = True


class WrongTurn(Strict):
    """A vendor's error that the operator's app is at fault for, and its remedy. Also shown beside the way to the
    vendor's page: some are told there only."""

    when: str = Field(description="A word or code in the vendor's error.")
    tell: str = Field(description="What the operator does about it; {redirect_uri} is the hub's.")
    maybe: bool = Field(
        default=False, description="Whether the person may have brought it about as well, by saying no."
    )


AUDIENCE = tuple(
    WrongTurn(when=word, tell="Write the audience the vendor wants under claims: aud in the provider's declaration")
    for word in ("aud", "audience")
)
"""The wrong turn of assertions where nothing else is said: whom they are for is declared, not pasted (RFC 7523, section
3)."""


class _Way(Strict):
    title: str = Field(default="", description="What people choose by, where there are several ways.")
    sign: Signing | None = None
    tenants: Tenants | None = Field(default=None, description="Where one account can stand in several tenants.")
    steps: tuple[str, ...] = Field(default=(), description="What the person does to get what is asked for.")
    settings: tuple[str, ...] | None = Field(
        default=None, description="Which settings are asked for this way, where not all are."
    )
    who: Who | None = Field(default=None, description="Whose account it is, where this way is told elsewhere.")
    bases: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], TemplateUrl] = Field(
        default_factory=dict,
        description="Where calls of accounts of this kind go, by name: a connector's base_url begins with {base.x}. "
        "Every way has the same names.",
    )


class PastedMethod(_Way):
    """An API key, a bearer token, or a user name and password, pasted by the person."""

    kind: Literal["key", "bearer", "basic"]
    get_at: str | None = Field(default=None, description="The vendor's page where one is made.")
    fields: dict[str, PastedField] = Field(default_factory=dict)
    scopes: tuple[str, ...] = Field(default=(), description="What the key should be allowed, to be told to the person.")


class Scopes(Strict):
    """How scopes are asked for."""

    separator: str = " "
    always: tuple[str, ...] = Field(default=(), description="Asked for besides those of the tools.")
    param: str = Field(default="scope", description="The parameter they are sent in.")
    callback: str | None = Field(
        default=None,
        description="The parameter of the callback that says which were granted, where the token does not.",
    )


class GrantMethod(_Way):
    """What all ways have in common by which a person lets the operator's app in at the vendor."""

    token: TokenCall
    scopes: Scopes = Scopes()
    then: tuple[NextCall, ...] = Field(default=(), description="Requests that follow, in order.")
    refresh: Refresh = Refresh()
    app: AppCredentials
    wrong_turns: tuple[WrongTurn, ...] = ()


class OAuthMethod(GrantMethod):
    """OAuth 2: the person agrees on the vendor's page (authorization code, RFC 6749, section 4.1)."""

    kind: Literal["oauth2"]
    authorize: Authorize
    pkce: Literal["s256", "required", "off"] = Field(
        default="s256", description="RFC 7636; off where the vendor refuses it."
    )
    issuer: str | None = Field(default=None, description="What the vendor's iss says, where it sends one (RFC 9207).")


class DeviceMethod(GrantMethod):
    """OAuth 2: the person types a code on the vendor's page, and the vendor never leads back (RFC 8628)."""

    kind: Literal["device"]
    device: DeviceCall


class McpOAuthMethod(_Way):
    """OAuth 2 at an MCP server, which is asked where and how people sign in (MCP specification 2026-07-28,
    basic/authorization; RFC 9728, RFC 8414). The hub is known there by its own document, or registers itself."""

    kind: Literal["mcp_oauth"]
    resource: PlainUrl = Field(description="The MCP server's address; credentials go to its origin and nowhere else.")
    scopes: tuple[str, ...] = Field(default=(), description="Asked for in place of those the server names.")
    app: AppCredentials | None = Field(
        default=None, description="Where the operator registers the hub, for servers that take no unknown clients."
    )


class ClientCredentialsMethod(_Way):
    """OAuth 2 client credentials (RFC 6749, section 4.4), pasted by the person: ``client_id`` and ``client_secret``."""

    kind: Literal["client_credentials"]
    get_at: str | None = None
    fields: dict[str, PastedField] = Field(default_factory=dict)
    token: TokenCall
    scopes: Scopes = Scopes()
    refresh: Refresh = Refresh(mode="none")
    wrong_turns: tuple[WrongTurn, ...] = ()


class JwtBearerMethod(_Way):
    """A service account's key, pasted by the person: signed assertions are exchanged for tokens (RFC 7523)."""

    kind: Literal["jwt_bearer"]
    get_at: str | None = None
    fields: dict[str, PastedField] = Field(default_factory=dict)
    algorithm: Literal["RS256", "ES256", "PS256"] = "RS256"
    claims: dict[str, Template] = Field(description="The assertion's claims besides iat, exp and jti.")
    lifetime: int = Field(default=300, ge=30, le=3600)
    key: str = Field(default="private_key", description="The field that holds the private key (PEM).")
    key_id: Template | None = None
    token: TokenCall
    scopes: Scopes = Scopes()
    refresh: Refresh = Refresh(mode="none")
    wrong_turns: tuple[WrongTurn, ...] = AUDIENCE


class OperatorMethod(_Way):
    """One credential for all, given by the operator; calls are audited under each person's name."""

    kind: Literal["operator"]
    fields: dict[str, PastedField] = Field(default_factory=lambda: {"key": PastedField(title="Key")})


Method = Annotated[
    PastedMethod
    | OAuthMethod
    | DeviceMethod
    | McpOAuthMethod
    | ClientCredentialsMethod
    | JwtBearerMethod
    | OperatorMethod,
    Field(discriminator="kind"),
]


class ProviderDeclaration(Strict):
    """One third party at which people have accounts."""

    contract: int = CONTRACT
    title: str
    hosts: tuple[Template, ...] = Field(
        min_length=1,
        description="The only hosts a credential is signed onto: example.com, *.example.com, localhost:8080, and "
        "http://localhost:8080 where there is no TLS. {settings.x} stands for one with host: true.",
    )
    settings: dict[str, AccountSetting] = Field(default_factory=dict)
    methods: dict[str, Method] = Field(min_length=1, description="The ways to connect, the recommended one first.")
    who: Who | None = Field(
        default=None, description="Whose account it is. Without it, accounts are named by the person."
    )
    revoke: Revoke
    implies: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description="A scope to the narrower ones it covers, which then need not be asked for or granted beside it.",
    )
    errors: list[ErrorRule] = Field(default_factory=list, description="Tried before a connector's own.")
    manage_at: str | None = Field(default=None, description="The vendor's page about the account.")
