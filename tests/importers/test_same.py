"""The list of tools has the same bytes in every process: clients keep it, and a model's cache is keyed by it."""

import os
import subprocess
import sys

PROGRAM = """
import json
from tests.importers.small import made, openapi, operation
text = {"type": "string", "minLength": 1, "maxLength": 9, "pattern": "a", "format": "uuid", "enum": ["a", "b"]}
many = {"type": "array", "minItems": 1, "maxItems": 9, "uniqueItems": True, "items": text}
number = {"type": "integer", "minimum": 1, "maximum": 9, "multipleOf": 2, "default": 2, "format": "int32"}
fields = {"text": text, "many": many, "number": number, "any": {"anyOf": [text, many, number]}}
whole = {"allOf": [{"type": "object", "properties": fields, "required": [*fields]}, {"type": "object"}]}
body = {"content": {"application/json": {"schema": {"type": "object", "properties": {**fields, "whole": whole}}}}}
given = [{"name": name, "in": "query", "schema": schema} for name, schema in fields.items()]
document = openapi({"/a": {"get": operation(parameters=given), "post": operation(operationId="b", requestBody=body)}})
tools = made(document).connector.tools
print(json.dumps([[tool.name, tool.description, tool.input] for tool in tools.values()], default=dict))
"""


def listed(seed: int) -> str:
    told = {**os.environ, "PYTHONHASHSEED": str(seed)}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=told, capture_output=True, text=True, check=True)
    return done.stdout


def test_an_imported_description_is_listed_the_same_in_every_process() -> None:
    assert len({listed(seed) for seed in (1, 2, 3, 4)}) == 1
