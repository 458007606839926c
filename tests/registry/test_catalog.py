"""The snapshot: names, listings, order, collisions, templates."""

import time
from typing import Any

import orjson
import pytest

from hub.registry import to_json
from hub.registry.template import Template

FULL = '''
    from hub.sdk import Connector

    connector = Connector(title="App", description="An app.", version="2.1.0")


    @connector.tool(effect="write", summary="Close ticket {id}", idempotent=True, scopes=["tickets:write"],
                    renamed_from=["finish"], meta={"example.org/x": 1})
    def close(id: int) -> dict[str, str]:
        """Closes one ticket for good."""
        return {"id": str(id)}


    @connector.tool(effect="read")
    def about() -> str:
        """Tells what this app is."""
        return "an app"


    @connector.resource("app://today", mime_type="text/plain")
    def today() -> str:
        """The day."""
        return "Monday"


    @connector.resource("app://ticket/{id}/notes")
    def notes(id: str) -> str:
        """The notes of a ticket."""
        return id


    @connector.prompt()
    def greet(name: str) -> str:
        """Greets someone."""
        return name
'''


async def test_a_tool_is_listed_as_the_protocol_shows_it(folder: Any, registry_of: Any) -> None:
    folder.write("app.py", FULL)
    catalog = await registry_of(folder).load()
    first, second = catalog.listed_tools
    assert first == {
        "name": "app_close",
        "title": "Close",
        "description": "Closes one ticket for good.",
        "inputSchema": {
            "type": "object",
            "properties": {"id": {"type": "integer"}},
            "required": ["id"],
            "additionalProperties": False,
        },
        "outputSchema": {"type": "object", "additionalProperties": {"type": "string"}},
        "annotations": {
            "title": "Close",
            "readOnlyHint": False,
            "destructiveHint": False,
            "openWorldHint": False,
            "idempotentHint": True,
        },
        "_meta": {"example.org/x": 1},
    }
    assert "outputSchema" not in second
    assert "_meta" not in second
    assert catalog.tools["app_close"].listing is first
    assert [one["uri"] for one in catalog.listed_resources] == ["app://today"]
    assert catalog.listed_templates == [
        {
            "uriTemplate": "app://ticket/{id}/notes",
            "name": "notes",
            "title": "Notes",
            "description": "The notes of a ticket.",
        }
    ]
    assert catalog.listed_prompts == [
        {
            "name": "app_greet",
            "title": "Greet",
            "description": "Greets someone.",
            "arguments": [{"name": "name", "required": True}],
        }
    ]
    assert list(catalog.prompts) == ["app_greet"]


async def test_an_old_name_leads_to_the_tool_and_is_not_listed(folder: Any, registry_of: Any) -> None:
    folder.write("app.py", FULL)
    catalog = await registry_of(folder).load()
    old = catalog.tools["app_finish"]
    assert (old.listed, old.full_name, old.tool) == (False, "app_close", catalog.tools["app_close"].tool)
    assert [one["name"] for one in catalog.listed_tools] == ["app_close", "app_about"]


async def test_a_present_name_goes_before_an_old_one(folder: Any, registry_of: Any) -> None:
    folder.write("app.py", FULL.replace('["finish"]', '["about", "Not A Name"]'))
    catalog = await registry_of(folder).load()
    assert catalog.tools["app_about"].tool.name == "about"
    assert len([one for one in catalog.connectors["app"].warnings if "renamed_from" in one]) == 2


async def test_an_uri_that_fits_a_template_gives_its_variables_decoded(folder: Any, registry_of: Any) -> None:
    folder.write("app.py", FULL)
    catalog = await registry_of(folder).load()
    entry, variables = catalog.template_for("app://ticket/a%2Fb%20%C3%A9/notes")
    assert entry is catalog.templates["app://ticket/{id}/notes"]
    assert variables == {"id": "a/b é"}
    assert catalog.template_for("app://ticket/1/other") is None


@pytest.mark.parametrize(
    ("template", "uri", "variables"),
    [
        ("a://{x}", "a://1", {"x": "1"}),
        ("a://{x}", "a://", None),
        ("a://{x}", "a://1/2", None),
        ("a://{x}", "a://1?y", None),
        ("a://{x}", "a://1#y", None),
        ("a://{x}", "b://1", None),
        ("a://{x}", "a://%FF", None),
        ("a://{x}", "a://100%", {"x": "100%"}),
        ("a://{x}/{y}", "a://1/2", {"x": "1", "y": "2"}),
        ("a://{x}/{y}", "a://1/", None),
        ("a://{x}.json", "a://b.json.json", {"x": "b.json"}),
        ("a://{x}/z", "a://1/zz", None),
        ("a://{x}-{y}", "a://1-2-3", {"x": "1", "y": "2-3"}),
        ("a://{x}{y}", "a://123", {"x": "1", "y": "23"}),
        ("a://b+c/{x}", "a://b+c/1", {"x": "1"}),
        ("a://b+c/{x}", "a://bbc/1", None),
    ],
)
def test_a_template_matches_what_expansion_can_make(template: str, uri: str, variables: dict[str, str] | None) -> None:
    assert Template(template).match(uri) == variables


def test_matching_a_template_of_many_variables_takes_linear_time() -> None:
    template = Template("a://" + "-".join(f"{{v{number}}}" for number in range(40)) + "!")
    began = time.thread_time()
    assert template.match("a://" + "-" * 8_000) is None
    assert time.thread_time() - began < 1


async def test_tools_stand_in_the_order_of_connectors_then_of_declaration(folder: Any, registry_of: Any) -> None:
    for name in ("zeta", "alpha", "mid"):
        folder.write(f"{name}.py", FULL.replace("app://", f"{name}://"))
    names = [one["name"] for one in (await registry_of(folder).load()).listed_tools]
    assert names == ["alpha_close", "alpha_about", "mid_close", "mid_about", "zeta_close", "zeta_about"]


ONE_TOOL = """
    title: App
    base_url: https://api.example.org
    tools:
      {tool}: {{effect: read, description: Looks at something there., request: {{path: /look}}}}
"""


async def test_of_two_connectors_with_one_full_name_the_later_is_set_aside(folder: Any, registry_of: Any) -> None:
    folder.write("app.yaml", ONE_TOOL.format(tool="b_c"))
    folder.write("app_b.yaml", ONE_TOOL.format(tool="c"))
    catalog = await registry_of(folder).load()
    assert catalog.connectors["app"].state == "ok"
    assert catalog.connectors["app_b"].state == "set_aside"
    assert "app_b_c is already one of the connector app" in catalog.connectors["app_b"].reason
    assert list(catalog.tools) == ["app_b_c"]


async def test_no_connector_takes_a_name_of_the_hubs_own(folder: Any, registry_of: Any) -> None:
    folder.write("hub_list.yaml", ONE_TOOL.format(tool="connections"))
    folder.write("bare.yaml", ONE_TOOL.format(tool="hub_connect"))
    catalog = await registry_of(folder, unprefixed=["bare"]).load()
    assert [one.state for one in catalog.connectors.values()] == ["set_aside", "set_aside"]
    assert all("are the hub's own" in one.reason for one in catalog.connectors.values())


async def test_an_unprefixed_connector_shows_its_names_bare(folder: Any, registry_of: Any) -> None:
    folder.write("app.py", FULL)
    catalog = await registry_of(folder, unprefixed=["app"]).load()
    assert list(catalog.tools) == ["close", "about", "finish"]
    assert list(catalog.prompts) == ["greet"]


async def test_a_resource_declared_twice_is_set_aside(folder: Any, registry_of: Any) -> None:
    folder.write(
        "app/connector.yaml",
        """
        title: App
        base_url: https://api.example.org
        resources:
          app://today: {name: today, request: {path: /today}}
        """,
    )
    folder.write(
        "app/__init__.py",
        FULL[: FULL.index("@connector.prompt")].replace(
            'Connector(title="App", description="An app.", version="2.1.0")', "Connector.here()"
        ),
    )
    loaded = (await registry_of(folder).load()).connectors["app"]
    assert loaded.reason == "app/__init__.py: the resource app://today is declared twice."


async def test_a_connector_as_json_tells_state_reason_and_every_tool(folder: Any, registry_of: Any) -> None:
    folder.write("app.py", FULL)
    folder.write("bad.py", "raise ValueError('no')")
    catalog = await registry_of(folder).load()
    app, bad = orjson.loads(orjson.dumps([to_json(one) for one in catalog.connectors.values()]))
    tool = app["tools"][0]
    assert (app["state"], app["version"], app["place"]) == ("ok", "2.1.0", str(folder.path))
    assert tool["name"] == "app_close"
    assert tool["input_schema"]["required"] == ["id"]
    assert tool["output_schema"]["type"] == "object"
    assert (tool["effect"], tool["idempotent"], tool["scopes"]) == ("write", True, ["tickets:write"])
    assert (tool["renamed_from"], tool["annotations"]["readOnlyHint"]) == (["finish"], False)
    assert (bad["state"], bad["reason"], bad["tools"]) == ("set_aside", "bad.py:1: ValueError: no", [])
