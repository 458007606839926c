"""An authorization request: what a client asks a person for, checked.

Until client and redirect URI are known to be right, nothing is answered by a redirect (OAuth 2.1, section 4.1.2.1).
Only rules that need nothing but the request; whether people may be sent there is decided in ``authorization.py``.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from hub.identity.oauth.client import Client, Kind
from hub.identity.oauth.errors import OAuthError, PageError, RedirectRefused
from hub.identity.oauth.redirects import Redirect, is_registered, parse_redirect
from hub.identity.resources import door_of, resource_of

SCOPE = "hub"
"""The one scope."""

OFFLINE = "offline_access"
"""A scope clients ask refresh tokens by (OpenID Connect Core, section 11); it adds nothing here."""

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_SCOPE = re.compile(r"[!#-\[\]-~]+( [!#-\[\]-~]+)*")


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """A request in which everything is right. ``door`` is the profile of the resource, None for the whole hub."""

    client_id: str
    client_name: str
    client_kind: Kind
    client_host: str | None
    redirect_uri: str
    state: str | None
    challenge: str
    resource: str
    door: str | None

    @property
    def redirect(self) -> Redirect:
        """The redirect URI, looked into."""
        return parse_redirect(self.redirect_uri)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a request says it is to be answered, and the state it wants back."""

    redirect: Redirect
    state: str | None


def client_id_of(params: Sequence[tuple[str, str]]) -> str:
    """Who asks. Raises ``PageError``."""
    found = [value for key, value in params if key == "client_id"]
    if len(found) != 1 or not found[0]:
        raise PageError("The app's request names no client_id, or several.")
    return found[0]


def address_of(params: Sequence[tuple[str, str]], client: Client) -> Address:
    """Where to answer. Raises ``PageError`` unless it is one the client registered."""
    uris = [value for key, value in params if key == "redirect_uri"]
    if len(uris) != 1:
        raise PageError("The app's request has no redirect_uri, or several.")
    try:
        known = is_registered(uris[0], client.redirect_uris)
    except RedirectRefused as wrong:
        raise PageError(f"The app's request cannot be answered: {wrong}") from None
    if not known:
        raise PageError("The app asks to have you sent to an address (redirect_uri) that it did not register.")
    states = [value for key, value in params if key == "state"]
    return Address(parse_redirect(uris[0]), states[0] if len(states) == 1 else None)


def checked_request(
    params: Sequence[tuple[str, str]],
    client: Client,
    address: Address,
    public_url: str,
    profiles: Collection[str],
) -> AuthorizationRequest:
    """The request with the rest of its parameters checked. Raises ``OAuthError`` with the code to answer."""
    names = [key for key, _ in params]
    given = dict(params)
    repeated = sorted({key for key in names if names.count(key) > 1 and key != "resource"})
    if repeated:
        raise OAuthError("invalid_request", f"Sent more than once: {_listed(repeated)}.")
    for name in ("request", "request_uri"):
        if name in given:
            raise OAuthError(f"{name}_not_supported", f"{name} is not offered here.")
    if "response_type" not in given:
        raise OAuthError("invalid_request", "response_type is missing.")
    if given["response_type"] != "code":
        raise OAuthError("unsupported_response_type", "response_type must be code.")
    if given.get("response_mode", "query") != "query":
        raise OAuthError("invalid_request", "response_mode must be query.")
    if given.get("code_challenge_method") != "S256":
        raise OAuthError("invalid_request", "PKCE is required: code_challenge_method must be S256.")
    if not _CHALLENGE.fullmatch(given.get("code_challenge", "")):
        raise OAuthError("invalid_request", "PKCE is required: code_challenge must be 43 characters of base64url.")
    check_scope(given.get("scope"))
    asked = list(dict.fromkeys(value for key, value in params if key == "resource"))
    resource, door = checked_resource(asked, public_url, profiles)
    return AuthorizationRequest(
        client_id=client.id,
        client_name=client.name,
        client_kind=client.kind,
        client_host=client.id_host,
        redirect_uri=address.redirect.uri,
        state=address.state,
        challenge=given["code_challenge"],
        resource=resource,
        door=door,
    )


def check_scope(asked: str | None) -> None:
    """Whether what is asked for leads to the one scope there is; more is ignored. Raises ``OAuthError``."""
    if asked is None or asked == "":
        return
    if not _SCOPE.fullmatch(asked) or not {SCOPE, OFFLINE} & set(asked.split()):
        raise OAuthError("invalid_scope", f"The scope here is {SCOPE}.")


def checked_resource(asked: Sequence[str], public_url: str, profiles: Collection[str]) -> tuple[str, str | None]:
    """The resource and its profile; the whole hub where none is asked for. Raises ``OAuthError`` (RFC 8707)."""
    if not asked:
        return resource_of(public_url, None), None
    found = door_of(public_url, profiles, asked[0]) if len(asked) == 1 else None
    if found is None:
        raise OAuthError("invalid_target", f"resource must be {resource_of(public_url, None)}, or that of a profile.")
    return found


def answer_location(redirect_uri: str, answer: Mapping[str, str | None]) -> str:
    """The redirect URI with the answer added to its query."""
    added = urlencode({key: value for key, value in answer.items() if value is not None})
    joint = "&" if urlsplit(redirect_uri).query else "" if redirect_uri.endswith("?") else "?"
    return f"{redirect_uri}{joint}{added}"


def _listed(names: Sequence[str]) -> str:
    # Error descriptions have a small alphabet (RFC 6749, section 4.1.2.1); names come from outside.
    return ", ".join(re.sub(r"[^A-Za-z0-9_]", "", name)[:40] for name in names[:5])
