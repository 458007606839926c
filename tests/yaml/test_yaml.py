"""``hub.yaml``: the 1.2 core schema, the bounds, and where things stood."""

import contextlib
import math
from typing import Any

import pytest
import yaml as pyyaml
from hypothesis import given
from hypothesis import strategies as st

from hub import yaml


def refused(text: str) -> yaml.YamlError:
    with pytest.raises(yaml.YamlError) as caught:
        yaml.load(text, "some.yaml")
    return caught.value


@pytest.mark.parametrize("word", ["on", "off", "yes", "no", "y", "n", "On", "12:30", "1:20:30", "2027-01-31", "1_000"])
def test_words_that_older_yaml_converts_stay_text(word: str) -> None:
    assert yaml.load(f"key: {word}", "f") == {"key": word}


@pytest.mark.parametrize(
    "word", ["0b11", "0O7", "0X1f", "+.5.1", "1e", ".", "-", "+", "tRue", "nULL", "=", ".infinity", "0o8"]
)
def test_words_that_only_resemble_numbers_stay_text(word: str) -> None:
    assert yaml.load(f'["a", {word}]', "f")[1] == word


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("true", True),
        ("False", False),
        ("TRUE", True),
        ("null", None),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-7", -7),
        ("+7", 7),
        ("0123", 123),
        ("0o17", 15),
        ("0xfF", 255),
        ("1.5", 1.5),
        ("1.", 1.0),
        (".5", 0.5),
        ("-1e3", -1000.0),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ('"12"', "12"),
        ("'true'", "true"),
        ('""', ""),
    ],
)
def test_a_word_becomes_what_the_core_schema_says(word: str, value: Any) -> None:
    found = yaml.load(f"key: {word}", "f")["key"]
    assert (found, type(found)) == (value, type(value))


def test_not_a_number_is_a_float() -> None:
    assert math.isnan(yaml.load(".nan", "f"))


def test_an_empty_text_is_null() -> None:
    assert yaml.load("# nothing\n", "f") is None


def test_a_key_that_stands_twice_is_refused_with_its_place() -> None:
    error = refused("a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n")
    assert (error.file, error.line, error.column) == ("some.yaml", 5, 3)
    assert "'c' stands twice (first in line 3)" in str(error)


@pytest.mark.parametrize("key", ["1", "true", "null", "1.5", "[a]", "{a: b}"])
def test_a_key_that_is_not_text_is_refused(key: str) -> None:
    assert "not a string" in str(refused(f"{{? {key} : 1}}"))


def test_a_key_that_an_alias_stands_for_is_refused() -> None:
    assert "not a string" in str(refused("a: &x text\n? *x\n: 1\n"))


@pytest.mark.parametrize(
    "text", ["a: !!str 1", "a: !mine {b: 1}", "a: !!python/object/apply:os.system [ls]", "! a", "a: !!binary aGk="]
)
def test_a_tag_is_refused(text: str) -> None:
    assert "tag" in str(refused(text))


def test_a_merge_key_is_refused_unless_quoted() -> None:
    assert "merge key" in str(refused("a: &x {b: 1}\nc:\n  <<: *x\n"))
    assert yaml.load("'<<': 1", "f") == {"<<": 1}


def test_a_second_document_is_refused() -> None:
    assert refused("a: 1\n---\nb: 2\n").line == 2


def test_another_versions_directive_is_refused() -> None:
    assert "1.2" in str(refused("%YAML 1.1\n---\na: on\n"))
    assert yaml.load("%YAML 1.2\n---\na: on\n", "f") == {"a": "on"}


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [("a: [1, 2\nb: 3\n", 2, 2), ("a: b: c\n", 1, 5), ("é: é\n x: \x07\n", 2, 5), ("a:\n\t- b\n", 2, 1)],
)
def test_broken_text_is_refused_with_its_place(text: str, line: int, column: int) -> None:
    error = refused(text)
    assert (error.line, error.column) == (line, column)


def test_half_a_surrogate_pair_is_refused() -> None:
    assert "surrogate" in str(refused("a: \ud800"))


def test_an_alias_is_a_copy() -> None:
    data = yaml.load("a: &x {b: [1]}\nc: *x\n", "f")
    assert data["c"] == data["a"]
    data["c"]["b"].append(2)
    assert data["a"] == {"b": [1]}


def test_an_alias_to_itself_is_refused() -> None:
    assert "inside what it names" in str(refused("a: &x {b: *x}"))


def test_an_alias_to_nothing_is_refused() -> None:
    assert "names nothing" in str(refused("a: *x"))


def test_aliases_that_multiply_are_refused_early() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert "10000 values" in str(refused("\n".join(lines)))


@pytest.mark.parametrize("text", ["[" * 200_000, "{a: " * 200_000, "- " * 200_000])
def test_deep_nesting_is_refused(text: str) -> None:
    assert "64 deep" in str(refused(text))


def test_nesting_up_to_the_limit_is_read() -> None:
    data = yaml.load("[" * yaml.MAX_DEPTH + "]" * yaml.MAX_DEPTH, "f")
    for _ in range(yaml.MAX_DEPTH - 1):
        (data,) = data
    assert data == []


def test_nesting_through_an_alias_counts() -> None:
    deep = "[" * 40 + "]" * 40
    assert "through an alias" in str(refused(f"a: &x {deep}\nb: {'[' * 30}*x{']' * 30}\n"))


def test_a_text_over_the_limit_is_refused() -> None:
    assert "at most 1000000" in str(refused("a: " + "é" * 500_000))


def test_a_number_too_long_to_read_is_refused() -> None:
    assert "5000 digits" in str(refused("a: " + "9" * 5000))


def test_lines_are_known_for_keys_items_and_what_is_missing() -> None:
    text = "# note\ntools:\n  search:\n    input:\n      - a\n      - {b: 1,\n         c: 2}\n"
    data = yaml.load(text, "f")
    assert yaml.line_of(data, []) == 2
    assert yaml.line_of(data, ["tools", "search"]) == 3
    assert yaml.line_of(data, ["tools", "search", "input", 1]) == 6
    assert yaml.line_of(data, ["tools", "search", "input", 1, "c"]) == 7
    assert yaml.line_of(data, ["tools", "search", "missing", "deeper"]) == 3
    assert yaml.line_of({"tools": 1}, ["tools"]) is None


def test_plain_data_has_no_lines() -> None:
    data = yaml.plain(yaml.load("a: [{b: 1}]", "f"))
    assert type(data) is dict
    assert type(data["a"]) is list
    assert type(data["a"][0]) is dict


words = st.text(st.characters(codec="utf-8"))
quoted = st.recursive(
    words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=20,
)


@given(quoted)
def test_every_text_a_writer_quotes_comes_back_equal(value: Any) -> None:
    assert yaml.plain(yaml.load(pyyaml.safe_dump(value, default_style='"'), "f")) == value


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_in_the_hubs_own_words(text: str) -> None:
    with contextlib.suppress(yaml.YamlError):
        yaml.load(text, "f")
