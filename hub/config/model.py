"""The settings as a model: every key with its kind, default and limits.

``config.example.yaml`` tells people about the same keys. Not where settings are read from (``sources.py``).
"""

import ipaddress
import os
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from hub.config.keys import Hidden


def _origin(url: str) -> str:
    """An http(s) origin in lower case; raises ``ValueError`` that shows the right spelling."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not re.fullmatch(r"[a-z0-9._:-]+", host):
        raise ValueError("an origin such as https://hub.example.org is needed")
    try:
        port = parts.port
    except ValueError:
        raise ValueError("the port must be a number from 1 to 65535") from None
    name = f"[{host}]" if ":" in host else host
    origin = f"{parts.scheme}://{name}" + (f":{port}" if port is not None else "")
    if url.lower() != origin:
        raise ValueError(f"only the origin, without path, slash, user or query: {origin}")
    return origin


def _network(text: str) -> str:
    """A CIDR block or single address; raises ``ValueError``."""
    try:
        ipaddress.ip_network(text)
    except ValueError:
        try:
            right = ipaddress.ip_network(text, strict=False)
        except ValueError:
            raise ValueError(f"{text!r} is not a CIDR block such as 10.0.0.0/8 or fd00::/8") from None
        raise ValueError(f"{text!r} has bits set behind its prefix; write {right}") from None
    return text


def _place(text: str) -> str:
    """``host:port``, ``[v6]:port``, an address, a CIDR block or ``CIDR:port``; raises ``ValueError``."""
    if "/" in text:
        address, _, rest = text.partition("/")
        length, colon, port = rest.partition(":")
        _network(f"{address.strip('[]')}/{length}")
    elif _is_address(text):
        return text.lower()
    else:
        host, colon, port = text.rpartition(":")
        named = re.fullmatch(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?", host)
        if not named and not (host.startswith("[") and host.endswith("]") and _is_address(host[1:-1])):
            raise ValueError(f"{text!r} is neither host:port (localhost:9090) nor a CIDR block (10.0.0.0/8)")
    if colon and not (re.fullmatch(r"[0-9]{1,5}", port) and 1 <= int(port) <= 65535):
        raise ValueError(f"the port of {text!r} must be from 1 to 65535")
    return text.lower()


def _client_id(text: str) -> str:
    """An OAuth client id the operator chooses; raises ``ValueError``."""
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,64}", text):
        raise ValueError("a client id has 1 to 64 characters A-Z, a-z, 0-9, dot, hyphen and underscore")
    return text


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _proxy(text: str) -> str:
    """An http or https proxy's URL; raises ``ValueError`` that does not repeat it (it may hold a password)."""
    try:
        parts = urlsplit(text)
        known = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 0) >= 0
    except ValueError:
        known = False
    if not known or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError("a URL such as http://proxy.example.org:3128 is needed")
    return text


def _within(path: Path, info: ValidationInfo) -> Path:
    """A relative path is meant from the config file's folder (``context``), else from the working directory."""
    folder = (info.context or {}).get("folder", Path.cwd())
    return Path(os.path.normpath(folder / path.expanduser()))


Origin = Annotated[str, AfterValidator(_origin)]
Network = Annotated[str, AfterValidator(_network)]
Place = Annotated[str, AfterValidator(_place)]
Within = Annotated[Path, AfterValidator(_within)]
ConnectorName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,19}$")]


class _Section(BaseModel):
    """What all sections share: no unknown key, no change after the start, no input in error texts."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, hide_input_in_errors=True)


class ListenConfig(_Section):
    """Where the hub listens. Port 0 takes any free port."""

    host: str = Field(default="127.0.0.1", min_length=1)
    port: int = Field(default=8080, ge=0, le=65535)

    @property
    def loopback(self) -> bool:
        """Whether only this machine can connect."""
        if _is_address(self.host):
            return ipaddress.ip_address(self.host).is_loopback
        return self.host.lower() == "localhost"


class AuthConfig(_Section):
    """How MCP clients are told apart."""

    mode: Literal["oauth", "none"] = "oauth"


class ConnectorsConfig(_Section):
    """Which connectors are loaded, from where, and the settings of those without an account."""

    shipped: bool = True
    paths: tuple[Path, ...] = (Path("{data_dir}/connectors"),)
    disabled: tuple[ConnectorName, ...] = ()
    unprefixed: tuple[ConnectorName, ...] = ()
    settings: Mapping[ConnectorName, Mapping[str, str]] = Field(default_factory=dict)


class NetworkConfig(_Section):
    """The way out, and whom the hub believes on the way in."""

    allow_private: Mapping[ConnectorName, tuple[Place, ...]] = Field(default_factory=dict)
    internal: tuple[Network, ...] = ()
    trusted_proxies: tuple[Network, ...] = ()
    ca_file: Within | None = None
    proxy: Annotated[str, AfterValidator(_proxy), Hidden] | None = Field(default=None, repr=False)


class ProviderConfig(_Section):
    """The operator's client credential at one provider, or the one credential everybody uses there."""

    client_id: str | None = Field(default=None, min_length=1)
    client_secret: SecretStr | None = None
    secret_expires: date | None = None
    credential: Mapping[str, SecretStr] = Field(default_factory=dict)

    @field_validator("credential")
    @classmethod
    def _something(cls, value: Mapping[str, SecretStr], info: ValidationInfo) -> Mapping[str, SecretStr]:
        """One of the two is what the section is for."""
        if not value and not info.data.get("client_id"):
            raise ValueError("set client_id (and client_secret), or credential")
        return value


class RegisteredClientConfig(_Section):
    """An OAuth client the operator made known; without ``secret`` a public one."""

    name: str = Field(min_length=1, max_length=200)
    redirect_uris: tuple[str, ...] = Field(min_length=1)
    secret: SecretStr | None = None


class ClientsConfig(_Section):
    """Which OAuth clients people may be sent back to."""

    allow: tuple[str, ...] = ("claude.ai", "claude.com", "loopback")
    registered: Mapping[Annotated[str, AfterValidator(_client_id)], RegisteredClientConfig] = Field(
        default_factory=dict
    )


class ProfileConfig(_Section):
    """A named view of the hub: what tokens of it can reach. A list that is not given leaves everything in."""

    title: str | None = None
    connectors: tuple[ConnectorName, ...] | None = None
    tools: tuple[str, ...] | None = None
    effects: tuple[Literal["read", "write", "send", "pay", "destroy"], ...] = Field(
        default=("read", "write", "send", "pay", "destroy"), min_length=1
    )


class CommandConfig(_Section):
    """A program on this machine that is an MCP server, and becomes the connector of its name."""

    run: tuple[str, ...] = Field(min_length=1)
    env: Mapping[str, SecretStr] = Field(default_factory=dict)
    folder: Within | None = None
    title: str = Field(default="", max_length=100)
    description: str = ""
    effects: Mapping[str, Literal["read", "write", "send", "pay", "destroy"]] = Field(default_factory=dict)
    allow: tuple[Literal["sampling", "ui"], ...] = ()


def _issuer(text: str) -> str:
    """An OpenID Connect issuer: an https URL without query (http for one on loopback); raises ``ValueError``."""
    parts = urlsplit(text)
    host = parts.hostname or ""
    near = host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)
    known = host and (parts.scheme == "https" or (parts.scheme == "http" and near))
    if not known or parts.query or parts.fragment or parts.username is not None:
        raise ValueError("the issuer's https URL is needed, such as https://accounts.google.com")
    return text


def _domain(text: str) -> str:
    """The domain of e-mail addresses, or ``*`` for all; raises ``ValueError``."""
    if text != "*" and not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", text.lower()):
        raise ValueError(f"{text!r} is not a domain such as example.org")
    return text.lower()


class OidcConfig(_Section):
    """A sign-in elsewhere (OpenID Connect) that people may use instead of a password."""

    issuer: Annotated[str, AfterValidator(_issuer)]
    client_id: str = Field(min_length=1)
    client_secret: SecretStr | None = None
    title: str = Field(default="", max_length=60)
    domains: tuple[Annotated[str, AfterValidator(_domain)], ...] = ()
    just_in_time: bool = False

    @field_validator("just_in_time")
    @classmethod
    def _for_whom(cls, value: bool, info: ValidationInfo) -> bool:
        """Open registration is never an accident: whom accounts are made for is said."""
        if value and not info.data.get("domains"):
            raise ValueError("set domains too: of which e-mail addresses people get an account ('*': of all)")
        return value


class LimitsConfig(_Section):
    """How much the hub does at once; what exceeds it waits or is told when to try again. Per process.

    The defaults hold 1,000 calls in flight and 5,000 open event streams on a machine with 2 cores and 1 GB.
    """

    calls: int = Field(default=2000, ge=1)
    calls_per_user: int = Field(default=100, ge=1)
    waiting: int = Field(default=1000, ge=0)
    waiting_seconds: float = Field(default=10.0, ge=0, le=60)
    tasks_per_user: int = Field(default=64, ge=1)
    streams_per_user: int = Field(default=32, ge=1)
    connections: int = Field(default=10_000, ge=1)
    upstream_connections: int = Field(default=2000, ge=1)
    upstream_connections_per_host: int = Field(default=1000, ge=1)


class FilesConfig(_Section):
    """How many bytes of files are kept, for an hour each, in all processes: of one file, of one user, of all."""

    max_bytes: int = Field(default=25_000_000, ge=1_000_000, le=200_000_000)
    user_bytes: int = Field(default=250_000_000, ge=1_000_000)
    total_bytes: int = Field(default=2_000_000_000, ge=1_000_000)


class Config(_Section):
    """All settings of one hub."""

    public_url: Origin = "http://localhost:8080"
    listen: ListenConfig = ListenConfig()
    data_dir: Within = Path("./data")
    database_url: SecretStr | None = None
    auth: AuthConfig = AuthConfig()
    connectors: ConnectorsConfig = ConnectorsConfig()
    network: NetworkConfig = NetworkConfig()
    providers: Mapping[ConnectorName, ProviderConfig] = Field(default_factory=dict)
    oidc: Mapping[ConnectorName, OidcConfig] = Field(default_factory=dict)
    clients: ClientsConfig = ClientsConfig()
    profiles: Mapping[ConnectorName, ProfileConfig] = Field(default_factory=dict)
    commands: Mapping[ConnectorName, CommandConfig] = Field(default_factory=dict)
    limits: LimitsConfig = LimitsConfig()
    files: FilesConfig = FilesConfig()

    @field_validator("connectors")
    @classmethod
    def _places(cls, value: ConnectorsConfig, info: ValidationInfo) -> ConnectorsConfig:
        """Put the data folder into ``paths`` and make them absolute."""
        data_dir = str(info.data.get("data_dir", "data"))
        paths = tuple(_within(Path(str(path).replace("{data_dir}", data_dir)), info) for path in value.paths)
        return value.model_copy(update={"paths": paths})

    @model_validator(mode="after")
    def _open_only_to_oneself(self) -> "Config":
        if self.auth.mode == "none" and not self.listen.loopback:
            raise ValueError(
                f"auth.mode: 'none' lets everyone in, so it is refused while listen.host is {self.listen.host!r}; use "
                "auth.mode: oauth, or listen.host: 127.0.0.1"
            )
        return self

    @property
    def store_url(self) -> str:
        """The database's URL: ``database_url``, or SQLite in the data folder. May hold a password."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite+aiosqlite:///{self.data_dir / 'hub.db'}"
