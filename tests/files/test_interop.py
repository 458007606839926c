"""The official SDK's client sees, reads, hands in and gives on files over the wire, in both eras."""

import base64

import httpx2
import mcp_types as types
import pytest
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client

from hub.sdk.effect import EFFECTS
from tests.files.scene import PDF, House


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_sdk_reads_a_linked_file_and_gives_on_what_was_uploaded(house: House, mode: str) -> None:
    _, token = await house.hub.store.tokens.create(house.ada.user_id, "sdk", EFFECTS)
    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as http:
        transport = streamable_http_client(f"{house.url}/mcp", http_client=http)
        async with Client(transport, mode=mode) as client:
            link = (await client.call_tool("papers_get_report", {})).content[0]
            assert isinstance(link, types.ResourceLink)
            assert (link.name, link.mime_type, link.size) == ("Jahres bericht.pdf", "application/pdf", len(PDF))
            (contents,) = (await client.read_resource(link.uri)).contents
            assert isinstance(contents, types.BlobResourceContents)
            assert base64.b64decode(contents.blob) == PDF
            told = (await client.call_tool("hub_upload_file", {"name": "a.txt"})).structured_content
            assert told is not None
            async with house.curl.put(house.here(told["link"]), data=b"mine") as reply:
                assert reply.status == 201
            measured = (await client.call_tool("desk_measure", {"file": told["file"]})).structured_content
            assert measured is not None
            assert measured["files"] == [["a.txt", "text/plain", 4, "mine"]]
            with pytest.raises(MCPError, match="no resource"):
                await client.read_resource(f"hub://files/{'0' * 32}")
