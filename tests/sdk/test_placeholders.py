"""Placeholders: what reaches the wire, and what never leaves its place."""

import pytest

from hub.errors import ConnectorError, OperatorNeeded, ToolError
from hub.sdk.placeholders import ABSENT, Pattern, Scope, fill, parse, segment


def filled(template: object, **arguments: object) -> object:
    return fill(parse(template), Scope(arguments, {"subdomain": "acme"}, {"team": "T1"}))


def test_a_lone_placeholder_keeps_its_type() -> None:
    assert filled({"n": "{n}", "tags": "{tags}"}, n=3, tags=["a"]) == {"n": 3, "tags": ["a"]}


def test_an_absent_argument_takes_its_key_and_what_it_leaves_empty() -> None:
    assert filled({"a": {"b": "{x}"}, "c": 1}) == {"c": 1}
    assert filled({"a": {"b": "{x}"}}) is ABSENT


def test_null_is_sent() -> None:
    assert filled({"a": "{x}"}, x=None) == {"a": None}


def test_a_mixed_string_with_an_absent_argument_is_removed() -> None:
    assert filled({"q": "from:{who} {what}", "r": 1}, who="a") == {"r": 1}
    assert filled({"q": "from:{who}"}, who="a") == {"q": "from:a"}


def test_double_braces_are_literal() -> None:
    assert filled("{{x}} {x}", x=1) == "{x} 1"


def test_settings_and_account_fields_are_reached_by_their_rooms() -> None:
    assert filled("{settings.subdomain}/{account.team}") == "acme/T1"
    with pytest.raises(OperatorNeeded, match="'missing'"):
        filled("{settings.missing}")


@pytest.mark.parametrize("text", ["{", "}", "{a b}", "{}", "{1x}", "{a}}"])
def test_a_malformed_placeholder_is_refused_when_it_is_parsed(text: str) -> None:
    with pytest.raises(ConnectorError, match="not a placeholder"):
        Pattern.parse(text)


@pytest.mark.parametrize(
    "value", ["..", ".", "../etc", "a/../../b", "..\\x", "%2e%2e", "%252e%252e/x", "", "a\nb", "a\0"]
)
def test_a_value_that_could_step_out_of_its_path_is_refused(value: str) -> None:
    with pytest.raises(ToolError):
        segment(value)


@pytest.mark.parametrize(
    ("value", "sent"),
    [("a/b", "a%2Fb"), ("a?b#c", "a%3Fb%23c"), ("a\\b", "a%5Cb"), ("50%", "50%25"), ("ü", "%C3%BC"), ("..a", "..a")],
)
def test_a_path_value_stays_one_percent_encoded_segment(value: str, sent: str) -> None:
    assert segment(value) == sent


def test_a_list_cannot_stand_inside_a_string() -> None:
    with pytest.raises(ToolError, match="single value"):
        filled("x{a}", a=[1])
