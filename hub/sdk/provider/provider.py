"""``Provider``: a declaration that was checked, and what follows from it for one account's settings.

Pure: which host a credential may go to, which values are missing, how much effort connecting takes. Nothing is sent.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Literal
from urllib.parse import urlsplit

from hub.errors import ConnectorError, ToolError
from hub.sdk.placeholders import Pattern, Scope
from hub.sdk.provider.code import ProviderCode
from hub.sdk.provider.declaration import (
    BEARER,
    AccountSetting,
    ClientCredentialsMethod,
    GrantMethod,
    JwtBearerMethod,
    McpOAuthMethod,
    Method,
    OAuthMethod,
    OperatorMethod,
    PastedField,
    PastedMethod,
    ProviderDeclaration,
)
from hub.sdk.provider.steps import Signing, Who
from hub.sdk.response import Rule

Effort = Literal["nothing to register", "paste a key", "register an app"]
"""What it takes until the first account can be connected."""

_ORIGIN = re.compile(r"https?://[^/?#]*")
_ORIGIN_MARK = re.compile(r"https?://", re.IGNORECASE)
_BASE = re.compile(r"\{base\.([a-z][a-z0-9_]*)\}")
_HOST = re.compile(r"(\*\.)?[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?(:[0-9]{1,5})?|\[[0-9a-f:.]+\](:[0-9]{1,5})?")

_PASTED: dict[str, dict[str, PastedField]] = {
    "key": {"key": PastedField(title="Key")},
    "bearer": {"token": PastedField(title="Token")},
    "basic": {"username": PastedField(title="User name", secret=False), "password": PastedField(title="Password")},
    "client_credentials": {
        "client_id": PastedField(title="Client id", secret=False),
        "client_secret": PastedField(title="Client secret"),
    },
}

_SIGNED: dict[str, Signing] = {
    "key": Signing(headers={"Authorization": "Bearer {key}"}),
    "basic": Signing(basic="{username}:{password}"),
    "operator": Signing(headers={"Authorization": "Bearer {key}"}),
}


def pasted_fields(method: Method) -> Mapping[str, PastedField]:
    """What a person (or for ``operator``, the operator) gives for this method; empty for OAuth."""
    if isinstance(method, GrantMethod | McpOAuthMethod):
        return {}
    if isinstance(method, OperatorMethod):
        return method.fields
    return method.fields or _PASTED.get(method.kind, {})


def secret_part(method: Method, kept: Mapping[str, Any]) -> dict[str, Any]:
    """What of an account's kept values is secret: not a user name or a client id, which apps answer with every day."""
    fields = pasted_fields(method)
    return {name: value for name, value in kept.items() if name not in fields or fields[name].secret}


def signing_of(method: Method) -> Signing:
    """How its credentials are put on requests."""
    return method.sign or _SIGNED.get(method.kind, BEARER)


def unasked(declared: ProviderDeclaration, method: Method) -> frozenset[str]:
    """The settings that accounts of this kind do without: those that only other ways ask for."""
    asked = {name for name, one in declared.settings.items() if not one.found}
    return frozenset() if method.settings is None else frozenset(asked - set(method.settings))


def based(base_url: str, method: Method) -> str:
    """A connector's ``base_url`` for accounts of this kind: ``{base.x}`` at its beginning is the way's own address.

    Raises ``ConnectorError`` where the way has no such address.
    """
    found = _BASE.match(base_url)
    if found is None:
        return base_url
    base = method.bases.get(found[1])
    if base is None:
        known = ", ".join(f"{{base.{name}}}" for name in sorted(method.bases)) or "none"
        raise ConnectorError(f"base_url: {found[0]} is no base of its provider; there are: {known}.")
    return base.rstrip("/") + base_url[found.end() :]


def mints(method: Method) -> bool:
    """Whether access tokens are asked for with what is kept, so that there is something to renew."""
    return isinstance(method, GrantMethod | McpOAuthMethod | ClientCredentialsMethod | JwtBearerMethod)


def by_page(method: Method) -> bool:
    """Whether the browser is led to the vendor's own page and back, rather than something be pasted or typed there."""
    return isinstance(method, OAuthMethod | McpOAuthMethod)


@dataclass(frozen=True, eq=False)
class Provider:
    """One provider. ``place`` is where it was found, ``shipped`` whether it came with the hub, ``code`` its own
    steps."""

    name: str
    declared: ProviderDeclaration
    rules: tuple[Rule, ...] = ()
    place: str = ""
    shipped: bool = False
    code: ProviderCode | None = None

    @property
    def title(self) -> str:
        """What people call it."""
        return self.declared.title

    @property
    def methods(self) -> Mapping[str, Method]:
        """The ways to connect, the recommended one first."""
        return self.declared.methods

    @cached_property
    def effort(self) -> Effort:
        """The least effort of its ways."""
        kinds = {type(method) for method in self.methods.values()}
        known = any(isinstance(method, McpOAuthMethod) and method.app is None for method in self.methods.values())
        if known or kinds == {OperatorMethod}:
            return "nothing to register"
        pasted = [kind for kind in kinds if not issubclass(kind, GrantMethod | McpOAuthMethod | OperatorMethod)]
        return "paste a key" if pasted else "register an app"

    @cached_property
    def _covered(self) -> Mapping[str, frozenset[str]]:
        """By scope, all it covers, itself included, through as many steps as are declared."""
        found: dict[str, frozenset[str]] = {}
        for scope in self.declared.implies:
            reached, waiting = {scope}, [scope]
            while waiting:
                further = set(self.declared.implies.get(waiting.pop(), ())) - reached
                reached |= further
                waiting.extend(further)
            found[scope] = frozenset(reached)
        return found

    def covering(self, scope: str) -> frozenset[str]:
        """All scopes that ``scope`` covers, itself included (``implies``)."""
        return self._covered.get(scope) or frozenset((scope,))

    def missing(self, granted: Iterable[str], wanted: Iterable[str]) -> tuple[str, ...]:
        """Those of ``wanted`` that nothing of ``granted`` covers, each once."""
        held = {covered for scope in granted for covered in self.covering(scope)}
        return tuple(dict.fromkeys(scope for scope in wanted if scope not in held))

    def least(self, scopes: Iterable[str]) -> tuple[str, ...]:
        """The same scopes without those that another of them covers; of two that cover each other the first stays."""
        kept: list[str] = []
        for scope in dict.fromkeys(scopes):
            if not self.missing(kept, [scope]):
                continue
            kept = [one for one in kept if one not in self.covering(scope)]
            kept.append(scope)
        return tuple(kept)

    def asked(self, way: Method | None = None) -> Mapping[str, AccountSetting]:
        """The settings a person gives before connecting by this way, or by all; the others are found."""
        without = unasked(self.declared, way) if way is not None else frozenset()
        return {name: one for name, one in self.declared.settings.items() if not one.found and name not in without}

    def who(self, way: Method) -> Who | None:
        """How accounts of this kind are asked whose they are; None where they cannot be."""
        return way.who or self.declared.who

    def found(self, told: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, Any]]:
        """What a vendor told, parted: settings that are found that way, and what is kept besides.

        Raises ``ToolError`` where a setting is not what the declaration says it must be: a vendor's reply, or the
        address a browser came back with, never leads a credential anywhere else.
        """
        settings: dict[str, str] = {}
        rest: dict[str, Any] = {}
        for name, value in told.items():
            declared = self.declared.settings.get(name)
            if declared is None or not declared.found:
                rest[name] = value
                continue
            text = _ORIGIN_MARK.sub("", str(value)).rstrip("/") if declared.host else str(value)
            if not _fits(declared, text):
                raise ToolError(
                    f"{self.title} named a {declared.title} that its declaration does not allow, so the account was "
                    "not connected. Its author may have to add it."
                )
            settings[name] = text
        return settings, rest

    def hosts(
        self, settings: Mapping[str, str], way: Method | None = None, *, partial: bool = False
    ) -> tuple[str, ...]:
        """The hosts credentials may go to with these settings, as declared: http:// in front of those without TLS.
        Those of settings that this ``way`` does without are left out; ``partial``: also those whose settings are still
        to be found.

        Raises ``ToolError`` where a setting is missing, or would make something else than a host of it.
        """
        entries: Iterable[str] = self.declared.hosts
        without = {f"settings.{name}" for name in unasked(self.declared, way)} if way is not None else set()
        entries = [one for one in entries if without.isdisjoint(names_of(one))]
        if partial:
            entries = [one for one in entries if all(name.partition(".")[2] in settings for name in names_of(one))]
        return tuple(self._host(entry, settings) for entry in entries)

    def _host(self, entry: str, settings: Mapping[str, str]) -> str:
        pattern = Pattern.parse(entry)
        missing = [name for name in pattern.names if name.partition(".")[2] not in settings]
        if missing:
            raise ToolError(f"This account of {self.title} lacks {', '.join(missing)}; connect it again.")
        filled = str(pattern.text(Scope({}, settings), str)).lower()
        if not _HOST.fullmatch(filled.removeprefix("http://")):
            raise ToolError(f"A setting of this account of {self.title} is no part of a host name; connect it again.")
        return filled

    def checked_settings(self, given: Mapping[str, str], way: Method | None = None) -> dict[str, str]:
        """The settings of a new account connected by this way, defaults filled in. Raises ``ToolError`` that names the
        wrong field."""
        values: dict[str, str] = {}
        for name, setting in self.asked(way).items():
            value = given.get(name, "").strip() or setting.default
            if not value:
                raise ToolError(f"{setting.title} is needed. {setting.description}".strip())
            if setting.choices and value not in setting.choices:
                raise ToolError(f"{setting.title} is one of {', '.join(setting.choices)}.")
            if not _fits(setting, value):
                raise ToolError(f"{setting.title} does not look right. {setting.description}".strip())
            values[name] = value
        return values

    def checked_fields(self, method: Method, given: Mapping[str, str]) -> dict[str, str]:
        """What was pasted for ``method``. Raises ``ToolError`` that names the field and never its value."""
        values: dict[str, str] = {}
        for name, field in pasted_fields(method).items():
            value = given.get(name, "").strip()
            if not value:
                raise ToolError(f"{field.title} is needed. {field.description}".strip())
            if any(char < " " or char == "\x7f" for char in value) and not value.startswith("-----BEGIN "):
                raise ToolError(f"{field.title} holds control characters; copy it again.")
            if field.pattern is not None and not re.fullmatch(field.pattern, value):
                told = f"{field.title} does not look like one: is it cut off, or something else? {field.description}"
                raise ToolError(told.strip())
            values[name] = value
        return values


def names_of(text: str) -> tuple[str, ...]:
    """The placeholders in a template."""
    return Pattern.parse(text).names


def _fits(setting: AccountSetting, value: str) -> bool:
    if setting.choices and value not in setting.choices:
        return False
    return setting.pattern is None or re.fullmatch(setting.pattern, value) is not None


def covers(hosts: tuple[str, ...], url: str) -> bool:
    """Whether ``url`` lies on one of ``hosts`` (``Provider.hosts``): scheme, host and port must be right."""
    found = _ORIGIN.match(url)
    return found is not None and _covers(hosts, found[0])


def origins(hosts: tuple[str, ...]) -> tuple[str, ...]:
    """How URLs on those of ``hosts`` that are one host each begin, as the hub writes them: whatever begins so is on it.
    Others may be on one all the same (``covers``)."""
    named = [entry for entry in hosts if "*" not in entry]
    return tuple(f"{entry if entry.startswith('http://') else f'https://{entry}'}/" for entry in named)


@lru_cache(maxsize=4096)
def _covers(hosts: tuple[str, ...], origin: str) -> bool:
    """The same of a URL's part before its path. Nothing drops what is remembered: it says the same for ever."""
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError:
        return False
    host = (parts.hostname or "").lower()
    if not host or parts.username is not None or parts.password is not None or parts.scheme not in ("http", "https"):
        return False
    bracketed = f"[{host}]" if ":" in host else host
    netloc = bracketed if port in (None, 443 if parts.scheme == "https" else 80) else f"{bracketed}:{port}"
    for entry in hosts:
        plain = entry.startswith("http://")
        if plain != (parts.scheme == "http"):
            continue
        allowed = entry.removeprefix("http://")
        if netloc == allowed or (allowed.startswith("*.") and netloc.endswith(allowed[1:])):
            return True
    return False


__all__ = [
    "Effort",
    "PastedMethod",
    "Provider",
    "based",
    "by_page",
    "covers",
    "mints",
    "origins",
    "pasted_fields",
    "secret_part",
    "signing_of",
    "unasked",
]
