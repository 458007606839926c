"""Reading token endpoints' replies, one test for each way vendors answer; and putting credentials on requests."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from hub import yaml
from hub.broker.endpoint import authorize_url
from hub.broker.signing import scrubbed, signed, spellings, traces
from hub.broker.tokens import AppBroken, GrantDead, tokens_of
from hub.errors import OperatorNeeded, ProviderUnavailable
from hub.sdk.http import Outgoing, Reply
from hub.sdk.placeholders import Scope
from hub.sdk.provider import ClientCredentialsMethod, OAuthMethod, PastedMethod, Signing, TokenCall, secret_part

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
URL = "https://vendor.example/token"


def reply(data: Any, status: int = 200, kind: str = "application/json") -> Reply:
    body = data.encode() if isinstance(data, str) else orjson.dumps(data)
    return Reply(status, URL, {"content-type": kind}, body)


def call(**declared: Any) -> TokenCall:
    return TokenCall(url=URL, **declared)


@pytest.mark.parametrize(
    ("held", "declared", "seconds"),
    [
        ({"expires_in": 3600}, {}, 3600),
        ({"expires_in": "3600"}, {}, 3600),
        ({"expires_in": "3600.0"}, {}, 3600),
        ({"expires_in": 7_200_000}, {"unit": "ms"}, 7200),
        ({"expires_at": "2026-11-01T13:00:00Z"}, {"path": "expires_at", "unit": "iso"}, 3600),
        ({"expires_at": NOW.timestamp() + 60}, {"path": "expires_at", "unit": "epoch_s"}, 60),
        ({"expires_at": (NOW.timestamp() + 60) * 1000}, {"path": "expires_at", "unit": "epoch_ms"}, 60),
        ({}, {}, None),
        ({}, {"seconds": 3600}, 3600),
        ({"expires_in": 0}, {}, None),
        ({"expires_in": "soon"}, {}, None),
        ({"expires_in": float(10**30)}, {}, 3650 * 86400),
        ({"expires_in": True}, {}, None),
        ({"expires_at": "tomorrow"}, {"path": "expires_at", "unit": "iso"}, None),
    ],
)
def test_the_end_of_a_token_is_read_however_it_is_written(
    held: dict[str, Any], declared: dict[str, Any], seconds: int | None
) -> None:
    found = tokens_of(reply({"access_token": "a", **held}), call(expiry=declared), NOW, "vendor.example", " ")
    assert found.expires_at == (None if seconds is None else NOW + timedelta(seconds=seconds))


def test_tokens_are_found_nested_in_forms_and_several_of_one_grant() -> None:
    nested = tokens_of(reply({"data": {"access_token": "a", "refresh_token": "r"}}), call(root="data"), NOW, "v", " ")
    assert (nested.access, nested.refresh) == ("a", "r")
    form = tokens_of(
        reply("access_token=a&scope=repo%2Cgist&token_type=bearer", kind="application/x-www-form-urlencoded"),
        call(), NOW, "v", " ",
    )  # fmt: skip
    assert (form.access, form.scopes) == ("a", frozenset({"repo", "gist"}))
    slack = call(
        ok_if="ok",
        access="authed_user.access_token || access_token",
        more={"bot_token": "access_token"},
        save={"team_id": "team.id"},
    )
    both = {"ok": True, "access_token": "bot", "authed_user": {"access_token": "person"}, "team": {"id": "T1"}}
    found = tokens_of(reply(both), slack, NOW, "v", ",")
    assert (found.access, found.more, found.fields) == ("person", {"bot_token": "bot"}, {"team_id": "T1"})


def test_a_renewed_person_at_slack_does_not_take_the_place_of_the_bot() -> None:
    declared = yaml.load((ROOT / "connectors" / "slack" / "provider.yaml").read_text("utf-8"), "provider.yaml")
    slack = TokenCall.model_validate(declared["methods"]["oauth"]["token"])
    person = {"access_token": "person", "refresh_token": "one", "expires_in": 43200, "scope": "chat:write"}
    bot = {"access_token": "bot", "token_type": "bot", "scope": "chat:write", "refresh_token": "bots"}
    granted = {"ok": True, **bot, "team": {"id": "T1", "name": "Team"}, "authed_user": {"id": "U1", **person}}
    found = tokens_of(reply(granted), slack, NOW, "slack.com", ",")
    assert (found.access, found.refresh, found.more) == ("person", "one", {"bot_token": "bot"})
    # https://docs.slack.dev/authentication/using-token-rotation: a renewed user token stands at the top.
    renewed = {"ok": True, "access_token": "new", "refresh_token": "two", "token_type": "user", "expires_in": 43200}
    found = tokens_of(reply(renewed), slack, NOW, "slack.com", ",")
    assert (found.access, found.refresh, found.more) == ("new", "two", {}), "what is kept of the bot stays"


@pytest.mark.parametrize(
    ("data", "status", "wrong"),
    [
        ({"error": "invalid_grant"}, 400, GrantDead),
        ({"error": "interaction_required"}, 400, GrantDead),
        ({"error": "bad_verification_code"}, 200, GrantDead),
        ({"ok": False, "error": "token_revoked"}, 200, GrantDead),
        ({"error": {"code": "invalid_grant"}}, 400, GrantDead),
        ({"errors": [{"errorType": "invalid_grant"}]}, 400, GrantDead),
        ({"message": "no"}, 400, GrantDead),
        ({"error": "invalid_client"}, 401, AppBroken),
        ({"error": "invalid_client"}, 400, AppBroken),
        ({"error": "redirect_uri_mismatch"}, 200, AppBroken),
        ({}, 401, AppBroken),
        ({"error": "server_error"}, 400, ProviderUnavailable),
        ({"error": "invalid_grant"}, 503, ProviderUnavailable),
        ({"error": "x"}, 429, ProviderUnavailable),
        ("<html>Attention</html>", 403, ProviderUnavailable),
        ("", 200, ProviderUnavailable),
        ({"token_type": "bearer"}, 200, ProviderUnavailable),
    ],
)
def test_a_refusal_is_laid_at_the_right_door(data: Any, status: int, wrong: type[Exception]) -> None:
    with pytest.raises(wrong):
        tokens_of(reply(data, status), call(), NOW, "vendor.example", " ")


def test_nothing_of_a_reply_but_the_vendors_words_is_told() -> None:
    data = {"error": "invalid_grant", "error_description": "expired", "refresh_token": "planted-secret"}
    with pytest.raises(GrantDead, match=r"invalid_grant \(expired\)") as told:
        tokens_of(reply(data, 400), call(), NOW, "vendor.example", " ")
    assert "planted-secret" not in str(told.value)


def test_a_credential_replaces_what_the_connector_put_in_its_place_and_leaves_the_rest() -> None:
    asked = Outgoing("GET", "https://a.example/x?q=a%20b&key=mine&e=", {"authorization": "mine", "Accept": "x"})
    signing = Signing(headers={"Authorization": "Bearer {token}"}, query={"key": "{token}"}, path="/bot{token}")
    sent = signed(asked, signing, Scope({"token": "s3:cret/"}))
    assert sent.url == "https://a.example/bots3:cret%2F/x?q=a%20b&e=&key=s3%3Acret%2F"
    assert sent.headers == {"Accept": "x", "Authorization": "Bearer s3:cret/"}
    with pytest.raises(OperatorNeeded, match="line break"):
        signed(asked, signing, Scope({"token": "a\r\nX: y"}))


def test_every_spelling_of_a_credential_is_taken_out_of_a_reply() -> None:
    scope = Scope({"username": "ada", "password": "s3 cret/+"})
    signing = Signing(basic="{username}:{password}")
    asked = Outgoing("GET", "https://a.example/x")
    sent = signed(asked, signing, scope)
    shown = f"{sent.headers['Authorization']} s3 cret/+ s3%20cret%2F%2B s3%20cret/%2b s3+cret/+ s3%2520cret%252F%252B"
    shown += r" s3 cret\/\u002b s3 cret&#47;&#x2B;"
    told = Reply(200, "https://a.example/x?p=s3%20cret%2F%2B", {"x": shown}, shown.encode())
    known = traces({"username": "ada", "password": "s3 cret/+"}, signing, scope)
    clean = scrubbed(told, asked, sent, known, spellings(known))
    for text in (clean.text(), clean.headers["x"], clean.url):
        assert "cret" not in text.replace("credential", "")
        assert "YWRhOnMz" not in text


def test_a_user_name_and_a_client_id_are_no_secret_and_stay_in_replies() -> None:
    basic = PastedMethod(kind="basic")
    assert secret_part(basic, {"username": "ada@example.com", "password": "x"}) == {"password": "x"}
    machine = ClientCredentialsMethod(kind="client_credentials", token=TokenCall(url=URL))
    kept = {"client_id": "desk-of-ada", "client_secret": "x", "token": "y"}
    assert secret_part(machine, kept) == {"client_secret": "x", "token": "y"}


def test_the_vendors_page_is_asked_in_the_vendors_words() -> None:
    method = OAuthMethod.model_validate(
        {
            "kind": "oauth2",
            "authorize": {
                "url": "https://v.example/a?x=1",
                "params": {"owner": "user", "who": "{settings.site}"},
                "rename": {"client_id": "client_key"},
                "drop": ["response_type"],
            },
            "token": {"url": URL},
            "scopes": {"separator": ",", "param": "user_scope"},
            "app": {"register_at": "https://v.example"},
        }
    )
    url = authorize_url(
        method,
        client_id="id",
        redirect_uri="https://hub.example/callback/v",
        state="s",
        scopes=["a", "b"],
        settings={"site": "acme"},
        verifier="v" * 43,
    )
    assert url.startswith(
        "https://v.example/a?x=1&client_key=id&redirect_uri=https%3A%2F%2Fhub.example%2Fcallback%2Fv&"
    )
    assert "user_scope=a%2Cb" in url
    assert "owner=user&who=acme" in url
    assert "code_challenge_method=S256" in url
    assert "response_type" not in url


def test_a_signed_request_may_have_as_large_a_reply_as_the_unsigned_one() -> None:
    asked = Outgoing("GET", URL, largest=25_000_000)
    sent = signed(asked, Signing(headers={"X-Key": "{key}"}), Scope({"key": "k" * 20}, {}, {}))
    assert sent.largest == asked.largest
