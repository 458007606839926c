"""Every real description there is, imported whole: what becomes tools, how well formed they are, how long it takes.

Counted against the documents themselves, parsed by other code. ``make descriptions`` prints the figures.
"""

import re
import resource
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import jsonschema_rs
import pytest

from hub.importers.compilation import Compiled
from hub.sdk.schema import size
from tests.importers.specs import FILES, MISSING, compiled, data_of, document_of, expected, kind_of

pytestmark = pytest.mark.skipif(not FILES, reason=MISSING)

DIALECT = "https://json-schema.org/draft/2020-12/schema"
NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
PROPERTY = re.compile(r"[a-zA-Z0-9_.-]{1,64}\Z")
CREDENTIALS = re.compile(
    r"(?i)accept|content-type|authorization|.*api.?key|.*token|x-auth.*|x-user-id|user-agent|host|.*secret|.*signature|x-csrf.*|key|content-length"
)


@pytest.fixture(scope="module")
def imported() -> dict[Path, Compiled]:
    """Every description, compiled once for all tests here; ``SPENT`` is what that took."""
    begun = time.process_time()
    made = {file: compiled(data_of(file), kind_of(file)) for file in FILES}
    SPENT.append(time.process_time() - begun)
    return made


SPENT: list[float] = []


def test_every_document_loads_and_nearly_every_operation_becomes_a_tool(
    imported: dict[Path, Compiled], capsys: pytest.CaptureFixture[str]
) -> None:
    total: Counter[str] = Counter()
    lines = []
    for file, made in imported.items():
        report = made.report
        row = {
            "operations": report.operations,
            "taken": len(report.taken),
            "trimmed": len(report.trimmed),
            "left out": len(report.left_out),
        }
        total.update(row)
        lines.append(f"{file.name:42}" + "".join(f"{name} {count:6}  " for name, count in row.items()))
        lines += [f"    {key}: {why}" for key, why in report.left_out]
    with capsys.disabled():
        print("", *lines, f"{len(imported)} documents: {dict(total)}", sep="\n")
    assert total["taken"] >= 0.995 * total["operations"]
    assert total["taken"] - total["trimmed"] >= 0.95 * total["operations"]
    assert all(made.report.taken for made in imported.values())


def test_every_tool_has_a_legal_name_of_its_own_and_a_schema_that_clients_take(imported: dict[Path, Compiled]) -> None:
    wrong: list[str] = []
    for file, made in imported.items():
        names = list(made.connector.tools)
        assert len(set(names)) == len(names) == len(made.report.taken)
        for name, tool in made.connector.tools.items():
            place = f"{file.name} {name}"
            if not NAME.match(name) or len(f"sample_{name}") > 48:
                wrong.append(f"{place}: its name")
            if size(tool.input) > 16_000:
                wrong.append(f"{place}: {size(tool.input)} bytes")
            if tool.input["type"] != "object" or tool.input.keys() & {"oneOf", "anyOf", "allOf", "$ref", "enum", "not"}:
                wrong.append(f"{place}: the root of its schema")
            wrong += [f"{place}: {told}" for told in _unwanted(tool.input)]
    assert wrong == []


def _unwanted(schema: Any) -> list[str]:
    found = []
    if isinstance(schema, Mapping):
        if "$ref" in schema and isinstance(schema["$ref"], str):
            found.append("a $ref")
        for name in schema.get("properties", {}) if isinstance(schema.get("properties"), Mapping) else ():
            if not PROPERTY.match(name):
                found.append(f"the property {name!r}")
        for key, value in schema.items():
            if key not in ("enum", "const", "default", "examples"):
                found += _unwanted(value)
    elif isinstance(schema, list):
        for one in schema:
            found += _unwanted(one)
    return found


def test_every_schema_is_valid_2020_12_to_another_validator(imported: dict[Path, Compiled]) -> None:
    meta = jsonschema.Draft202012Validator(jsonschema.Draft202012Validator.META_SCHEMA)
    wrong = []
    for file, made in imported.items():
        for number, (name, tool) in enumerate(made.connector.tools.items()):
            # The meta-schema in Python takes its time: all are judged by the one in Rust, a few by both.
            fine = jsonschema_rs.meta.is_valid({"$schema": DIALECT, **tool.input})
            if not fine or (number % 80 == len(file.name) % 80 and not meta.is_valid(tool.input)):
                wrong.append(f"{file.name} {name}")
    assert wrong == []


def test_required_parameters_all_survive_and_of_all_parameters_and_body_fields_nearly_all(
    imported: dict[Path, Compiled], capsys: pytest.CaptureFixture[str]
) -> None:
    counts: Counter[str] = Counter()
    lost: list[str] = []
    for file, made in imported.items():
        if kind_of(file) == "discovery":
            continue
        for one in expected(document_of(file)):
            tool = made.connector.tools.get(made.report.taken.get(one.key, ""))
            if tool is None:
                continue
            known = _wire_names(tool)
            for name in one.required:
                if CREDENTIALS.fullmatch(name):
                    continue
                pinned = name in tool.run.headers  # type: ignore[union-attr]
                counts["required"] += 1
                if name not in known and not pinned:
                    lost.append(f"{file.name} {one.key}: {name}")
            for name in one.optional | one.body:
                if CREDENTIALS.fullmatch(name):
                    continue
                counts["all"] += 1
                counts["kept"] += name in known or name in tool.run.headers  # type: ignore[union-attr]
    counts["all"] += counts["required"]
    counts["kept"] += counts["required"] - len(lost)
    with capsys.disabled():
        print(
            f"\n{counts['required']} required parameters, {len(lost)} lost; {counts['kept']} of {counts['all']} in all"
        )
    assert lost == []
    assert counts["kept"] >= 0.97 * counts["all"]


def _wire_names(tool: Any) -> set[str]:
    """The names on the wire that a tool's arguments are sent as, the fields of a whole body included."""
    wire = tool.run.wire
    names = {one.name for one in wire.parameters} | {one.name for one in wire.path if not isinstance(one, str)}
    if wire.body is not None:
        names |= {name for _, name in wire.body.fields}
        if wire.body.whole is not None:
            names |= {wire.renames.get(name, name) for name in _properties(tool.input["properties"][wire.body.whole])}
    return names


def _properties(schema: Any) -> set[str]:
    found = set(schema.get("properties", {}))
    for branch in schema.get("anyOf", []):
        found |= _properties(branch)
    if isinstance(schema.get("items"), Mapping):
        found |= _properties(schema["items"])
    return found


def test_the_whole_run_stays_within_a_minute_of_cpu_and_a_gigabyte(
    imported: dict[Path, Compiled], capsys: pytest.CaptureFixture[str]
) -> None:
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    with capsys.disabled():
        print(f"\n{len(imported)} documents in {SPENT[0]:.1f} s of CPU; {memory:.0f} MB at most in this process")
    assert SPENT[0] < 60
    assert memory < 1000
