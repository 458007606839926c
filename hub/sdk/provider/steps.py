"""The steps of a provider's declaration: requests, signing, the authorize URL, the token call, refresh, revocation.

Shapes only; ``declaration.py`` puts them together to ways of connecting.
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from hub.errors import ConnectorError
from hub.sdk.paths import compile_path
from hub.sdk.placeholders import Pattern


def _path(text: str) -> str:
    """A JMESPath; raises ``ValueError``."""
    try:
        compile_path(text)
    except ConnectorError as wrong:
        raise ValueError(str(wrong)) from None
    return text


def _template(text: str) -> str:
    """A text with placeholders; raises ``ValueError``."""
    try:
        Pattern.parse(text)
    except ConnectorError as wrong:
        raise ValueError(str(wrong)) from None
    return text


def _url(text: str) -> str:
    """An absolute http(s) URL, which may hold placeholders; raises ``ValueError``."""
    if not _template(text).startswith(("https://", "http://")):
        raise ValueError(f"{text!r} is not an absolute https URL")
    if any(char <= " " for char in text) or "#" in text:
        raise ValueError(f"{text!r} holds a space or a fragment")
    return text


def _plain_url(text: str) -> str:
    """An absolute http(s) URL without placeholders; raises ``ValueError``."""
    if "{" in _url(text) or "}" in text:
        raise ValueError(f"{text!r} holds a placeholder")
    return text


JsonPath = Annotated[str, AfterValidator(_path)]
Template = Annotated[str, AfterValidator(_template)]
TemplateUrl = Annotated[str, AfterValidator(_url)]
PlainUrl = Annotated[str, AfterValidator(_plain_url)]


class Strict(BaseModel):
    """No unknown key, no change afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Signing(Strict):
    """How a credential is put on a request. Values take the method's own fields ({key}, {token}), {settings.x} and
    {account.x}; so do the names of headers and query parameters, where the field or setting has a pattern."""

    headers: dict[Template, Template] = Field(default_factory=dict, description="Headers that carry it.")
    query: dict[Template, Template] = Field(default_factory=dict, description="Query parameters that carry it.")
    body: dict[str, Template] = Field(
        default_factory=dict,
        description="Fields that carry it in the bodies that calls have: forms, multipart ones, JSON objects.",
    )
    path: Template | None = Field(default=None, description="What is put in front of the path, such as /bot{key}.")
    basic: Template | None = Field(default=None, description="user:password of HTTP Basic (RFC 7617).")

    @model_validator(mode="after")
    def _something(self) -> "Signing":
        if not (self.headers or self.query or self.body or self.path or self.basic):
            raise ValueError("sign needs headers, query, body, path or basic")
        if self.path is not None and not self.path.startswith("/"):
            raise ValueError("path begins with /")
        return self


class ProviderRequest(Strict):
    """One request the hub makes of its own, signed as calls are."""

    method: Literal["GET", "POST", "PUT", "DELETE"] = "GET"
    url: TemplateUrl
    query: dict[str, Template] = Field(default_factory=dict)
    headers: dict[str, Template] = Field(default_factory=dict)
    form: dict[str, Template] | None = None
    body: dict[str, Any] | None = Field(default=None, description="A JSON body; its strings may hold placeholders.")


class Who(Strict):
    """Whose account it is: asked after connecting, to name the account, to find it again, and to see that it works."""

    request: ProviderRequest
    id: JsonPath | None = Field(
        default=None,
        description="Path to what never changes about the account. Without it, it is only asked whether the "
        "credential works, and accounts are named by the person.",
    )
    label: JsonPath | None = Field(default=None, description="Path to what people call the account.")
    ok_if: JsonPath | None = Field(
        default=None, description="Must be true of the reply, where errors come with HTTP 200."
    )
    save: dict[str, JsonPath] = Field(default_factory=dict, description="Further values kept, as {account.x}.")

    @model_validator(mode="after")
    def _both(self) -> "Who":
        if (self.id is None) != (self.label is None):
            raise ValueError("who has both id and label, or neither")
        return self


class Tenants(Strict):
    """The tenants (sites, workspaces, organizations) one grant covers: asked after connecting. Where there are several
    the person chooses one, and each is an account of its own."""

    title: str = Field(default="workspace", description="What one is called, in a sentence.")
    request: ProviderRequest
    items: JsonPath = Field(default="@", description="Path to the list.")
    id: JsonPath = Field(description="Path, in one of the list, to what never changes about it.")
    label: JsonPath | None = Field(
        default=None,
        description="Path, in one of the list, to what people call it. Without it the account is called as who says.",
    )
    signed: bool = Field(default=True, description="Whether the credential goes on the request.")
    save: dict[str, JsonPath] = Field(
        default_factory=dict,
        description="Values kept of the one chosen, as {account.x}, or as a setting that is found.",
    )


class Authorize(Strict):
    """The page where the person agrees (RFC 6749, section 4.1.1)."""

    url: TemplateUrl
    params: dict[str, Template] = Field(default_factory=dict, description="Sent besides the usual ones.")
    rename: dict[str, str] = Field(default_factory=dict, description="Usual parameter to the name it has here.")
    drop: tuple[str, ...] = Field(default=(), description="Usual parameters this provider does not take.")
    raw: tuple[str, ...] = Field(default=(), description="Parameters whose + , : and / are sent as they are.")
    fragment: str | None = Field(
        default=None, description="Put behind a # in front of the parameters, for pages of one."
    )
    code: str = Field(default="code", description="The name the code comes back under.")
    save: dict[str, str] = Field(default_factory=dict, description="Account field to the callback parameter it is in.")


class Expiry(Strict):
    """When an access token ends."""

    path: JsonPath = "expires_in"
    unit: Literal["s", "ms", "iso", "epoch_s", "epoch_ms"] = "s"
    seconds: int | None = Field(default=None, ge=1, description="How long tokens live where the reply does not say.")


class TokenCall(Strict):
    """The token endpoint (RFC 6749, section 4.1.3), and where a reply holds what."""

    url: TemplateUrl
    method: Literal["POST", "GET"] = "POST"
    client_auth: Literal["body", "basic", "none", "private_key_jwt"] = "body"
    body: Literal["form", "json", "query"] = "form"
    params: dict[str, Template] = Field(default_factory=dict, description="Sent besides the usual ones.")
    rename: dict[str, str] = Field(default_factory=dict)
    drop: tuple[str, ...] = ()
    headers: dict[str, Template] = Field(default_factory=dict)
    root: JsonPath = Field(default="@", description="The part of the reply that holds the tokens.")
    ok_if: JsonPath | None = Field(default=None, description="Must be true of the reply.")
    access: JsonPath = "access_token"
    refresh: JsonPath = "refresh_token"
    scope: JsonPath = "scope"
    more: dict[str, JsonPath] = Field(
        default_factory=dict, description="Further tokens of the same grant, secret, usable in sign by name."
    )
    save: dict[str, JsonPath] = Field(default_factory=dict, description="Values kept, as {account.x}; never secret.")
    expiry: Expiry = Expiry()


class NextCall(TokenCall):
    """A further request for tokens with what the one before gave: a longer life, a second audience, a session. Its
    ``params`` take {token}, {refresh_token}, {client_id} and {client_secret} besides."""

    as_: str | None = Field(
        default=None,
        alias="as",
        description="What its token is called in sign, beside the first; without it, it takes the first one's place.",
    )
    again: bool = Field(default=False, description="Whether it is made after each renewal as well.")


class DeviceCall(Strict):
    """Where a code is asked for that the person types on the vendor's page (RFC 8628, section 3). The client shows
    itself as ``token`` says."""

    url: TemplateUrl
    params: dict[str, Template] = Field(default_factory=dict, description="Sent besides the usual ones.")
    grant: str = Field(
        default="urn:ietf:params:oauth:grant-type:device_code", description="The grant_type the hub polls with."
    )
    device_code: JsonPath = "device_code"
    user_code: JsonPath = "user_code"
    page: JsonPath = Field(
        default="verification_uri || verification_url", description="Path to the page where the code is typed."
    )
    page_with_code: JsonPath = Field(
        default="verification_uri_complete || verification_url_complete",
        description="Path to the same page with the code filled in, where there is one.",
    )
    expires_in: JsonPath = "expires_in"
    interval: JsonPath = "interval"


class Refresh(Strict):
    """How access tokens are renewed (RFC 6749, section 6)."""

    mode: Literal["rotate", "sliding", "static", "none", "exchange"] = Field(
        default="rotate",
        description="rotate: each use gives a new refresh token. none: tokens do not end. exchange: the access token "
        "itself is handed in for a new one.",
    )
    url: TemplateUrl | None = Field(default=None, description="Where, if not at the token endpoint.")
    method: Literal["POST", "GET"] | None = Field(default=None, description="If not that of the token endpoint.")
    body: Literal["form", "json", "query"] | None = Field(
        default=None, description="If not that of the token endpoint."
    )
    grant: str = "refresh_token"
    params: dict[str, Template] = Field(default_factory=dict)
    rename: dict[str, str] = Field(default_factory=dict, description="Besides those of the token endpoint.")
    drop: tuple[str, ...] = Field(default=(), description="Besides those of the token endpoint.")
    headers: dict[str, Template] = Field(default_factory=dict, description="Besides those of the token endpoint.")
    margin: int | None = Field(default=None, ge=0, description="Seconds before the end from which tokens are renewed.")
    idle: int | None = Field(default=None, ge=60, description="Seconds after which an unused refresh token dies.")


class Revoke(Strict):
    """How a grant is ended at the vendor when the person disconnects (RFC 7009 and its like)."""

    request: ProviderRequest | None = Field(default=None, description="Takes {token} and {refresh_token}.")
    client_auth: Literal["basic", "none"] = "none"
    signed: bool = Field(default=False, description="Whether the account's credential goes on it.")
    manual: str | None = Field(default=None, description="The vendor's page where a person ends it.")

    @model_validator(mode="after")
    def _something(self) -> "Revoke":
        if self.request is None and self.manual is None:
            raise ValueError("revoke needs a request, or manual: the vendor's page")
        return self
