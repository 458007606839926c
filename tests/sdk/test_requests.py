"""Declared requests: from YAML and arguments to the bytes that are sent."""

from urllib.parse import parse_qsl, urlsplit

import orjson
import pytest

from hub import yaml
from hub.errors import ConnectorError, OperatorNeeded, ToolError
from hub.sdk.compilation import compile_yaml
from hub.sdk.http import Outgoing, Reach, host_of
from hub.sdk.placeholders import Pattern, Scope
from hub.sdk.request import Call, build, fill_base_url
from hub.sdk.tool import Tool


def tool(body: str, extra: str = "") -> Tool:
    text = f"title: T\nbase_url: https://api.example.com/v1\n{extra}tools:\n  t:\n" + "\n".join(
        f"    {line}" for line in body.strip("\n").splitlines()
    )
    return compile_yaml("app", yaml.load(text, "app.yaml"), "app.yaml").tools["t"]


def sent(made: Tool, cursor: str | None = None, limit: int | None = None, **arguments: object) -> Outgoing:
    assert isinstance(made.run, Call)
    return build(
        made.run,
        Scope(arguments),
        base_url="https://api.example.com/v1",
        headers={},
        cursor=cursor,
        limit=limit,
        new_key=lambda: "key-1",
    )


def query(outgoing: Outgoing) -> list[tuple[str, str]]:
    return parse_qsl(urlsplit(outgoing.url).query, keep_blank_values=True)


@pytest.mark.parametrize(
    ("style", "pairs"),
    [("repeat", [("t", "a"), ("t", "b")]), ("comma", [("t", "a,b")]), ("brackets", [("t[]", "a"), ("t[]", "b")])],
)
def test_arrays_in_a_query_are_written_in_the_declared_style(style: str, pairs: list[tuple[str, str]]) -> None:
    made = tool(f"""
effect: read
input: {{tags: {{type: array, items: {{type: string}}}}}}
request: {{path: /x, query: {{t: "{{tags}}"}}, style: {style}}}
""")
    assert query(sent(made, tags=["a", "b"])) == pairs


def test_send_as_converts_on_the_way_out_and_says_what_it_cannot() -> None:
    made = tool("""
effect: read
input: {since: {type: string, send_as: epoch_s}}
request: {path: /x, query: {after: "{since}"}}
""")
    assert query(sent(made, since="2026-01-01T00:00:00Z")) == [("after", "1767225600")]
    with pytest.raises(ToolError, match="since: 'tomorrow' cannot be sent as epoch_s"):
        sent(made, since="tomorrow")


def test_graphql_variables_and_the_cursor_travel_together() -> None:
    made = tool("""
effect: read
input: {owner: {type: string}}
request: {path: /graphql, graphql: {query: "query($o:String,$after:String){x}", variables: {o: "{owner}"}}}
pagination: {style: graphql, items: data.x.nodes, next: data.x.pageInfo.endCursor, send: after, size: {send: first}}
""")
    outgoing = sent(made, cursor="c1", limit=5, owner="me")
    assert outgoing.method == "POST"
    assert orjson.loads(outgoing.body or b"")["variables"] == {"o": "me", "after": "c1", "first": 5}


def test_multipart_carries_files_and_fields() -> None:
    made = tool("""
effect: write
summary: Upload
input: {file: {type: object}, note: {type: string}}
request: {method: POST, path: /up, multipart: {file: "{file}", note: "{note}"}}
""")
    outgoing = sent(made, file={"name": "a.txt", "mime_type": "text/plain", "data": "aGk="}, note="n")
    assert outgoing.headers["Content-Type"] == "multipart/form-data; boundary=key1"
    assert b'name="file"; filename="a.txt"\r\nContent-Type: text/plain\r\n\r\nhi\r\n' in (outgoing.body or b"")


def test_an_idempotency_key_makes_a_post_repeatable() -> None:
    made = tool("""
effect: write
summary: Make
request: {method: POST, path: /x, body: {a: 1}, idempotency: Idempotency-Key}
""")
    outgoing = sent(made)
    assert outgoing.headers["Idempotency-Key"] == "key-1"
    assert outgoing.repeatable


@pytest.mark.parametrize("id", ["../../admin", "a/../../b", "%2e%2e/x", "..", "x\\..\\y"])
def test_a_path_argument_cannot_leave_the_declared_address(id: str) -> None:
    made = tool("""
effect: read
input: {id: {type: string}}
required: [id]
request: {path: "/items/{id}/details"}
""")
    with pytest.raises(ToolError):
        sent(made, id=id)


@pytest.mark.parametrize("id", ["a?b=1", "a#b", "a/b", "a\\b", "a%2fb", "a;b", "@evil.example", "//evil.example"])
def test_a_path_argument_stays_one_segment_whatever_it_holds(id: str) -> None:
    made = tool("""
effect: read
input: {id: {type: string}}
required: [id]
request: {path: "/items/{id}/details"}
""")
    parts = urlsplit(sent(made, id=id).url)
    assert parts.netloc == "api.example.com"
    assert parts.path.startswith("/v1/items/")
    assert parts.path.endswith("/details")
    assert parts.path.count("/") == 4
    assert parts.query == ""
    assert parts.fragment == ""


@pytest.mark.parametrize("value", ["evil.example/x", "a.b@evil.example", "a#", "a?x", "evil.example\\"])
def test_a_host_setting_cannot_change_the_address_beyond_its_label(value: str) -> None:
    base = Pattern.parse("https://{settings.sub}.example.com/api")
    try:
        url = fill_base_url(base, {"sub": value}, {}, frozenset({"sub"}))
    except (ConnectorError, OperatorNeeded):
        return
    # What the URL's shape lets through, the setting's own full-match pattern stops before (Runs._checked).
    assert not Reach("app", ("acme.example.com",)).allows(url)
    assert host_of(url) != "acme.example.com"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("base_url: https://{settings.x}.example.com", "must be a setting with host: true"),
        ("base_url: 'https://{id}.example.com'", "only {settings.x} and {account.x}"),
        ("base_url: https://a.example\nsettings: {h: {description: d, host: true}}", "needs a pattern"),
        ("base_url: ftp://a.example", "not an absolute http or https URL"),
        ("base_url: https://a.example\nheaders: {X: '{q}'}", "headers take"),
        ("contract: 9", "this hub knows up to 1"),
        ("kind: soap", "not known to this hub"),
        ("provider: p\nauth: {kind: key}", "at most one of provider and auth"),
        ("tilte: x", "unknown key"),
    ],
)
def test_a_wrong_connector_says_where_and_what(text: str, told: str) -> None:
    with pytest.raises(ConnectorError, match=r"app\.yaml") as wrong:
        compile_yaml("app", yaml.load(f"title: T\n{text}", "app.yaml"), "app.yaml")
    assert told in str(wrong.value)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("effect: reed\nrequest: {path: /x}", "effect"),
        ("effect: write\nrequest: {method: POST, path: /x}", "summary is required"),
        ("effect: read\nrequest: {path: '/{id}'}", "{id} is not an argument"),
        ("effect: read\ninput: {id: {type: string}}\nrequest: {path: '/{id}'}", "must be required"),
        ("effect: read\ninput: {a: {$ref: 'file:///etc/passwd'}}\nrequest: {path: /x}", "file:///etc/passwd"),
        ("effect: read\ninput: {a: {$ref: 'https://x.example/s.json'}}\nrequest: {path: /x}", "https://x.example"),
        (
            "effect: read\ninput: {u: {type: string, format: uri}}\nrequest: {path: /x, query: {u: '{u}'}}",
            "say egress: u",
        ),
        ("effect: read\ninput: {a: {type: string, pattern: '(?=x)'}}\nrequest: {path: /x}", "not usable"),
        ("effect: read\ninput: {cursor: {type: string}}\nrequest: {path: /x}", "reserved"),
        ("effect: read\ninput: {a: {type: string, send_as: rot13}}\nrequest: {path: /x}", "send_as 'rot13'"),
        ("effect: read\nfields: {a: 'x['}\nrequest: {path: /x}", "not a JMESPath"),
        ("effect: read\nrequest: {path: /x, base_url: 'https://other.example'}", "not among the connector's hosts"),
        ("effect: read\nrequest: {path: '/x?a=1'}", "write parameters under query"),
        ("effect: write\nsummary: s\nrequest: {method: POST, path: /x, body: {a: 1}, form: {b: 2}}", "at most one of"),
        (
            "effect: write\nsummary: s\nrequest: {method: PUT, path: /x}\npreview: {method: POST, path: /x}",
            "preview must be a GET or a GraphQL query",
        ),
        (
            "effect: write\nsummary: s\nrequest: {method: PUT, path: /x}\n"
            "preview: {path: /g, graphql: {query: 'mutation { wipe }'}}",
            "preview must be a GET or a GraphQL query",
        ),
    ],
)
def test_a_wrong_tool_is_refused_with_file_and_reason(body: str, told: str) -> None:
    with pytest.raises(ConnectorError, match=r"app\.yaml") as wrong:
        tool(body)
    assert told in str(wrong.value)


def test_a_catastrophic_pattern_is_matched_in_linear_time() -> None:
    made = tool("""
effect: read
input: {a: {type: string, pattern: "^(a+)+$"}}
request: {path: /x, query: {a: "{a}"}}
""")
    assert not made.validator.is_valid({"a": "a" * 200_000 + "b"})


def test_a_place_in_the_path_takes_its_arguments_default() -> None:
    made = tool("""
effect: read
input: {lang: {type: string, default: en}}
request: {path: "/{lang}/x"}
""")
    assert isinstance(made.run, Call)
    assert made.run.defaults == {"lang": "en"}
