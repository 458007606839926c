"""The canonical YAML, as models: every key an author may write, with what it means.

Only the shape: ``hub.sdk.compilation`` turns a declaration into tools. ``hub schema connector`` prints the
JSON Schema of ``ConnectorDeclaration``. Not a language: data only.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hub.sdk.effect import Effect
from hub.sdk.response import Kind

CONTRACT = 1
"""The newest connector contract this hub knows."""

Json = Any


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class ErrorWhen(_Strict):
    """Which replies an error rule speaks of; all that is given must hold."""

    status: int | str | list[int | str] | None = Field(None, description="A status, a class such as 4xx, or several.")
    body: str | None = Field(None, description="A JMESPath that must be true of the JSON body.")


class ErrorRule(_Strict):
    """One rule that tells what a reply means, tried in order before the status speaks."""

    when: ErrorWhen
    is_: Kind = Field(alias="is", description="What the reply means, by who can act on it.")
    message: str | None = Field(None, description="A JMESPath to the provider's message.")
    tell: str | None = Field(None, description="What whoever can mend it does about it, in words of the hub's own.")


class SizeDeclaration(_Strict):
    """How many items a page has."""

    send: str = Field(description="The wire name of the page size.")
    default: int = Field(30, ge=1)
    max: int = Field(100, ge=1)


class PaginationDeclaration(_Strict):
    """How a tool is paged. The model sees `cursor` and, with `size`, `limit`."""

    style: Literal["cursor", "page", "offset", "link", "graphql"]
    items: str = Field("@", description="Path to the list of items; @ when the reply is the list.")
    next: str | None = Field(None, description="Path to the next cursor, or for link to the next page's URL.")
    more: str | None = Field(None, description="Path that is true while there is a next page.")
    send: str | None = Field(None, description="The wire name the cursor, page number or offset is sent as.")
    place: Literal["query", "body", "variables"] | None = Field(None, description="Where it is sent.")
    first: int = Field(1, description="The number of the first page.")
    size: SizeDeclaration | None = None

    @model_validator(mode="after")
    def _whole(self) -> "PaginationDeclaration":
        if self.style in ("cursor", "graphql") and not (self.next and self.send):
            raise ValueError(f"style {self.style} needs next and send")
        if self.style in ("page", "offset") and not self.send:
            raise ValueError(f"style {self.style} needs send")
        return self


class FieldDeclaration(_Strict):
    """One field of an answer."""

    path: str = Field(description="Path within one item.")
    as_: (
        Literal[
            "base64",
            "base64url",
            "csv",
            "epoch_ms",
            "epoch_s",
            "html",
            "id_object",
            "iso",
            "markdown",
            "name_object",
            "text",
        ]
        | None
    ) = Field(None, alias="as", description="How the value is converted.")
    fields: "dict[str, str | FieldDeclaration] | None" = Field(None, description="What is kept below the path.")


class GraphQL(_Strict):
    """A GraphQL operation, sent as POST."""

    query: str = Field(description="The document, holding one operation.")
    variables: dict[str, Json] = Field(default_factory=dict)


ArrayStyle = Literal["repeat", "comma", "brackets"]


class RequestDeclaration(_Strict):
    """One HTTP request. Strings may hold {argument}, {settings.x} and {account.x}; headers only the last two."""

    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    path: str = Field("", description="Below base_url; each placeholder becomes one percent-encoded segment.")
    base_url: str | None = Field(None, description="Another base for this request; its host must be in hosts.")
    headers: dict[str, str] = Field(default_factory=dict)
    query: dict[str, Json] | None = None
    style: ArrayStyle | dict[str, ArrayStyle] = Field("repeat", description="How arrays are written in the query.")
    body: Json | None = Field(None, description="A JSON body.")
    form: dict[str, Json] | None = Field(None, description="A form body (application/x-www-form-urlencoded).")
    multipart: dict[str, Json] | None = Field(None, description="A multipart/form-data body.")
    raw: str | None = Field(None, description="A text body.")
    graphql: GraphQL | None = None
    idempotency: str | None = Field(None, description="The header that carries an idempotency key.")

    @model_validator(mode="after")
    def _one_body(self) -> "RequestDeclaration":
        given = [kind for kind in ("body", "form", "multipart", "raw", "graphql") if getattr(self, kind) is not None]
        if len(given) > 1:
            raise ValueError(f"at most one of body, form, multipart, raw, graphql; found {', '.join(given)}")
        if given and self.method in ("GET", "HEAD") and given != ["graphql"]:
            raise ValueError(f"{self.method} has no {given[0]}")
        return self


class ToolDeclaration(_Strict):
    """One tool: what the model sees, the request it makes, what is kept of the reply."""

    title: str | None = None
    description: str = ""
    effect: Effect = Field(description="What it does: read, write, send, pay or destroy.")
    untrusted: bool = Field(False, description="Strangers can have written what it returns.")
    scopes: list[str] = Field(default_factory=list)
    input: dict[str, dict[str, Json]] = Field(
        default_factory=dict, description="JSON Schema properties; besides, send_as and lookup."
    )
    required: list[str] = Field(default_factory=list)
    request: RequestDeclaration
    pagination: PaginationDeclaration | None = None
    items: str | None = Field(None, description="Path to a list that is not paged.")
    root: str | None = Field(None, description="Path to the part of the reply that is the answer.")
    fields: dict[str, str | FieldDeclaration] | None = Field(None, description="What is kept, per item where paged.")
    reply: Literal["json", "text", "markdown", "csv", "file", "none"] = "json"
    output: dict[str, Json] | None = Field(None, description="A JSON Schema of the answer.")
    errors: list[ErrorRule] = Field(default_factory=list)
    summary: str | None = Field(None, description="Words for approval and activity; required unless read.")
    preview: RequestDeclaration | None = Field(None, description="A read that shows what is about to be changed.")
    idempotent: bool = Field(False, description="Twice does no more than once.")
    renamed_from: list[str] = Field(default_factory=list, description="Older names that stay callable.")
    egress: str | None = Field(None, description="The argument that sends data somewhere (URL, host, recipient).")
    timeout: float = Field(60.0, gt=0, le=240, description="Seconds for one request.")


class ResourceDeclaration(_Strict):
    """A resource, or with {variables} in its URI a template."""

    name: str
    title: str | None = None
    description: str = ""
    mime_type: str | None = None
    request: RequestDeclaration
    reply: Literal["json", "text", "markdown", "csv", "file"] = "json"
    root: str | None = None
    fields: dict[str, str | FieldDeclaration] | None = None
    lookup: dict[str, str] = Field(default_factory=dict, description="Variable to the read tool listing its values.")


class PromptArgumentDeclaration(_Strict):
    """One argument of a prompt."""

    description: str = ""
    required: bool = True
    lookup: str | None = Field(None, description="The read tool that lists its values.")


class PromptDeclaration(_Strict):
    """A prompt: text with {argument} places."""

    title: str | None = None
    description: str = ""
    arguments: dict[str, PromptArgumentDeclaration] = Field(default_factory=dict)
    text: str


class SettingDeclaration(_Strict):
    """A value the operator gives before the first call."""

    description: str
    pattern: str | None = Field(None, description="Must match the whole value; required where host is true.")
    host: bool = Field(False, description="May stand in a host name.")
    default: str | None = None
    required: bool = True


class ConnectorDeclaration(_Strict):
    """One connector in YAML."""

    contract: Annotated[int, Field(description="The contract it is written to.")] = CONTRACT
    version: str = "1.0.0"
    title: str
    description: str = ""
    category: str = "other"
    provider: str | None = Field(None, description="Who signs its calls.")
    auth: dict[str, Json] | None = Field(None, description="An inline provider of the connector's own name.")
    base_url: str | None = None
    hosts: list[str] = Field(default_factory=list, description="Further hosts its requests may reach.")
    headers: dict[str, str] = Field(default_factory=dict)
    settings: dict[str, SettingDeclaration] = Field(default_factory=dict)
    errors: list[ErrorRule] = Field(default_factory=list)
    instructions: str = Field("", description="Added to what clients are told about the hub.")
    tools: dict[str, ToolDeclaration] = Field(default_factory=dict)
    resources: dict[str, ResourceDeclaration] = Field(default_factory=dict)
    prompts: dict[str, PromptDeclaration] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_provider(self) -> "ConnectorDeclaration":
        if self.provider is not None and self.auth is not None:
            raise ValueError("at most one of provider and auth")
        return self
