"""The YAML of a connector that a description stands behind: ``kind: openapi``, ``discovery`` or ``graphql``.

Only the shape; ``hub schema described`` prints its JSON Schema. What it shares with hand-written connectors (settings,
headers, errors, auth) means the same and is checked by the same code.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from hub.sdk.declaration import CONTRACT, ErrorRule, FieldDeclaration, PaginationDeclaration, SettingDeclaration
from hub.sdk.tool import Effect

Json = Any


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class AgreementDeclaration(_Strict):
    """What an operator agreed to: a description that names other servers, or signs in otherwise, is held back."""

    servers: list[str] = Field(default_factory=list)
    auth: list[str] = Field(default_factory=list)


class SourceDeclaration(_Strict):
    """The description and where it came from. The hub writes this part."""

    file: str = Field("description.json", description="The description, beside this file.")
    place: str = Field(description="The file or URL it was read from, and is read again from.")
    sha256: str = Field(pattern="^[0-9a-f]{64}$", description="Of the description as it was read.")
    agreed: AgreementDeclaration = AgreementDeclaration()


class OverrideDeclaration(_Strict):
    """What is said better, or otherwise, than the description says it, for one operation."""

    name: str | None = Field(None, description="The tool's name.")
    title: str | None = None
    description: str | None = None
    effect: Effect | None = None
    untrusted: bool | None = None
    idempotent: bool | None = None
    summary: str | None = Field(None, description="Words for approval and activity.")
    egress: str | None = Field(None, description="The argument that sends data somewhere.")
    timeout: float | None = Field(None, gt=0, le=240)
    arguments: dict[str, str] = Field(default_factory=dict, description="Descriptions of arguments, by their names.")
    pinned: dict[str, Json] = Field(default_factory=dict, description="Arguments that are always this and not shown.")
    fields: dict[str, str | FieldDeclaration] | None = Field(None, description="What is kept of the answer.")
    items: str | None = Field(None, description="Path to a list that is not paged.")
    root: str | None = Field(None, description="Path to the part of the reply that is the answer.")
    reply: Literal["json", "text", "markdown", "csv", "file", "none", "auto"] | None = None
    pagination: PaginationDeclaration | None = None
    errors: list[ErrorRule] = Field(default_factory=list)
    renamed_from: list[str] = Field(default_factory=list)


NOTHING_SAID = OverrideDeclaration.model_validate({})
"""The override of an operation about which nothing is said."""


class DescribedDeclaration(_Strict):
    """One connector whose tools come from a description."""

    contract: Annotated[int, Field(description="The contract it is written to.")] = CONTRACT
    kind: Literal["openapi", "discovery", "graphql"]
    source: SourceDeclaration
    version: str = "1.0.0"
    title: str
    description: str = ""
    category: str = "other"
    provider: str | None = Field(None, description="Who signs its calls.")
    auth: dict[str, Json] | None = Field(None, description="An inline provider of the connector's own name.")
    base_url: str | None = Field(None, description="Where requests go, whatever servers the description names.")
    hosts: list[str] = Field(default_factory=list, description="Further hosts its operations may name.")
    headers: dict[str, str] = Field(default_factory=dict, description="Sent with every request; no argument sets them.")
    settings: dict[str, SettingDeclaration] = Field(default_factory=dict)
    errors: list[ErrorRule] = Field(default_factory=list)
    instructions: str = ""
    read_only: bool = Field(False, description="Take only operations that read.")
    include: list[str] = Field(
        default_factory=lambda: ["*"], description="Operations taken: METHOD /path, a glob, tag:NAME."
    )
    exclude: list[str] = Field(default_factory=list, description="Operations left out again, written the same way.")
    overrides: dict[str, OverrideDeclaration] = Field(default_factory=dict, description="By tool name or METHOD /path.")
    raw_query: bool = Field(False, description="GraphQL: one more tool that takes a whole query, and only queries.")
    depth: int = Field(2, ge=0, le=5, description="GraphQL: how deep a tool selects below its field.")
