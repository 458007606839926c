"""Quirks of tenants, settings and hosts, of identity and of ends, one test for each."""

import json
from typing import Any

import pytest
import yaml
from aiohttp import web

from hub.sdk.talk import Silence
from tests.broker.quirks.house import QuirkHouse
from tests.broker.quirks.keys import shows
from tests.broker.quirks.vendor import KEY, PLANTED, Asked, told
from tests.broker.scene import text_of
from tests.programs.processes import ROOT

pytestmark = pytest.mark.asyncio(loop_scope="package")


@shows("Way.tenants", "Tenants.title", "Tenants.request", "Tenants.items", "Tenants.id", "Tenants.label",
       "Tenants.save", "Who.save", "ProviderRequest.query", "ProviderRequest.headers")  # fmt: skip
async def test_of_several_tenants_the_person_chooses_one_for_each_account(house: QuirkHouse) -> None:
    tenants = {
        "title": "site", "request": {"url": "{at}/sites", "query": {"all": "1"}, "headers": {"X-Kind": "site"}},
        "items": "values", "id": "id", "label": "name", "save": {"cloud": "id"},
    }  # fmt: skip
    who = {"request": {"url": "{at}/{account.cloud}/me"}, "save": {"mailbox": "mailbox"}}
    connector = {"headers": {"X-Tenant": "{account.cloud}", "X-Mailbox": "{account.mailbox}"}}
    case = await house.case({"tenants": tenants}, {"who": who}, connector)
    sites = [{"id": "c1", "name": "One"}, {"id": "c2", "name": "Two"}]
    case.vendor.on["/sites"] = lambda asked: told({"values": sites, "seen": asked.shown})
    case.vendor.on["/c1/me"] = case.vendor.on["/c2/me"] = case.vendor.me
    page = await case.connect()
    assert page.title == "Which site?"
    assert (case.vendor.last("/sites").query, case.vendor.last("/sites").headers["X-Kind"]) == ({"all": "1"}, "site")
    path = page.url.removeprefix(house.base)
    form = page.form("choose")
    other = await house.send(f"{path}/choose", {**form, "tenant": "c3"})
    assert "none of those" in other.text
    case.vendor.on["/c2/me"] = lambda asked: case.vendor.refused(asked, "not_now", 401)
    assert "refuses this" in (await house.send(f"{path}/choose", {**form, "tenant": "c2"})).text
    case.vendor.on["/c2/me"] = case.vendor.me
    done = await house.send(f"{path}/choose", {**form, "tenant": "c2"})
    assert "ada · Two" in done.text, "what was refused may be chosen again"
    assert "chosen already" in (await house.send(f"{path}/choose", {**form, "tenant": "c1"})).text
    await case.works()
    assert case.vendor.last("/api").headers["X-Tenant"] == "c2"
    assert case.vendor.last("/api").headers["X-Mailbox"] == "inbox"
    again = await case.connect(again=(await case.kept()).id)
    assert "ada · Two again" in again.text, "the same tenant, without a question"
    second = await case.connect()
    await house.send(f"{second.url.removeprefix(house.base)}/choose", {**second.form("choose"), "tenant": "c1"})
    rows = [one for one in await house.hub.store.connections.list(house.caller.user_id) if one.provider == case.name]
    assert sorted(one.label for one in rows) == ["ada · One", "ada · Two"]
    sites[:] = []
    assert "to no site at all" in (await case.connect()).alert


async def test_a_tenant_is_chosen_by_the_person_who_began_and_in_time(house: QuirkHouse) -> None:
    tenants = {"request": {"url": "{at}/sites"}, "id": "id"}
    request = {"method": "POST", "url": "{at}/revoke", "form": {"token": "{refresh_token}"}}
    revoke = {"request": request, "client_auth": "basic", "manual": None}
    case = await house.case({"tenants": tenants}, {"revoke": revoke})
    case.vendor.on["/sites"] = lambda asked: told([{"id": "a"}, {"id": "b"}])
    case.vendor.on["/revoke"] = lambda asked: told({})
    page = await case.connect()
    assert "> a</label>" in page.text, "what has no name is chosen by its id"
    flow = page.url.rsplit("/", 1)[1]
    flows, lapsed = house.hub.store.connect_flows, house.hub.brokerage.lapsed
    other = await house.hub.store.users.add("eve", "member")
    assert await flows.get(other.id, flow) is None
    assert await lapsed.once() == 0, "there is time yet"
    house.clock.advance(601)
    assert "took too long" in (await house.open(page.url)).alert
    await house.sign_in()
    await case.connect()
    assert await lapsed.once() == 0, "nothing is ended while the person chooses again"
    house.clock.advance(601)
    await flows.prune()
    await lapsed.once()
    # What holds tokens outlives its time until it was ended at the vendor, which is told to admins.
    ended = [one.form["token"] for one in case.vendor.asked if one.path == "/revoke"]
    assert len(set(ended)) == 2
    assert all("refresh-" in one for one in ended)
    row, _ = await house.hub.store.endings.recent(2)
    assert (row.cause, row.by, row.revoked) == ("abandoned", "ada", True)
    assert await lapsed.once() == 0
    # Some vendors end all of a person's grants with one: an account that is kept is not put at risk.
    await house.sign_in()
    third = await case.connect()
    await house.send(f"{third.url.removeprefix(house.base)}/choose", {**third.form("choose"), "tenant": "a"})
    await case.connect()
    house.clock.advance(601)
    await lapsed.once()
    assert case.vendor.count("/revoke") == 2
    await case.works()


@shows("ProviderDeclaration.settings", "AccountSetting.title", "AccountSetting.description", "AccountSetting.pattern",
       "AccountSetting.host", "AccountSetting.default", "AccountSetting.choices")  # fmt: skip
async def test_an_address_the_person_types_leads_to_their_own_server_and_nowhere_else(house: QuirkHouse) -> None:
    settings = {
        "site": {"title": "Your site", "description": "As in its address.", "host": True,
                 "pattern": "localhost:[0-9]+"},
        "kind": {"title": "Edition", "choices": ["com", "eu"], "default": "com"},
    }  # fmt: skip
    at = {
        "authorize": {"url": "http://{settings.site}/NAME/authorize"},
        "token": {"url": "http://{settings.site}/NAME/token"},
    }
    name = f"q{len(house.vendors) + 1}"
    way = json.loads(json.dumps(at).replace("NAME", name))
    declared = {
        "hosts": ["http://{settings.site}"], "settings": settings,
        "who": {"request": {"url": f"http://{{settings.site}}/{name}/me"}},
    }  # fmt: skip
    case = await house.case(way, declared, {"base_url": f"http://{{settings.site}}/{name}"})
    page = await house.open(f"/connect/{case.name}")
    assert "As in its address." in page.text
    for wrong in ("evil.example", "localhost:1@evil.example", "localhost:1/x"):
        assert "Your site does not look right" in (await case.connect(setting_site=wrong)).alert
    origin = case.vendor.base.split("/")[2]
    done = await case.connect(setting_site=origin)
    assert done.title == "Connected", done.alert
    await case.works()
    assert (await case.kept()).settings == {"site": origin, "kind": "com"}


@shows("AccountSetting.found")
@pytest.mark.parametrize("step", ["token", "callback", "who", "tenants"])
async def test_an_address_the_vendor_names_counts_only_where_the_declaration_allows_it(
    house: QuirkHouse, step: str
) -> None:
    name = f"q{len(house.vendors) + 1}"
    settings = {"instance": {"title": "instance", "pattern": "localhost:[0-9]+", "host": True, "found": True}}
    saved = {"instance": "instance_url"}
    way: dict[str, Any] = {"token": {"save": saved}} if step == "token" else {}
    declared: dict[str, Any] = {"hosts": ["{host}", "http://{settings.instance}"], "settings": settings}
    if step == "callback":
        way = {"authorize": {"save": saved}, "token": {"url": f"http://{{settings.instance}}/{name}/token"}}
    if step == "tenants":
        way = {"tenants": {"request": {"url": "{at}/sites"}, "id": "id", "label": "id", "save": saved}}
    if step == "who":
        declared["who"] = {"save": saved}
    case = await house.case(way, declared, {"base_url": f"http://{{settings.instance}}/{name}"})
    v = case.vendor
    address = {"now": "http://evil.example:80/"}
    v.more["instance_url"] = ""
    v.on["/token"] = lambda asked: told({**v.tokens(), "instance_url": address["now"]})
    v.on["/authorize"] = lambda asked: v.back(asked, code="c", instance_url=address["now"])
    v.on["/sites"] = lambda asked: told([{"id": "a", "instance_url": address["now"]}])
    v.on["/me"] = lambda asked: told({"id": 1, "name": "ada", "instance_url": address["now"]})
    refused = await case.connect()
    assert "does not allow" in refused.alert, refused.text
    assert await house.hub.store.connections.of_provider(case.name) == []
    origin = v.base.split("/")[2]
    address["now"] = f"http://{origin}"
    done = await case.connect()
    assert done.title == "Connected", done.alert
    await case.works()
    assert (await case.kept()).settings["instance"] == origin


# -- whose it is, and how it ends ---------------------------------------------------------------------------------


@shows("Who.ok_if", "ProviderRequest.method=POST", "ProviderRequest.body")
async def test_an_identity_told_with_http_200_may_still_be_a_refusal(house: QuirkHouse) -> None:
    who = {
        "request": {"url": "{at}/graph", "method": "POST", "body": {"query": "viewer"}},
        "ok_if": "ok",
        "id": "v.id",
        "label": "v.id",
    }
    case = await house.case({"kind": "key"}, {"who": who}, whole=True, client=False)
    case.vendor.on["/graph"] = lambda asked: told({"ok": False, "error": f"invalid_auth {asked.shown}"})
    page = await case.paste(key=KEY)
    assert "refuses this" in page.alert
    assert "invalid_auth" in page.alert
    case.vendor.on["/graph"] = lambda asked: told({"ok": True, "v": {"id": "u1"}})
    await case.connected(key=KEY)
    assert case.vendor.last("/graph").form == {"query": "viewer"}


@shows("ProviderDeclaration.revoke", "Revoke.request", "Revoke.client_auth=basic", "ProviderRequest.form")
async def test_a_grant_is_ended_by_the_client_with_its_token(house: QuirkHouse) -> None:
    request = {"method": "POST", "url": "{at}/revoke", "form": {"token": "{refresh_token}"}}
    case = await house.case(declared={"revoke": {"request": request, "client_auth": "basic", "manual": None}})
    case.vendor.on["/revoke"] = lambda asked: told({})
    assert (await case.connect()).title == "Connected"
    assert "Ended at Vendor" in await case.disconnect()
    asked = case.vendor.last("/revoke")
    assert asked.basic == f"client-1:{case.vendor.client_secret}"
    assert asked.form["token"].startswith(f"{PLANTED}refresh-")


@shows("Revoke.client_auth=none", "Revoke.signed", "ProviderRequest.method=DELETE", "ProviderRequest.method=PUT")
@pytest.mark.parametrize("method", ["DELETE", "PUT"])
async def test_a_grant_is_ended_by_its_own_token(house: QuirkHouse, method: str) -> None:
    revoke = {"request": {"method": method, "url": "{at}/me/permissions"}, "signed": True, "manual": None}
    case = await house.case(declared={"revoke": revoke})
    assert (await case.connect()).title == "Connected"
    assert "Ended at Vendor" in await case.disconnect()
    assert case.vendor.last("/me/permissions").headers["Authorization"].startswith(f"Bearer {PLANTED}access-")


@shows("Revoke.manual", "ProviderDeclaration.manage_at")
async def test_what_cannot_be_ended_from_here_is_told_with_its_page(house: QuirkHouse) -> None:
    case = await house.case()
    await case.connect()
    assert "https://vendor.example/apps" in await case.disconnect()
    request = {"url": "{at}/revoke", "method": "POST"}
    case = await house.case(
        declared={"revoke": {"request": request, "manual": None}, "manage_at": "https://vendor.example/mine"}
    )
    case.vendor.on["/revoke"] = lambda asked: case.vendor.refused(asked, "no", 500)
    await case.connect()
    told_then = await case.disconnect()
    assert "did not confirm" in told_then
    assert "https://vendor.example/mine" in told_then


@shows("AppCredentials.register_at", "AppCredentials.steps", "AppCredentials.test_mode", "AppCredentials.https_only",
       "AppCredentials.secret_expires", "ProviderDeclaration.contract")  # fmt: skip
async def test_an_app_that_is_not_registered_is_told_with_every_step(house: QuirkHouse) -> None:
    app = {
        "register_at": "https://vendor.example/new-app", "steps": ["Allow {redirect_uri}"], "secret_expires": True,
        "test_mode": "Connections end after 7 days", "https_only": True,
    }  # fmt: skip
    case = await house.case({"app": app}, {"contract": 1}, client=False)
    page = await house.open(f"/connect/{case.name}")
    back = f"{house.base}/callback/{case.name}"
    for text in (
        "https://vendor.example/new-app",
        f"Allow {back}.",
        "7 days",
        "https redirect addresses only",
        "secret ends",
    ):
        assert text in page.text, text
    await house.hub.brokerage.clients.put(case.name, "client-1", case.vendor.client_secret, None)
    assert "https addresses only" in (await case.connect()).alert


# -- one vendor, several kinds of account, each at its own address ---------------------------------------------------

ATLASSIAN = ROOT / "connectors" / "atlassian" / "provider.yaml"


def atlassian(vendor: str, at: str, host: str) -> dict[str, Any]:
    """The provider as it ships, at a vendor without TLS whose gateway and sites are told apart by host."""
    text = ATLASSIAN.read_text("utf-8")
    for old, new in (
        ('"{settings.site}.atlassian.net"', '"http://{settings.site}"'),
        ("https://{settings.site}.atlassian.net", f"http://{{settings.site}}/{vendor}/site"),
        ("[api.atlassian.com", f'["{host}"'),
        ("https://api.atlassian.com", f"{at}/gateway"),
        ("https://auth.atlassian.com", at),
        ('"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"', '"(127.0.0.1|localhost):[0-9]+"'),
        ("https_only: true", "https_only: false"),
    ):
        assert old in text
        text = text.replace(old, new)
    declared: dict[str, Any] = yaml.safe_load(text)
    declared["methods"]["way"] = None
    return declared


@shows("Way.bases", "Way.settings", "Way.who", "Tenants.signed")
async def test_each_kind_of_account_is_called_at_its_own_address(house: QuirkHouse) -> None:
    name = f"q{len(house.vendors) + 1}"
    port = house.at.rsplit(":", 1)[1]
    declared = atlassian(name, f"{house.at}/{name}", house.at)
    case = await house.case(None, declared, {"base_url": "{base.jira}/rest/api/3"})
    v, sites = case.vendor, [f"127.0.0.1:{port}", f"localhost:{port}"]
    myself = {"accountId": "a-1", "emailAddress": "ada@example.com"}

    def mine(asked: Asked) -> web.Response:
        good = asked.basic == f"ada@example.com:{KEY}"
        return told(myself) if good else v.refused(asked, "no", 401)

    cloud = [{"id": "c-1", "url": "https://acme.atlassian.net", "name": "acme"}]
    v.on["/oauth/token"] = v.token
    v.on["/gateway/oauth/token/accessible-resources"] = lambda asked: told(cloud)
    v.on["/gateway/me"] = lambda asked: told({"account_id": "a-1", "email": "ada@example.com"})
    v.on["/site/_edge/tenant_info"] = lambda asked: told({"cloudId": "c-1"})
    v.on["/site/rest/api/3/myself"] = v.on["/gateway/ex/jira/c-1/rest/api/3/myself"] = mine

    form = await house.open(f"/connect/{name}")
    assert ["setting_site" in form.form(f"by-{way}") for way in ("oauth", "scoped_token", "token")] == [0, 1, 1]
    given = {"field_email": "ada@example.com", "field_token": KEY}
    assert "Your site is needed" in (await case.connect("token", **given)).alert
    assert "refuses this" in (await case.connect("token", setting_site=sites[0], **{**given, "field_token": "x"})).alert
    v.good.add(KEY)
    for way, more in (
        ("oauth", {}),
        ("scoped_token", {"setting_site": sites[0], **given}),
        ("token", {"setting_site": sites[0], **given}),
        ("token", {"setting_site": sites[1], **given}),
    ):
        done = await case.connect(way, **more)
        assert done.title == "Connected", done.alert
    assert "Authorization" not in v.last("/site/_edge/tenant_info").headers, "what anybody is told needs no credential"
    kept = await house.hub.store.connections.of_provider(name)
    assert len(kept) == 4, "the same person at another site, or known by another way, is another account"

    where = {}
    for one in kept:
        result = await house.hub.gateway.call_tool(house.caller, f"{name}_read", {"account": one.label}, Silence())
        assert not result.get("isError"), text_of(result)
        asked = v.asked[-1]
        where[one.label] = (one.method, asked.headers["Host"].partition(":")[0], asked.path)
    gateway = ("localhost", "/gateway/ex/jira/c-1/rest/api/3/api")
    assert where == {
        "ada@example.com · https://acme.atlassian.net": ("oauth", *gateway),
        "ada@example.com": ("scoped_token", *gateway),
        f"ada@example.com · {sites[0]}": ("token", "127.0.0.1", "/site/rest/api/3/api"),
        f"ada@example.com · {sites[1]}": ("token", "localhost", "/site/rest/api/3/api"),
    }


@pytest.mark.parametrize(
    ("base_url", "words"),
    [
        ("{base.mail}/x", "there are: {base.confluence}, {base.jira}"),
        ("{base.jira}.evil.example/x", "a path follows it"),
        ("https://evil.example/{base.jira}", "stands at the beginning"),
        ("https://evil.example/x", "does not lie on hosts"),
    ],
)
async def test_a_connector_is_set_aside_whose_address_is_none_of_its_provider(
    house: QuirkHouse, base_url: str, words: str
) -> None:
    name = f"q{len(house.vendors) + 1}"
    declared = atlassian(name, f"{house.at}/{name}", house.at)
    with pytest.raises(AssertionError) as wrong:
        await house.case(None, declared, {"base_url": base_url})
    assert words in str(wrong.value)
