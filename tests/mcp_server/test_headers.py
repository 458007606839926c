"""2026-07-28: what each request must carry in its ``_meta`` and repeat in its headers."""

import base64
from typing import Any

import orjson
import pytest
from multidict import CIMultiDict

from tests.mcp_server.small_hub import Served
from tests.mcp_server.wire_client import MODERN, Wire

PREFIX = "io.modelcontextprotocol/"


@pytest.mark.parametrize("missing", ["protocolVersion", "clientCapabilities", "all"])
async def test_meta_that_lacks_a_required_field_is_invalid(wire: Wire, missing: str) -> None:
    body, headers = wire.modern_parts("server/discover", known=11)
    if missing == "all":
        del body["params"]["_meta"]
    else:
        del body["params"]["_meta"][PREFIX + missing]
    answer = await wire.post(body, **headers)
    assert (answer.status, answer.error["code"], answer.message["id"]) == (400, -32602, 11)


@pytest.mark.parametrize("field", ["protocolVersion", "clientCapabilities", "clientInfo"])
@pytest.mark.parametrize("value", [None, 5, [], "x"])
async def test_meta_of_the_wrong_type_is_invalid(wire: Wire, field: str, value: Any) -> None:
    body, headers = wire.modern_parts("server/discover")
    body["params"]["_meta"][PREFIX + field] = value
    answer = await wire.post(body, **headers)
    assert (answer.status, answer.error["code"]) in ((400, -32602), (400, -32020))


async def test_a_client_need_not_say_who_it_is(wire: Wire) -> None:
    body, headers = wire.modern_parts("server/discover")
    del body["params"]["_meta"][f"{PREFIX}clientInfo"]
    assert (await wire.post(body, **headers)).status == 200


@pytest.mark.parametrize("version", ["1900-01-01", "v999.0.0", "2025-11-25"])
async def test_a_version_not_spoken_this_way_lists_those_that_are(wire: Wire, version: str) -> None:
    other: dict[str, Any] = {f"{PREFIX}protocolVersion": version}
    body, headers = wire.modern_parts("server/discover", **other)
    answer = await wire.post(body, **{**headers, "MCP_Protocol_Version": version})
    assert (answer.status, answer.error["code"]) == (400, -32022)
    discovered = (await wire.modern("server/discover")).result["supportedVersions"]
    assert answer.error["data"] == {"supported": discovered, "requested": version}


@pytest.mark.parametrize("header", [None, "2025-11-25", "v999.0.0", "2026-07-28 x"])
async def test_a_version_header_that_does_not_agree_with_meta_is_a_mismatch(wire: Wire, header: str | None) -> None:
    body, headers = wire.modern_parts("tools/list")
    answer = await wire.post(body, **{**headers, "MCP_Protocol_Version": header})
    assert (answer.status, answer.error["code"], answer.message["id"]) == (400, -32020, 1)


@pytest.mark.parametrize("told", [None, "prompts/list", "TOOLS/LIST", ""])
async def test_a_method_header_that_does_not_agree_is_a_mismatch(wire: Wire, told: str | None) -> None:
    body, headers = wire.modern_parts("tools/list")
    answer = await wire.post(body, **{**headers, "Mcp_Method": told})
    assert (answer.status, answer.error["code"]) == (400, -32020)


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("tools/call", {"name": "echo"}),
        ("prompts/get", {"name": "greet", "arguments": {"who": "x"}}),
        ("resources/read", {"uri": "note://1"}),
    ],
)
async def test_a_name_header_that_does_not_agree_is_a_mismatch(wire: Wire, method: str, params: dict[str, Any]) -> None:
    body, headers = wire.modern_parts(method, params)
    for told in (None, "other", "ECHO", "=?base64?b3RoZXI=?=", "=?base64?!!!?=", "=?base64?ZWNobw?="):
        answer = await wire.post(body, **{**headers, "Mcp_Name": told})
        assert (answer.status, answer.error["code"]) == (400, -32020), told
    assert (await wire.post(body, **headers)).status == 200


async def test_a_name_that_looks_encoded_must_be_encoded(wire: Wire) -> None:
    name = "=?base64?ZWNobw==?="  # "echo", to whoever reads the header alone
    body, headers = wire.modern_parts("tools/call", {"name": name})
    assert (await wire.post(body, **headers)).error["code"] == -32020


def _annotated() -> dict[str, Any]:
    def kind(name: str, header: str) -> dict[str, str]:
        return {"type": name, "x-mcp-header": header}

    properties = {
        "region": kind("string", "Region"),
        "count": kind("integer", "Count"),
        "dry": kind("boolean", "Dry"),
        "inner": {"type": "object", "properties": {"zone": kind("string", "Zone")}},
        "many": {"type": "array", "items": {"properties": {"x": kind("string", "Item")}}},
    }
    return {"name": "echo", "inputSchema": {"type": "object", "properties": properties}}


@pytest.mark.parametrize(
    ("arguments", "sent"),
    [
        ({}, {}),
        ({"region": None}, {}),
        ({"region": "eu"}, {"mcp-param-region": "eu"}),
        ({"region": " ö "}, {"Mcp-Param-Region": f"=?base64?{base64.b64encode(' ö '.encode()).decode()}?="}),
        ({"region": "=?base64?SGVsbG8="}, {"Mcp-Param-Region": "=?base64?SGVsbG8="}),
        ({"count": 42, "dry": True}, {"Mcp-Param-Count": "42.0", "Mcp-Param-Dry": "true"}),
        ({"inner": {"zone": "a"}}, {"Mcp-Param-Zone": "a"}),
        ({"many": [{"x": "1"}]}, {}),
        ({}, {"Mcp-Param-Other": "x"}),
    ],
)
async def test_an_argument_repeated_in_its_header_is_served(hub: Served, arguments: Any, sent: dict[str, str]) -> None:
    hub.gateway.tools = [_annotated()]
    body, headers = hub.wire.modern_parts("tools/call", {"name": "echo", "arguments": arguments})
    assert (await hub.wire.post(body, **headers, **sent)).status == 200


@pytest.mark.parametrize(
    ("arguments", "sent"),
    [
        ({"region": "eu"}, {}),
        ({"region": "eu"}, {"Mcp-Param-Region": "us"}),
        ({"region": "Hello"}, {"Mcp-Param-Region": "=?base64?SGVsbG8?="}),
        ({"region": "Hello"}, {"Mcp-Param-Region": "=?base64?SGVs!!!bG8=?="}),
        ({}, {"Mcp-Param-Region": "eu"}),
        ({"count": 42}, {"Mcp-Param-Count": "x"}),
        ({"dry": True}, {"Mcp-Param-Dry": "True"}),
        ({"inner": {"zone": "a"}}, {}),
    ],
)
async def test_an_argument_that_its_header_does_not_repeat_is_a_mismatch(
    hub: Served, arguments: Any, sent: dict[str, str]
) -> None:
    hub.gateway.tools = [_annotated()]
    body, headers = hub.wire.modern_parts("tools/call", {"name": "echo", "arguments": arguments})
    answer = await hub.wire.post(body, **headers, **sent)
    assert (answer.status, answer.error["code"]) == (400, -32020)


async def test_header_names_have_no_case_and_values_no_surrounding_space(wire: Wire) -> None:
    body, _ = wire.modern_parts("tools/call", {"name": "echo"})
    headers = {"MCP-PROTOCOL-VERSION": MODERN, "mcp-method": "tools/call", "mCp-NaMe": "  echo \t"}
    assert (await wire.post(body, **headers)).status == 200


async def test_a_name_beyond_ascii_travels_in_base64(wire: Wire) -> None:
    name = "schön ☃"
    encoded = f"=?base64?{base64.b64encode(name.encode()).decode()}?="
    body, headers = wire.modern_parts("tools/call", {"name": name})
    answer = await wire.post(body, **{**headers, "Mcp_Name": encoded})
    assert "schön ☃" in answer.error["message"]  # past the headers: there is no such tool
    assert (await wire.post(body, **{**headers, "Mcp_Name": name})).status in (200, 400)


async def test_a_header_sent_twice_is_a_mismatch(wire: Wire) -> None:
    body, headers = wire.modern_parts("tools/list")
    several = CIMultiDict(wire.headers(**headers))
    several.add("Mcp-Method", "tools/call")
    async with wire.http.post(wire.url, data=orjson.dumps(body), headers=several) as got:
        assert got.status == 400
        assert (await got.json())["error"]["code"] == -32020
