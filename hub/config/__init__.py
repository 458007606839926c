"""The hub's settings: their names, defaults and limits, and how they are read at the start.

Environment variables win over the file, the file over the defaults. Whatever is wrong stops the start with one
``ConfigError`` that names every wrong key, where it stands, what was found and what is allowed. Everything is frozen:
settings change by a restart. Not for what changes while the hub runs (that is in the store) nor for connectors' own
declarations.
"""

from hub.config.data_dir import claim_data_dir
from hub.config.model import (
    AuthConfig,
    ClientsConfig,
    Config,
    ConnectorsConfig,
    LimitsConfig,
    ListenConfig,
    NetworkConfig,
    OidcConfig,
    ProfileConfig,
    ProviderConfig,
    RegisteredClientConfig,
)
from hub.config.sources import load

__all__ = [
    "AuthConfig",
    "ClientsConfig",
    "Config",
    "ConnectorsConfig",
    "LimitsConfig",
    "ListenConfig",
    "NetworkConfig",
    "OidcConfig",
    "ProfileConfig",
    "ProviderConfig",
    "RegisteredClientConfig",
    "claim_data_dir",
    "load",
]
