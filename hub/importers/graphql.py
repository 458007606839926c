"""GraphQL schemas as tools: one for each field of Query and Mutation, with a selection written in advance.

The schema comes as SDL or as the answer to an introspection query (GraphQL specification, September 2025, sections 3
and 4.2), read by graphql-core. Nothing of a person's or a model's is ever put into a document: arguments travel as
variables. The one exception is the raw query tool, whose document is parsed and may hold queries only.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson
from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLError,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    OperationDefinitionNode,
    OperationType,
    build_ast_schema,
    build_client_schema,
    get_named_type,
    is_leaf_type,
    parse,
)

from hub.errors import ConnectorError, ToolError
from hub.importers.documents import MAX_BYTES, value_of
from hub.importers.operation import Description, Operation, Server
from hub.importers.references import Pool
from hub.importers.texts import cut, prose
from hub.importers.words import words_of

DOCUMENT_MAX = 30_000
"""Characters of a raw query."""

_SCALARS: Mapping[str, dict[str, Any]] = {
    "Int": {"type": "integer"}, "Float": {"type": "number"}, "Boolean": {"type": "boolean"},
    "String": {"type": "string"}, "ID": {"type": "string"},
}  # fmt: skip
_VERBAL = [[verb] for verb in ("get", "list", "search", "find", "query", "count", "check")]
_FIELDS_MAX = 60
_INPUT_DEPTH = 6


def read_schema(data: bytes, file: str) -> GraphQLSchema:
    """The schema in ``data``: SDL, or introspection as JSON. Raises ``ConnectorError``."""
    if len(data) > MAX_BYTES:
        raise ConnectorError(f"{file}: a description has at most {MAX_BYTES:,} bytes.")
    text = data.decode("utf-8", "replace").lstrip("\ufeff \n\r\t")
    try:
        if text[:1] == "{":
            held = value_of(data, file)
            held = held.get("data", held) if isinstance(held, dict) else held
            if not isinstance(held, dict) or "__schema" not in held:
                raise ConnectorError(
                    f"{file}: JSON, but not the answer to an introspection query (it has no __schema)."
                )
            return build_client_schema(held)  # type: ignore[arg-type]
        return build_ast_schema(parse(text, no_location=True, max_tokens=2_000_000), assume_valid=True)
    except (GraphQLError, TypeError, KeyError, ValueError) as wrong:
        told = " ".join(str(wrong).split())
        raise ConnectorError(f"{file}: not a GraphQL schema: {told[:300]}") from None
    except RecursionError:
        raise ConnectorError(f"{file}: nested too deep.") from None


def described_schema(schema: GraphQLSchema, endpoint: str | None) -> Description:
    """The schema as a description, for the connector's YAML; ``endpoint`` is where its queries go."""
    return Description(
        kind="graphql",
        title=urlsplit(endpoint).hostname or "A GraphQL API" if endpoint else "A GraphQL API",
        version="",
        text=prose(schema.description) if schema.description else "",
        servers=[Server(endpoint or "/graphql")],
        operations=operations_of(schema),
        schemes={},
        pool=Pool({}),
    )


def operations_of(schema: GraphQLSchema) -> list[Operation]:
    """The fields of Query and Mutation as operations, for names, effects and selection."""
    found: list[Operation] = []
    for kind, root, method in (("query", schema.query_type, "GET"), ("mutation", schema.mutation_type, "POST")):
        for name, field in root.fields.items() if root is not None else ():
            found.append(
                Operation(
                    method=method,
                    path=f"/{name}",
                    identifier=name
                    if kind == "mutation" or words_of(name)[:1] in _VERBAL
                    else f"{_verb(field)}_{name}",
                    description=field.description or "",
                    tags=(kind,),
                    deprecated=field.deprecation_reason is not None,
                    own_key=f"{kind} {name}",
                )
            )
    return found


def _verb(field: GraphQLField) -> str:
    """What a query's field does: list where many come back, else get."""
    below = get_named_type(field.type)
    many = "[" in str(field.type) or (isinstance(below, GraphQLObjectType) and {"nodes", "edges"} & set(below.fields))
    return "list" if many else "get"


class FieldTool:
    """What one field's tool takes and sends: the schema of its arguments, and its document."""

    def __init__(self, kind: str, name: str, field: GraphQLField, depth: int) -> None:
        """``depth`` is how many levels are selected below the field. Raises ``ConnectorError`` when nothing of the
        field can be selected."""
        self.properties: dict[str, Any] = {}
        self.required: list[str] = []
        self.variables: dict[str, Any] = {}
        declared, passed = [], []
        for argument, one in field.args.items():
            shown = f"api_{argument}" if argument in ("account", "cursor", "limit") else argument
            self.properties[shown] = _argument_schema(one)
            if isinstance(one.type, GraphQLNonNull) and not _has_default(one):
                self.required.append(shown)
            self.variables[argument] = f"{{{shown}}}"
            declared.append(f"${argument}: {one.type}")
            passed.append(f"{argument}: ${argument}")
        selection = _selection(get_named_type(field.type), depth, ())
        if selection is None:
            raise ConnectorError("nothing below it can be selected without arguments")
        variables = f"({', '.join(declared)})" if declared else ""
        arguments = f"({', '.join(passed)})" if passed else ""
        self.document = f"{kind}{variables} {{ {name}{arguments}{selection} }}"
        self.root = name


def _has_default(one: GraphQLArgument | Any) -> bool:
    return getattr(one, "default_value", None) not in (None, ...) and "Undefined" not in str(one.default_value)


def _argument_schema(one: Any) -> dict[str, Any]:
    written = _input(one.type, 0, ())
    told = cut(prose(one.description), 600) if one.description else ""
    return {**written, "description": told} if told else written


def _input(kind: Any, depth: int, inside: tuple[str, ...]) -> dict[str, Any]:
    """The JSON Schema of an input type; input objects within themselves, or deeper than six, are free objects."""
    if isinstance(kind, GraphQLNonNull):
        return _input(kind.of_type, depth, inside)
    if isinstance(kind, GraphQLList):
        return {"type": "array", "items": _input(kind.of_type, depth, inside)}
    if isinstance(kind, GraphQLEnumType):
        return {"type": "string", "enum": list(kind.values)[:400]}
    if isinstance(kind, GraphQLScalarType):
        return dict(_SCALARS.get(kind.name, {"description": f"A value of the type {kind.name}."}))
    if not isinstance(kind, GraphQLInputObjectType) or kind.name in inside or depth >= _INPUT_DEPTH:
        return {"type": "object"}
    properties = {name: _argument_schema_below(one, depth, (*inside, kind.name)) for name, one in kind.fields.items()}
    required = [
        name for name, one in kind.fields.items() if isinstance(one.type, GraphQLNonNull) and not _has_default(one)
    ]
    return {"type": "object", "properties": properties, **({"required": required} if required else {})}


def _argument_schema_below(one: Any, depth: int, inside: tuple[str, ...]) -> dict[str, Any]:
    written = _input(one.type, depth + 1, inside)
    told = cut(prose(one.description), 200) if one.description else ""
    return {**written, "description": told} if told else written


def _selection(kind: Any, depth: int, inside: tuple[str, ...]) -> str | None:
    """What is selected of a type: its scalars, and below them as deep as wanted; empty for a scalar itself."""
    if is_leaf_type(kind):
        return ""
    if isinstance(kind, GraphQLUnionType):
        parts = ["__typename"]
        types: dict[str, set[str]] = {}
        for one in kind.types:
            for name, field in one.fields.items():
                types.setdefault(name, set()).add(str(field.type))
        for one in kind.types[:20]:
            below = _aliased(_fields(one, 0, inside), one, types)
            if below:
                parts.append(f"... on {one.name} {{ {' '.join(below)} }}")
        return f" {{ {' '.join(parts)} }}"
    if not isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
        return None
    fields = _fields(kind, depth, inside)
    if not fields:
        return " { __typename }" if depth >= 0 else None
    return f" {{ {' '.join(fields)} }}"


def _aliased(fields: list[str], kind: GraphQLObjectType, types: Mapping[str, set[str]]) -> list[str]:
    """Fields of one branch of a union; those of one name but several types get names of their own."""
    plain = [field for field in fields if " {" not in field]
    return [field if len(types[field]) < 2 else f"{kind.name}_{field}: {field}" for field in plain]


def _fields(kind: GraphQLObjectType | GraphQLInterfaceType, depth: int, inside: tuple[str, ...]) -> list[str]:
    chosen: list[str] = []
    deeper: list[str] = []
    for name, field in kind.fields.items():
        if any(isinstance(one.type, GraphQLNonNull) and not _has_default(one) for one in field.args.values()):
            continue
        if field.deprecation_reason is not None or len(chosen) >= _FIELDS_MAX:
            continue
        below = get_named_type(field.type)
        if is_leaf_type(below):
            chosen.append(name)
            continue
        through = name in ("nodes", "edges", "node", "pageInfo", "items")
        if (depth <= 0 and not through) or inside.count(below.name) or len(inside) > 8:
            continue
        selected = _selection(below, depth if through else depth - 1, (*inside, kind.name))
        if selected is not None and len(deeper) < _FIELDS_MAX // 2 and not ("nodes" in kind.fields and name == "edges"):
            deeper.append(f"{name}{selected}")
    return chosen + deeper


def only_queries(document: str) -> str:
    """``document`` when it holds queries only; raises ``ToolError`` otherwise, naming what it holds."""
    if len(document) > DOCUMENT_MAX:
        raise ToolError(f"The query has {len(document):,} characters; at most {DOCUMENT_MAX:,} are taken.")
    try:
        parsed = parse(document, max_tokens=10_000)
    except GraphQLError as wrong:
        raise ToolError(f"The query is not GraphQL: {wrong.message}.") from None
    except RecursionError:
        raise ToolError("The query is nested too deep.") from None
    queries = 0
    for one in parsed.definitions:
        if isinstance(one, OperationDefinitionNode):
            if one.operation is not OperationType.QUERY:
                raise ToolError(f"Only queries are taken here, not a {one.operation.value}.")
            queries += 1
        elif one.kind != "fragment_definition":
            raise ToolError("Only queries and their fragments are taken here.")
    if queries != 1:
        raise ToolError(f"Write exactly one query; this document holds {queries}.")
    return document


def introspection_document() -> str:
    """The query that asks a server for its schema, without its oldest and newest extras."""
    kind = "kind name"
    for _ in range(7):
        kind = f"kind name ofType {{ {kind} }}"
    value = f"name description type {{ {kind} }} defaultValue"
    return (
        "query IntrospectionQuery { __schema { queryType { name } mutationType { name } subscriptionType { name } "
        "types { kind name description fields(includeDeprecated: true) { name description "
        f"args {{ {value} }} type {{ {kind} }} isDeprecated deprecationReason }} "
        f"inputFields {{ {value} }} interfaces {{ {kind} }} possibleTypes {{ {kind} }} "
        "enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason } } "
        f"directives {{ name description locations args {{ {value} }} }} }} }}"
    )


def request_body() -> bytes:
    """The body of a request for the schema."""
    return orjson.dumps({"query": introspection_document()})
