"""What a provider is: how accounts at one third party are connected, signed for, refreshed and ended, as data.

No I/O and no secrets: the broker reads this and does it. A provider is written in ``<name>/provider.yaml``, or as
``auth:`` in a connector's own YAML, and then bears its name.
"""

from hub.sdk.provider.compilation import check_joined, compile_provider
from hub.sdk.provider.declaration import (
    ClientCredentialsMethod,
    JwtBearerMethod,
    Method,
    OAuthMethod,
    OperatorMethod,
    PastedMethod,
    ProviderDeclaration,
)
from hub.sdk.provider.provider import Provider, covers, mints, pasted_fields, signing_of
from hub.sdk.provider.steps import ProviderRequest, Signing, TokenCall

__all__ = [
    "ClientCredentialsMethod",
    "JwtBearerMethod",
    "Method",
    "OAuthMethod",
    "OperatorMethod",
    "PastedMethod",
    "Provider",
    "ProviderDeclaration",
    "ProviderRequest",
    "Signing",
    "TokenCall",
    "check_joined",
    "compile_provider",
    "covers",
    "mints",
    "pasted_fields",
    "signing_of",
]
