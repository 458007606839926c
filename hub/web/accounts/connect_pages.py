"""``/connect/<connector>``: where a person connects an account; ``/callback/<provider>``: where vendors send them back.

The person is whoever is signed in at this browser. A link made for somebody else is refused, so that nobody connects
their account to another's conversation. What is pasted here goes to the vault and is never shown again.
"""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from hub.broker.assembly import Brokerage
from hub.broker.connecting import Connected, Undecided, Wanted
from hub.broker.endpoint import wanted_scopes
from hub.broker.health import lacking
from hub.broker.refused import ConnectRefused
from hub.errors import HubError, OperatorNeeded, ToolError
from hub.gateway.accounts import Invited, Links
from hub.gateway.scopes import enabled_scopes
from hub.registry import Catalog, Loaded
from hub.sdk.provider import (
    DeviceMethod,
    GrantMethod,
    McpOAuthMethod,
    OperatorMethod,
    PastedMethod,
    Provider,
    by_page,
    pasted_fields,
)
from hub.store import Store, StoreUnavailable
from hub.store.connect_flows import ConnectFlow
from hub.store.connections import Agreement, Connection
from hub.web.accounts.wishes import Wish, Wishes
from hub.web.people.pages import form_of, page, see, shown
from hub.web.people.session import SignedIn, local_path, require_sign_in, visit

Made = Callable[[str, str, str], None]
"""Hears of a connected account: the person's id, the connector, the account's label."""

_FIELD = "field_"
_SETTING = "setting_"
_MOST = 30
_AGAIN = 5
"""Seconds after which the page with a code looks whether it was typed."""


class ConnectPages:
    """The pages of connecting."""

    def __init__(
        self,
        brokerage: Brokerage,
        catalog: Callable[[], Catalog],
        links: Links,
        store: Store,
        wishes: Wishes,
        made: Made,
    ) -> None:
        self._made = made
        self._brokerage = brokerage
        self._catalog = catalog
        self._links = links
        self._wishes = wishes
        self._rows = store.connections
        self._flows = store.connect_flows

    def routes(self, app: web.Application) -> None:
        """Add the routes to ``app``."""
        app.router.add_get("/connect/{connector}", page(self._asked))
        app.router.add_post("/connect/{connector}/agree/{id}", page(self._agree))
        app.router.add_post("/connect/{connector}/by/{method}", page(self._chosen))
        app.router.add_get("/connect/{connector}/flow/{flow}", page(self._flow))
        app.router.add_post("/connect/{connector}/flow/{flow}/choose", page(self._choose))
        app.router.add_get("/callback/{provider}", page(self._back))

    async def _asked(self, request: web.Request) -> web.Response:
        who = await require_sign_in(request)
        loaded = self._loaded(request.match_info["connector"])
        back = local_path(request.query.get("next"), "")
        return await self._form(request, who, loaded, link=request.query.get("t", ""), next=back)

    def _invited(self, who: SignedIn, loaded: Loaded, link: str) -> Invited | None:
        """What a link was made for; None where there is none, or one that is too old. Raises ``ConnectRefused`` for one
        that was made for another person."""
        invited = self._links.read(link, loaded.name) if link else None
        if invited is not None and invited.user_id != who.user.id:
            raise ConnectRefused(
                f"This link was made for another person of this hub, and you are signed in as {who.user.name}. Sign "
                "out, sign in as the one who asked for it, and open it again."
            )
        return invited

    async def _form(
        self,
        request: web.Request,
        who: SignedIn,
        loaded: Loaded,
        *,
        words: str = "",
        method: str = "",
        given: Mapping[str, str] | None = None,
        link: str = "",
        next: str = "",
    ) -> web.Response:
        provider = _provider(loaded)
        mine = [one for one in await self._rows.list(who.user.id) if one.provider == provider.name]
        agreed = await self._rows.agreed([one.id for one in mine])
        waiting = [one for one in mine if Agreement(one.id, loaded.name, loaded.code) not in agreed]
        invited = self._invited(who, loaded, link)
        again = _again(request.query.get("again") or (given or {}).get("again"), invited, provider, mine)
        wish = await self._wishes.of(who.user, loaded, provider, invited, again)
        ways = [await self._way(name, provider, wish) for name in provider.methods]
        return shown(
            request,
            "accounts/connect.html",
            status=400 if words else 200,
            who=who,
            loaded=loaded,
            title=loaded.compiled.title if loaded.compiled else loaded.name,
            provider=provider,
            connections=mine,
            waiting=[] if loaded.shipped else waiting,
            ways=[one for one in ways if one is not None],
            again=again,
            more=wish.more,
            lacking=await self._lacking(who, loaded, provider, mine),
            link=link,
            words=words,
            tried=method,
            given=given or {},
            next=next,
        )

    async def _lacking(
        self, who: SignedIn, loaded: Loaded, provider: Provider, mine: list[Connection]
    ) -> dict[str, tuple[str, ...]]:
        """The accounts that do not allow all the tools use, and what they lack."""
        wanted = enabled_scopes(loaded, await self._wishes.callers(who.user))
        found = {one.id: lacking(one, provider, wanted) for one in mine}
        return {id: missing for id, missing in found.items() if missing}

    async def _way(self, name: str, provider: Provider, wish: Wish) -> dict[str, Any] | None:
        """One way to connect, as the page shows it."""
        method = provider.methods[name]
        if isinstance(method, OperatorMethod):
            return None
        way: dict[str, Any] = {
            "name": name,
            "title": method.title or f"Connect {provider.title}",
            "oauth": by_page(method),
            "device": isinstance(method, DeviceMethod),
            "settings": provider.asked(method),
            "fields": pasted_fields(method),
            "steps": method.steps,
            "get_at": getattr(method, "get_at", None),
            "scopes": (),
            "rights": getattr(method, "scopes", ()) if isinstance(method, PastedMethod) else (),
            "register": (),
            "turns": (),
        }
        if isinstance(method, GrantMethod):
            way["scopes"] = sorted(wanted_scopes(method, wish.scopes))
        if isinstance(method, GrantMethod | McpOAuthMethod) and method.app is not None:
            found = await self._brokerage.clients.find(provider.name)
            if found is None or not found.client_id:
                way["register"] = self._brokerage.clients.steps(provider, method)
                way["register_at"] = method.app.register_at
            elif isinstance(method, GrantMethod):
                way["turns"] = self._brokerage.clients.turns(provider, method)
        return way

    async def _agree(self, request: web.Request) -> web.Response:
        who = await require_sign_in(request)
        form = await form_of(request)
        loaded = self._loaded(request.match_info["connector"])
        provider = _provider(loaded)
        mine = await self._rows.list(who.user.id)
        kept = next((one for one in mine if (one.id, one.provider) == (request.match_info["id"], provider.name)), None)
        if kept is None:
            raise ConnectRefused("You have no such account.")
        if form.get("code") != loaded.code:
            raise ConnectRefused(f"The code of {loaded.name} has changed since this page was made. Look at it again.")
        await self._rows.agree(who.user.id, kept.id, loaded.name, loaded.code)
        return self._done(request, Connected(kept.label, loaded.name, False, local_path(form.get("next"), "")))

    async def _chosen(self, request: web.Request) -> web.Response:
        who = await require_sign_in(request)
        form = await form_of(request)
        loaded = self._loaded(request.match_info["connector"])
        provider = _provider(loaded)
        name = request.match_info["method"]
        back, link = local_path(form.get("next"), ""), form.get("t", "")
        try:
            settings = provider.checked_settings(_prefixed(form, _SETTING), provider.methods.get(name))
            invited = self._invited(who, loaded, link)
            mine = [one for one in await self._rows.list(who.user.id) if one.provider == provider.name]
            again = _again(form.get("again") or "no", None, provider, mine)
            wish = await self._wishes.of(who.user, loaded, provider, invited, again)
            wanted = Wanted(
                who.user.id,
                loaded.name,
                provider,
                name,
                settings,
                wish.scopes,
                form.get("label", "").strip()[:200],
                form.get("again") or None,
                back,
                loaded.code,
            )
            if by_page(wanted.way):
                url = await self._brokerage.connecting.begin(wanted, visit(request))
                # A form's policy (form-action) would forbid to lead the browser on from here by a redirect.
                return shown(request, "accounts/onward.html", url=url, provider=provider)
            if isinstance(wanted.way, DeviceMethod):
                flow = await self._brokerage.devices.begin(wanted)
                return see(f"{_flow_path(loaded.name, flow)}?{urlencode({'next': back})}")
            done = await self._brokerage.connecting.paste(wanted, _prefixed(form, _FIELD))
            return self._done(request, done, who.user.id)
        except StoreUnavailable:
            raise
        except (ConnectRefused, ToolError, OperatorNeeded) as wrong:
            given = _kept(form, provider)
            return await self._form(
                request, who, loaded, words=_told(wrong), method=name, given=given, link=link, next=back
            )

    async def _back(self, request: web.Request) -> web.Response:
        who = await require_sign_in(request)
        query: dict[str, str] = {}
        for key, value in request.query.items():
            if key in query or len(query) >= _MOST:
                raise ConnectRefused("This answer holds something twice, or too much. Begin anew.")
            query[key] = value
        back = await self._brokerage.connecting.way_back(query.get("state", ""), visit(request))
        try:
            done = await self._brokerage.connecting.finish(
                request.match_info["provider"], query, visit(request), who.user.id
            )
        except StoreUnavailable:
            raise
        except HubError as wrong:
            return shown(request, "accounts/failed.html", status=400, words=_told(wrong), next=back)
        return self._done(request, done, who.user.id)

    async def _flow(self, request: web.Request) -> web.Response:
        """A flow as it stands: the code to type, the tenants to choose from, or how it ended."""
        who = await require_sign_in(request)
        flow = await self._found(request, who)
        loaded = self._loaded(flow.connector)
        provider = _provider(loaded)
        if flow.state == "waiting":
            code = self._brokerage.devices.code(flow)
            return shown(request, "accounts/code.html", code=code, provider=provider, flow=flow, again=_AGAIN)
        if flow.state == "choosing":
            choice = await self._brokerage.keeping.choice(flow)
            return shown(request, "accounts/choose.html", choice=choice, provider=provider, flow=flow)
        if flow.state == "refused":
            return shown(
                request,
                "accounts/failed.html",
                status=400,
                words=flow.told,
                next=local_path(request.query.get("next"), ""),
            )
        back = local_path(request.query.get("next"), "")
        done = Connected(flow.told or f"your {provider.title} account", flow.connector, False, back)
        return self._done(request, done, who.user.id)

    async def _choose(self, request: web.Request) -> web.Response:
        who = await require_sign_in(request)
        form = await form_of(request)
        flow = await self._found(request, who)
        if flow.state != "choosing":
            raise ConnectRefused("This was chosen already.")
        provider = _provider(self._loaded(flow.connector))
        done = await self._brokerage.keeping.choose(flow, form.get("tenant", ""), provider)
        return self._done(request, done, who.user.id)

    async def _found(self, request: web.Request, who: SignedIn) -> ConnectFlow:
        flow = await self._flows.get(who.user.id, request.match_info["flow"])
        if flow is None or flow.connector != request.match_info["connector"]:
            raise ConnectRefused("This took too long, or was begun by somebody else. Begin anew.")
        return flow

    def _done(self, request: web.Request, done: Connected | Undecided, user_id: str | None = None) -> web.Response:
        """Show that an account is connected, and tell of it where it is ``user_id``'s new one."""
        if isinstance(done, Undecided):
            return see(_flow_path(done.connector, done.id))
        if user_id is not None:
            self._made(user_id, done.connector, done.label)
        if done.next:
            return see(done.next)
        loaded = self._catalog().connectors.get(done.connector)
        title = loaded.compiled.title if loaded is not None and loaded.compiled is not None else done.connector
        return shown(request, "accounts/connected.html", done=done, title=title)

    def _loaded(self, name: str) -> Loaded:
        loaded = self._catalog().connectors.get(name)
        if loaded is None or loaded.provider is None:
            raise ConnectRefused("There is no app of this name here that needs an account.")
        return loaded


def _flow_path(connector: str, flow: str) -> str:
    return f"/connect/{connector}/flow/{flow}"


def _provider(loaded: Loaded) -> Provider:
    if loaded.provider is None:
        raise ConnectRefused("There is no app of this name here that needs an account.")
    return loaded.provider


def _again(
    wanted: str | None, invited: Invited | None, provider: Provider, mine: list[Connection]
) -> Connection | None:
    """The account to be connected again: the one asked for, or the one a link is about; or where nobody can say whose
    an account is, the one that waits for it: else a second account would stand beside it."""
    id = wanted or (invited.connection if invited is not None else "")
    found = next((one for one in mine if one.id == id), None)
    if found is not None or wanted:
        return found
    waiting = [one for one in mine if one.health == "needs_sign_in" or one.wanted]
    whos = [provider.who(method) for method in provider.methods.values()]
    nobody = all(who is None or who.id is None for who in whos)
    return waiting[0] if nobody and len(waiting) == 1 else None


def _prefixed(form: Mapping[str, str], prefix: str) -> dict[str, str]:
    return {name.removeprefix(prefix): value for name, value in form.items() if name.startswith(prefix)}


def _kept(form: Mapping[str, str], provider: Provider) -> dict[str, str]:
    """What of a form is shown again after it failed: nothing that is secret."""
    plain = {f"{_SETTING}{name}" for name in provider.declared.settings} | {"label", "again"}
    for method in provider.methods.values():
        plain |= {f"{_FIELD}{name}" for name, field in pasted_fields(method).items() if not field.secret}
    return {name: value for name, value in form.items() if name in plain}


def _told(wrong: HubError) -> str:
    if isinstance(wrong, OperatorNeeded):
        return f"Only the operator of this hub can mend this: {wrong}"
    return str(wrong)
