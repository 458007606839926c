"""Security: which credentials an operation needs, which of its parameters are credentials, and the ``auth`` to propose.

The model never sees a credential: those parameters are taken from the connection. What is proposed is written into the
connector's YAML, where the operator can change it; nothing here signs anything.
"""

import re
from collections.abc import Mapping
from typing import Any

from hub.importers.operation import Description, Given, Operation
from hub.importers.schemas import Shaper

_HEADERS = re.compile(
    r"(?:proxy-)?authorization|cookie|x-?api-?key|api-?key|apikey|.*-api-?key|x-(?:auth|access|user|session|csrf|app|admin)-?token|"
    r"x-auth-.*|auth-?token|access-?token|x-user-id|x-subscription-token|.*-(?:secret|signature|password)|x-token|token",
    re.IGNORECASE,
)
_QUERIES = re.compile(
    r"api_?key|apikey|access_?token|auth_?token|oauth_token|client_secret|x-api-key|api_secret|api_token", re.IGNORECASE
)
_TOLD = re.compile(
    r"authentication token|(?:api|access|auth|bearer|oauth) ?(?:key|token|secret)|credential", re.IGNORECASE
)
_ABOUT_TOKENS = re.compile(r"introspect|revo[kc]|verif", re.IGNORECASE)
"""Operations to which a token is what they are about, not what they are called with (RFC 7009, RFC 7662)."""
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


def credential_field(name: str, raw: Any, operation: Operation) -> bool:
    """Whether a form's field is a credential (Slack's ``token``)."""
    if operation.body is None or operation.body.kind not in ("form", "multipart"):
        return False
    told = str(raw.get("description", "")) if isinstance(raw, dict) else ""
    if name.lower() == "token" and _ABOUT_TOKENS.search(f"{operation.path} {operation.identifier}"):
        return False
    return name.lower() in ("token", "access_token", "api_key", "api_secret") and bool(_TOLD.search(told))


def credentials_of(operation: Operation, description: Description, shaper: Shaper) -> list[tuple[str, str]]:
    """Where the credentials stand that an operation declares as plain parameters: (place, name) pairs, of which the
    place ``body`` is a form's field. An ``Authorization`` header is one of them."""
    found: list[tuple[str, str]] = [
        (one.place, one.name)
        for one in operation.parameters
        if one.name.lower() == "authorization"
        or (is_credential(one, description.schemes) and one.name.lower() not in ("cookie", "proxy-authorization"))
    ]
    fields = shaper.flat(operation.body.schema).get("properties") if operation.body is not None else None
    if isinstance(fields, dict):
        found += [("body", str(name)) for name, one in fields.items() if credential_field(str(name), one, operation)]
    return [("header" if place == "path" else place, name) for place, name in found]


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
