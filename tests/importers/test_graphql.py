"""GraphQL schemas as tools: their documents run by graphql-core over HTTP, from SDL and from introspection."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web
from graphql import build_schema, graphql_sync

from hub.app import Hub
from hub.cli.describing import Importer
from hub.config import Config, load
from hub.errors import ConnectorError, ToolError
from hub.identity import local_caller
from hub.importers.graphql import only_queries, read_schema
from hub.importers.proposal import Wishes
from hub.sdk.talk import Silence

SDL = """
type Query { book(id: ID!): Book  books(first: Int = 10, genre: Genre): BookConnection!  find(words: String!): [Hit!]! }
type Mutation { addBook(input: BookInput!): Book!  deleteBook(id: ID!): Boolean! }
enum Genre { NOVEL POEM }
input BookInput { title: String!, genre: Genre, tags: [String!] }
type BookConnection { nodes: [Book!]! totalCount: Int! }
type Book { id: ID! title: String! genre: Genre author: Author similar: [Book!]! }
type Author { id: ID! name: String! books: [Book!]! }
union Hit = Book | Author
"""


class Books:
    """The resolvers: a shelf in memory."""

    def __init__(self) -> None:
        self.held: dict[str, dict[str, Any]] = {"1": {"__typename": "Book", "id": "1", "title": "Emma", "similar": []}}

    def book(self, info: Any, id: str) -> Any:
        """One book."""
        return self.held.get(id)

    def books(self, info: Any, first: int = 10, genre: str | None = None) -> Any:
        """All books."""
        return {"nodes": list(self.held.values())[:first], "totalCount": len(self.held)}

    def find(self, info: Any, words: str) -> Any:
        """Books whose title holds the words."""
        return [one for one in self.held.values() if words in one["title"]]

    def addBook(self, info: Any, input: dict[str, Any]) -> Any:
        """A new book."""
        made = {"__typename": "Book", "id": str(len(self.held) + 1), "similar": [], **input}
        self.held[made["id"]] = made
        return made

    def deleteBook(self, info: Any, id: str) -> bool:
        """Away with it."""
        return self.held.pop(id, None) is not None


@pytest.fixture
async def endpoint() -> AsyncIterator[str]:
    """A GraphQL server on loopback: graphql-core behind aiohttp."""
    schema, root = build_schema(SDL), Books()

    async def answer(request: web.Request) -> web.Response:
        asked = await request.json()
        result = graphql_sync(schema, asked["query"], root_value=root, variable_values=asked.get("variables"))
        return web.json_response(result.formatted)

    app = web.Application()
    app.router.add_post("/graphql", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/graphql"
    finally:
        await runner.cleanup()


def config_for(folder: Path, endpoint: str) -> Config:
    """A configuration whose connector ``shelf`` may reach the endpoint."""
    address = orjson.dumps(endpoint.split("/")[2]).decode()
    file = folder / "config.yaml"
    file.write_text(
        f"data_dir: data\nconnectors: {{shipped: false}}\nnetwork: {{allow_private: {{shelf: [{address}]}}}}\n"
    )
    return load(file, {})


async def call(hub: Hub, tool: str, **arguments: Any) -> Any:
    """What a tool answered, or its error's text."""
    result = await hub.gateway.call_tool(local_caller(), f"shelf_{tool}", arguments, Silence())
    return result["content"][0]["text"] if result.get("isError") else result.get("structuredContent", result)


async def test_an_endpoint_is_asked_for_its_schema_and_every_field_becomes_a_working_tool(
    tmp_path: Path, endpoint: str
) -> None:
    config = config_for(tmp_path, endpoint)
    wishes = Wishes(name="shelf", place=endpoint, everything=True)
    made = await Importer(config).make("graphql", wishes, raw_query=True)
    assert sorted(made.report.taken.values()) == ["add_book", "delete_book", "find", "get_book", "list_books"]
    hub = await Hub.start(config)
    try:
        tools = {name: entry.tool for name, entry in hub.registry.catalog.tools.items()}
        assert {name: tool.effect for name, tool in tools.items()} == {
            "shelf_get_book": "read", "shelf_list_books": "read", "shelf_find": "read", "shelf_add_book": "write",
            "shelf_delete_book": "destroy", "shelf_query": "read",
        }  # fmt: skip
        assert (await call(hub, "get_book", id="1"))["title"] == "Emma"
        added = await call(hub, "add_book", input={"title": "Persuasion", "genre": "NOVEL"})
        assert (added["title"], added["genre"]) == ("Persuasion", "NOVEL")
        books = await call(hub, "list_books", first=5)
        assert (books["totalCount"], [one["title"] for one in books["nodes"]]) == (2, ["Emma", "Persuasion"])
        assert (await call(hub, "find", words="Emma"))["items"][0]["__typename"] == "Book"
        assert (await call(hub, "query", query="{ book(id: 2) { title } }"))["data"]["book"]["title"] == "Persuasion"
        assert "not a mutation" in await call(hub, "query", query="mutation { deleteBook(id: 1) }")
        assert "do not fit" in await call(hub, "add_book", input={})
        await call(hub, "delete_book", id="2")
        assert (await call(hub, "list_books"))["totalCount"] == 1
    finally:
        await hub.close()


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ("mutation { a }", "not a mutation"),
        ("query A { a } mutation B { b }", "not a mutation"),
        ("subscription { a }", "not a subscription"),
        ("query A { a } query B { b }", "exactly one"),
        ("fragment F on T { a }", "exactly one"),
        ("type T { a: Int }", "Only queries"),
        ("{ a", "not GraphQL"),
        ("{" * 5_000, "not GraphQL"),
        ("{ a " + "x" * 40_000 + "}", "at most"),
    ],
)
def test_a_raw_query_that_is_anything_else_is_refused(document: str, told: str) -> None:
    with pytest.raises(ToolError, match=told):
        only_queries(document)


@pytest.mark.parametrize("data", [b"type Query {", b'{"data": {}}', b"{" * 9_000, b"not a schema at all"])
def test_what_is_no_schema_is_refused_with_the_reason(data: bytes) -> None:
    with pytest.raises(ConnectorError, match="api"):
        read_schema(data, "api")
