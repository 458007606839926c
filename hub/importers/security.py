"""Security: which credentials an operation needs, which of its parameters are credentials, and the ``auth`` to propose.

The model never sees a credential: those parameters are taken from the connection. What is proposed is written into the
connector's YAML, where the operator can change it; nothing here signs anything.
"""

import re
from collections.abc import Mapping
from typing import Any

from hub.importers.operation import Description, Given, Operation

_HEADERS = re.compile(
    r"(?:proxy-)?authorization|cookie|x-?api-?key|api-?key|apikey|.*-api-?key|x-(?:auth|access|user|session|csrf|app|admin)-?token|"
    r"x-auth-.*|auth-?token|access-?token|x-user-id|x-subscription-token|.*-(?:secret|signature|password)|x-token|token",
    re.IGNORECASE,
)
_QUERIES = re.compile(
    r"api_?key|apikey|access_?token|auth_?token|oauth_token|client_secret|x-api-key|api_secret|api_token", re.IGNORECASE
)
_TOLD = re.compile(r"authentication token|(?:api|access|auth|bearer|oauth) ?(?:key|token)|credential", re.IGNORECASE)
_IGNORED = frozenset(
    [
        "accept",
        "content-type",
        "authorization",
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "te",
        "trailer",
        "upgrade",
        "expect",
        "accept-encoding",
        "user-agent",
        "cookie",
        "proxy-authorization",
    ]
)
"""Headers that are not an operation's to describe (OpenAPI: Accept, Content-Type, Authorization) or not to be set."""


def is_credential(given: Given, schemes: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether a parameter is a credential, to be taken from the connection instead of the model."""
    if given.place == "path":
        return False
    for scheme in schemes.values():
        if (
            scheme.get("type") == "apiKey"
            and scheme.get("in") == given.place
            and str(scheme.get("name", "")).lower() == given.name.lower()
        ):
            return True
    if given.place in ("header", "cookie"):
        if given.name.lower() == "x-user-id":
            return "auth" in given.description.lower() or "token" in given.description.lower()
        return bool(_HEADERS.fullmatch(given.name)) and given.name.lower() not in ("x-csrf-token",)
    if _QUERIES.fullmatch(given.name):
        return True
    return given.name.lower() in ("token", "key") and bool(_TOLD.search(given.description))


def is_ignored(given: Given) -> bool:
    """Whether a parameter is a header that no operation may set."""
    return given.place == "header" and given.name.lower() in _IGNORED


def credential_field(name: str, raw: Any) -> bool:
    """Whether a form's field is a credential (Slack's ``token``)."""
    told = str(raw.get("description", "")) if isinstance(raw, dict) else ""
    return name.lower() in ("token", "access_token", "api_key") and bool(_TOLD.search(told))


def needs_of(operation: Operation, description: Description) -> list[dict[str, list[str]]]:
    """The alternatives of schemes an operation needs; an empty list, or one with an empty member, needs none."""
    return operation.security if operation.security is not None else description.security or []


def scopes_of(operation: Operation, description: Description) -> tuple[str, ...]:
    """The OAuth scopes of the first alternative that has any."""
    for alternative in needs_of(operation, description):
        scopes = [
            scope
            for name, listed in alternative.items()
            if description.schemes.get(name, {}).get("type") in ("oauth2", "openIdConnect")
            for scope in listed
        ]
        if scopes:
            return tuple(dict.fromkeys(scopes))
    return ()


def agreement(description: Description) -> dict[str, list[str]]:
    """What an operator agrees to with a description: the servers it names and how it signs in, as sorted lines."""
    servers = {server.url for server in description.servers}
    servers |= {one.server for one in description.operations if one.server}
    auth: set[str] = set()
    for name, scheme in description.schemes.items():
        parts = [
            str(scheme.get(key))
            for key in ("type", "scheme", "in", "name", "flow", "authorizationUrl", "tokenUrl", "openIdConnectUrl")
            if scheme.get(key)
        ]
        flows = scheme.get("flows")
        for flow, held in sorted(flows.items()) if isinstance(flows, dict) else ():
            if isinstance(held, dict):
                parts += [
                    str(flow),
                    *(str(held[key]) for key in ("authorizationUrl", "tokenUrl", "refreshUrl") if held.get(key)),
                ]
        auth.add(f"{name}: {' '.join(parts)}")
    return {"servers": sorted(servers), "auth": sorted(auth)}
