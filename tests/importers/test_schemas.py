"""What becomes of schemas as descriptions write them: references, cycles, unions, nulls, enumerations, sizes."""

from typing import Any

import orjson
import pytest

from hub.sdk.schema import size
from tests.importers.small import argument, made, openapi, operation, tool_of


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "nullable": True},
        {"type": ["string", "null"]},
        {"anyOf": [{"type": "string"}, {"type": "null"}]},
        {"oneOf": [{"type": "string"}, {"enum": [None]}]},
        {"type": "string", "x-nullable": True},
    ],
)
def test_all_ways_to_allow_null_are_one(schema: dict[str, Any]) -> None:
    assert argument(schema) == {"type": ["string", "null"]}


def test_a_nullable_enumeration_lists_null() -> None:
    assert argument({"type": "string", "enum": ["a", "b"], "nullable": True}) == {
        "type": ["string", "null"],
        "enum": ["a", "b", None],
    }


def test_all_of_is_merged_and_a_wrapper_around_one_falls_away() -> None:
    schemas = {"A": {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}}
    part = {"properties": {"b": {"type": "integer"}}, "required": ["b"]}
    shown = argument({"allOf": [{"$ref": "#/components/schemas/A"}, part]}, components={"schemas": schemas})
    assert shown == {
        "type": "object",
        "properties": {"a": {"type": "string"}, "b": {"type": "integer"}},
        "required": ["a", "b"],
    }
    wrapper = argument(
        {"allOf": [{"$ref": "#/components/schemas/A"}], "description": "Mine."}, components={"schemas": schemas}
    )
    assert wrapper["description"] == "Mine."
    assert wrapper["required"] == ["a"]


def test_a_type_inside_itself_is_written_out_once_and_then_a_free_object() -> None:
    node = {
        "type": "object",
        "properties": {"name": {"type": "string"}, "child": {"$ref": "#/components/schemas/Node"}},
    }
    shown = argument({"$ref": "#/components/schemas/Node"}, components={"schemas": {"Node": node}})
    assert shown["properties"]["child"] == {"type": "object"}


def test_references_in_a_circle_and_to_nowhere_let_anything_in_and_are_reported() -> None:
    schemas = {"A": {"$ref": "#/components/schemas/B"}, "B": {"$ref": "#/components/schemas/A"}}
    for name in ("A", "C"):
        assert argument({"$ref": f"#/components/schemas/{name}"}, components={"schemas": schemas}) == {}
    schema = {"type": "object", "properties": {"x": {"$ref": "#/components/schemas/C"}}}
    paths = {"/a": {"post": operation(requestBody={"content": {"application/json": {"schema": schema}}})}}
    assert "#/components/schemas/C leads nowhere" in made(openapi(paths)).report.warnings[0]


def test_read_only_properties_are_not_asked_for() -> None:
    shown = argument({
        "type": "object", "required": ["id", "name"],
        "properties": {"id": {"type": "string", "readOnly": True}, "name": {"type": "string"}},
    })  # fmt: skip
    assert (list(shown["properties"]), shown["required"]) == (["name"], ["name"])


def test_a_required_field_that_is_declared_nowhere_is_asked_for_all_the_same() -> None:
    schema = {
        "type": "object",
        "required": ["team", "at"],
        "properties": {"at": {"type": "object", "required": ["x"], "properties": {"y": {}}}},
    }
    tool = tool_of("/a", "post", requestBody={"required": True, "content": {"application/json": {"schema": schema}}})
    assert sorted(tool.input["required"]) == ["at", "team"]
    assert tool.input["properties"]["at"]["required"] == ["x"]


def test_a_union_of_bare_types_is_a_list_of_types_and_one_of_enumerations_one_enumeration() -> None:
    assert argument({"oneOf": [{"type": "string"}, {"type": "integer"}]}) == {"type": ["string", "integer"]}
    assert argument({"anyOf": [{"type": "string", "enum": ["a"]}, {"const": "b"}]}) == {
        "type": "string",
        "enum": ["a", "b"],
    }


def test_which_properties_go_together_is_told_where_all_of_them_can_be_given() -> None:
    fields = {"email": {"type": "string"}, "phone": {"type": "string"}}
    needs = [{"required": ["email"]}, {"type": "object", "required": ["phone"]}]
    shown = argument({"type": "object", "properties": fields, "oneOf": needs})
    assert shown["anyOf"] == [{"required": ["email"]}, {"required": ["phone"]}]
    fields["email"]["readOnly"] = True  # type: ignore[assignment]
    assert "anyOf" not in argument({"type": "object", "properties": fields, "oneOf": needs})


def test_enumerations_beside_each_other_leave_what_both_hold() -> None:
    kinds = {"Kinds": {"type": "string", "oneOf": [{"const": one} for one in ("a", "b", "c")]}}
    reference = {"$ref": "#/components/schemas/Kinds"}
    shown = argument({"type": "string", "enum": ["c", "a"], "allOf": [reference]}, components={"schemas": kinds})
    assert shown["enum"] == ["c", "a"]
    shown = argument({"allOf": [{"type": "string", "enum": ["c", "b"]}, {"enum": ["a", "b"]}]})
    assert shown["enum"] == ["b"]


def test_a_list_whose_items_must_differ_says_so() -> None:
    shown = argument({"type": "array", "items": {"type": "string"}, "uniqueItems": True})
    assert shown["uniqueItems"] is True


def test_what_an_object_requires_is_kept_where_the_rest_of_it_found_no_room() -> None:
    amount = {
        "type": "object",
        "required": ["value"],
        "properties": {"value": {"type": "integer"}, **{f"more_{number}": {"type": "string"} for number in range(9)}},
    }
    fields = {f"field_{number}": amount for number in range(90)}
    deep = {"type": "object", "properties": {"inner": {"type": "object", "properties": fields}}}
    shown = argument(deep)["properties"]["inner"]["properties"]["field_7"]
    assert shown == {"type": "object", "properties": {"value": {"type": "integer"}}, "required": ["value"]}


def test_of_a_union_too_wide_to_be_shown_what_every_branch_requires_is_kept() -> None:
    branches = [
        {
            "type": "object",
            "required": ["type", "name", f"own_{number}"],
            "properties": {
                "type": {"type": "integer", "enum": [number]},
                "name": {"type": "string"},
                f"own_{number}": {"type": "string", "description": "words " * 90},
            },
        }
        for number in range(100)
    ]
    shown = argument({"type": "array", "items": {"oneOf": branches}})["items"]
    assert shown["required"] == ["type", "name"]
    assert shown["properties"] == {"type": {"type": "integer", "enum": [*range(100)]}, "name": {"type": "string"}}


def test_a_list_that_is_also_called_an_object_without_properties_is_a_list() -> None:
    shown = argument({"type": "object", "properties": {}, "allOf": [{"type": "array", "items": {"type": "string"}}]})
    assert shown == {"type": "array", "items": {"type": "string"}}


def test_an_enumeration_that_a_list_has_is_that_of_its_items() -> None:
    shown = argument({"type": "array", "items": {"type": "string"}, "enum": ["a", "b"]})
    assert shown == {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}}


def test_an_enumeration_of_strings_with_other_members_lists_them_as_strings() -> None:
    assert argument({"type": "string", "enum": ["on", True, 1, "on"]})["enum"] == ["on", "true", "1"]


@pytest.mark.parametrize(
    ("schema", "shown"),
    [
        ({"type": "integer", "minimum": 0, "exclusiveMinimum": True}, {"type": "integer", "exclusiveMinimum": 0}),
        ({"type": "string", "pattern": "(?=a)b"}, {"type": "string"}),
        ({"type": "string", "pattern": "/^a$/"}, {"type": "string"}),
        ({"type": "string", "pattern": "^a$"}, {"type": "string", "pattern": "^a$"}),
        ({"type": "integer", "default": "5"}, {"type": "integer"}),
        ({"type": "string", "minLength": -1, "maxLength": "9"}, {"type": "string"}),
        ({"type": "array"}, {"type": "array", "items": {}}),
        ({"properties": {"a": {}}}, {"type": "object", "properties": {"a": {}}}),
        ({"type": "datetime"}, {"type": "string"}),
        (None, {}),
        ("broken", {}),
        ({"type": "object", "properties": None}, {"type": "object"}),
    ],
)
def test_what_is_malformed_or_no_validator_takes_is_left_out(schema: Any, shown: Any) -> None:
    body = {
        "required": True,
        "content": {"application/json": {"schema": {"type": "object", "properties": {"x": schema}}}},
    }
    assert tool_of("/a", "post", requestBody=body).input["properties"]["x"] == shown


def test_a_huge_input_is_trimmed_to_fit_and_said_so_with_every_required_argument_kept() -> None:
    fields = {
        f"field_{number}": {"type": "object", "description": "words " * 80, "properties": {"a": {"type": "string"}}}
        for number in range(900)
    }
    schema = {"type": "object", "properties": fields, "required": ["field_899"]}
    paths = {
        "/a": {"post": operation(requestBody={"required": True, "content": {"application/json": {"schema": schema}}})}
    }
    result = made(openapi(paths))
    (tool,) = result.connector.tools.values()
    assert size(tool.input) <= 16_000
    assert tool.input["required"] == ["field_899"]
    assert "field_899" in tool.input["properties"]
    ((key, why),) = result.report.trimmed
    assert key == "POST /a"
    assert "cut down to fit" in why


def test_a_wide_enumeration_is_told_in_words_where_it_finds_no_room() -> None:
    values = [f"value_number_{number}" for number in range(2_936)]
    shown = argument({"type": "string", "enum": values})
    assert "enum" not in shown
    assert "One of 2936 values" in shown["description"]
    assert shown["examples"] == ["value_number_0"]


def test_types_that_refer_to_each_other_without_end_are_cut_in_time_and_size() -> None:
    names = [f"T{number}" for number in range(60)]
    schemas = {
        name: {"type": "object", "properties": {other: {"$ref": f"#/components/schemas/{other}"} for other in names}}
        for name in names
    }
    shown = argument({"$ref": "#/components/schemas/T0"}, components={"schemas": schemas})
    assert len(orjson.dumps(shown)) < 16_000


def test_operations_of_any_order_get_the_same_names_whichever_are_taken() -> None:
    paths = {path: {"get": operation(operationId="list things")} for path in ("/a", "/b", "/a/b")}
    forward = made(openapi(paths)).report.taken
    backward = made(openapi(dict(reversed(paths.items())))).report.taken
    one = made(openapi(paths), include=["GET /a/b"]).report.taken
    assert forward == backward
    assert one == {"GET /a/b": forward["GET /a/b"]}
    assert len(set(forward.values())) == 3


@pytest.mark.parametrize(
    ("method", "path", "identifier", "effect"),
    [
        ("get", "/users", "listUsers", "read"),
        ("get", "/payments", "listPayments", "read"),
        ("get", "/logout", "logout", "write"),
        ("get", "/views.update", "views_update", "write"),
        ("post", "/documents.search", "documentsSearch", "read"),
        ("post", "/users", "createUser", "write"),
        ("post", "/messages", "createMessage", "send"),
        ("post", "/chat.postMessage", "chat_postMessage", "send"),
        ("post", "/invoices/{id}/pay", "payInvoice", "pay"),
        ("post", "/users/{id}/delete", "deleteUser", "destroy"),
        ("post", "/getAndPurge", "getAndPurge", "destroy"),
        ("put", "/users/{id}", "updateUser", "write"),
        ("delete", "/users/{id}", "getUser", "destroy"),
    ],
)
def test_an_operations_effect_is_the_more_dangerous_of_its_method_and_its_words(
    method: str, path: str, identifier: str, effect: str
) -> None:
    assert tool_of(path, method, operationId=identifier, summary="").effect == effect
