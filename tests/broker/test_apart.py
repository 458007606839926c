"""Two people, two clients each, up to three accounts each, in any order and at once: no request is signed with a
credential that is not its caller's, and no file of one reaches the other.

Every request of the connector says for whom it is made and which account was named; the app itself compares that with
the credential that came along. ``HUB_INTERLEAVINGS`` is how many stories are told, and has a wrong one told as shortly
as it can be; without it 8 of a fixed choice are.
"""

import asyncio
import re
from collections.abc import Awaitable, Iterator, Mapping
from typing import Any, ClassVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from hub.broker.connecting import ConnectRefused, Wanted
from hub.sdk.effect import EFFECTS
from tests.broker.apart import Holder, World, world_at
from tests.interleavings import interleave
from tests.mcp_server.wire_client import Wire

STORIES = 8
STEPS = 20
AT_ONCE = 12
some = st.integers(0, 40)
"""Picks one of what there is."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world_at(tmp_path_factory.mktemp("apart")) as found:
        yield found


class Apart(RuleBasedStateMachine):
    """One story."""

    world: ClassVar[World]

    @initialize()
    def two_people_with_two_clients_each(self) -> None:
        self.world.app.wrong.clear()
        self.people: list[Holder] = []
        self.cursors: list[str] = []
        self.files: list[str] = []
        number, app = next(self.world.numbers), self.world.app
        for name in (f"ada{number}", f"bob{number}"):
            user = self.world.do(self.world.hub.store.users.add(name))
            accounts = [f"{name}-{one}" for one in "abc"]
            app.owners |= dict.fromkeys(accounts, user.id)
            holder = Holder(user.id, [], accounts)
            self.people.append(holder)
            for client in ("one", "two"):
                self._new_token(holder, client)
            self._connect(holder, accounts[0], "key")

    def _new_token(self, holder: Holder, name: str) -> None:
        made = self.world.hub.store.tokens.create(holder.id, name, frozenset(EFFECTS), None)
        holder.tokens.append(self.world.do(made)[1])

    def _connect(self, holder: Holder, account: str, method: str, again: str | None = None) -> None:
        provider = self.world.hub.registry.catalog.providers["desk"]
        secret = f"secret-{next(self.world.numbers)}-of-{account}"
        self.world.app.credentials[secret] = account
        given = {"key": secret} if method == "key" else {"client_id": account, "client_secret": secret}
        code = self.world.hub.registry.catalog.connectors["desk"].code
        wanted = Wanted(holder.id, "desk", provider, method, {}, again=again, code=code)
        self.world.do(self.world.hub.brokerage.connecting.paste(wanted, given))
        holder.connected.add(account)

    def _row(self, holder: Holder, account: str) -> Any:
        rows = self.world.do(self.world.hub.store.connections.list(holder.id))
        return next(one for one in rows if one.label == account)

    async def _asked(self, holder: Holder, which: int, method: str, params: Mapping[str, Any]) -> Any:
        wire = Wire(self.world.http, self.world.url, holder.tokens[which % len(holder.tokens)])
        return (await wire.modern(method, params)).message

    def _call(self, holder: Holder, which: int, tool: str, **arguments: Any) -> Awaitable[Any]:
        return self._asked(holder, which, "tools/call", {"name": f"desk_{tool}", "arguments": arguments})

    def _judge(self, holder: Holder, message: Mapping[str, Any], may: set[str]) -> None:
        """What came back is of one of these accounts of the caller's, or of none."""
        others = {one for person in self.people for one in person.accounts} - may
        assert [one for one in others if f'"whose": "{one}"' in str(message).replace("'", '"')] == []
        assert self.world.app.wrong == [], self.world.app.wrong

    # -- what changes ------------------------------------------------------------------------------------------

    @rule(who=some, which=some, machine=st.booleans())
    def connects(self, who: int, which: int, machine: bool) -> None:
        holder = self.people[who % 2]
        self._connect(holder, holder.accounts[which % 3], "machine" if machine else "key")

    @rule(who=some, which=some, machine=st.booleans())
    def connects_again_in_place(self, who: int, which: int, machine: bool) -> None:
        holder, account = self.people[who % 2], self.people[who % 2].accounts[which % 3]
        if account in holder.connected:
            self._connect(holder, account, "machine" if machine else "key", self._row(holder, account).id)

    @rule(who=some, which=some)
    def connects_in_place_of_anothers_account(self, who: int, which: int) -> None:
        holder, other = self.people[who % 2], self.people[1 - who % 2]
        for account in sorted(other.connected)[:1]:
            id = self._row(other, account).id
            with pytest.raises(ConnectRefused):
                self._connect(holder, holder.accounts[which % 3], "key", id)
            holder.connected = {one.label for one in self.world.do(self.world.hub.store.connections.list(holder.id))}

    @rule(who=some, which=some)
    def disconnects(self, who: int, which: int) -> None:
        holder, account = self.people[who % 2], self.people[who % 2].accounts[which % 3]
        if account in holder.connected:
            id = self._row(holder, account).id
            assert self.world.do(self.world.hub.brokerage.ending.disconnect(self.people[1 - who % 2].id, id)) is None
            assert self.world.do(self.world.hub.brokerage.ending.disconnect(holder.id, id)) is not None
            holder.connected.remove(account)

    @rule(who=some, which=some)
    def chooses_a_default(self, who: int, which: int) -> None:
        holder, account = self.people[who % 2], self.people[who % 2].accounts[which % 3]
        if account in holder.connected:
            row = self._row(holder, account)
            self.world.do(self.world.hub.store.connections.make_default(holder.id, "desk", row.id))

    @rule(seconds=st.sampled_from((5, 400, 601)))
    def time_passes(self, seconds: int) -> None:
        self.world.clock.advance(seconds)

    @rule(who=some)
    def a_client_gets_another_token(self, who: int) -> None:
        self._new_token(self.people[who % 2], "again")

    # -- what must hold ----------------------------------------------------------------------------------------

    @rule(who=some, client=some, which=some, writes=st.booleans())
    def names_an_account(self, who: int, client: int, which: int, writes: bool) -> None:
        holder = self.people[who % 2]
        account = (holder.accounts + self.people[1 - who % 2].accounts)[which % 6]
        tool = "write_note" if writes else "read_note"
        message = self.world.do(self._call(holder, client, tool, account=account))
        self._judge(holder, message, {account} & holder.connected)
        assert (message["result"].get("isError") is not True) == (account in holder.connected), message

    @rule(who=some, client=some)
    def names_none(self, who: int, client: int) -> None:
        holder = self.people[who % 2]
        message = self.world.do(self._call(holder, client, "read_note"))
        self._judge(holder, message, holder.connected)
        wrote = self.world.do(self._call(holder, client, "write_note"))
        self._judge(holder, wrote, holder.connected if len(holder.connected) == 1 else set())

    @rule(who=some, client=some)
    def pages_through_its_own_and_anothers_list(self, who: int, client: int) -> None:
        holder = self.people[who % 2]
        for cursor in (None, *self.cursors[-3:]):
            arguments = {} if cursor is None else {"cursor": cursor}
            message = self.world.do(self._call(holder, client, "list_groups", **arguments))
            self._judge(holder, message, holder.connected)
            self.cursors += [one for one in [message["result"].get("structuredContent", {}).get("next_cursor")] if one]

    @rule(who=some, client=some)
    def reads_a_resource_and_completes(self, who: int, client: int) -> None:
        holder = self.people[who % 2]
        self._judge(
            holder,
            self.world.do(self._asked(holder, client, "resources/read", {"uri": "desk://note"})),
            holder.connected,
        )
        asked = {"ref": {"type": "ref/prompt", "name": "desk_sum_up"}, "argument": {"name": "group", "value": ""}}
        values = self.world.do(self._asked(holder, client, "completion/complete", asked))["result"]["completion"][
            "values"
        ]
        assert set(values) <= {f"group of {one}" for one in holder.connected}

    @rule(who=some, client=some, which=some)
    def gives_a_file_and_takes_it_back(self, who: int, client: int, which: int) -> None:
        """Each person's client shows the newest files of both; a person's own stay theirs, the other's are nobody's."""
        holder, account = self.people[who % 2], self.people[who % 2].accounts[which % 3]
        given = self.world.do(self._call(holder, client, "give_file", account=account))
        made = re.findall(r"hub://files/[A-Za-z0-9_-]+", str(given))[:1]
        assert bool(made) == (account in holder.connected), given
        self.files += made
        for uri in self.files[-3:]:
            for person in self.people:
                own = set(person.accounts)
                taken = self.world.do(self._call(person, client, "take_file", file=uri, **_any(person)))
                read = self.world.do(self._asked(person, client, "resources/read", {"uri": uri}))
                self._judge(person, taken, own)
                if person is holder and [uri] == made:
                    assert f"'whose': '{account}'" in str(taken), taken
                    assert "result" in read, read
                elif [uri] == made:
                    assert taken["result"]["isError"], taken
                    assert "error" in read, read

    @rule(seed=some, changed=some)
    def everybody_at_once_while_an_account_is_ended(self, seed: int, changed: int) -> None:
        """Calls of all clients, in the midst of which one account is ended and its tokens have run out."""
        self.world.clock.advance(601)
        leaving = self.people[changed % 2]
        gone = leaving.accounts[changed % 3]
        id = self._row(leaving, gone).id if gone in leaving.connected else "none"
        before = [set(person.connected) for person in self.people]

        async def at_once() -> list[tuple[Holder, set[str], Any]]:
            asked = []
            for number in range(AT_ONCE):
                person = (seed + number) % 2
                holder = self.people[person]
                account = holder.accounts[(seed + number // 2) % 3]
                arguments = {"account": account} if number % 4 else {}
                may = {account} & before[person] if arguments else before[person]
                asked.append((holder, may, asyncio.ensure_future(self._call(holder, number, "read_note", **arguments))))
                if number == AT_ONCE // 2:
                    await self.world.hub.brokerage.ending.disconnect(leaving.id, id)
            return [(holder, may, await one) for holder, may, one in asked]

        for holder, may, message in self.world.do(at_once()):
            self._judge(holder, message, may)
        leaving.connected.discard(gone)


def _any(person: Holder) -> dict[str, str]:
    """Name an account of the person's, where there is one."""
    return {"account": min(person.connected)} if person.connected else {}


@pytest.mark.proves("accounts-apart")
def test_no_call_is_ever_signed_with_anothers_credential(world: World) -> None:
    Apart.world = world
    interleave(Apart, stories=STORIES, steps=STEPS)
    assert world.app.served > 50
