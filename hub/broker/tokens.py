"""Reading a token endpoint's reply, whatever its shape: the tokens in it, or whose fault it is that there are none.

Pure functions of a ``Reply``. Nothing of a reply but the vendor's error words is ever told: it may hold tokens.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote, quote_plus

import orjson

from hub.broker.signing import HIDDEN
from hub.errors import HubError, ProviderUnavailable
from hub.sdk.http import Reply
from hub.sdk.paths import compile_path
from hub.sdk.provider import TokenCall, WrongTurn
from hub.sdk.response import clean

PERSON = frozenset(
    {
        "invalid_grant", "interaction_required", "login_required", "consent_required", "access_denied",
        "account_inactive", "bad_refresh_token", "bad_verification_code", "expired_token", "invalid_auth",
        "invalid_refresh_token", "invalid_token", "token_expired", "token_revoked", "user_disabled",
    }
)  # fmt: skip
"""Errors after which the person must connect again (RFC 6749, section 5.2, and vendors' own words for it)."""

OPERATOR = frozenset(
    {
        "invalid_client", "unauthorized_client", "unsupported_grant_type", "unsupported_response_type",
        "invalid_scope", "invalid_target", "redirect_uri_mismatch", "bad_redirect_uri", "bad_client_secret",
        "incorrect_client_credentials", "invalid_client_id", "invalid_client_secret", "application_suspended",
        "deleted_client", "disabled_client", "org_internal", "invalid_team_for_non_distributed_app",
    }
)  # fmt: skip
"""Errors that only the operator's app can be at fault for."""

TRANSIENT = frozenset(
    {
        "fatal_error", "internal_error", "rate_limited", "ratelimited", "server_error", "slow_down",
        "temporarily_unavailable",
    }
)  # fmt: skip

_LONGEST = timedelta(days=3650)
_SHORTEST = 6


class Pending(ProviderUnavailable):
    """The person has not typed the code yet (RFC 8628, section 3.5); ``slower``: the vendor wants to be asked less."""

    def __init__(self, message: str, *, slower: bool) -> None:
        super().__init__(message)
        self.slower = slower


class GrantDead(HubError):
    """The vendor no longer honours the grant: the person must connect the account again."""


class AppBroken(HubError):
    """The vendor does not accept the operator's app; ``code`` is its word for it."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a token endpoint gave. ``scopes`` and ``expires_at`` are None where it did not say."""

    access: str = field(repr=False)
    refresh: str | None = field(repr=False)
    more: Mapping[str, str] = field(repr=False)
    fields: Mapping[str, Any]
    scopes: frozenset[str] | None
    expires_at: datetime | None


def joined(first: Tokens, then: Tokens, name: str | None) -> Tokens:
    """What two token requests of one grant gave: the second one's token in place of the first's, or beside it as
    ``name``. What ends first ends both."""
    more = {**first.more, **then.more}
    ends = [one.expires_at for one in (first, then) if one.expires_at is not None]
    if name is not None:
        kept = {**more, name: then.access}
        ending = min(ends) if ends else None
        return replace(first, more=kept, fields={**first.fields, **then.fields}, expires_at=ending)
    return Tokens(
        then.access,
        then.refresh or first.refresh,
        more,
        {**first.fields, **then.fields},
        then.scopes if then.scopes is not None else first.scopes,
        then.expires_at,
    )


def tokens_of(
    reply: Reply,
    call: TokenCall,
    now: datetime,
    host: str,
    separator: str,
    *,
    sent: Iterable[str] = (),
    turns: Sequence[WrongTurn] = (),
    renewal: bool = False,
) -> Tokens:
    """The tokens in ``reply``. ``sent`` are the secrets of the request, which some vendors repeat in their errors;
    ``turns`` the errors its provider lays at the operator's door. At a ``renewal`` a dead grant is dead, whatever words
    of theirs the vendor says it with.

    Raises ``GrantDead``, ``AppBroken``, and ``ProviderUnavailable`` for everything that may pass.
    """
    whole = parsed_form(reply)
    if reply.status == 429 or reply.status >= 500 or not isinstance(whole, Mapping):
        raise ProviderUnavailable(f"{host} answered HTTP {reply.status} where tokens were asked for.")
    code = _code(whole)
    fine = call.ok_if is None or bool(compile_path(call.ok_if)(whole))
    root = compile_path(call.root)(whole)
    held = root if isinstance(root, Mapping) else {}
    access = compile_path(call.access)(held)
    if reply.status >= 400 or not fine or code or not isinstance(access, str) or not access:
        raise _failure(reply, whole, code, host, sent, turns, renewal=renewal)
    refresh = compile_path(call.refresh)(held)
    more = {name: compile_path(path)(held) for name, path in call.more.items()}
    kept = {name: compile_path(path)(held) for name, path in call.save.items()}
    return Tokens(
        access,
        refresh if isinstance(refresh, str) and refresh else None,
        {name: value for name, value in more.items() if isinstance(value, str) and value},
        {name: value for name, value in kept.items() if isinstance(value, str | int | float | bool)},
        _scopes(compile_path(call.scope)(held), separator),
        _expiry(held, call, now),
    )


def parsed_form(reply: Reply) -> Any:
    """The body as JSON, or as a form: some vendors answer so whatever was asked for."""
    try:
        return orjson.loads(reply.body)
    except orjson.JSONDecodeError:
        pass
    kind = reply.headers.get("content-type", "")
    text = reply.text()
    if "html" not in kind and "=" in text and not text.lstrip().startswith("<"):
        return dict(parse_qsl(text, keep_blank_values=True))
    return None


def _code(data: Mapping[str, Any]) -> str:
    """The vendor's word for what went wrong, if it says so; vendors nest it in several ways."""
    found = data.get("error")
    if isinstance(found, Mapping):
        found = found.get("code") or found.get("type") or found.get("status") or found.get("error")
    if found is None and isinstance(data.get("errors"), list) and data["errors"]:
        first = data["errors"][0]
        found = first.get("code") or first.get("errorType") if isinstance(first, Mapping) else first
    return re.sub(r"[^A-Za-z0-9_.-]", "", str(found))[:64] if found not in (None, False, "", 0) else ""


def failure_of(
    reply: Reply, data: Mapping[str, Any], host: str, sent: Iterable[str], turns: Sequence[WrongTurn] = ()
) -> HubError:
    """Whose fault it is that there is nothing in a reply of an OAuth endpoint."""
    return _failure(reply, data, _code(data), host, sent, turns)


def turn_of(turns: Sequence[WrongTurn], text: str) -> WrongTurn | None:
    """The declared error that a vendor's code or words hold, as a whole word or words."""
    for turn in turns:
        if re.search(rf"(?<![\w-]){re.escape(turn.when)}(?![\w-])", text, re.IGNORECASE):
            return turn
    return None


def _failure(
    reply: Reply,
    data: Mapping[str, Any],
    code: str,
    host: str,
    sent: Iterable[str],
    turns: Sequence[WrongTurn],
    *,
    renewal: bool = False,
) -> HubError:
    words = data.get("error_description") or data.get("message") or data.get("error_message") or ""
    said = hidden(clean(words), sent)[:200] if isinstance(words, str) else ""
    code = "" if hidden(code, sent) != code else code
    told = f"{host} answered {code or f'HTTP {reply.status}'}" + (f" ({said})" if said else "")
    known = code.lower()
    blamed = turn_of([turn for turn in turns if not turn.maybe], f"{code} {said}")
    if blamed is not None and not (renewal and known in PERSON and blamed.when.lower() != known):
        return AppBroken(f"{told}.", blamed.when)
    if known in ("authorization_pending", "slow_down"):
        return Pending(f"{told}.", slower=known == "slow_down")
    if known in TRANSIENT:
        return ProviderUnavailable(f"{told}.")
    if known in OPERATOR or (reply.status in (401, 403) and known not in PERSON):
        return AppBroken(f"{told}.", known)
    if known in PERSON or reply.status >= 400:
        return GrantDead(f"{told}.")
    if code:
        return AppBroken(f"{told}.", known)
    return ProviderUnavailable(f"{host} answered without a token.")


def hidden(text: str, secrets: Iterable[str]) -> str:
    """``text`` without any of ``secrets``, however they are spelled in it."""
    for secret in secrets:
        for spelled in {secret, quote(secret, safe=""), quote_plus(secret)} if len(secret) >= _SHORTEST else ():
            text = text.replace(spelled, HIDDEN)
    return text


def _scopes(found: Any, separator: str) -> frozenset[str] | None:
    """Granted scopes; None where nothing was said. Vendors answer with spaces or commas, whatever they were asked."""
    if isinstance(found, list):
        return frozenset(str(one) for one in found)
    if not isinstance(found, str):
        return None
    return frozenset(one for one in re.split(r"[\s,]+" if separator.strip() in ("", ",") else r"\s+", found) if one)


def _expiry(held: Mapping[str, Any], call: TokenCall, now: datetime) -> datetime | None:
    """When the access token ends; what cannot be read counts as not said."""
    found = compile_path(call.expiry.path)(held)
    absent = None if call.expiry.seconds is None else now + timedelta(seconds=call.expiry.seconds)
    if found is None or isinstance(found, bool):
        return absent
    if call.expiry.unit == "iso":
        try:
            moment = datetime.fromisoformat(str(found).strip())
        except ValueError:
            return absent
        moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return min(moment, now + _LONGEST)
    try:
        number = float(found)
    except (TypeError, ValueError):
        return absent
    if not math.isfinite(number) or number <= 0:
        # Some vendors say 0 for tokens that do not end.
        return absent
    seconds = number / 1000 if call.expiry.unit in ("ms", "epoch_ms") else number
    if call.expiry.unit in ("epoch_s", "epoch_ms"):
        seconds -= now.timestamp()
    return now + min(timedelta(seconds=min(max(seconds, 0.0), _LONGEST.total_seconds())), _LONGEST)
