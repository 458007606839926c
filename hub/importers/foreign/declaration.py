"""The YAML of a connector that is another MCP server: ``kind: mcp``. ``hub schema server`` prints its JSON Schema.

Only the shape. A program is never named here, but by the operator's configuration (``commands``).
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from hub.sdk.declaration import CONTRACT
from hub.sdk.effect import Effect


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class CredentialDeclaration(_Strict):
    """On whose account the server is asked."""

    from_: Literal["operator", "user"] = Field(
        alias="from",
        description="operator: one for everybody, of providers.<connector>.credential; user: each user's own, by a "
        "sign-in at the server, or pasted where header or value is given.",
    )
    header: str = Field("Authorization", pattern=r"^[A-Za-z0-9-]{1,64}$", description="The header it is sent in.")
    value: str = Field("Bearer {token}", description="The header's value; {field} is a field of the credential.")


class ServerDeclaration(_Strict):
    """One connector whose tools, resources and prompts are another MCP server's."""

    contract: Annotated[int, Field(description="The contract it is written to.")] = CONTRACT
    kind: Literal["mcp"]
    version: str = "1.0.0"
    title: str
    description: str = ""
    category: str = "other"
    url: str | None = Field(None, description="The server's address, over Streamable HTTP or HTTP+SSE.")
    command: str | None = Field(None, description="The hub's own; a file never names a program.")
    headers: dict[str, str] = Field(default_factory=dict, description="Sent with every request, as they stand.")
    credential: CredentialDeclaration | None = Field(None, description="On whose account; the short form of auth.")
    provider: str | None = Field(
        None, description="The provider whose accounts sign, where several connectors share it."
    )
    auth: dict[str, Any] | None = Field(
        None,
        description="A provider of its own (hub schema provider); hosts is the address's origin, and kind: mcp_oauth "
        "asks the server itself where people sign in.",
    )
    instructions: str | None = Field(None, description="Told to clients in place of the server's own instructions.")
    effects: dict[str, Effect] = Field(
        default_factory=dict, description="What tools do, by the server's own names; write where nothing is said."
    )
    allow: list[Literal["sampling", "ui"]] = Field(
        default_factory=list, description="What a server may do that is off: ask the user's model, show pages (ui://)."
    )
