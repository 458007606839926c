"""The doctor before servers that answer anything: every answer is a finding, none ends it."""

import orjson
import pytest
from aiohttp import web

from tests.doctor.conftest import Deploy
from tests.doctor.deployment import Fault
from tests.doctor.faults import SERVER, back, document, first

pytestmark = pytest.mark.asyncio(loop_scope="module")

ODD = "https://[bad"
ALL_WRONG = {
    "resource": 5,
    "authorization_servers": [ODD, 7],
    "scopes_supported": 3,
    "issuer": None,
    "authorization_endpoint": ODD,
    "token_endpoint": [],
    "registration_endpoint": "https://[bad/register",
    "code_challenge_methods_supported": "S256",
    "response_types_supported": {"code": 1},
    "client_id_metadata_document_supported": True,
    "result": ["tools"],
    "error": "text",
    "client_id": 4,
    "access_token": 1,
}
CHALLENGE = {"WWW-Authenticate": f'Bearer resource_metadata="{ODD}", scope="offline_access'}


def answers(status: int, body: bytes, kind: str = "application/json", **headers: str) -> Fault:
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    def instead(request: web.Request) -> web.Response:
        return web.Response(status=status, body=body, content_type=kind, headers=named)

    return Fault(instead=instead)


@pytest.mark.parametrize(
    "fault",
    [
        answers(200, b"[]"),
        answers(200, b"null"),
        answers(200, b"\xff\xfe{"),
        answers(200, b"{" * 10_000),
        answers(200, orjson.dumps(ALL_WRONG)),
        answers(401, orjson.dumps(ALL_WRONG), **CHALLENGE),
        answers(401, b"", WWW_Authenticate="Bearer"),
        answers(401, b"", WWW_Authenticate='Bearer resource_metadata="'),
        answers(200, b"<title", "text/html"),
        answers(204, b""),
        answers(302, b"", Location=ODD),
        answers(303, b""),
        answers(307, b"", Location="javascript:alert(1)"),
        answers(400, b"<main>", "text/html"),
        answers(500, b"x" * 5_000_000, "text/plain"),
        answers(200, b"data: nothing\n\n", "text/event-stream"),
    ],
)
async def test_whatever_is_answered_is_told_as_a_finding(deploy: Deploy, fault: Fault) -> None:
    report = await (await deploy(fault)).examined(token="hub_x", refresh_token="hub_rt_x")
    assert first(report)[0] in ("endpoint", "challenge", "resource_document")
    assert {one.step for one in report.findings} >= {"registration", "authorize", "token", "stream"}
    assert "hub_x" not in repr(report.told())


async def test_members_of_the_servers_document_may_be_of_any_type(deploy: Deploy, token: str) -> None:
    fault = back(SERVER)(document(**ALL_WRONG))
    report = await (await deploy(fault)).examined(token=token)
    assert first(report)[0] == "server_document"


async def test_a_connection_that_breaks_off_is_told(deploy: Deploy) -> None:
    def instead(request: web.Request) -> web.Response | None:
        transport = request.transport
        assert transport is not None
        transport.abort()
        return web.Response()

    step, text = first(await (await deploy(Fault(instead=instead))).examined(token="hub_x"))
    assert step == "endpoint"
    assert "the connection failed" in text
