"""``/connect/<connector>``: where a person connects an account; ``/callback/<provider>``: where vendors send them back.

The person is whoever is signed in at this browser. A link made for somebody else is refused, so that nobody connects
their account to another's conversation. What is pasted here goes to the vault and is never shown again.
"""

from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from hub.broker.assembly import Brokerage
from hub.broker.connecting import Connected, ConnectRefused, Wanted
from hub.errors import HubError, OperatorNeeded, ToolError
from hub.gateway.accounts import Links
from hub.registry import Catalog, Loaded
from hub.sdk.provider import OAuthMethod, OperatorMethod, Provider, pasted_fields
from hub.store import Store, StoreUnavailable
from hub.store.connections import Connection
from hub.web.people.pages import form_of, page, shown
from hub.web.people.session import SignedIn, require_sign_in, visit

_FIELD = "field_"
_SETTING = "setting_"
_MOST = 30


class ConnectPages:
    """The pages of connecting."""

    def __init__(self, brokerage: Brokerage, catalog: Callable[[], Catalog], links: Links, store: Store) -> None:
        self._brokerage = brokerage
        self._catalog = catalog
        self._links = links
        self._rows = store.connections

    def routes(self, app: web.Application) -> None:
        """Add the routes to ``app``."""
        app.router.add_get("/connect/{connector}", page(self._asked))
        app.router.add_post("/connect/{connector}/agree", page(self._agree))
        app.router.add_post("/connect/{connector}/by/{method}", page(self._chosen))
        app.router.add_get("/callback/{provider}", page(self._back))

    async def _asked(self, request: web.Request) -> web.Response:
        who = await require_sign_in(request)
        loaded = self._loaded(request.match_info["connector"])
        token = request.query.get("t")
        if token is not None and self._links.reader(token, loaded.name) not in (who.user.id, None):
            raise ConnectRefused(
                f"This link was made for another person of this hub, and you are signed in as {who.user.name}. Sign "
                "out, sign in as the one who asked for it, and open it again."
            )
        return await self._form(request, who, loaded)

    async def _form(
        self,
        request: web.Request,
        who: SignedIn,
        loaded: Loaded,
        *,
        words: str = "",
        method: str = "",
        given: Mapping[str, str] | None = None,
    ) -> web.Response:
        provider = _provider(loaded)
        mine = [one for one in await self._rows.list(who.user.id) if one.provider == provider.name]
        agreed = loaded.shipped or (loaded.name, provider.name) in await self._rows.agreed(who.user.id)
        ways = [await self._way(name, provider, loaded) for name in provider.methods]
        return shown(
            request,
            "accounts/connect.html",
            status=400 if words else 200,
            who=who,
            loaded=loaded,
            title=loaded.compiled.title if loaded.compiled else loaded.name,
            provider=provider,
            connections=mine,
            agreed=agreed,
            ways=[one for one in ways if one is not None],
            again=self._again(request, mine),
            words=words,
            tried=method,
            given=given or {},
        )

    async def _way(self, name: str, provider: Provider, loaded: Loaded) -> dict[str, Any] | None:
        """One way to connect, as the page shows it."""
        method = provider.methods[name]
        if isinstance(method, OperatorMethod):
            return None
        way: dict[str, Any] = {
            "name": name,
            "title": method.title or f"Connect {provider.title}",
            "oauth": isinstance(method, OAuthMethod),
            "fields": pasted_fields(method),
            "steps": method.steps,
            "get_at": getattr(method, "get_at", None),
            "scopes": (),
            "register": (),
        }
        if isinstance(method, OAuthMethod):
            way["scopes"] = sorted(set(method.scopes.always) | set(_scopes(loaded)))
            found = await self._brokerage.clients.find(provider.name)
            if found is None or not found.client_id:
                way["register"] = self._brokerage.clients.steps(provider, method)
                way["register_at"] = method.app.register_at
        return way

    def _again(self, request: web.Request, mine: list[Connection]) -> str:
        wanted = request.query.get("again", "")
        return wanted if any(one.id == wanted for one in mine) else ""

    async def _agree(self, request: web.Request) -> web.Response:
        who = await require_sign_in(request)
        await form_of(request)
        loaded = self._loaded(request.match_info["connector"])
        provider = _provider(loaded)
        await self._rows.agree(who.user.id, loaded.name, provider.name)
        return self._done(request, Connected(f"your {provider.title} accounts", loaded.name, True))

    async def _chosen(self, request: web.Request) -> web.Response:
        who = await require_sign_in(request)
        form = await form_of(request)
        loaded = self._loaded(request.match_info["connector"])
        provider = _provider(loaded)
        name = request.match_info["method"]
        try:
            settings = provider.checked_settings(_prefixed(form, _SETTING))
            wanted = Wanted(
                who.user.id,
                loaded.name,
                provider,
                name,
                settings,
                _scopes(loaded),
                form.get("label", "").strip()[:200],
                form.get("again") or None,
            )
            if isinstance(wanted.way, OAuthMethod):
                url = await self._brokerage.connecting.begin(wanted, visit(request))
                # A form's policy (form-action) would forbid to lead the browser on from here by a redirect.
                return shown(request, "accounts/onward.html", url=url, provider=provider)
            return self._done(request, await self._brokerage.connecting.paste(wanted, _prefixed(form, _FIELD)))
        except StoreUnavailable:
            raise
        except (ConnectRefused, ToolError, OperatorNeeded) as wrong:
            return await self._form(request, who, loaded, words=_told(wrong), method=name, given=_kept(form, provider))

    async def _back(self, request: web.Request) -> web.Response:
        who = await require_sign_in(request)
        query: dict[str, str] = {}
        for key, value in request.query.items():
            if key in query or len(query) >= _MOST:
                raise ConnectRefused("This answer holds something twice, or too much. Begin anew.")
            query[key] = value
        try:
            done = await self._brokerage.connecting.finish(
                request.match_info["provider"], query, visit(request), who.user.id
            )
        except StoreUnavailable:
            raise
        except HubError as wrong:
            return shown(request, "accounts/failed.html", status=400, words=_told(wrong))
        return self._done(request, done)

    def _done(self, request: web.Request, done: Connected) -> web.Response:
        loaded = self._catalog().connectors.get(done.connector)
        title = loaded.compiled.title if loaded is not None and loaded.compiled is not None else done.connector
        return shown(request, "accounts/connected.html", done=done, title=title)

    def _loaded(self, name: str) -> Loaded:
        loaded = self._catalog().connectors.get(name)
        if loaded is None or loaded.provider is None:
            raise ConnectRefused("There is no app of this name here that needs an account.")
        return loaded


def _provider(loaded: Loaded) -> Provider:
    if loaded.provider is None:
        raise ConnectRefused("There is no app of this name here that needs an account.")
    return loaded.provider


def _scopes(loaded: Loaded) -> tuple[str, ...]:
    """The scopes that the connector's tools name."""
    tools = loaded.compiled.tools if loaded.compiled is not None else {}
    return tuple(dict.fromkeys(scope for tool in tools.values() for scope in tool.scopes))


def _prefixed(form: Mapping[str, str], prefix: str) -> dict[str, str]:
    return {name.removeprefix(prefix): value for name, value in form.items() if name.startswith(prefix)}


def _kept(form: Mapping[str, str], provider: Provider) -> dict[str, str]:
    """What of a form is shown again after it failed: nothing that is secret."""
    plain = {f"{_SETTING}{name}" for name in provider.declared.settings} | {"label"}
    for method in provider.methods.values():
        plain |= {f"{_FIELD}{name}" for name, field in pasted_fields(method).items() if not field.secret}
    return {name: value for name, value in form.items() if name in plain}


def _told(wrong: HubError) -> str:
    if isinstance(wrong, OperatorNeeded):
        return f"Only the operator of this hub can mend this: {wrong}"
    return str(wrong)
