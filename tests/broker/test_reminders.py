"""Client secrets that end are told before they do; one that has ended is said to have, with what mends it."""

import asyncio
import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from hub.broker.reminders import Reminders
from hub.clock import SystemClock
from tests.broker.scene import HERE, House, house_at, text_of
from tests.ports import free_port
from tests.waiting import PATIENCE


def day(days: float) -> str:
    """The day so many days from now."""
    return f"{(SystemClock().now() + timedelta(days=days)).date()}"


async def test_admins_are_reminded_from_thirty_days_before_and_members_are_not(tmp_path: Path) -> None:
    ends = day(40)
    async with house_at(tmp_path, secret_expires=ends) as house:
        await house.admin()

        async def alert(name: str) -> str:
            return (await (await house.browser(name)).open("/account/connections")).alert

        assert await alert("root") == ""
        house.clock.advance(timedelta(days=15))
        told = f"The client secret at Notes ends on {ends} (in 25 days). Make a new one at https://notes.example/apps"
        assert (await alert("root")).startswith(told)
        assert await alert("ada") == ""
        house.clock.advance(timedelta(days=25))
        assert "(today)" in await alert("root")


async def test_an_ended_secret_is_the_operators_to_mend_and_says_how(tmp_path: Path) -> None:
    async with house_at(tmp_path, secret_expires=day(2)) as house:
        await (await house.browser()).connect()
        house.clock.advance(timedelta(days=2))
        assert not (await house.call("notes_read_note")).get("isError"), "its last day is a good one"
        house.clock.advance(timedelta(days=1))
        told = await house.call("notes_read_note")
        assert told["_meta"]["hub/error"]["kind"] == "operator_needed"
        assert f"ended on {day(2)}" in text_of(told)
        assert "providers.notes.client_secret" in text_of(told)
        browser = await house.browser("bob")
        form = (await browser.open("/connect/notes")).form("by-oauth")
        assert "ended on" in (await browser.send("/connect/notes/by/oauth", form)).alert


async def test_a_kept_secret_is_replaced_by_the_command_that_is_told(house: House) -> None:
    clients = house.hub.brokerage.clients
    reminders = Reminders(clients, house.clock, lambda name: None)
    await clients.put("other", "the-id", "a secret", (house.clock.now() + timedelta(days=1)).date())
    (told,) = await reminders.all()
    assert "(tomorrow)" in told.tell
    assert "hub provider set other --client-id the-id --secret-expires DATE" in told.tell
    await clients.put("other", "the-id", "a secret", (house.clock.now() + timedelta(days=31)).date())
    assert await reminders.all() == []
    await clients.put("other", "the-id", None, house.clock.now().date())
    assert await reminders.all() == [], "a public client has no secret that could end"


async def test_the_start_and_the_list_of_providers_tell_of_it(tmp_path: Path) -> None:
    async with house_at(tmp_path, secret_expires=day(7)) as house:
        (row,) = json.loads((await house.command("provider", "list", "--json"))[1])
        assert "(in 7 days)" in row["reminder"]
        assert "(in 7 days)" in (await house.command("provider", "list"))[1]
        code, _, words = await house.command(
            "provider", "set", "notes", "--client-id", "x", "--secret-expires", day(-1)
        )
        assert (code, "is over" in words) == (2, True)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "hub", "--config", str(tmp_path / "config.yaml"), "serve"),
            *("--port", str(free_port())),
            env={"PYTHONPATH": str(HERE.parents[1]), "PATH": "/usr/bin:/bin"},
            stderr=subprocess.PIPE,
        )
        assert process.stderr is not None
        lines: list[str] = []
        async with asyncio.timeout(PATIENCE):
            while not lines or "the hub is ready" not in lines[-1]:
                lines.append((await process.stderr.readline()).decode())
        process.terminate()
        await process.communicate()
    (told,) = [line for line in lines if "a client secret ends" in line]
    assert "(in 7 days)" in told
