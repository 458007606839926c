"""``Provider``: a declaration that was checked, and what follows from it for one account's settings.

Pure: which host a credential may go to, which values are missing, how much effort connecting takes. Nothing is sent.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal
from urllib.parse import urlsplit

from hub.errors import ToolError
from hub.sdk.placeholders import Pattern, Scope
from hub.sdk.provider.declaration import (
    BEARER,
    ClientCredentialsMethod,
    JwtBearerMethod,
    Method,
    OAuthMethod,
    OperatorMethod,
    PastedField,
    PastedMethod,
    ProviderDeclaration,
)
from hub.sdk.provider.steps import Signing
from hub.sdk.response import Rule

Effort = Literal["nothing to register", "paste a key", "register an app"]
"""What it takes until the first account can be connected."""

_ORIGIN = re.compile(r"https?://[^/?#]*")
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
    if isinstance(method, OAuthMethod):
        return {}
    if isinstance(method, OperatorMethod):
        return method.fields
    return method.fields or _PASTED.get(method.kind, {})


def signing_of(method: Method) -> Signing:
    """How its credentials are put on requests."""
    return method.sign or _SIGNED.get(method.kind, BEARER)


def mints(method: Method) -> bool:
    """Whether access tokens are asked for with what is kept, so that there is something to renew."""
    return isinstance(method, OAuthMethod | ClientCredentialsMethod | JwtBearerMethod)


@dataclass(frozen=True, eq=False)
class Provider:
    """One provider. ``place`` is where it was found, ``shipped`` whether it came with the hub."""

    name: str
    declared: ProviderDeclaration
    rules: tuple[Rule, ...] = ()
    place: str = ""
    shipped: bool = False

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
        if kinds == {OperatorMethod}:
            return "nothing to register"
        return "paste a key" if kinds - {OAuthMethod, OperatorMethod} else "register an app"

    def hosts(self, settings: Mapping[str, str]) -> tuple[str, ...]:
        """The hosts credentials may go to with these settings, as declared: http:// in front of those without TLS.

        Raises ``ToolError`` where a setting is missing, or would make something else than a host of it.
        """
        return tuple(self._host(entry, settings) for entry in self.declared.hosts)

    def _host(self, entry: str, settings: Mapping[str, str]) -> str:
        pattern = Pattern.parse(entry)
        missing = [name for name in pattern.names if name.partition(".")[2] not in settings]
        if missing:
            raise ToolError(f"This account of {self.title} lacks {', '.join(missing)}; connect it again.")
        filled = str(pattern.text(Scope({}, settings), str)).lower()
        if not _HOST.fullmatch(filled.removeprefix("http://")):
            raise ToolError(f"A setting of this account of {self.title} is no part of a host name; connect it again.")
        return filled

    def checked_settings(self, given: Mapping[str, str]) -> dict[str, str]:
        """The settings of a new account, defaults filled in. Raises ``ToolError`` that names the wrong field."""
        values: dict[str, str] = {}
        for name, setting in self.declared.settings.items():
            value = given.get(name, "").strip() or setting.default
            if not value:
                raise ToolError(f"{setting.title} is needed. {setting.description}".strip())
            if setting.choices and value not in setting.choices:
                raise ToolError(f"{setting.title} is one of {', '.join(setting.choices)}.")
            if setting.pattern is not None and not re.fullmatch(setting.pattern, value):
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


def covers(hosts: tuple[str, ...], url: str) -> bool:
    """Whether ``url`` lies on one of ``hosts`` (``Provider.hosts``): scheme, host and port must be right."""
    found = _ORIGIN.match(url)
    return found is not None and _covers(hosts, found[0])


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


__all__ = ["Effort", "PastedMethod", "Provider", "covers", "mints", "pasted_fields", "signing_of"]
