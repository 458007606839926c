"""Reading replies: whose error it is, what the model is told, how the next page is found."""

import orjson
import pytest

from hub.errors import ConnectionNeeded, NotFoundError, OperatorNeeded, ProviderUnavailable, ToolError
from hub.sdk.http import Reach, Reply
from hub.sdk.paging import Paging, Size, next_link
from hub.sdk.paths import compile_path
from hub.sdk.response import MESSAGE_CHARACTERS, Field, Reading, Rule, verify


def reply(status: int, body: object = None, **headers: str) -> Reply:
    raw = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
    held = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, "https://api.example.com/v1/x?secret=1", {"content-type": "application/json", **held}, raw)


@pytest.mark.parametrize(
    ("status", "signed", "kind"),
    [
        (400, False, ToolError),
        (401, True, ConnectionNeeded),
        (401, False, OperatorNeeded),
        (404, False, NotFoundError),
        (410, False, NotFoundError),
        (429, False, ProviderUnavailable),
        (500, False, ProviderUnavailable),
        (503, False, ProviderUnavailable),
    ],
)
def test_a_status_is_typed_by_who_can_act_on_it(status: int, signed: bool, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        verify(reply(status, {"message": "no"}), Reading(), connector="app", signed=signed)


def test_a_rate_limit_says_when_to_come_back() -> None:
    with pytest.raises(ProviderUnavailable) as wrong:
        verify(reply(429, {}, retry_after="17"), Reading(), connector="app", signed=False)
    assert wrong.value.after == 17


def test_an_error_in_http_200_is_found_by_its_rule_and_its_own_message_told() -> None:
    rule = Rule("not_found", frozenset({200}), compile_path("ok == `false`"), compile_path("error"))
    with pytest.raises(NotFoundError, match="channel_not_found"):
        verify(reply(200, {"ok": False, "error": "channel_not_found"}), Reading((rule,)), connector="app", signed=False)
    verify(reply(200, {"ok": True}), Reading((rule,)), connector="app", signed=False)


def test_a_rule_can_say_that_a_status_is_no_error() -> None:
    verify(reply(404, {}), Reading((Rule("ok", frozenset({4})),)), connector="app", signed=False)


@pytest.mark.parametrize(
    "body",
    [
        {"message": "wrong date"},
        {"error": {"message": "wrong date"}},
        {"errors": [{"detail": "wrong date"}]},
        {"error": "wrong date"},
        ["wrong date"],
        b"<html><head><title>wrong date</title></head></html>",
        b"wrong date",
    ],
)
def test_the_providers_message_is_found_whatever_its_shape(body: object) -> None:
    with pytest.raises(ToolError, match=r"api\.example\.com answered HTTP 400: wrong date"):
        verify(reply(400, body), Reading(), connector="app", signed=False)


def test_a_providers_message_is_trimmed_and_kept_on_one_line_and_the_query_is_never_told() -> None:
    with pytest.raises(ToolError) as wrong:
        verify(reply(400, {"message": "a\n\x1b[31m" + "b" * 10_000}), Reading(), connector="app", signed=False)
    told = str(wrong.value)
    assert len(told) < MESSAGE_CHARACTERS + 100
    assert "\n" not in told
    assert "\x1b" not in told
    assert "secret" not in told


def test_a_graphql_error_without_data_is_an_error() -> None:
    with pytest.raises(ToolError, match="no such field"):
        verify(
            reply(200, {"errors": [{"message": "no such field"}]}), Reading(graphql=True), connector="a", signed=False
        )


def test_fields_keep_what_is_named_and_convert_it() -> None:
    reading = Reading(
        fields={
            "id": Field(compile_path("id")),
            "at": Field(compile_path("created"), "iso"),
            "body": Field(compile_path("html"), "markdown"),
            "tags": Field(compile_path("tags"), None, {"name": Field(compile_path("label"))}),
            "gone": Field(compile_path("nothing")),
        }
    )
    item = {"id": 1, "created": 1767225600, "html": "<p>a <b>b</b></p>", "tags": [{"label": "x", "y": 1}], "z": 1}
    assert reading.shape(item) == {
        "id": 1,
        "at": "2026-01-01T00:00:00Z",
        "body": "a **b**",
        "tags": [{"name": "x"}],
    }


def paging(style: str, **more: object) -> Paging:
    return Paging(style=style, items=compile_path("items"), **more)  # type: ignore[arg-type]


def following(page: Paging, data: dict[str, object], cursor: str | None = None, **headers: str) -> str | None:
    items = data.get("items", [])
    assert isinstance(items, list)
    return page.following(reply(200, data, **headers), data, items, cursor, page.limit(None))


def test_each_style_finds_its_next_page_and_its_end() -> None:
    cursor = paging("cursor", send="after", next=compile_path("meta.next"))
    assert following(cursor, {"items": [1], "meta": {"next": "c2"}}) == "c2"
    assert following(cursor, {"items": [1], "meta": {}}) is None

    number = paging("page", send="page", size=Size("per_page", 2, 100))
    assert following(number, {"items": [1, 2]}) == "2"
    assert following(number, {"items": [1, 2]}, "2") == "3"
    assert following(number, {"items": [1]}, "3") is None

    offset = paging("offset", send="start", size=Size("n", 2, 100))
    assert following(offset, {"items": [1, 2]}, "4") == "6"

    more = paging("page", send="page", more=compile_path("has_more"))
    assert following(more, {"items": [1], "has_more": False}) is None

    link = paging("link")
    header = '<https://api.example.com/v1/x?page=2>; rel="next", <https://api.example.com/v1/x?page=9>; rel="last"'
    assert following(link, {"items": [1]}, link=header) == "https://api.example.com/v1/x?page=2"
    assert following(link, {"items": [1]}) is None

    body = paging("link", next=compile_path("next_url"))
    assert following(body, {"items": [1], "next_url": "/v1/x?page=3"}) == "https://api.example.com/v1/x?page=3"


def test_a_provider_that_repeats_its_cursor_is_not_paged_for_ever() -> None:
    page = paging("cursor", send="after", next=compile_path("next"))
    with pytest.raises(ProviderUnavailable, match="same page marker"):
        following(page, {"items": [1], "next": "c1"}, "c1")


@pytest.mark.parametrize("cursor", ["-1", "1e9", "x", "", "٣"])
def test_a_page_number_that_is_none_is_the_models_to_mend(cursor: str) -> None:
    with pytest.raises(ToolError, match="cursor"):
        paging("page", send="page").parameters(cursor, None)


@pytest.mark.parametrize(
    ("header", "target"),
    [
        ('<a>; rel="prev", <b>; rel="next"', "b"),
        ("<b>; rel=next", "b"),
        ('<b>; title="x, y"; rel="foo next"', "b"),
        ('<b>; rel="prev"', None),
        ("", None),
        ("<" * 100_000, None),
    ],
)
def test_link_headers_are_read_as_rfc_8288_says(header: str, target: str | None) -> None:
    assert next_link(header) == target


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://api.example.com/x", True),
        ("https://API.example.com:443/x", True),
        ("https://api.example.com:8443/x", False),
        ("http://api.example.com/x", False),
        ("https://evil.example/x", False),
        ("https://api.example.com@evil.example/x", False),
        ("https://user:pw@api.example.com/x", False),
        ("https://a.sub.example.org/x", True),
        ("https://sub.example.org/x", False),
        ("https://evilsub.example.org.evil.example/", False),
        ("file:///etc/passwd", False),
        ("https://api.example.com:99999/", False),
        ("//api.example.com/", False),
    ],
)
def test_a_reach_is_held_by_scheme_host_and_port(url: str, allowed: bool) -> None:
    assert Reach("app", ("api.example.com", "*.sub.example.org")).allows(url) is allowed
