"""Converters, and what a Python signature says."""

from typing import Annotated, Any, TypedDict

import pytest

from hub.errors import ConnectorError
from hub.sdk import Connector, Context, Page, convert
from hub.sdk.assembly import assemble
from hub.sdk.tool import Tool


def test_inline_elements_do_not_break_a_line_and_blocks_do() -> None:
    assert convert.text("<p>see <a href='x'>the <i>docs</i></a> now</p><p>and &amp; then</p>") == (
        "see the docs now\n\nand & then"
    )


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (1767225600, "2026-01-01T00:00:00Z"),
        (1767225600000, "2026-01-01T00:00:00Z"),
        ("1767225600", "2026-01-01T00:00:00Z"),
        ("2026-01-01T01:00:00+01:00", "2026-01-01T00:00:00Z"),
        ("Thu, 01 Jan 2026 00:00:00 GMT", "2026-01-01T00:00:00Z"),
        ("2026-01-01", "2026-01-01T00:00:00Z"),
        ("soon", "soon"),
        (None, None),
    ],
)
def test_a_time_in_any_spelling_reads_as_rfc_3339_and_what_is_none_stays(value: Any, told: Any) -> None:
    assert convert.read("iso", value) == told


def test_html_becomes_markdown_without_scripts_and_markdown_becomes_html_without_raw_html() -> None:
    assert convert.markdown("<h2>A</h2><script>x()</script><p>b <b>c</b></p>") == "## A\n\nb **c**"
    assert convert.html("**a** <script>x</script>") == "<p><strong>a</strong> &lt;script&gt;x&lt;/script&gt;</p>"


class Row(TypedDict):
    """An item."""

    id: int


def compiled(function: Any, **options: Any) -> Tool:
    connector = Connector(title="T")
    connector.tool(effect="read", **options)(function)
    return assemble("app", base=None, python=connector).tools[function.__name__]


def test_an_argument_is_described_and_bounded_in_its_annotation() -> None:
    async def find(
        ctx: Context, words: Annotated[str, "What to look for"], most: Annotated[int, {"maximum": 9}] = 5
    ) -> str:
        """Finds things by their words."""
        return ""

    tool = compiled(find)
    assert tool.input == {
        "type": "object",
        "properties": {
            "words": {"type": "string", "description": "What to look for"},
            "most": {"type": "integer", "maximum": 9, "default": 5},
        },
        "required": ["words"],
        "additionalProperties": False,
    }
    assert not tool.validator.is_valid({"words": "x", "most": 10})


def test_a_page_of_something_tells_its_items_shape_and_demands_nothing_of_it() -> None:
    async def rows(cursor: str | None = None) -> Page[Row]:
        """Lists all the rows there are."""
        return Page([])

    assert compiled(rows).output == {
        "type": "object",
        "properties": {
            "items": {"type": "array", "items": {"type": "object", "properties": {"id": {"type": "integer"}}}},
            "next_cursor": {"type": "string"},
        },
    }


@pytest.mark.parametrize(
    ("function", "told"),
    [
        ("def t(*args) -> str: ...", "plain named parameter"),
        ("def t(a) -> str: ...", "needs a type hint"),
        ("def t(account: str) -> str: ...", "reserved"),
        ("def t(a: 'Nowhere') -> str: ...", "cannot be resolved"),
    ],
)
def test_a_signature_that_cannot_be_shown_is_refused_with_the_parameter(function: str, told: str) -> None:
    room: dict[str, Any] = {}
    exec(function, room)  # noqa: S102 - the functions above
    with pytest.raises(ConnectorError, match=told):
        compiled(room["t"])
