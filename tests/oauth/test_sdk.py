"""The official Python SDK's own OAuth client, from nothing to a tool call; a person signs in and agrees, scripted."""

from dataclasses import dataclass, field

import httpx2
import pytest
from mcp import Client
from mcp.client.auth import AuthorizationCodeResult, OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata
from mcp_types import TextContent
from pydantic import AnyUrl

from tests.interop.peers import Memory
from tests.oauth.scene import Person, Scene

CALLBACK = "http://127.0.0.1:43117/callback"
DOCUMENT = "https://sdk.example/client.json"


@dataclass
class Browser:
    """A person's browser: opens what the SDK asks for, agrees, and has the answer."""

    scene: Scene
    person: Person
    told: dict[str, str] = field(default_factory=dict)
    opened: int = 0

    async def open(self, url: str) -> None:
        """Read the page at ``url`` and press Allow."""
        self.opened += 1
        path = url.removeprefix(self.scene.url)
        page = await self.scene.send("GET", path, headers=self.person.cookie)
        sent = await self.scene.press(self.person, page)
        assert sent.location.startswith(CALLBACK)
        self.told = sent.told

    async def answer(self) -> AuthorizationCodeResult:
        """What the callback was told."""
        return AuthorizationCodeResult(code=self.told["code"], state=self.told["state"], iss=self.told["iss"])


@pytest.mark.parametrize("how", ["document", "registration"])
@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_the_sdk_gets_from_nothing_to_a_tool_call_and_refreshes(local: Scene, how: str, era: str) -> None:
    metadata = OAuthClientMetadata(
        client_name="SDK", redirect_uris=[AnyUrl(CALLBACK)], token_endpoint_auth_method="none"
    )
    local.papers.put(DOCUMENT, {"client_id": DOCUMENT, **metadata.model_dump(mode="json", exclude_none=True)})
    browser, memory = Browser(local, await local.person()), Memory()

    async def call() -> str:
        provider = OAuthClientProvider(
            f"{local.url}/mcp",
            metadata,
            memory,
            browser.open,
            browser.answer,
            client_metadata_url=DOCUMENT if how == "document" else None,
        )
        async with httpx2.AsyncClient(auth=provider) as http:
            transport = streamable_http_client(f"{local.url}/mcp", http_client=http)
            async with Client(transport, mode=era) as client:
                result = await client.call_tool("notes_set_note", {})
                assert isinstance(result.content[0], TextContent)
                return result.content[0].text

    assert await call() == "notes written"
    assert memory.client is not None
    assert (memory.client.client_id == DOCUMENT) == (how == "document")
    assert memory.tokens is not None
    before = memory.tokens.refresh_token
    local.clock.advance(3700)
    memory.tokens = memory.tokens.model_copy(update={"expires_in": -1})
    assert await call() == "notes written"
    assert memory.tokens.refresh_token != before
