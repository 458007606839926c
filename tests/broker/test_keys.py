"""The keys: a new one while hubs run, one that is lost, and one that is another's."""

import asyncio
import base64
import secrets
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from hub import config
from hub.app import Hub
from hub.cli.program import app
from hub.errors import ConfigError
from tests.broker.test_pasted import KEY, opened
from tests.waiting import PATIENCE


def hub_command(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["--config", str(folder / "config.yaml"), *words], prog_name="hub")


async def test_a_new_key_seals_everything_while_the_hub_runs_and_the_old_one_can_go(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        await house.paste(KEY)
        (before,) = await house.hub.store.connections.list(house.caller.user_id)
        files = house.hub.files.files
        file = await files.keep(house.caller.user_id, b"of this hour", name="a.txt", mime_type="", source=None)
        for command, sealed in (
            ("rotate", "1 accounts, credentials and second factors, 1 files"),
            ("retire", "0 files"),
        ):
            done = await asyncio.to_thread(hub_command, tmp_path, "key", command)
            assert done.exit_code == 0, done.output
            assert sealed in done.output
            assert not (await house.call("fetch", url="/echo")).get("isError")
            assert await files.read(await files.find(house.caller.user_id, file.id)) == b"of this hour"
        assert "Keys taken from the key file: 1." in done.output
        (after,) = await house.hub.store.connections.list(house.caller.user_id)
        assert after.secret != before.secret
        assert len((tmp_path / "data" / "hub.key").read_text().splitlines()) == 2
        async with asyncio.timeout(PATIENCE):
            while len(house.hub.ring.keys) != 1:
                await house.hub.store.ping()
        assert (await house.paste(KEY)).title == "Connected"
    hub = await Hub.start(config.load(tmp_path / "config.yaml", {}))
    await hub.close()


async def test_a_lost_key_is_told_at_the_start_with_the_way_on(tmp_path: Path) -> None:
    async with opened(tmp_path) as house:
        await house.paste(KEY)
        user = house.caller.user_id
    other = base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()
    (tmp_path / "data" / "hub.key").write_text(other + "\n")
    settings = config.load(tmp_path / "config.yaml", {})
    with pytest.raises(ConfigError, match=r"not the one this database was sealed with.*hub recover --forget-secrets"):
        await Hub.start(settings)
    asked = await asyncio.to_thread(hub_command, tmp_path, "recover")
    assert asked.exit_code == 1
    assert "Nothing was done" in asked.output
    done = await asyncio.to_thread(hub_command, tmp_path, "recover", "--forget-secrets")
    assert "connections: 1" in done.output
    hub = await Hub.start(settings)
    try:
        (kept,) = await hub.store.connections.list(user)
        assert (kept.label, kept.health) == ("desk of cdef", "needs_sign_in")
        assert await hub.store.users.get(user) is not None
    finally:
        await hub.close()


async def test_the_operators_credential_is_kept_sealed_and_tried_at_once(tmp_path: Path) -> None:
    async with opened(tmp_path):
        pass
    place = tmp_path / "apps" / "desk" / "provider.yaml"
    oauth = (
        "methods:\n  oauth:\n    kind: oauth2\n    authorize: {url: 'https://desk.invalid/a'}\n"
        "    token: {url: 'https://desk.invalid/t'}\n    app: {register_at: 'https://desk.invalid/apps', "
        "steps: ['Enter {redirect_uri}']}\n"
    )
    head, _, tail = place.read_text().partition("methods:")
    place.write_text(head + oauth + tail[tail.index("who:") :])
    shown = await asyncio.to_thread(hub_command, tmp_path, "provider", "show", "desk")
    assert "/callback/desk" in shown.output
    file = tmp_path / "secret"
    file.write_text("planted-client-secret\n")
    words = ("provider", "set", "desk", "--client-id", "me", "--secret-file", str(file))
    done = await asyncio.to_thread(hub_command, tmp_path, *words, "--secret-expires", "2027-01-31")
    assert done.exit_code == 0, done.output
    assert "could not be asked" in done.output, "there is no such host"
    listed = await asyncio.to_thread(hub_command, tmp_path, "provider", "list", "--json")
    assert '"registered": "registered"' in listed.output
    assert '"secret_expires": "2027-01-31"' in listed.output
    assert b"planted-client-secret" not in (tmp_path / "data" / "hub.db").read_bytes()
    wrong = await asyncio.to_thread(
        hub_command, tmp_path, "provider", "set", "nobody", "--client-id", "x", "--no-secret"
    )
    assert "There is no provider 'nobody'" in wrong.output
    gone = await asyncio.to_thread(hub_command, tmp_path, "provider", "remove", "desk")
    assert "forgotten" in gone.output
