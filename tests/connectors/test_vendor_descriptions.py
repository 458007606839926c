"""Every recorded request and response of a connector is what the vendor's own description says it must be."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from hub.clock import SystemClock
from hub.registry import Catalog, Place, Registry
from hub.registry.places import SHIPPED, shipped_folder
from hub.testing import RecordingFile, files_of, load
from hub.testing.recording import RecordedRequest, RecordedResponse
from tests.connectors.vendors import DESCRIBED, EXCEPTIONS, excused, vendor
from tests.importers.specs import FOLDER, MISSING

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason=MISSING)

FOLDER_OF_CONNECTORS = shipped_folder()
CONNECTORS = [name for name in DESCRIBED if FOLDER_OF_CONNECTORS is not None and files_of(FOLDER_OF_CONNECTORS / name)]
RECORDINGS: list[tuple[str, Path]] = [
    (name, file)
    for name in CONNECTORS
    if FOLDER_OF_CONNECTORS is not None
    for file in files_of(FOLDER_OF_CONNECTORS / name)
]
CALENDAR = "https://www.googleapis.com/calendar/v3"


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    """All shipped connectors, loaded."""
    places = [] if FOLDER_OF_CONNECTORS is None else [Place(FOLDER_OF_CONNECTORS, SHIPPED)]
    return asyncio.run(Registry(places, clock=SystemClock()).load())


def problems(connector: str, file: RecordingFile) -> list[str]:
    """What of a recording the vendor's description does not allow, exceptions included."""
    held = vendor(DESCRIBED[connector])
    return [
        f"{one.request.method} {one.request.url}: {problem}"
        for one in file.recording.exchanges
        for problem in [*held.request_problems(one.request), *held.response_problems(one.request, one.response)]
    ]


@pytest.mark.parametrize(("connector", "path"), RECORDINGS, ids=[f"{name}-{path.stem}" for name, path in RECORDINGS])
def test_a_recording_is_valid_by_the_vendors_description(connector: str, path: Path) -> None:
    assert [one for one in problems(connector, load(path)) if excused(connector, one) is None] == []


def test_all_that_a_tool_sends_is_held_against_a_description(catalog: Catalog) -> None:
    assert set(CONNECTORS) == set(DESCRIBED)
    for name in DESCRIBED:
        compiled = catalog.connectors[name].compiled
        assert compiled is not None
        judged = {load(path).tool for connector, path in RECORDINGS if connector == name}
        assert set(compiled.tools) - judged == set()
        answered = [
            vendor(DESCRIBED[name]).operation(one.request)
            for connector, path in RECORDINGS
            if connector == name
            for one in load(path).recording.exchanges
            if one.response.status < 300
        ]
        assert any(one is not None and one.responses for one in answered), f"no response of {name} is declared"


def test_every_exception_is_needed() -> None:
    used = {excused(connector, one) for connector, path in RECORDINGS for one in problems(connector, load(path))}
    assert set(EXCEPTIONS) - used == set()


@pytest.mark.parametrize("connector", CONNECTORS)
def test_a_tools_scopes_suffice_for_what_it_sends(catalog: Catalog, connector: str) -> None:
    held, compiled = vendor(DESCRIBED[connector]), catalog.connectors[connector].compiled
    assert compiled is not None
    lacking = []
    for file in (load(path) for name, path in RECORDINGS if name == connector):
        for one in file.recording.exchanges:
            operation = held.operation(one.request)
            scopes = set(compiled.tools[file.tool].scopes) if file.tool else set()
            if operation is not None and operation.scopes and not operation.scopes & scopes:
                lacking.append(f"{file.path.stem}: {operation.key} needs one of {sorted(operation.scopes)}")
    assert lacking == []


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"method": "PUT"}, "no such operation"),
        ({"url": f"{CALENDAR}/calendars/primary/event"}, "no such operation"),
        ({"url": "https://calendar.googleapis.com/calendars/primary/events"}, "no such operation"),
        ({"query": {"notify": "all"}}, "query.notify"),
        ({"query": {"sendUpdates": "everyone"}}, "query.sendUpdates"),
        ({"query": {"maxAttendees": "many"}}, "query.maxAttendees"),
        ({"query": {"sendUpdates": ["all", "none"]}}, "sent 2 times"),
        ({"url": f"{CALENDAR}/calendars/primary/events/quickAdd", "body": None}, "query.text"),
        ({"body": {"title": "x"}}, "body"),
        ({"body": {"summary": 7}}, "body.summary"),
        ({"body": {"start": {"day": "2026-11-02"}}}, "body.start"),
        ({"body": {"attendees": [{"mail": "ada@example.com"}]}}, "body.attendees.0"),
    ],
)
def test_a_request_the_vendor_does_not_know_is_found(fault: dict[str, Any], words: str) -> None:
    good = {"method": "POST", "url": f"{CALENDAR}/calendars/primary/events", "body": {"summary": "x"}}
    held = vendor(DESCRIBED["google_calendar"])
    assert held.request_problems(RecordedRequest.model_validate(good)) == []
    told = held.request_problems(RecordedRequest.model_validate({**good, **fault}))
    assert any(words in one for one in told), told


def test_a_response_the_vendor_would_not_give_is_found() -> None:
    held = vendor(DESCRIBED["google_calendar"])
    request = RecordedRequest(url=f"{CALENDAR}/calendars/primary/events/ev1")
    assert held.response_problems(request, RecordedResponse(body={"id": "ev1"})) == []
    assert held.response_problems(request, RecordedResponse(body={"id": 7})) != []
    assert held.response_problems(request, RecordedResponse(body={"identifier": "ev1"})) != []
