"""``hub user`` and ``hub token``: what they print, for people and for programs."""

import asyncio
import os
import pty
import subprocess
from pathlib import Path
from typing import Any, Protocol

import orjson
import pytest
from typer.testing import Result

from hub.clock import SystemClock
from hub.config import load
from hub.identity import Caller, Identity
from hub.store import Store, User


class House(Protocol):
    """See conftest.py."""

    config: Path

    def hub(self, *words: str) -> Result: ...

    def command(self, *words: str) -> tuple[list[str], dict[str, str]]: ...


def in_store(house: House, ask: Any) -> Any:
    """What ``ask`` finds in the hub's own store."""

    async def work() -> Any:
        store = Store.open(load(house.config, {}).store_url, SystemClock())
        await store.migrate()
        try:
            return await ask(store)
        finally:
            await store.close()

    return asyncio.run(work())


def caller(house: House, token: str) -> Caller | None:
    """Who a token belongs to, as the server would say."""

    async def ask(store: Store) -> Caller | None:
        return await Identity(store, SystemClock()).authenticate(token)

    found: Caller | None = in_store(house, ask)
    return found


def test_adding_a_user_without_a_terminal_prints_only_their_link(house: House) -> None:
    done = house.hub("user", "add", "Anna")
    assert done.exit_code == 0
    (link,) = done.stdout.splitlines()
    assert link.startswith("https://hub.example/setup/")
    secret = link.rsplit("/", 1)[1]
    owner: User = in_store(house, lambda store: store.setup_links.peek(secret))
    assert (owner.name, owner.role) == ("Anna", "member")


def test_adding_a_user_at_a_terminal_puts_words_around_the_link(house: House) -> None:
    program, env = house.command("user", "add", "anna", "--admin")
    mine, theirs = pty.openpty()
    done = subprocess.run(
        program, env=env, stdin=subprocess.DEVNULL, stdout=theirs, stderr=subprocess.PIPE, check=False
    )
    os.close(theirs)
    shown = os.read(mine, 100_000).decode()
    os.close(mine)
    assert done.returncode == 0, done.stderr
    assert "anna was added" in shown
    assert "https://hub.example/setup/" in shown
    assert in_store(house, lambda store: store.users.by_name("anna")).role == "admin"


def test_a_lost_link_is_replaced_by_a_new_one_for_the_same_person(house: House) -> None:
    house.hub("user", "add", "anna")
    (link,) = house.hub("user", "reset", "anna").stdout.splitlines()
    secret = link.rsplit("/", 1)[1]
    assert in_store(house, lambda store: store.setup_links.peek(secret)).name == "anna"
    nobody = house.hub("user", "reset", "zoe")
    assert (nobody.exit_code, nobody.stdout) == (1, "")
    assert "hub user add zoe" in nobody.stderr


def test_a_name_is_given_once(house: House) -> None:
    assert house.hub("user", "add", "anna").exit_code == 0
    again = house.hub("user", "add", "ANNA")
    assert again.exit_code == 1
    assert again.stdout == ""
    assert again.stderr == "Error: There is already a user named 'ANNA'; choose another name.\n"


def test_users_are_listed_with_role_and_state(house: House) -> None:
    assert "There are no users yet" in house.hub("user", "list").stdout
    house.hub("user", "add", "zoe")
    house.hub("user", "add", "anna", "--admin")
    assert "zoe is shut out" in house.hub("user", "disable", "zoe").stdout
    assert "already" in house.hub("user", "disable", "zoe").stdout
    rows = [line.split()[:3] for line in house.hub("user", "list").stdout.splitlines()]
    assert rows == [["anna", "admin", "enabled"], ["zoe", "member", "disabled"]]
    told = orjson.loads(house.hub("user", "list", "--json").stdout)
    assert [(one["name"], one["role"], one["state"]) for one in told] == [
        ("anna", "admin", "enabled"),
        ("zoe", "member", "disabled"),
    ]
    assert "may use the hub again" in house.hub("user", "enable", "zoe").stdout
    assert "was not shut out" in house.hub("user", "enable", "zoe").stdout


def test_a_token_is_all_that_is_printed_and_it_is_accepted(house: House) -> None:
    house.hub("user", "add", "anna")
    done = house.hub("token", "create", "--user", "anna")
    assert (done.exit_code, done.stderr) == (0, "")
    (token,) = done.stdout.splitlines()
    found = caller(house, token)
    assert found is not None
    assert found.user_name == "anna"
    assert found.effects == {"read", "write", "send", "pay", "destroy"}


@pytest.mark.parametrize(
    ("words", "effects"),
    [(["--read-only"], {"read"}), (["--effects", "write, read"], {"read", "write"}), (["--effects", "pay"], {"pay"})],
)
def test_a_token_may_be_limited(house: House, words: list[str], effects: set[str]) -> None:
    house.hub("user", "add", "anna")
    token = house.hub("token", "create", "--user", "anna", *words).stdout.strip()
    found = caller(house, token)
    assert found is not None
    assert found.effects == effects


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--read-only", "--effects", "read"], "not both"),
        (["--effects", "read,fly"], "fly is unknown; known are read, write, send, pay, destroy"),
        (["--effects", ","], "none is given"),
        (["--expires-days", "0"], "--expires-days"),
    ],
)
def test_a_token_asked_for_wrongly_is_not_made(house: House, words: list[str], told: str) -> None:
    house.hub("user", "add", "anna")
    done = house.hub("token", "create", "--user", "anna", *words)
    assert done.exit_code == 2
    assert told in done.stderr
    assert house.hub("token", "list").stdout.startswith("There are no tokens")


def test_a_token_for_nobody_names_the_command_that_adds_a_user(house: House) -> None:
    done = house.hub("token", "create", "--user", "bob")
    assert done.exit_code == 1
    assert done.stdout == ""
    assert "hub user add bob" in done.stderr
    for words in (("user", "disable", "bob"), ("user", "enable", "bob"), ("token", "list", "--user", "bob")):
        assert "hub user add bob" in house.hub(*words).stderr


def test_a_disabled_user_gets_no_token(house: House) -> None:
    house.hub("user", "add", "anna")
    token = house.hub("token", "create", "--user", "anna").stdout.strip()
    house.hub("user", "disable", "anna")
    assert caller(house, token) is None
    refused = house.hub("token", "create", "--user", "anna")
    assert refused.exit_code == 1
    assert "hub user enable anna" in refused.stderr


def test_tokens_are_listed_without_their_secrets_and_can_be_revoked(house: House) -> None:
    house.hub("user", "add", "anna")
    house.hub("user", "add", "zoe")
    secret = house.hub("token", "create", "--user", "anna", "--name", "my laptop", "--expires-days", "7").stdout.strip()
    house.hub("token", "create", "--user", "zoe", "--read-only")
    told = orjson.loads(house.hub("token", "list", "--json").stdout)
    assert [(one["user"], one["name"], one["state"]) for one in told] == [
        ("anna", "my laptop", "valid"),
        ("zoe", "command line", "valid"),
    ]
    assert told[0]["expires_at"] is not None
    listed = house.hub("token", "list", "--user", "anna")
    assert "my laptop" in listed.stdout
    assert "command line" not in listed.stdout
    assert secret not in listed.stdout
    assert secret.removeprefix("hub_")[:8] not in house.hub("token", "list", "--json").stdout
    assert house.hub("token", "revoke", told[0]["id"]).exit_code == 0
    assert caller(house, secret) is None
    assert "revoked" in house.hub("token", "list", "--user", "anna").stdout
    again = house.hub("token", "revoke", told[0]["id"])
    assert again.exit_code == 1
    assert "was revoked already" in again.stderr
    missing = house.hub("token", "revoke", "nothing")
    assert missing.exit_code == 1
    assert "There is no token nothing" in missing.stderr


def test_migrating_twice_is_well(house: House) -> None:
    for _ in range(2):
        assert house.hub("migrate").exit_code == 0
