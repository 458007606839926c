"""What an MCP server and its authorization server say of how to sign in, read strictly. Pure functions; no I/O.

Sources: RFC 9728 (protected resource metadata), RFC 8414 (authorization server metadata), OpenID Connect Discovery 1.0,
RFC 6750 section 3 (challenges), MCP specification 2026-07-28, basic/authorization.
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from hub.broker.refused import ConnectRefused

ClientAuth = Literal["basic", "body", "none"]
"""How a client shows who it is at a token endpoint (RFC 6749, section 2.3.1)."""

METHODS: dict[ClientAuth, str] = {"basic": "client_secret_basic", "body": "client_secret_post", "none": "none"}
"""The same by the names of RFC 7591, section 2, in the order of preference."""

_URL_MAX = 2000
_LISTED_MAX = 100
_PARAMETER = re.compile(r'([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')


@dataclass(frozen=True, slots=True)
class Challenge:
    """A ``WWW-Authenticate`` of a server: its error's code, the scopes it names, and where its metadata is."""

    error: str = ""
    scopes: tuple[str, ...] = ()
    metadata: str | None = None


@dataclass(frozen=True, slots=True)
class Resource:
    """A protected resource: its identifier, the issuers it trusts, and the scopes it knows (None: not said)."""

    identifier: str
    issuers: tuple[str, ...]
    scopes: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Issuer:
    """An authorization server. ``auth`` are the ways clients may show who they are there; ``iss`` whether it promises
    to name itself in its answers (RFC 9207); ``documents`` whether it reads client metadata documents."""

    identifier: str
    authorization_endpoint: str
    token_endpoint: str
    registration_endpoint: str | None
    revocation_endpoint: str | None
    scopes: tuple[str, ...]
    auth: tuple[ClientAuth, ...]
    iss: bool
    documents: bool


def challenge_of(header: str) -> Challenge:
    """The Bearer challenge in a ``WWW-Authenticate``; empty where there is none. The first of each parameter counts."""
    begin = re.search(r"\bbearer\b", header, re.IGNORECASE)
    if begin is None:
        return Challenge()
    told: dict[str, str] = {}
    for name, quoted, bare in _PARAMETER.findall(header[begin.end() :][:8000]):
        told.setdefault(name.lower(), re.sub(r"\\(.)", r"\1", quoted) or bare)
    return Challenge(told.get("error", ""), scopes_in(told.get("scope", "")), told.get("resource_metadata"))


def scopes_in(told: Any) -> tuple[str, ...]:
    """Scopes in a list or a text with spaces; what is no scope (RFC 6749, section 3.3) is left out."""
    found = told.split() if isinstance(told, str) else told if isinstance(told, list) else []
    fits = [one for one in found if isinstance(one, str) and re.fullmatch(r"[\x21\x23-\x5b\x5d-\x7e]{1,200}", one)]
    return tuple(dict.fromkeys(fits[:_LISTED_MAX]))


def resource_places(url: str) -> tuple[str, ...]:
    """Where a resource's metadata may lie, the most precise first (RFC 9728, section 3.1)."""
    origin, path = _split(url)
    root = f"{origin}/.well-known/oauth-protected-resource"
    return (f"{root}{path}", root) if path else (root,)


def issuer_places(issuer: str) -> tuple[str, ...]:
    """Where an issuer's metadata may lie, in order (MCP specification, authorization-server-discovery)."""
    origin, path = _split(issuer)
    places = [
        f"{origin}/.well-known/oauth-authorization-server{path}",
        f"{origin}/.well-known/openid-configuration{path}",
    ]
    return tuple([*places, f"{origin}{path}/.well-known/openid-configuration"] if path else places)


def _split(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")


def resource_of(data: Any, url: str, title: str) -> Resource:
    """The resource whose metadata is ``data``. Raises ``ConnectRefused`` where it is not the one at ``url``: then its
    tokens would be another's (RFC 9728, section 3.3)."""
    held = data if isinstance(data, Mapping) else {}
    named = held.get("resource")
    if not isinstance(named, str) or not _same_resource(named, url):
        shown = named[:200] if isinstance(named, str) else "nothing"
        raise ConnectRefused(
            f"{title} cannot be connected: its address is {url}, and it says that it is {shown}. A token for another "
            "resource is never asked for."
        )
    listed = held.get("authorization_servers")
    issuers = [one for one in listed if isinstance(one, str)] if isinstance(listed, list) else []
    scopes = scopes_in(held["scopes_supported"]) if isinstance(held.get("scopes_supported"), list) else None
    return Resource(named, tuple(issuers[:_LISTED_MAX]), scopes)


def _same_resource(named: str, url: str) -> bool:
    """Whether ``named`` identifies what is at ``url``: the same origin, and the same path or one above it."""
    try:
        theirs, ours = urlsplit(named), urlsplit(url)
        same = (theirs.scheme, theirs.hostname, theirs.port) == (ours.scheme, ours.hostname, ours.port)
    except ValueError:
        return False
    if not same or theirs.username is not None or theirs.fragment or not usable(named, plain=True):
        return False
    above = theirs.path.rstrip("/")
    return ours.path.rstrip("/") == above or ours.path.startswith(f"{above}/")


def issuer_of(data: Any, issuer: str, title: str, *, plain: bool) -> Issuer:
    """The authorization server whose metadata is ``data``; ``plain`` allows http.

    Raises ``ConnectRefused``: another issuer's metadata (RFC 8414, section 3.3; compared as it stands), no PKCE with
    S256, or endpoints that no browser or hub should be sent to.
    """
    held = data if isinstance(data, Mapping) else {}
    if held.get("issuer") != issuer:
        raise ConnectRefused(
            f"{title} cannot be connected: {issuer} gives the metadata of another authorization server."
        )
    if "S256" not in (held.get("code_challenge_methods_supported") or ()):
        raise ConnectRefused(f"{title} cannot be connected: {issuer} does not say that it supports PKCE with S256.")
    found: dict[str, str | None] = {}
    for name in ("authorization_endpoint", "token_endpoint", "registration_endpoint", "revocation_endpoint"):
        value = held.get(name)
        if value is not None and not (isinstance(value, str) and usable(value, plain=plain)):
            raise ConnectRefused(f"{title} cannot be connected: the {name} of {issuer} is not a public https address.")
        found[name] = value
    authorize, token = found["authorization_endpoint"], found["token_endpoint"]
    if authorize is None or token is None:
        raise ConnectRefused(f"{title} cannot be connected: {issuer} does not say where people sign in.")
    # RFC 8414, section 2: client_secret_basic where nothing is said.
    listed = held.get("token_endpoint_auth_methods_supported")
    named = listed if isinstance(listed, list) else [METHODS["basic"]]
    return Issuer(
        issuer,
        authorize,
        token,
        found["registration_endpoint"],
        found["revocation_endpoint"],
        scopes_in(held.get("scopes_supported")),
        tuple(auth for auth, name in METHODS.items() if name in named),
        held.get("authorization_response_iss_parameter_supported") is True,
        held.get("client_id_metadata_document_supported") is True,
    )


def usable(url: str, *, plain: bool) -> bool:
    """Whether an address that a server names may be used at all: https (http too where ``plain``), a host that is no
    private address, and nothing that means something else to a template, a browser or a log."""
    if (
        len(url) > _URL_MAX
        or not url.isascii()
        or any(char <= " " or char in '{}\\"<>' or char == "\x7f" for char in url)
    ):
        return False
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        return False
    if parts.scheme not in (("https", "http") if plain else ("https",)) or not host or parts.fragment:
        return False
    if parts.username is not None or parts.password is not None:
        return False
    # Names are judged by the guard when they are asked; what a browser opens is judged here only.
    return plain or not _private(host)


def _private(host: str) -> bool:
    if host == "localhost" or host.endswith((".localhost", ".local", ".internal")):
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        # Numbers that browsers read as an address: 2130706433, 0x7f.1
        return bool(re.fullmatch(r"(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+))*\.?", host, re.IGNORECASE))
