"""What a provider is: how accounts at one third party are connected, signed for, refreshed and ended, as data.

No I/O and no secrets: the broker reads this and does it. A provider is written in ``<name>/provider.yaml``, or as
``auth:`` in a connector's own YAML, and then bears its name.
"""

from hub.sdk.provider.code import Given, ProviderCode
from hub.sdk.provider.compilation import check_joined, compile_provider
from hub.sdk.provider.declaration import (
    ClientCredentialsMethod,
    DeviceMethod,
    GrantMethod,
    JwtBearerMethod,
    McpOAuthMethod,
    Method,
    OAuthMethod,
    OperatorMethod,
    PastedMethod,
    ProviderDeclaration,
    WrongTurn,
)
from hub.sdk.provider.provider import (
    Provider,
    based,
    by_page,
    covers,
    mints,
    origins,
    pasted_fields,
    secret_part,
    signing_of,
)
from hub.sdk.provider.steps import DeviceCall, NextCall, ProviderRequest, Signing, TokenCall

__all__ = [
    "ClientCredentialsMethod",
    "DeviceCall",
    "DeviceMethod",
    "Given",
    "GrantMethod",
    "JwtBearerMethod",
    "McpOAuthMethod",
    "Method",
    "NextCall",
    "OAuthMethod",
    "OperatorMethod",
    "PastedMethod",
    "Provider",
    "ProviderCode",
    "ProviderDeclaration",
    "ProviderRequest",
    "Signing",
    "TokenCall",
    "WrongTurn",
    "based",
    "by_page",
    "check_joined",
    "compile_provider",
    "covers",
    "mints",
    "origins",
    "pasted_fields",
    "secret_part",
    "signing_of",
]
