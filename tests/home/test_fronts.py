"""The hub as people have it: a real Caddy or nginx in front, set up as the project says, all asked through it."""

import asyncio
import re
from pathlib import Path

from hub.mcp_server.limits import Limits
from tests.home.conftest import House
from tests.home.fronts import adapted, dialled
from tests.mcp_server.wire_client import Wire, events
from tests.waiting import PATIENCE


def calling(house: House, name: str) -> tuple[Wire, dict[str, object], dict[str, str | None]]:
    """A call of the tool that waits for a file, asking for its progress."""
    wire = Wire(house.http, f"{house.url}/mcp", house.token)
    params = {"name": "lab_wait", "arguments": {"name": name}}
    body, headers = wire.modern_parts("tools/call", params, progressToken=1)
    return wire, body, headers


def test_the_caddyfile_serves_the_public_address_with_tls_and_leads_to_the_hubs_container(tmp_path: Path) -> None:
    read = adapted("https://hub.example.org", tmp_path)
    (server,) = read["apps"]["http"]["servers"].values()
    assert server["listen"] == [":443"]
    assert server["routes"][0]["match"] == [{"host": ["hub.example.org"]}]
    # Caddy makes certificates and sends plain http on to https by itself, unless it is told not to.
    assert "automatic_https" not in server
    assert [one["dial"] for one in dialled(read, [])] == ["hub:8080"]


async def test_a_client_finds_its_way_in_at_the_address_it_was_given(house: House) -> None:
    async with house.http.post(f"{house.url}/mcp", json={}, allow_redirects=False) as refused:
        assert refused.status == 401
        challenge = refused.headers["WWW-Authenticate"]
    found = re.search(r'resource_metadata="([^"]+)"', challenge)
    assert found is not None
    async with house.http.get(found[1], allow_redirects=False) as resource:
        told = await resource.json()
    assert told["resource"] == f"{house.url}/mcp"
    assert told["authorization_servers"] == [house.url]
    async with house.http.get(f"{house.url}/.well-known/oauth-authorization-server") as server:
        document = await server.json()
    assert document["issuer"] == house.url
    asked = {"redirect_uris": ["http://127.0.0.1/callback"], "token_endpoint_auth_method": "none"}
    async with house.http.post(document["registration_endpoint"], json=asked) as registered:
        assert registered.status == 201
    wire = Wire(house.http, f"{house.url}/mcp", house.token)
    assert {one["name"] for one in (await wire.modern("tools/list")).result["tools"]} == {"lab_wait", "lab_length"}
    assert (await wire.initialize()).status == 200


async def test_an_event_comes_through_while_the_call_still_runs(house: House) -> None:
    wire, body, headers = calling(house, "go_on")
    async with asyncio.timeout(PATIENCE), wire.send(body, **headers) as response:
        stream = events(response)
        assert (await anext(stream))["params"]["message"] == "begun"
        (house.lab / "go_on").touch()
        assert (await anext(stream))["result"]["content"][0]["text"] == "waited"


async def test_a_client_that_goes_away_stops_its_call(house: House) -> None:
    wire, body, headers = calling(house, "never")
    async with asyncio.timeout(PATIENCE), wire.send(body, **headers) as response:
        assert (await anext(events(response)))["params"]["message"] == "begun"
    async with asyncio.timeout(PATIENCE):
        while not (house.lab / "never.stopped").exists():
            await house.hub.store.ping()


async def test_a_request_from_outside_is_not_taken_for_a_local_one(house: House) -> None:
    for path in ("/readyz", "/metrics"):
        async with house.http.get(house.url + path) as reply:
            assert reply.status == 403


async def test_the_hub_knows_the_browsers_address_and_believes_no_other(house: House) -> None:
    user = await house.hub.store.users.add("bob")
    _, secret = await house.hub.people.reset(user.id)
    link = f"{house.url}/setup/{secret}"
    spoofed = {"X-Forwarded-For": "198.51.100.7"}
    async with house.http.get(link, headers=spoofed) as page:
        csrf = re.search(r'name="csrf" value="(\w+)"', await page.text())
    assert csrf is not None
    form = {"csrf": csrf[1], "password": "nine violet umbrellas", "repeated": "nine violet umbrellas"}
    async with house.http.post(link, data=form, headers=spoofed) as page:
        assert "Your account, bob" in await page.text()
    (session,) = await house.hub.store.web_sessions.list(user.id)
    assert session.address == "127.0.0.1"


async def test_a_message_as_long_as_the_hub_takes_gets_through_and_a_longer_one_is_refused_by_the_hub(
    house: House,
) -> None:
    wire = Wire(house.http, f"{house.url}/mcp", house.token)
    most = Limits().body
    long = await wire.call("lab_length", {"text": "x" * (most - 1000)})
    assert long.result["content"][0]["text"] == str(most - 1000)
    assert (await wire.call("lab_length", {"text": "x" * most})).status == 413
