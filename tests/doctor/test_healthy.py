"""The doctor before a hub that is deployed as it should be."""

from datetime import timedelta

import pytest

from hub.doctor import Report
from hub.identity.oauth.correlation import is_doctors
from tests.doctor.conftest import Deploy
from tests.doctor.deployment import PUBLIC, PUBLIC6, URL, Names
from tests.oauth.scene import Scene

pytestmark = pytest.mark.asyncio(loop_scope="module")


def told(report: Report) -> list[tuple[str, str, str]]:
    return [(one.step, one.status, one.text) for one in report.findings if one.status != "ok"]


async def test_everything_is_ok_before_a_healthy_hub(deploy: Deploy, token: str) -> None:
    report = await (await deploy()).examined(token=token)
    assert [one for one in told(report) if one[:2] != ("refresh", "skipped")] == []
    assert report.ok
    assert [one.step for one in report.findings] == [
        *("url", "dns", "port", "tls", "endpoint", "challenge", "resource_document", "server_document"),
        *("client_document", "registration", "authorize", "redirect", "refresh", "token", "tools", "stream"),
        "files",
    ]


async def test_two_refreshes_at_once_are_ok_too_and_nothing_secret_is_told(deploy: Deploy, scene: Scene) -> None:
    tokens = await scene.connect(await scene.person("ada"))
    report = await (await deploy()).examined(refresh_token=tokens["refresh_token"])
    assert told(report) == []
    text = repr(report.told())
    assert "hub_rt_" not in text
    assert "hub_at_" not in text


async def test_the_address_of_a_profile_is_examined_by_its_own_document(deploy: Deploy, token: str) -> None:
    report = await (await deploy()).examined(url=f"{URL}/looking", token=token)
    assert [one for one in told(report) if one[1] != "skipped"] == []


async def test_an_ipv6_address_that_does_not_answer_is_a_warning_beside_ipv4(deploy: Deploy) -> None:
    report = await (await deploy()).examined(names=Names(PUBLIC, PUBLIC6), closed=PUBLIC6)
    assert report.ok
    assert [(step, status) for step, status, _ in told(report) if status != "skipped"] == [("port", "warning")]


async def test_what_the_doctor_does_is_not_taken_for_a_clients_way(deploy: Deploy, scene: Scene) -> None:
    await scene.send("GET", "/.well-known/oauth-authorization-server", headers={"User-Agent": "python-httpx/0.28.1"})
    await (await deploy()).examined()
    kept = await scene.hub.trace.recent()
    (other,) = [one for one in kept if not is_doctors(one) and one.seen_at >= scene.clock.now() - timedelta(minutes=5)]
    assert [step.name for step in other.steps] == ["server"]
    assert any(is_doctors(one) and "sign_in" in {step.name for step in one.steps} for one in kept)


async def test_without_a_token_the_steps_that_need_one_are_skipped(deploy: Deploy) -> None:
    report = await (await deploy()).examined()
    assert {step for step, status, _ in told(report) if status == "skipped"} == {"refresh", "token", "tools", "stream"}
    assert report.ok
