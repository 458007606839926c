"""How the arguments of described operations are written: every style there is, bodies, headers, paths."""

import base64
from typing import Any

import orjson
import pytest

from hub.errors import ToolError
from tests.importers.small import made, openapi, operation, query, sent, tool_of
from tests.importers.specs import compiled

ARRAY = {"type": "array", "items": {"type": "string"}}
OBJECT = {"type": "object", "additionalProperties": {"type": "string"}}


@pytest.mark.parametrize(
    ("schema", "value", "how", "expected"),
    [
        ({"type": "string"}, "a b", {}, "x=a%20b"),
        ({"type": "boolean"}, True, {}, "x=true"),
        (ARRAY, ["a", "b,c"], {}, "x=a&x=b%2Cc"),
        (ARRAY, ["a", "b,c"], {"explode": False}, "x=a,b%2Cc"),
        (ARRAY, ["a", "b"], {"style": "spaceDelimited", "explode": False}, "x=a%20b"),
        (ARRAY, ["a", "b"], {"style": "pipeDelimited", "explode": False}, "x=a%7Cb"),
        (OBJECT, {"a": "1", "b": "2"}, {}, "a=1&b=2"),
        (OBJECT, {"a": "1", "b": "2"}, {"explode": False}, "x=a,1,b,2"),
        (OBJECT, {"a": "1", "b": "2"}, {"style": "deepObject"}, "x[a]=1&x[b]=2"),
        (
            {"type": "object"},
            {"a": {"b": "1"}, "c": ["2", "3"]},
            {"style": "deepObject"},
            "x[a][b]=1&x[c][]=2&x[c][]=3",
        ),
        ({"type": "string"}, "a/b?c&d", {"allowReserved": True}, "x=a/b?c%26d"),
    ],
)
def test_a_query_parameter_is_written_in_its_style(schema: Any, value: Any, how: Any, expected: str) -> None:
    assert query(schema, value, **how) == expected


def test_a_parameter_with_content_is_json_in_the_query() -> None:
    tool = tool_of("/a", parameters=[{"name": "x", "in": "query", "content": {"application/json": {"schema": OBJECT}}}])
    assert sent(tool, x={"a": "1"}).url.endswith("?x=%7B%22a%22%3A%221%22%7D")


@pytest.mark.parametrize(
    ("how", "value", "expected"),
    [
        ({}, "a/b", "/t/a%2Fb/end"),
        ({}, ["a", "b"], "/t/a,b/end"),
        ({"style": "label"}, ["a", "b"], "/t/.a,b/end"),
        ({"style": "label", "explode": True}, ["a", "b"], "/t/.a.b/end"),
        ({"style": "matrix"}, ["a", "b"], "/t/;x=a,b/end"),
        ({"style": "matrix", "explode": True}, ["a", "b"], "/t/;x=a;x=b/end"),
    ],
)
def test_a_path_parameter_is_written_in_its_style(how: Any, value: Any, expected: str) -> None:
    schema = ARRAY if isinstance(value, list) else {"type": "string"}
    tool = tool_of("/t/{x}/end", parameters=[{"name": "x", "in": "path", "required": True, "schema": schema, **how}])
    assert sent(tool, x=value).url == f"https://api.example.com{expected}"


@pytest.mark.parametrize("value", ["..", ".", "a/../b", "%2e%2e", "", "a\nb"])
def test_a_path_argument_never_leaves_its_place(value: str) -> None:
    tool = tool_of("/t/{x}")
    with pytest.raises(ToolError):
        sent(tool, x=value)


@pytest.mark.parametrize("value", ["../secret", "a/../b", "a//b", "a/%2e%2e/b"])
def test_a_reserved_path_argument_keeps_its_slashes_and_no_dots(value: str) -> None:
    document = {
        "discoveryVersion": "v1", "rootUrl": "https://api.example.com/", "servicePath": "",
        "methods": {"get": {
            "id": "x.get", "path": "v1/{+name}", "httpMethod": "GET",
            "parameters": {"name": {"type": "string", "location": "path"}},
        }},
    }  # fmt: skip
    (tool,) = compiled(orjson.dumps(document), "discovery").connector.tools.values()
    assert sent(tool, name="spaces/a b/x").url == "https://api.example.com/v1/spaces/a%20b/x"
    with pytest.raises(ToolError):
        sent(tool, name=value)


def test_a_query_in_the_path_is_always_sent_and_a_fragment_never() -> None:
    assert sent(tool_of("/a?beta=true")).url == "https://api.example.com/a?beta=true"
    assert sent(tool_of("/a#refresh")).url == "https://api.example.com/a"


def test_a_place_in_the_path_that_nothing_declares_becomes_a_required_argument() -> None:
    tool = tool_of("/{sid}.json")
    assert tool.input["required"] == ["sid"]
    assert sent(tool, sid="a").url == "https://api.example.com/a.json"


def test_swagger_2_arrays_are_joined_by_comma_unless_they_say_otherwise() -> None:
    def parameter(**how: Any) -> dict[str, Any]:
        return {"name": "x", "in": "query", "type": "array", "items": {"type": "string"}, **how}

    def url(**how: Any) -> str:
        document = {"swagger": "2.0", "paths": {"/a": {"get": operation(parameters=[parameter(**how)])}}}
        (tool,) = made(document).connector.tools.values()
        return sent(tool, x=["a", "b"]).url.partition("?")[2]

    assert url() == url(collectionFormat="csv") == "x=a,b"
    assert url(collectionFormat="multi") == "x=a&x=b"
    assert url(collectionFormat="pipes") == "x=a%7Cb"
    assert url(collectionFormat="ssv") == "x=a%20b"
    assert url(collectionFormat="tsv") == "x=a%09b"


def test_a_body_is_flattened_beside_the_parameters_where_nothing_clashes() -> None:
    schema = {
        "type": "object",
        "required": ["title"],
        "properties": {"title": {"type": "string"}, "done": {"type": "boolean"}},
    }
    body = {"required": True, "content": {"application/json": {"schema": schema}}}
    tool = tool_of("/lists/{list}/tasks", "post", requestBody=body)
    assert sorted(tool.input["required"]) == ["list", "title"]
    request = sent(tool, list="a", title="x", done=False)
    assert (request.url, orjson.loads(request.body or b"")) == (
        "https://api.example.com/lists/a/tasks",
        {"title": "x", "done": False},
    )


def test_a_body_field_with_a_parameters_name_puts_the_body_under_a_key_of_its_own() -> None:
    schema = {"type": "object", "properties": {"id": {"type": "string"}, "name": {"type": "string"}}}
    body = {"required": True, "content": {"application/json": {"schema": schema}}}
    tool = tool_of("/a/{id}", "put", requestBody=body)
    assert set(tool.input["properties"]) == {"id", "body"}
    request = sent(tool, id="1", body={"id": "2", "name": "x"})
    assert request.url.endswith("/a/1")
    assert orjson.loads(request.body or b"") == {"id": "2", "name": "x"}


def test_a_union_at_the_top_of_a_body_is_wrapped() -> None:
    schema = {
        "oneOf": [
            {"type": "object", "properties": {"a": {"type": "string"}}},
            {"type": "array", "items": {"type": "string"}},
        ]
    }
    tool = tool_of("/a", "post", requestBody={"required": True, "content": {"application/json": {"schema": schema}}})
    assert "anyOf" not in tool.input
    assert sent(tool, body=["x"]).body == b'["x"]'


def test_odd_names_get_names_clients_take_and_are_sent_as_they_are_described() -> None:
    names = ["page[size]", "$filter", "StartTime<", "StartTime>", "account", "cursor", "X-Odd Name"]
    tool = tool_of("/a", parameters=[{"name": name, "in": "query", "schema": {"type": "string"}} for name in names])
    shown = list(tool.input["properties"])
    assert shown == ["page_size", "filter", "StartTime_lt", "StartTime_gt", "api_account", "api_cursor", "X-Odd_Name"]
    url = sent(tool, page_size="1", filter="2", StartTime_lt="3", api_account="4").url
    assert url.partition("?")[2] == "page%5Bsize%5D=1&%24filter=2&StartTime%3C=3&account=4"


def test_odd_names_inside_a_body_are_renamed_on_their_way_out() -> None:
    schema = {
        "type": "object",
        "properties": {"types": {"type": "object", "properties": {"twilio/text": {"type": "string"}}}},
    }
    tool = tool_of("/a", "post", requestBody={"required": True, "content": {"application/json": {"schema": schema}}})
    assert list(tool.input["properties"]["types"]["properties"]) == ["twilio_text_"]
    assert sent(tool, types={"twilio_text_": "x"}).body == b'{"types":{"twilio/text":"x"}}'


def test_a_form_is_encoded_as_its_encodings_say() -> None:
    schema = {"type": "object", "properties": {"card": {"type": "object"}, "tags": ARRAY, "name": {"type": "string"}}}
    media = {"schema": schema, "encoding": {"card": {"style": "deepObject", "explode": True}}}
    tool = tool_of("/a", "post", requestBody={"content": {"application/x-www-form-urlencoded": media}})
    request = sent(tool, card={"number": "4"}, tags=["a", "b"], name="x y")
    assert request.body == b"card[number]=4&tags=a&tags=b&name=x%20y"
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"


def test_a_multipart_body_carries_files_and_fields() -> None:
    schema = {
        "type": "object",
        "properties": {"file": {"type": "string", "format": "binary"}, "note": {"type": "string"}},
    }
    tool = tool_of("/a", "post", requestBody={"required": True, "content": {"multipart/form-data": {"schema": schema}}})
    data = base64.b64encode(b"\x00\x01").decode()
    request = sent(tool, file={"name": "a.bin", "mime_type": "image/png", "data": data}, note="hi")
    assert b'name="file"; filename="a.bin"\r\nContent-Type: image/png\r\n\r\n\x00\x01\r\n' in (request.body or b"")
    assert b'name="note"\r\n\r\nhi\r\n' in (request.body or b"")
    with pytest.raises(ToolError, match="base64"):
        sent(tool, file={"name": "a.bin", "data": "no base64!"})


def test_a_raw_body_is_a_file_and_a_text_body_a_text() -> None:
    binary = tool_of(
        "/a", "put", requestBody={"content": {"image/png": {"schema": {"type": "string", "format": "binary"}}}}
    )
    request = sent(binary, body={"data": "AAE="})
    assert (request.body, request.headers["Content-Type"]) == (b"\x00\x01", "image/png")
    text = tool_of("/a", "put", requestBody={"content": {"application/xml": {"schema": {"type": "object"}}}})
    assert sent(text, body="<a/>").headers["Content-Type"] == "application/xml; charset=utf-8"


@pytest.mark.parametrize(
    ("medias", "own", "sent_as"),
    [
        (["application/octet-stream"], "text/csv", "application/octet-stream"),
        (["video/mp4"], None, "video/mp4"),
        (["image/png", "image/jpeg"], "image/jpeg", "image/jpeg"),
        (["image/*"], "image/webp", "image/webp"),
        (["image/*"], "text/csv", "application/octet-stream"),
        (["application/octet-stream", "application/pdf"], "application/pdf", "application/pdf"),
    ],
)
def test_a_file_is_sent_as_what_it_is_where_the_operation_takes_that(
    medias: list[str], own: str | None, sent_as: str
) -> None:
    file = {"schema": {"type": "string", "format": "binary"}}
    tool = tool_of("/a", "put", requestBody={"content": dict.fromkeys(medias, file)})
    request = sent(tool, body={"data": "AAE=", **({"mime_type": own} if own else {})})
    assert request.headers["Content-Type"] == sent_as


def test_a_body_of_null_is_none() -> None:
    tool = tool_of("/a", "delete", requestBody={"content": {"application/json": {"schema": {"type": "null"}}}})
    assert tool.input["properties"] == {}
    assert sent(tool).body is None


def test_a_get_with_a_body_sends_it_when_there_is_something_in_it() -> None:
    body = {
        "content": {"application/json": {"schema": {"type": "object", "properties": {"query": {"type": "object"}}}}}
    }
    tool = tool_of("/search", requestBody=body)
    assert sent(tool).body is None
    assert sent(tool, query={"a": 1}).body == b'{"query":{"a":1}}'


def test_credentials_and_ignored_headers_are_not_asked_of_the_model() -> None:
    headers = ["Authorization", "Accept", "Content-Type", "X-Api-Key", "X-Auth-Token", "Cookie", "If-Match"]
    parameters = [{"name": name, "in": "header", "schema": {"type": "string"}} for name in headers]
    tool = tool_of("/a", parameters=[*parameters, {"name": "api_key", "in": "query", "schema": {"type": "string"}}])
    assert list(tool.input["properties"]) == ["If-Match"]


def test_a_token_that_an_operation_is_about_is_asked_for_and_one_it_is_called_with_is_not() -> None:
    fields = {"token": {"type": "string", "description": "The access token."}, "a": {"type": "string"}}
    schema = {"type": "object", "properties": fields, "required": ["token"]}
    body = {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": schema}}}
    assert "token" in tool_of("/oauth2/introspect", "post", requestBody=body).input["properties"]
    called = tool_of("/chat.post", "post", requestBody=body)
    assert "token" not in called.input["properties"]
    assert sent(called).body == b"", "the account's credential has a form to go into"


def test_a_header_with_one_value_is_pinned_and_sent_every_time() -> None:
    version = {
        "name": "Notion-Version",
        "in": "header",
        "required": True,
        "schema": {"type": "string", "enum": ["2022-06-28"]},
    }
    tool = tool_of("/a", parameters=[version])
    assert tool.input["properties"] == {}
    assert sent(tool).headers["Notion-Version"] == "2022-06-28"


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "ä", "a\x00b"])
def test_an_argument_in_a_header_cannot_begin_another(value: str) -> None:
    tool = tool_of("/a", parameters=[{"name": "X-Trace", "in": "header", "schema": {"type": "string"}}])
    with pytest.raises(ToolError, match="X-Trace"):
        sent(tool, **{"X-Trace": value})


def test_an_operations_own_server_is_used_where_its_host_is_agreed_and_refused_where_it_is_not() -> None:
    paths = {"/a": {"get": operation(servers=[{"url": "https://files.example.com/v2"}])}}
    document = openapi(paths, servers=[{"url": "https://api.example.com"}])
    (tool,) = made(document).connector.tools.values()
    assert tool.run.base_url.literal == "https://files.example.com/v2"  # type: ignore[union-attr]
    refused = made(document, hosts=[]).report.left_out
    assert refused == [("GET /a", "its server files.example.com is not among the connector's hosts; add it there")]
