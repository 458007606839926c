"""A hub as a program of its own, and a stock of what its web routes can be given: live sessions, codes, tokens, links.

What is used up is made anew. Sessions and links are made in the database, as another process of the same hub would;
codes and tokens at the doors. Not the requests (``web_shapes.py``).
"""

import asyncio
import html
import http.client
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pyotp
import yaml

from hub import config
from hub.app import Hub, application
from hub.sdk.tool import EFFECTS
from hub.store import User
from hub.web.people.cookies import csrf_of
from tests.oauth.scene import Pkce, fields
from tests.programs.processes import RunningHub, running_hub

PASSWORD = "nine violet umbrellas"
BOT_SECRET = "a-configured-clients-secret"
BOT_CALLBACK = "https://bot.example/callback"
APP_CALLBACK = "https://app.example/callback"
SETTINGS: dict[str, Any] = {
    "connectors": {"shipped": False},
    "network": {"trusted_proxies": ["127.0.0.0/8"]},
    "oidc": {"company": {"issuer": "https://127.0.0.1:9", "client_id": "hub", "client_secret": "an-issuers-secret"}},
    "profiles": {"looking": {"effects": ["read"]}},
    "clients": {
        "registered": {
            "our-bot": {"name": "Bot", "redirect_uris": [BOT_CALLBACK], "secret": BOT_SECRET},
            "our-app": {"name": "App", "redirect_uris": [APP_CALLBACK]},
        }
    },
}
RESOURCE = "http://localhost:8080/mcp"
_LIFE = timedelta(hours=1)


@dataclass(slots=True, repr=False)
class Stock:
    """The hub under fire, and what there is to give it: ``values`` by name. ``secrets`` must never stand in a log,
    ``kept`` in no answer either; ``routes`` are the methods and paths the hub has."""

    running: RunningHub
    hub: Hub
    runner: asyncio.Runner
    port: int
    routes: tuple[tuple[str, str], ...]
    people: dict[str, User] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)
    secrets: set[str] = field(default_factory=set)
    kept: set[str] = field(default_factory=set)
    app: pyotp.TOTP | None = None
    asked: int = 0

    def begin(self) -> None:
        """Make the people, and what is there once."""
        run, store, accounts = self.runner.run, self.hub.store, self.hub.people.accounts
        for name in ("ada", "root", "cleo"):
            self.people[name] = run(store.users.add(name, "admin" if name == "root" else "member"))
        cleo = self.people["cleo"]
        run(accounts.set_password(cleo, PASSWORD))
        proposal = accounts.propose_totp(cleo)
        self.app = pyotp.TOTP(proposal.secret)
        run(accounts.confirm_totp(cleo, proposal.sealed, self.app.now()))
        made = self.ask("POST", "/register", told={"redirect_uris": [APP_CALLBACK]})[2]
        self.values |= {"client": made["client_id"], "client_secret": made["client_secret"]}
        self._keep(BOT_SECRET, PASSWORD, proposal.secret, made["client_secret"], "an-issuers-secret")
        self.kept |= {"Traceback", 'File "', "site-packages", str(self.running.config.parent)}
        self.kept.add((self.running.config.parent / "data" / "hub.key").read_text().splitlines()[-1])
        self.renew()

    def renew(self) -> None:
        """Make anew whatever may be used up by now."""
        run, store = self.runner.run, self.hub.store
        for name, role in (("ada", "member"), ("root", "admin"), ("cleo", "member")):
            user = self.people[name]
            run(store.users.enable(user.id))
            run(store.users.set_role(user.id, "admin" if role == "admin" else "member"))
            self._session(name, user)
        ada, root = self.people["ada"], self.people["root"]
        token, pat = run(store.tokens.create(ada.id, "fuzz", EFFECTS))
        invitation, invited = run(store.invitations.create("member", "", root.id, _LIFE))
        link = run(store.setup_links.create(ada.id, _LIFE))
        self.secrets |= {invited, link}
        self._keep(pat)
        self._flow()
        grants = run(store.grants.list(ada.id))
        sessions = run(store.web_sessions.list(ada.id))
        self.values |= {
            "pat": pat,
            "token_id": token.id,
            "invitation": invited,
            "invitation_id": invitation.id,
            "link": link,
            "grant_id": grants[0].id if grants else "none",
            "session_id": sessions[0].id,
            "user_id": ada.id,
            "admin_id": root.id,
        }
        self._files(ada.id)
        self._second_step()

    def _files(self, user_id: str) -> None:
        """A file that can be read, and one that can be handed in."""
        parts = self.hub.files
        kept = self.runner.run(
            parts.files.keep(user_id, b"planted contents", name="fuzz.txt", mime_type="text/plain", source=None)
        )
        coming = parts.files.new_id()
        links = {"file": parts.links.download(kept), "upload": parts.links.upload(user_id, coming, "")}
        self.values |= {f"{name}_link": link.partition("?t=")[2] for name, link in links.items()}
        self.values |= {"file_id": kept.id, "upload_id": coming}
        self._keep(*(link.partition("?t=")[2] for link in links.values()))

    def _session(self, name: str, user: User) -> None:
        secret = self.values.get(f"{name}_session")
        if secret is None or self.runner.run(self.hub.store.web_sessions.find(secret)) is None:
            opened = self.hub.store.web_sessions.open(
                user.id, strong=True, method="test", address="127.0.0.1", agent="fuzz"
            )
            secret = self.runner.run(opened)[1]
            self._keep(secret)
            self.values |= {f"{name}_session": secret, f"{name}_csrf": csrf_of(secret)}

    def _flow(self) -> None:
        """A pair of tokens, a code that waits to be redeemed, and a page that waits for an answer."""
        code, verifier = self._code()
        asked = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier, "client_id": "our-app"}
        status, _, made = self.ask("POST", "/token", form=asked)
        assert status == 200, made
        self.values |= {"access": made["access_token"], "refresh": made["refresh_token"]}
        self.values["code"], self.values["verifier"] = waiting = self._code()
        self.values["sealed"] = self._page(Pkce())["request"]
        self.secrets |= {code, verifier, *waiting, made["access_token"], made["refresh_token"], self.values["sealed"]}

    def _page(self, pkce: Pkce) -> dict[str, str]:
        """The form of a consent page."""
        self.values["challenge"] = pkce.challenge
        query = {
            "response_type": "code",
            "client_id": "our-app",
            "redirect_uri": APP_CALLBACK,
            "prompt": "consent",
            "code_challenge": pkce.challenge,
            "code_challenge_method": "S256",
        }
        cookie = {"Cookie": f"hub-session={self.values['ada_session']}"}
        return {**fields(self.ask("GET", f"/authorize?{urlencode(query)}", headers=cookie)[2]), "answer": "allow"}

    def _code(self) -> tuple[str, str]:
        """A code and its verifier."""
        pkce = Pkce()
        cookie = {"Cookie": f"hub-session={self.values['ada_session']}"}
        status, location, told = self.ask("POST", "/authorize", form=self._page(pkce), headers=cookie)
        assert status == 303, told
        return parse_qs(urlsplit(location).query)["code"][0], pkce.verifier

    def _second_step(self) -> None:
        """A sign-in that waits for its second step."""
        visit = self.values.setdefault("visit", "v" * 43)
        self.values["visit_csrf"] = csrf_of(visit)
        form = {"csrf": csrf_of(visit), "name": "cleo", "password": PASSWORD}
        _, _, page = self.ask("POST", "/signin", form=form, headers={"Cookie": f"hub-visit={visit}"})
        found = re.search(r'name="ceremony" value="([^"]*)"', page)
        if found is not None and self.app is not None:
            self.values |= {"ceremony": html.unescape(found[1]), "totp": self.app.now()}
            self.secrets.add(self.values["ceremony"])

    def ask(
        self,
        method: str,
        path: str,
        *,
        form: Mapping[str, str] | None = None,
        told: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, str, Any]:
        """A well-made request: status, where it leads, and the body, read where it is JSON."""
        wire = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            body, kind = None, {}
            if form is not None:
                body, kind = urlencode(form), {"Content-Type": "application/x-www-form-urlencoded"}
            elif told is not None:
                body, kind = json.dumps(told), {"Content-Type": "application/json"}
            # From everywhere, so that nobody's allowance is spent.
            far = {"X-Forwarded-For": f"198.18.{self.asked // 256 % 256}.{self.asked % 256}"}
            self.asked += 1
            wire.request(method, path, body, {**kind, **far, **(headers or {})})
            reply = wire.getresponse()
            text = reply.read().decode()
            held = json.loads(text) if reply.headers.get_content_type() == "application/json" else text
            return reply.status, reply.headers.get("Location", ""), held
        finally:
            wire.close()

    def _keep(self, *texts: str) -> None:
        self.secrets.update(texts)
        self.kept.update(texts)


@contextmanager
def stocked(folder: Path) -> Iterator[Stock]:
    """A hub that serves, with its stock, while the block runs."""
    with running_hub(folder, SETTINGS) as running, asyncio.Runner() as runner:
        settings = yaml.safe_load(running.config.read_text("utf-8"))
        assert settings["data_dir"] == "data"
        hub = runner.run(Hub.start(config.load(running.config, {})))
        try:
            listed = {
                (route.method, route.resource.canonical)
                for route in application(hub).router.routes()
                if route.resource is not None and not route.resource.canonical.startswith("/mcp")
            }
            port = urlsplit(running.url).port
            assert port is not None
            stock = Stock(running, hub, runner, port, tuple(sorted(listed)))
            stock.begin()
            yield stock
        finally:
            runner.run(hub.close())
