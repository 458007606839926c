"""From a provider's YAML to a ``Provider``: what a shape cannot say is checked here, with file, line and path.

Above all where credentials may go: every request that is signed lies on ``hosts``, and nothing but a setting with
``host: true`` stands in a host.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from hub.errors import ConnectorError
from hub.sdk.declaration import CONTRACT
from hub.sdk.names import connector_name
from hub.sdk.parts import rule_of
from hub.sdk.placeholders import Pattern
from hub.sdk.provider.declaration import (
    ClientCredentialsMethod,
    DeviceMethod,
    GrantMethod,
    JwtBearerMethod,
    McpOAuthMethod,
    Method,
    OAuthMethod,
    OperatorMethod,
    ProviderDeclaration,
)
from hub.sdk.provider.provider import Provider, based, covers, mints, pasted_fields, signing_of, unasked
from hub.sdk.provider.steps import ProviderRequest
from hub.sdk.schema import validator
from hub.sdk.setting import Setting
from hub.yaml import line_of, plain

MINTING = (GrantMethod, ClientCredentialsMethod, JwtBearerMethod)
"""The ways that have a token endpoint."""

_SHOWN = 5
_CLIENT = ("client_id", "client_secret")


def compile_provider(
    name: str,
    data: Any,
    file: str,
    *,
    title: str | None = None,
    place: str = "",
    shipped: bool = False,
    within: tuple[str, ...] = (),
) -> Provider:
    """Compile one parsed declaration; ``within`` is where it stands in ``file`` (``("auth",)`` in a connector's YAML),
    ``title`` what it is called where it does not say.

    Raises ``ConnectorError`` with file, line and path.
    """
    connector_name(name)
    if not isinstance(data, Mapping):
        raise ConnectorError(f"{file}: a provider is a mapping of keys, not {type(data).__name__}.")
    contract = data.get("contract", CONTRACT)
    if isinstance(contract, int) and contract > CONTRACT:
        raise ConnectorError(
            f"{file}: written to contract {contract}; this hub knows up to {CONTRACT}. Update the hub."
        )
    try:
        bare = plain(data)
        declared = ProviderDeclaration.model_validate(bare if title is None else {"title": title, **bare})
    except ValidationError as wrong:
        raise ConnectorError(_told(wrong, data, file, within)) from None
    try:
        _check(declared)
        rules = tuple(rule_of(rule) for rule in declared.errors)
    except _Wrong as wrong:
        line = line_of(data, wrong.path)
        at = f"{file}:{line}" if line else file
        raise ConnectorError(f"{at}: {'.'.join((*within, *wrong.path))}: {wrong}") from None
    except ConnectorError as wrong:
        raise ConnectorError(f"{file}: {'.'.join((*within, 'errors'))}: {wrong}") from None
    return Provider(name, declared, rules, place, shipped)


class _Wrong(Exception):
    """What is wrong, and where."""

    def __init__(self, message: str, *path: str) -> None:
        super().__init__(message)
        self.path = path


def _told(wrong: ValidationError, data: Any, file: str, within: tuple[str, ...]) -> str:
    told = []
    for one in wrong.errors()[:_SHOWN]:
        # A union's choice adds the kind it took to the path.
        steps = [step for at, step in enumerate(one["loc"]) if not (at == 2 and one["loc"][0] == "methods")]
        message = str(one["msg"]).removeprefix("Value error, ")
        if one["type"] == "extra_forbidden":
            message = "unknown key"
        elif one["type"] == "missing":
            message = "is required"
        elif one["type"] in ("union_tag_invalid", "union_tag_not_found"):
            kinds = "key, bearer, basic, oauth2, device, mcp_oauth, client_credentials, jwt_bearer or operator"
            message = f"kind must be {kinds}"
        known: list[Any] = []
        node = data
        for step in steps:
            try:
                node = node[step]
            except (KeyError, IndexError, TypeError):
                break
            known.append(step)
        line = line_of(data, known)
        dotted = ".".join(str(step) for step in (*within, *steps)) or "provider"
        told.append(f"{file}:{line}: {dotted}: {message}" if line else f"{file}: {dotted}: {message}")
    return "\n".join(told)


def _check(declared: ProviderDeclaration) -> None:
    hosting = {name for name, setting in declared.settings.items() if setting.host}
    for name, setting in declared.settings.items():
        if setting.pattern is not None:
            _pattern(setting.pattern, "settings", name)
        if setting.found and (setting.default is not None or name not in _saved(declared)):
            raise _Wrong(
                "is found, so it needs a save of its name in token, authorize, tenants or who, and no default",
                "settings",
                name,
            )
    for entry in declared.hosts:
        _check_host(entry, hosting)
    for scope, narrower in declared.implies.items():
        if scope in narrower or not narrower:
            raise _Wrong("names the narrower scopes it covers, and not itself", "implies", scope)
    known = {f"settings.{name}" for name in declared.settings}
    secrets: set[str] = set()
    for name, method in declared.methods.items():
        secrets |= _check_method(name, method, declared, hosting, known)
    if declared.who is not None:
        _check_request(declared.who.request, ("who",), hosting, secrets, known)
        _check_signed(declared.who.request.url, declared, hosting, "who")
    first = next(iter(declared.methods.values()))
    for name, method in declared.methods.items():
        if set(method.bases) != set(first.bases):
            raise _Wrong(
                "has other bases than the first way: a connector that names one is used with every way",
                *("methods", name, "bases"),
            )
    revoke = declared.revoke.request
    if revoke is not None:
        _check_request(revoke, ("revoke",), hosting, secrets | {"token", "refresh_token", *_CLIENT}, known)
        if declared.revoke.signed:
            _check_signed(revoke.url, declared, hosting, "revoke")


def _saved(declared: ProviderDeclaration) -> set[str]:
    """The names of all that is kept of what a vendor says."""
    names = set(declared.who.save) if declared.who is not None else set()
    for method in declared.methods.values():
        names |= set(method.who.save) if method.who is not None else set()
        names |= set(method.tenants.save) if method.tenants is not None else set()
        names |= set(method.token.save) if isinstance(method, MINTING) else set()
        names |= set(method.authorize.save) if isinstance(method, OAuthMethod) else set()
    return names


def _check_method(
    name: str, method: Method, declared: ProviderDeclaration, hosting: set[str], known: set[str]
) -> set[str]:
    """Check one way of connecting; the names of the secrets that its requests may be signed with."""
    at = ("methods", name)
    fields = set(pasted_fields(method))
    for field, pasted in pasted_fields(method).items():
        if pasted.pattern is not None:
            _pattern(pasted.pattern, *at)
        if not re.fullmatch(r"[a-z][a-z0-9_]*", field):
            raise _Wrong(f"{field!r} is no field name: a-z, 0-9 and _", *at)
    if not isinstance(method, GrantMethod | McpOAuthMethod) and not fields:
        raise _Wrong("fields is needed: what is pasted", *at)
    usable = set(fields)
    for setting in method.settings or ():
        if setting not in declared.settings or declared.settings[setting].found:
            raise _Wrong(f"{setting!r} is no setting that is asked for", *at, "settings")
    known = known - {f"settings.{name}" for name in unasked(declared, method)}
    whole, found = known, {f"settings.{name}" for name, one in declared.settings.items() if one.found}
    known = known - found
    if isinstance(method, MINTING):
        usable |= {"token", *method.token.more}
        brought = set(method.authorize.save) if isinstance(method, OAuthMethod) else set()
        early = known | {f"settings.{name}" for name in brought & set(declared.settings)}
        _check_outside(method.token.url, hosting, early | fields, *at, "token")
        given = known | fields | {"redirect_uri", *_CLIENT}
        _names((*method.token.params.values(), *method.token.headers.values()), given, *at, "token")
        renewing = (*method.refresh.params.values(), *method.refresh.headers.values())
        _names(renewing, given | {"refresh_token", "token"}, *at, "refresh")
        if method.refresh.url is not None:
            _check_outside(method.refresh.url, hosting, whole, *at, "refresh")
    if isinstance(method, OAuthMethod):
        _check_outside(method.authorize.url, hosting, known, *at, "authorize")
        _names(method.authorize.params.values(), known | {"redirect_uri", "client_id", "scopes"}, *at, "authorize")
    if isinstance(method, GrantMethod):
        so_far = given | {"token", "refresh_token", *method.token.more}
        for call in method.then:
            _check_outside(call.url, hosting, whole | so_far, *at, "then")
            _names((*call.params.values(), *call.headers.values()), whole | so_far, *at, "then", account=True)
            so_far |= {call.as_, *call.more} if call.as_ else set(call.more)
        usable |= so_far - given
    if isinstance(method, DeviceMethod):
        _check_outside(method.device.url, hosting, known, *at, "device")
        _names(method.device.params.values(), known | {"client_id", "scopes"}, *at, "device")
    signs = isinstance(method, MINTING) and method.token.client_auth == "private_key_jwt"
    if signs and isinstance(method, GrantMethod) and not method.app.needs_secret:
        raise _Wrong("private_key_jwt needs a private key: needs_secret", *at)
    if isinstance(method, McpOAuthMethod):
        usable.add("token")
        elsewhere = [entry for entry in declared.hosts if entry.lower() != origin_of(method.resource)]
        if elsewhere:
            raise _Wrong(f"a token of {method.resource} goes to its origin only, not to {', '.join(elsewhere)}", *at)
    if isinstance(method, JwtBearerMethod):
        if method.key not in fields:
            raise _Wrong(f"key names {method.key!r}, which is not one of its fields", *at)
        _names((*method.claims.values(), method.key_id or ""), known | fields | {"scopes"}, *at, "claims")
    if method.tenants is not None:
        signed = method.tenants.signed
        _check_request(method.tenants.request, (*at, "tenants"), hosting, usable if signed else set(), whole)
        if signed:
            _check_signed(method.tenants.request.url, declared, hosting, "tenants")
    who = method.who or declared.who
    if who is not None:
        _check_request(who.request, (*at, "who"), hosting, usable, whole)
        _check_signed(who.request.url, declared, hosting, "who")
    for base, url in method.bases.items():
        _check_outside(url, hosting, whole, *at, "bases", base, account=True)
        _check_signed(url, declared, hosting, f"methods.{name}.bases.{base}")
    sign = signing_of(method)
    texts = [*sign.headers.values(), *sign.query.values(), *sign.body.values(), sign.path or "", sign.basic or ""]
    _names(texts, usable | whole, *at, "sign", account=True)
    bounded = {field for field, one in pasted_fields(method).items() if one.pattern and not one.secret}
    bounded |= {f"settings.{key}" for key, one in declared.settings.items() if one.pattern or one.choices}
    for name in (name for text in (*sign.headers, *sign.query) for name in Pattern.parse(text).names):
        if name not in bounded:
            wanted = "a setting or a field that is not secret, with a pattern"
            raise _Wrong(f"{{{name}}} names where the credential goes, and must be {wanted}", *at, "sign")
    if isinstance(method, OperatorMethod) and (mints(method) or method.tenants is not None):
        raise _Wrong("an operator's credential is not exchanged, and has no tenants", *at)
    return usable


def origin_of(url: str) -> str:
    """The origin of an address as ``hosts`` spells it: without https://, and with http:// where there is no TLS."""
    parts = urlsplit(url)
    usual = f":{443 if parts.scheme == 'https' else 80}"
    place = parts.netloc.rpartition("@")[2].lower().removesuffix(usual)
    return place if parts.scheme == "https" else f"http://{place}"


def _names(texts: Iterable[str], known: set[str], *path: str, account: bool = False) -> None:
    for text in texts:
        for name in Pattern.parse(text).names:
            if name not in known and not (account and name.startswith("account.")):
                raise _Wrong(f"{{{name}}} is not known here; there are {', '.join(sorted(known))}", *path)


def _check_request(
    request: ProviderRequest, path: tuple[str, ...], hosting: set[str], secrets: set[str], known: set[str]
) -> None:
    _check_outside(request.url, hosting, known | secrets, *path, account=True)
    texts = [*request.query.values(), *request.headers.values(), *(request.form or {}).values()]
    _names(texts, known | secrets, *path, account=True)


def _check_host(entry: str, hosting: set[str]) -> None:
    bare = entry.removeprefix("http://")
    if "://" in bare or "/" in bare or "@" in bare or bare in ("*", "*."):
        raise _Wrong(f"{entry!r} is not a host such as api.example.com or *.example.com", "hosts")
    for name in Pattern.parse(entry).names:
        if not name.startswith("settings.") or name.removeprefix("settings.") not in hosting:
            raise _Wrong(f"{{{name}}} stands in a host and must be a setting with host: true", "hosts")
    literal = "".join(one if isinstance(one, str) else "x" for one in Pattern.parse(bare).pieces)
    if literal.startswith("*.") and literal.count(".") < 2:
        raise _Wrong(f"{entry!r} covers a whole top-level domain", "hosts")
    if not re.fullmatch(r"(\*\.)?[A-Za-z0-9_.:\[\]-]+", literal):
        raise _Wrong(f"{entry!r} is not a host such as api.example.com or *.example.com", "hosts")


def _check_outside(
    url: str, hosting: set[str], known: set[str], *path: str, account: bool = False, any_setting: bool = False
) -> None:
    """An address of the declaration's own: only a host setting may stand in its host."""
    if not any_setting:
        _names((url,), known, *path, account=account)
    text = ""
    for piece in Pattern.parse(url).pieces:
        if isinstance(piece, str):
            text += piece
            continue
        name = piece[0]
        if text.count("/") < 3 and name.removeprefix("settings.") not in hosting:
            raise _Wrong(f"{{{name}}} stands in the host of {url} and must be a setting with host: true", *path)
        text += "x"
    if not urlsplit(text).hostname:
        raise _Wrong(f"{url!r} has no host", *path)


def check_joined(
    provider: Provider, base_url: str | None, settings: Mapping[str, Setting], *, key: str = "base_url"
) -> None:
    """Raise ``ConnectorError`` unless a connector's address, under ``key``, lies on the hosts of its provider, for
    accounts of every kind."""
    if base_url is None:
        return
    try:
        urls = {based(base_url, method) for method in provider.methods.values()}
    except ConnectorError as wrong:
        raise ConnectorError(f"{key}, with the provider {provider.name}: {wrong}") from None
    hosting = {name for name, one in settings.items() if one.host}
    hosting |= {name for name, one in provider.declared.settings.items() if one.host}
    try:
        for url in sorted(urls):
            _check_outside(url, hosting, {f"settings.{name}" for name in hosting}, key, any_setting=True)
            _check_signed(url, provider.declared, hosting, key)
    except _Wrong as wrong:
        raise ConnectorError(f"{key}, with the provider {provider.name}: {wrong}.") from None


def _check_signed(url: str, declared: ProviderDeclaration, hosting: set[str], step: str) -> None:
    """A signed request lies on ``hosts``, whatever the settings are."""
    marked = {f"settings.{name}": "setting" + re.sub(r"[^a-z0-9]", "", name) for name in hosting}

    def filled(text: str) -> str:
        pieces = Pattern.parse(text).pieces
        return "".join(one if isinstance(one, str) else marked.get(one[0], "x") for one in pieces)

    if not covers(tuple(filled(entry).lower() for entry in declared.hosts), filled(url)):
        raise _Wrong(f"{url} is signed, but does not lie on hosts; add its host there", step)


def _pattern(pattern: str, *path: str) -> None:
    try:
        re.compile(pattern)
        validator({"type": "string", "pattern": pattern}, "pattern")
    except (re.error, ConnectorError) as wrong:
        raise _Wrong(f"the pattern {pattern!r} cannot be used: {wrong}", *path) from None
