"""Two people, two clients, two profiles, in any order: no token gives another's identity, or more than was agreed to.

Everything is done by the public doors, as browsers and clients do it, and what comes back is held against
``ledger.py``. ``HUB_INTERLEAVINGS`` is how many stories are told, and has a wrong one told as shortly as it can be;
without it 12 of a fixed choice are.
"""

import asyncio
import re
from collections.abc import Awaitable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from hub.seal import fingerprint
from hub.web.people.cookies import csrf_of
from tests.interleavings import interleave
from tests.oauth.ledger import CODE_SECONDS, Access, Agreement, Client, Code, Grant, Ledger, Refresh, Session, User
from tests.oauth.scene import (
    CALLBACK,
    CLAUDE,
    ISSUER,
    Answer,
    Papers,
    Person,
    Pkce,
    Scene,
    ShiftedClock,
    fields,
    opened,
)

STORIES = 12
STEPS = 30
PASSWORD = "nine violet umbrellas"
DOORS = (None, "notes_only", "looking")
CLIENTS = (Client(CLAUDE, CALLBACK), Client("our-bot", "https://bot.example/callback", "s3cret+/= word"))
SETTINGS = f"""
public_url: {ISSUER}
connectors: {{shipped: false, paths: [said]}}
clients:
  registered:
    our-bot: {{name: Our bot, redirect_uris: ["https://bot.example/callback"], secret: s3cret+/= word}}
profiles:
  notes_only: {{connectors: [notes]}}
  looking: {{effects: [read]}}
"""
CONNECTOR = """
from hub.sdk import Connector

connector = Connector(title="{name}", description="Says who calls.", version="1.0.0", category="test")


@connector.tool(effect="read")
async def get_note(ctx) -> str:
    \"\"\"Read.\"\"\"
    return f"read by <{{ctx.user.id}}>"


@connector.tool(effect="write", summary="Set")
async def set_note(ctx) -> str:
    \"\"\"Set.\"\"\"
    return f"written by <{{ctx.user.id}}>"


@connector.tool(effect="destroy", summary="Drop")
async def drop_note(ctx) -> str:
    \"\"\"Drop.\"\"\"
    return f"dropped by <{{ctx.user.id}}>"
"""
TOOLS = sorted(f"{name}_{verb}_note" for name in ("notes", "other") for verb in ("get", "set", "drop"))
some = st.integers(0, 40)
"""Picks one of what there is by then."""


@dataclass
class World:
    """One hub for all stories; each has people of its own."""

    runner: asyncio.Runner
    scene: Scene
    admin: Person
    hash: str
    numbers: "count[int]" = field(default_factory=count)

    def do(self, work: Awaitable[Any]) -> Any:
        """Run something on the hub's loop."""

        async def done() -> Any:
            return await work

        return self.runner.run(done())


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("interleavings")
    (folder / "said").mkdir()
    for name in ("notes", "other"):
        (folder / "said" / f"{name}.py").write_text(CONNECTOR.format(name=name), "utf-8")
    with asyncio.Runner() as runner:
        context = opened(folder, ShiftedClock(), Papers(), SETTINGS, None)
        scene = runner.run(context.__aenter__())
        try:
            first = runner.run(scene.person("root", "admin"))
            runner.run(scene.hub.people.accounts.set_password(first.user, PASSWORD))
            hash = runner.run(scene.hub.store.passwords.hash_of(first.user.id))
            assert hash is not None
            yield World(runner, scene, first, hash)
        finally:
            runner.run(context.__aexit__(None, None, None))


class Interleaving(RuleBasedStateMachine):
    """One story."""

    world: ClassVar[World]

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger()
        self.users: list[User] = []
        self.sessions: list[Session] = []
        self.scene = self.world.scene

    @property
    def now(self) -> float:
        """The hub's time."""
        return self.scene.clock.time()

    def ask(self, method: str, path: str, **options: Any) -> Answer:
        """One request, redirects not followed."""
        answer: Answer = self.world.do(self.scene.send(method, path, **options))
        assert answer.status < 500, answer.text
        return answer

    # -- people ----------------------------------------------------------------------------------------------

    @initialize()
    def two_people_sign_in(self) -> None:
        # Whatever counts requests by time has forgotten those of the story before.
        self.scene.clock.advance(3600)
        number = next(self.world.numbers)
        for name in (f"ada {number}", f"bob {number}"):
            user = self.world.do(self.scene.hub.store.users.add(name))
            self.world.do(self.scene.hub.store.passwords.put(user.id, self.world.hash))
            self.users.append(User(name, user.id))
            self.signs_in(len(self.users) - 1)
        self.agrees(0, 0, 0, 0)

    @rule(who=some)
    def signs_in(self, who: int) -> None:
        user = self.users[who % 2]
        page = self.ask("GET", "/signin")
        visit = _cookie(page, "hub-visit")
        form = {**fields(page.text), "name": user.name, "password": PASSWORD}
        came = self.ask("POST", "/signin", data=form, headers={"Cookie": f"__Host-hub-visit={visit}"})
        secret = _cookie(came, "hub-session")
        assert (secret is not None) == user.enabled, came.text
        if secret is not None:
            self.sessions.append(Session(user, {"Cookie": f"__Host-hub-session={secret}", "csrf": csrf_of(secret)}))

    @rule(which=some)
    def signs_out(self, which: int) -> None:
        session = self.sessions[which % len(self.sessions)]
        self.ask("POST", "/signout", headers=_shown(session), data={"csrf": session.headers["csrf"]})
        session.alive = False

    @rule(who=some, let_in=st.booleans())
    def an_admin_disables_or_enables(self, who: int, let_in: bool) -> None:
        user, admin = self.users[who % 2], self.world.admin
        path = f"/console/people/{user.id}/{'enable' if let_in else 'disable'}"
        assert self.ask("POST", path, headers=admin.cookie, data={"csrf": admin.csrf}).status == 303
        if let_in:
            user.enabled = True
        else:
            self.ledger.disabled(user, self.sessions)

    @rule(seconds=st.sampled_from((5, 30, 61, 1800, 3601)))
    def time_passes(self, seconds: int) -> None:
        self.scene.clock.advance(seconds)

    # -- consent ---------------------------------------------------------------------------------------------

    def _asked(self, session: Session, client: Client, door: str | None, pkce: Pkce, **more: str) -> Answer:
        resource = f"{ISSUER}/mcp" + (f"/{door}" if door is not None else "")
        query = self.scene.query(pkce, client_id=client.id, redirect_uri=client.redirect_uri, resource=resource, **more)
        return self.ask("GET", "/authorize", params=query, headers=_shown(session))

    def _came(self, answer: Answer, agreement: Agreement, pkce: Pkce) -> None:
        """A code came back."""
        assert answer.location.startswith(f"{agreement.client.redirect_uri}?")
        self.ledger.codes.append(Code(answer.told["code"], agreement, pkce, self.now + CODE_SECONDS))

    @rule(which=some, client=some, door=some, choice=some)
    def agrees(self, which: int, client: int, door: int, choice: int) -> None:
        session, asking, at = self.sessions[which % len(self.sessions)], CLIENTS[client % 2], DOORS[door % 3]
        pkce = Pkce()
        page = self._asked(session, asking, at, pkce, prompt="consent")
        if not session.alive:
            assert page.location.startswith("/signin")
            return
        offered = re.findall(r'name="choice" value="([^"]+)"', page.text)
        chosen = offered[choice % len(offered)]
        form = {**fields(page.text), "answer": "allow", "choice": chosen}
        agreement = Agreement(session.user, asking, at, chosen)
        self._came(self.ask("POST", "/authorize", headers=_shown(session), data=form), agreement, pkce)
        self.ledger.remembered[session.user, asking.id, at] = chosen

    @rule(which=some, client=some, door=some)
    def asks_again_and_is_remembered_or_not(self, which: int, client: int, door: int) -> None:
        session, asking, at = self.sessions[which % len(self.sessions)], CLIENTS[client % 2], DOORS[door % 3]
        pkce = Pkce()
        answer = self._asked(session, asking, at, pkce)
        before = self.ledger.remembered.get((session.user, asking.id, at))
        if not session.alive:
            assert answer.location.startswith("/signin")
        elif before is None:
            assert answer.status == 200
        else:
            assert answer.status == 303
            self._came(answer, Agreement(session.user, asking, at, before), pkce)

    @rule(which=some, other=some, client=some, door=some)
    def somebody_answers_the_page_of_another_session(self, which: int, other: int, client: int, door: int) -> None:
        mine, theirs = (self.sessions[number % len(self.sessions)] for number in (which, other))
        page = self._asked(mine, CLIENTS[client % 2], DOORS[door % 3], Pkce(), prompt="consent")
        if mine is theirs or not mine.alive or not theirs.alive:
            return
        form = {**fields(page.text), "answer": "allow", "csrf": theirs.headers["csrf"]}
        assert self.ask("POST", "/authorize", headers=_shown(theirs), data=form).status == 400

    # -- tokens ----------------------------------------------------------------------------------------------

    @precondition(lambda self: self.ledger.codes)
    @rule(which=some, client=some, right=st.integers(0, 5))
    def a_code_is_redeemed(self, which: int, client: int, right: int) -> None:
        # Mostly the newest, by the client it was given to.
        codes = self.ledger.codes
        code = codes[-1 - which % len(codes)] if which % 2 else codes[-1]
        showing = code.agreement.client if client % 4 else CLIENTS[client % 2]
        verifier = code.pkce.verifier if right else Pkce().verifier
        form = {"grant_type": "authorization_code", "code": code.text, "code_verifier": verifier, **showing.shown}
        expected, now = self.ledger.redeemable(code, showing, verifier, self.now), self.now
        made = self.ask("POST", "/token", data=form)
        assert (made.status == 200) == expected, made.text
        if expected:
            code.used, code.grant = True, Grant(code.agreement)
            self.ledger.given(code.grant, made.json["access_token"], made.json["refresh_token"], now)
        else:
            assert made.json["error"] == "invalid_grant"

    @precondition(lambda self: self.ledger.refresh)
    @rule(which=some, client=some)
    def a_refresh_token_is_shown(self, which: int, client: int) -> None:
        tokens = self.ledger.refresh
        token = tokens[which % len(tokens)]
        showing = token.grant.agreement.client if client % 4 else CLIENTS[client % 2]
        now = self.now
        expected = self.ledger.exchange(token, showing, now)
        made = self.ask(
            "POST", "/token", data={"grant_type": "refresh_token", "refresh_token": token.text, **showing.shown}
        )
        assert (made.status == 200) == (expected != "refused"), (expected, made.text)
        if expected == "new":
            pair = made.json["access_token"], made.json["refresh_token"]
            token.used, token.successor = now, self.ledger.given(token.grant, *pair, now)
        elif expected == "same":
            assert token.successor is not None
            assert [made.json["access_token"], made.json["refresh_token"]] == [one.text for one in token.successor]
        else:
            assert made.json["error"] == "invalid_grant"

    @precondition(lambda self: self.ledger.refresh)
    @rule(which=some, client=some, whole=st.booleans())
    def a_client_revokes(self, which: int, client: int, whole: bool) -> None:
        tokens: Sequence[Refresh | Access] = self.ledger.refresh if whole else self.ledger.access
        token = tokens[which % len(tokens)]
        showing = CLIENTS[client % 2]
        own = showing.id == token.grant.agreement.client.id
        answer = self.ask("POST", "/revoke", data={"token": token.text, **showing.shown})
        assert own or answer.status in (200, 400)
        if own and whole:
            token.grant.alive = False
        elif own:
            next(one for one in self.ledger.access if one.text == token.text).ended = True

    @rule(which=some, other=some)
    def somebody_ends_a_grant_on_the_page(self, which: int, other: int) -> None:
        session, owner = self.sessions[which % len(self.sessions)], self.users[other % 2]
        held = self.world.do(self.scene.hub.store.grants.list(owner.id))
        if not held:
            return
        grant = held[which % len(held)]
        form = {"csrf": session.headers["csrf"]}
        answer = self.ask("POST", f"/account/grants/{grant.id}/revoke", headers=_shown(session), data=form)
        if session.alive and session.user is owner:
            assert answer.headers["Location"] == "/account/grants"
            self._ended(grant.id, owner)
            for key in [key for key in self.ledger.remembered if key[:2] == (owner, grant.client_id)]:
                del self.ledger.remembered[key]
        else:
            assert answer.status == (404 if session.alive else 303), answer.text

    def _ended(self, id: str, owner: User) -> None:
        """Find the model's grant by a token of it that is out now, and no other."""
        live = {one.id for one in self.world.do(self.scene.hub.store.grants.list(owner.id))}
        assert id not in live
        for token in self.ledger.refresh:
            held = self.world.do(self.scene.hub.store.grants.by_refresh(fingerprint(token.text)))
            if held is not None and held.grant.id == id:
                token.grant.alive = False

    # -- what must hold --------------------------------------------------------------------------------------

    @precondition(lambda self: self.ledger.access)
    @rule(which=some, door=some)
    def a_token_is_used(self, which: int, door: int) -> None:
        tokens = self.ledger.access
        token, at = tokens[which % len(tokens)], DOORS[door % 3]
        # Mostly where it is to be used.
        at = token.grant.agreement.door if door % 5 else at
        self._judge(token.text, at, token.grant.agreement if token.opens(at, self.now) else None)

    @precondition(lambda self: self.ledger.codes and self.ledger.refresh)
    @rule(which=some, door=some)
    def what_is_no_access_token_is_used(self, which: int, door: int) -> None:
        texts = [code.text for code in self.ledger.codes] + [token.text for token in self.ledger.refresh]
        self._judge(texts[which % len(texts)], DOORS[door % 3], None)

    def _judge(self, text: str, door: str | None, agreement: Agreement | None) -> None:
        """A token shows, does and is exactly what was agreed to, or nothing at all where ``agreement`` is None."""
        path = "/mcp" if door is None else f"/mcp/{door}"
        answer = self.world.do(self.scene.rpc(text, "tools/list", path=path))
        assert answer.status == (401 if agreement is None else 200), (door, answer.text)
        if agreement is None:
            return
        assert {tool["name"] for tool in answer.json["result"]["tools"]} == agreement.tools
        for name in TOOLS:
            called = self.world.do(self.scene.rpc(text, "tools/call", {"name": name, "arguments": {}}, path))
            assert (f"by <{agreement.user.id}>" in called.text) == (name in agreement.tools), called.text
            assert "by <" not in called.text or name in agreement.tools

    def teardown(self) -> None:
        for token in self.ledger.access:
            for door in DOORS:
                self._judge(token.text, door, token.grant.agreement if token.opens(door, self.now) else None)


def _cookie(answer: Answer, name: str) -> str | None:
    """The value of a cookie that an answer sets."""
    found = re.search(rf"__Host-{name}=([A-Za-z0-9_-]+)", answer.headers.get("Set-Cookie", ""))
    return found[1] if found else None


def _shown(session: Session) -> dict[str, str]:
    return {"Cookie": session.headers["Cookie"]}


@pytest.mark.proves("identity-apart", "gravitee-token-cache")
def test_no_token_ever_gives_anothers_identity_or_more_than_was_agreed_to(world: World) -> None:
    Interleaving.world = world
    interleave(Interleaving, stories=STORIES, steps=STEPS)
