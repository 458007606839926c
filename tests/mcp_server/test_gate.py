"""What comes before JSON-RPC: host, origin, token, body."""

import asyncio
import gzip

import orjson
import pytest

from hub.mcp_server import Limits
from tests.mcp_server.small_hub import PUBLIC, Served, serving
from tests.mcp_server.wire_client import MODERN, Wire, meta, request


@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
async def test_both_spellings_of_the_path_answer_without_a_redirect(hub: Served, path: str) -> None:
    wire = Wire(hub.wire.http, hub.base + path)
    assert (await wire.modern("tools/list")).status == 200


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:3999", "127.0.0.1:1", "[::1]:8080", "[::1]", "LOCALHOST", "hub.example.org"]
)
async def test_a_loopback_host_or_the_public_one_is_let_in(wire: Wire, host: str) -> None:
    assert (await wire.legacy("ping", Host=host)).status == 200


@pytest.mark.parametrize(
    "host", ["evil.example.com", "localhost.evil.com", "127.0.0.1.evil.com", "user@localhost", "localhost:x", ""]
)
@pytest.mark.proves("CVE-2025-64443")
async def test_any_other_host_is_misdirected_when_the_hub_listens_on_loopback(wire: Wire, host: str) -> None:
    assert (await wire.legacy("ping", Host=host)).status in (400, 421)


async def test_a_public_hub_admits_any_host_unless_some_are_named() -> None:
    async with serving(loopback=False) as served:
        assert (await served.wire.legacy("ping", Host="hub:8080")).status == 200
    async with serving(loopback=False, allowed_hosts=["inner.example"]) as served:
        assert (await served.wire.legacy("ping", Host="inner.example:8080")).status == 200
        assert (await served.wire.legacy("ping", Host="hub:8080")).status == 421


@pytest.mark.parametrize(
    "origin", [PUBLIC, PUBLIC + ":443", "http://localhost:6274", "https://[::1]", "http://127.0.0.1"]
)
async def test_a_known_origin_is_let_in_and_told_so(wire: Wire, origin: str) -> None:
    answer = await wire.legacy("ping", Origin=origin)
    assert answer.status == 200
    assert answer.headers["Access-Control-Allow-Origin"] == origin
    assert "Mcp-Session-Id" in answer.headers["Access-Control-Expose-Headers"]
    assert "WWW-Authenticate" in answer.headers["Access-Control-Expose-Headers"]


@pytest.mark.parametrize(
    "origin", ["https://evil.example.com", "null", "http://localhost.evil.com", "file://localhost", "http://[", "x"]
)
@pytest.mark.proves("CVE-2025-64443", "CVE-2025-49596")
async def test_a_foreign_origin_is_forbidden_before_its_token_is_looked_at(wire: Wire, origin: str) -> None:
    assert (await wire.legacy("ping", Origin=origin)).status == 403
    assert (await Wire(wire.http, wire.url, None).legacy("ping", Origin=origin)).status == 403


async def test_an_origin_the_operator_named_is_let_in() -> None:
    async with serving(allowed_origins=["https://app.example.com/"]) as served:
        assert (await served.wire.legacy("ping", Origin="https://app.example.com")).status == 200
        assert (await served.wire.legacy("ping", Origin="https://app.example.com:444")).status == 403


async def test_a_browser_may_ask_beforehand_without_a_token(wire: Wire) -> None:
    async with wire.http.options(wire.url, headers={"Origin": "http://localhost:6274"}) as response:
        assert response.status == 204
        allowed = response.headers["Access-Control-Allow-Headers"]
    for name in ("Authorization", "Content-Type", "MCP-Protocol-Version", "Mcp-Method", "Mcp-Name", "Mcp-Session-Id"):
        assert name in allowed


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
@pytest.mark.proves("header-only", "challenge", "CVE-2025-64443")
async def test_without_a_token_every_method_is_answered_401_with_the_way_to_get_one(wire: Wire, method: str) -> None:
    async with wire.http.request(method, wire.url, data=b"not even json") as response:
        assert response.status == 401
        assert response.headers["WWW-Authenticate"] == (
            f'Bearer resource_metadata="{PUBLIC}/.well-known/oauth-protected-resource/mcp", scope="hub"'
        )


async def test_a_wrong_token_is_told_apart_from_none(hub: Served) -> None:
    answer = await Wire(hub.wire.http, hub.wire.url, "stolen").modern("server/discover")
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"].endswith('error="invalid_token"')


async def test_a_token_revoked_between_two_requests_is_refused(hub: Served) -> None:
    assert (await hub.wire.modern("tools/list")).status == 200
    hub.words.clear()
    assert (await hub.wire.modern("tools/list")).status == 401


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1", None]
)
async def test_a_body_that_does_not_say_json_is_415(wire: Wire, kind: str | None) -> None:
    data = orjson.dumps(request("ping"))
    headers = wire.headers(Content_Type=kind)
    async with wire.http.post(wire.url, data=data, headers=headers, skip_auto_headers={"Content-Type"}) as response:
        assert response.status == 415


async def test_json_with_a_charset_is_json(wire: Wire) -> None:
    assert (await wire.legacy("ping", Content_Type='Application/JSON; charset="UTF-8"')).status == 200


@pytest.mark.parametrize(
    "accept", ["*/*", None, "application/json", "application/*, text/html;q=0.1", "text/event-stream"]
)
async def test_a_client_that_can_read_some_answer_gets_one(wire: Wire, accept: str | None) -> None:
    headers = wire.headers(MCP_Protocol_Version="2025-11-25", Accept=accept)
    data = orjson.dumps(request("ping"))
    async with wire.http.post(wire.url, data=data, headers=headers, skip_auto_headers={"Accept"}) as response:
        assert response.status == 200
        expected = "text/event-stream" if accept == "text/event-stream" else "application/json"
        assert response.headers["Content-Type"] == expected
        assert b'"result":{}' in await response.read()


async def test_a_client_that_can_read_no_answer_is_told_406(wire: Wire) -> None:
    assert (await wire.legacy("ping", Accept="text/html, application/json;q=0")).status == 406


async def test_a_body_over_the_limit_is_413_however_it_comes(wire: Wire) -> None:
    big = orjson.dumps(request("ping", {"x": "y" * (4 * 1024 * 1024)}))
    assert (await wire.post(big)).status == 413
    zipped = gzip.compress(orjson.dumps(request("ping", {"x": "y" * (40 * 1024 * 1024)})))
    assert len(zipped) < 100_000
    async with wire.http.post(wire.url, data=zipped, headers=wire.headers(Content_Encoding="gzip")) as response:
        assert response.status == 413


@pytest.mark.parametrize("body", [b"not gzip", gzip.compress(b"{}")[:-9], b"\x1f\x8b"])
async def test_a_body_that_is_not_encoded_as_it_says_is_refused(wire: Wire, body: bytes) -> None:
    async with wire.http.post(wire.url, data=body, headers=wire.headers(Content_Encoding="gzip")) as response:
        assert response.status == 400
    assert (await wire.legacy("ping")).status == 200


async def test_a_body_of_nearly_the_limit_is_read_though_aiohttp_would_stop_at_one_megabyte(wire: Wire) -> None:
    answer = await wire.call("echo", {"x": "y" * 3_900_000})
    assert len(answer.result["content"][0]["text"]) > 3_900_000


async def test_a_body_that_never_ends_is_408() -> None:
    async with serving(Limits(reading=0.1)) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(served.base.rsplit(":", 1)[1]))
        writer.write(
            b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ada-token\r\n"
            b"Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
        )
        assert b" 408 " in await reader.readline()
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff\xfe", b'{"jsonrpc":"2.0","id":1,"method":"p\xffing"}', b"nul", b'{"a":"\\ud800"}', b"NaN"],
)
async def test_what_is_not_json_in_utf8_is_a_parse_error(wire: Wire, body: bytes) -> None:
    answer = await wire.post(body)
    assert (answer.status, answer.error["code"]) == (400, -32700)
    assert "id" not in answer.message


@pytest.mark.parametrize("modern", [True, False])
@pytest.mark.parametrize("shape", [(b"[", b"]"), (b'{"a":', b"}")])
@pytest.mark.parametrize("depth", [65, 900, 1023, 1100, 10_000, 1_000_000])
async def test_json_nested_too_deep_is_refused_without_a_trace(
    wire: Wire, depth: int, shape: tuple[bytes, bytes], modern: bool
) -> None:
    deep = shape[0] * depth + b"1" + shape[1] * depth
    if len(deep) > 4_000_000:
        deep = deep[: 4_000_000 - 200]
    body = b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","arguments":{"a":' + deep + b"}}}"
    answer = await wire.post(body, MCP_Protocol_Version=MODERN if modern else "2025-11-25")
    assert answer.status == 400
    assert answer.error["code"] in (-32600, -32700)
    assert b"Traceback" not in answer.raw
    assert b"Error" not in answer.raw
    assert (await wire.legacy("ping")).result == {}


async def test_json_nested_as_deep_as_allowed_is_served_and_wide_json_too(wire: Wire) -> None:
    deep: dict[str, object] = {}
    for _ in range(60):
        deep = {"a": deep}
    assert (await wire.call("echo", deep)).status == 200
    assert (await wire.call("echo", {"wide": [[] for _ in range(5000)]})).status == 200


@pytest.mark.parametrize(
    "message",
    [
        1,
        "x",
        None,
        {},
        {"jsonrpc": "1.0", "id": 1, "method": "ping"},
        {"id": 1, "method": "ping"},
        {"jsonrpc": "2.0", "id": 1, "method": 5},
        {"jsonrpc": "2.0", "id": None, "method": "ping"},
        {"jsonrpc": "2.0", "id": 1.5, "method": "ping"},
        {"jsonrpc": "2.0", "id": True, "method": "ping"},
        {"jsonrpc": "2.0", "id": [1], "method": "ping"},
        {"jsonrpc": "2.0", "id": 1, "method": "ping", "params": [1]},
    ],
)
@pytest.mark.parametrize("version", [MODERN, "2025-11-25"])
async def test_json_that_is_no_request_is_an_invalid_request(wire: Wire, message: object, version: str) -> None:
    answer = await wire.post(message, MCP_Protocol_Version=version)
    assert (answer.status, answer.error["code"]) == (400, -32600)


@pytest.mark.parametrize("known", [0, -5, "", "a-b", 2**53, "ä☃"])
async def test_an_id_comes_back_as_it_was_sent_in_results_and_errors(wire: Wire, known: object) -> None:
    assert (await wire.modern("tools/list", known=known)).message["id"] == known
    assert (await wire.modern("no/such", known=known)).message["id"] == known
    assert (await wire.legacy("ping", known=known)).message["id"] == known
    assert (await wire.legacy("no/such", known=known)).message["id"] == known


async def test_no_answer_may_be_stored(wire: Wire) -> None:
    for answer in (await wire.modern("tools/list"), await wire.call("steps", progressToken=1), await wire.post(b"{")):
        assert answer.headers["Cache-Control"] == "no-store"


async def test_a_bug_is_told_by_reference_only(wire: Wire) -> None:
    for answer in (await wire.call("bug"), await wire.legacy("tools/call", {"name": "bug"})):
        assert (answer.status, answer.error["code"]) == (200, -32603)
        assert answer.error["data"]["reference"] in answer.error["message"]
        assert b"the-secret-inside" not in answer.raw
        assert b"KeyError" not in answer.raw


async def test_the_era_is_chosen_by_what_the_request_carries_not_by_its_method(wire: Wire) -> None:
    body, headers = wire.modern_parts("initialize")
    assert (await wire.post(body, **headers)).status == 404
    assert (await wire.initialize()).result["protocolVersion"] == "2025-11-25"
    bare = request("tools/list", {"_meta": meta()})
    assert (await wire.post(bare)).error["code"] == -32020
    assert (await wire.post(request("server/discover"))).error["code"] == -32601
