"""People's own accounts at an MCP server: connected, used, renewed, widened and ended."""

from pathlib import Path

from hub.broker.keys import reseal
from tests.broker.scene import text_of
from tests.signing_in.shop import Place, place_at


async def test_a_person_signs_in_at_the_server_and_the_hub_calls_it_as_them(place: Place) -> None:
    page = await place.connect()
    assert "Shop" in page.text
    answer = await place.house.call("shop_look", {"what": "shoes"})
    assert "person-" in text_of(answer)
    assert '{"what":"shoes"}' in text_of(answer), "the server gets its own arguments and no others"
    asked, redeemed = place.shop.issuer.asked[0], place.shop.issuer.requests[0]
    assert asked["resource"] == redeemed["resource"] == place.shop.url
    assert asked["code_challenge_method"] == "S256"


async def test_before_anybody_has_connected_there_is_nothing_listed_and_a_page_to_connect_on(place: Place) -> None:
    caller = await place.house.caller()
    listed = [one["name"] for one in place.hub.gateway.list_tools(caller)]
    assert "hub_connect" in listed
    assert not [name for name in listed if name.startswith("shop")]
    told = await place.house.call("hub_list_connections")
    assert '"effort":"nothing to register"' in text_of(told)


async def test_who_has_no_account_sees_the_tools_and_is_led_to_the_page(place: Place) -> None:
    await place.connect("ada")
    eve = await place.house.caller("eve")
    assert "shop_look" in [one["name"] for one in place.hub.gateway.list_tools(eve)]
    answer = await place.house.call("shop_look", {}, "eve")
    assert answer["_meta"]["hub/error"]["kind"] == "connection_needed"
    assert "/connect/shop?t=" in text_of(answer)
    assert not place.shop.calls(), "nothing is sent on nobody's account"


async def test_two_people_have_sessions_of_their_own(place: Place) -> None:
    place.shop.legacy = True
    await place.connect("ada")
    await place.connect("eve")
    first = text_of(await place.house.call("shop_look", {}, "ada"))
    second = text_of(await place.house.call("shop_look", {}, "eve"))
    people = [one.split(" in ") for one in (first, second)]
    assert [place.shop.sessions[session] for _, session in people] == [person for person, _ in people]
    assert people[0][0] != people[1][0]
    assert text_of(await place.house.call("shop_look", {}, "ada")) == first, "the session is kept"
    assert len(place.shop.issuer.registrations) == 1, "the hub registers once, whoever connects"


async def test_a_token_refused_in_a_session_is_renewed_once_and_the_call_sent_once_more(place: Place) -> None:
    await place.connect()
    await place.house.call("shop_look")
    place.shop.issuer.live.clear()
    before = len(place.shop.calls())
    answer = await place.house.call("shop_look")
    assert not answer.get("isError"), text_of(answer)
    assert len(place.shop.calls()) == before + 2
    renewed = [one for one in place.shop.issuer.requests if one["grant_type"] == "refresh_token"]
    assert [one["resource"] for one in renewed] == [place.shop.url]


async def test_a_call_under_way_gives_nothing_once_calls_are_stopped_and_tries_nothing_once_its_account_is_gone(
    place: Place,
) -> None:
    await place.connect()
    (kept,) = await place.mine()
    halts = place.hub.store.halts
    place.shop.strike = lambda: halts.begin(kept.user_id)
    stopped = await place.house.call("shop_look")
    await halts.lift(kept.user_id)
    assert (stopped["_meta"]["hub/error"]["kind"], "person-" in text_of(stopped)) == ("refused", False)

    async def disconnected() -> None:
        await place.hub.brokerage.ending.disconnect(kept.user_id, kept.id)
        place.shop.issuer.live.clear()

    place.shop.strike = disconnected
    calls, tokens = len(place.shop.calls()), len(place.shop.issuer.requests)
    gone = await place.house.call("shop_look")
    assert gone["_meta"]["hub/error"]["kind"] == "connection_needed"
    assert "was disconnected while this call was under way" in text_of(gone)
    assert len(place.shop.calls()) == calls + 1
    assert [one for one in place.shop.issuer.requests[tokens:] if one.get("grant_type")] == []


async def test_an_account_whose_grant_is_dead_is_connected_again_in_place(place: Place) -> None:
    await place.connect()
    place.shop.issuer.live.clear()
    place.shop.issuer.refuses = "invalid_grant"
    answer = await place.house.call("shop_look")
    assert answer["_meta"]["hub/error"]["kind"] == "connection_needed"
    place.shop.issuer.refuses = None
    await place.connect()
    assert len(await place.mine()) == 1
    assert not (await place.house.call("shop_look")).get("isError")


async def test_a_server_that_names_another_issuer_gets_nothing_until_its_people_connect_anew(place: Place) -> None:
    await place.connect()
    place.shop.issuer.live.clear()
    place.shop.says["authorization_servers"] = [place.shop.other.url]
    assert not (await place.house.call("shop_look")).get("isError")
    assert place.shop.other.requests == [], "the tokens are renewed where they came from"
    place.shop.issuer.live.clear()
    place.shop.issuer.refuses = "invalid_grant"
    await place.house.call("shop_look")
    await place.connect()
    assert not (await place.house.call("shop_look")).get("isError")
    shown = str(place.shop.other.requests) + str(place.shop.other.asked)
    assert len(place.shop.other.registrations) == 1, "the hub is another client there"
    assert "planted-refresh--" not in shown, "no refresh token of the first issuer"
    assert place.shop.other.requests[0]["client_id"] == "client-1"
    assert place.shop.other.requests[0]["client_secret"] == "planted-client-secret-/other"


async def test_a_refresh_token_is_never_shown_to_an_issuer_that_did_not_give_it(place: Place) -> None:
    await place.connect()
    place.shop.issuer.live.clear()
    place.shop.issuer.refuses = "invalid_grant"
    await place.house.call("shop_look")
    place.shop.says["authorization_servers"] = [place.shop.other.url]
    place.shop.other.renewable = False
    await place.connect()
    place.shop.other.live.clear()
    answer = await place.house.call("shop_look")
    assert answer["_meta"]["hub/error"]["kind"] == "connection_needed"
    assert [one["grant_type"] for one in place.shop.other.requests] == ["authorization_code"]


async def test_a_scope_that_is_missing_is_asked_for_with_those_there_were(place: Place) -> None:
    place.shop.challenge = ', scope="look"'
    await place.connect()
    place.shop.wants["look"] = "buy"
    answer = await place.house.call("shop_look")
    assert answer["_meta"]["hub/error"]["kind"] == "connection_needed"
    assert "buy" in text_of(answer)
    await place.connect()
    assert place.shop.issuer.asked[-1]["scope"].split() == ["look", "buy"]
    assert not (await place.house.call("shop_look")).get("isError")
    assert len(await place.mine()) == 1


async def test_a_server_that_is_never_content_does_not_send_people_in_circles(place: Place) -> None:
    place.shop.challenge = ', scope="look"'
    place.shop.issuer.scopes = False
    await place.connect()
    place.shop.wants["look"] = "never"
    await place.house.call("shop_look")
    await place.connect()
    for token, (person, _) in list(place.shop.issuer.live.items()):
        place.shop.issuer.live[token] = (person, "")
    answer = await place.house.call("shop_look")
    assert answer["_meta"]["hub/error"]["kind"] == "tool_error"
    assert "has every permission it names" in text_of(answer)


async def test_disconnecting_revokes_the_grant_at_the_issuer(place: Place) -> None:
    await place.connect()
    [kept] = await place.mine()
    ended = await place.hub.brokerage.ending.disconnect(kept.user_id, kept.id)
    assert ended is not None
    assert ended.revoked
    assert place.shop.issuer.revoked[0].startswith("planted-refresh-")


async def test_what_a_server_repeats_of_a_token_reaches_nobody(place: Place) -> None:
    await place.connect()
    for split in (False, True):
        place.shop.split = split
        answer = text_of(await place.house.call("shop_look"))
        assert "planted" not in answer
        assert "[credential removed]" in answer


async def test_a_servers_own_argument_account_goes_under_another_name(place: Place) -> None:
    properties = {"account": {"type": "string"}, "x": {"type": "integer"}}
    schema = {"type": "object", "properties": properties, "required": ["account"]}
    place.shop.tools = [{"name": "look", "description": "Looks.", "inputSchema": schema}]
    await place.connect()
    listed = place.hub.registry.catalog.tools["shop_look"].listing["inputSchema"]
    assert listed["required"] == ["api_account"]
    assert "label" in listed["properties"]["account"]["description"]
    answer = await place.house.call("shop_look", {"api_account": "theirs", "x": 1})
    assert '{"account":"theirs","x":1}' in text_of(answer)


async def test_a_key_that_is_pasted_goes_in_the_header_it_belongs_in(tmp_path: Path) -> None:
    credential = {"from": "user", "header": "X-Key", "value": "{key}"}
    async with place_at(tmp_path, credential=credential) as place:
        browser = await place.house.browser()
        page = await browser.open("/connect/shop")
        await browser.send("/connect/shop/by/key", {**page.form("by-key"), "field_key": "planted-right-key"})
        await place.until(lambda: "shop_look" in place.hub.registry.catalog.tools)
        assert "keyholder" in text_of(await place.house.call("shop_look"))
        [kept] = await place.mine()
        again = await browser.open(f"/connect/shop?again={kept.id}")
        await browser.send("/connect/shop/by/key", {**again.form("by-key"), "field_key": "planted-wrong-key"})
        answer = await place.house.call("shop_look")
        assert answer["_meta"]["hub/error"]["kind"] == "connection_needed"


async def test_the_client_the_operator_gave_is_used_and_shown_to_no_other_issuer(tmp_path: Path) -> None:
    given = "providers: {shop: {client_id: ours, client_secret: planted-given-secret}}\n"
    async with place_at(tmp_path, given) as place:
        await place.connect()
        assert place.shop.issuer.registrations == []
        assert place.shop.issuer.requests[0]["client_secret"] == "planted-given-secret"
        place.shop.says["authorization_servers"] = [place.shop.other.url]
        browser = await place.house.browser("eve")
        page = await browser.open("/connect/shop")
        refused = await browser.send("/connect/shop/by/oauth", page.form("by-oauth"))
        assert "names another authorization server" in refused.alert
        assert place.shop.other.asked == []


async def test_a_registration_the_issuer_has_forgotten_is_made_anew(place: Place) -> None:
    await place.connect()
    place.shop.issuer.live.clear()
    place.shop.issuer.refuses = "invalid_client"
    answer = await place.house.call("shop_look")
    assert answer["_meta"]["hub/error"]["kind"] == "connection_needed"
    place.shop.issuer.refuses = None
    await place.connect()
    assert len(place.shop.issuer.registrations) == 2
    assert not (await place.house.call("shop_look")).get("isError")


async def test_secrets_of_registrations_are_sealed_and_follow_a_change_of_keys(place: Place) -> None:
    await place.connect()
    [row] = await place.hub.store.registrations.list("shop")
    assert row.secret is not None
    assert "planted" not in row.secret
    place.hub.ring.rotate()
    assert await reseal(place.hub.store, place.hub.ring) == 2
    place.hub.ring.retire()
    place.shop.issuer.live.clear()
    assert not (await place.house.call("shop_look")).get("isError"), "the registration still opens"
    assert place.shop.issuer.requests[-1]["client_secret"] == "planted-client-secret-"
