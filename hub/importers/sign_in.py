"""The ``auth`` that an import proposes: an inline provider, as the description says the API signs in.

What a description leaves open (where an app is registered, where a grant is ended) is said as well as can be, for the
operator to improve. Not which parameters are credentials (``security.py``), and nothing is signed here.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from hub.importers.operation import Description, Operation
from hub.importers.schemas import Shaper
from hub.importers.security import credentials_of, needs_of, scopes_of
from hub.importers.texts import cut

Scheme = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Address:
    """Where the API is: its base URL as the connector writes it, the other hosts it may reach, and the settings that
    stand in them, which each account then gives."""

    base_url: str
    hosts: tuple[str, ...]
    settings: Mapping[str, Mapping[str, Any]]


def proposed(description: Description, operations: Iterable[Operation], address: Address) -> dict[str, Any] | None:
    """The ``auth`` for these operations: of the alternatives most of them accept, the one a person can most easily
    give; None where none of them needs an account or the description declares no scheme."""
    operations = list(operations)
    counts: dict[tuple[str, ...], int] = {}
    asked = 0
    scopes: dict[str, None] = {}
    for operation in operations:
        asked += 1
        needs = [one for one in needs_of(operation, description) if all(name in description.schemes for name in one)]
        for alternative in needs:
            if alternative:
                key = tuple(sorted(alternative))
                counts[key] = counts.get(key, 0) + 1
        scopes.update((scope, None) for scope in scopes_of(operation, description))
    if not counts and not description.schemes:
        return _overlay(credentials_in(description, operations), description, address)
    if not counts:
        # Schemes that no operation names are still what the API signs with; optional ones are offered too.
        usable = [(name,) for name in description.schemes]
        if description.security == [] and asked:
            return None
        counts = dict.fromkeys(usable, 1)
    best = min(counts, key=lambda key: (-counts[key], max(_rank(description.schemes[name]) for name in key), key))
    schemes = [description.schemes[name] for name in best]
    scheme = schemes[0]
    method = (_granted(scheme, list(scopes), address) if len(schemes) == 1 else None) or pasted(schemes)
    return _auth(method, description, address)


def credentials_in(description: Description, operations: Iterable[Operation], share: float = 0.5) -> list[Scheme]:
    """The credentials that these operations declare as plain parameters, as if they were schemes: those of at least
    ``share`` of the operations that have any, most frequent first."""
    shaper = Shaper(description.pool)
    found = [credentials_of(one, description, shaper) for one in operations]
    counts = Counter(place for places in found for place in dict.fromkeys(places))
    least = share * sum(bool(places) for places in found)
    return [
        {"type": "apiKey", "in": place, "name": name} for (place, name), count in counts.most_common() if count >= least
    ]


def _overlay(schemes: Sequence[Scheme], description: Description, address: Address) -> dict[str, Any] | None:
    """The ``auth`` for credentials that no scheme tells of; None where there are none."""
    return _auth(pasted(schemes), description, address) if schemes else None


def _auth(method: dict[str, Any], description: Description, address: Address) -> dict[str, Any]:
    auth: dict[str, Any] = {"hosts": _hosts(address), "methods": {method["kind"]: method}}
    if address.settings:
        auth["settings"] = {
            name: {"title": name.replace("_", " ").capitalize(), **one} for name, one in address.settings.items()
        }
    # Descriptions do not say where a person ends it.
    return auth | {"revoke": {"manual": f"your settings at {cut(description.title, 80) or 'the API'}"}}


def _rank(scheme: Mapping[str, Any]) -> int:
    kind = scheme.get("type")
    if kind == "oauth2":
        return 0 if _flow(scheme, "authorizationCode", "accessCode") is not None else 6
    if kind in ("apiKey", "http"):
        return 1 if str(scheme.get("scheme", "")).lower() != "basic" else 2
    return {"basic": 2, "openIdConnect": 3}.get(str(kind), 7)


def _flow(scheme: Mapping[str, Any], name: str, old: str) -> Mapping[str, Any] | None:
    """One flow of an OAuth scheme, as OpenAPI 3 or Swagger 2.0 writes it."""
    flows = scheme.get("flows")
    if isinstance(flows, Mapping) and isinstance(flows.get(name), Mapping):
        held: Mapping[str, Any] = flows[name]
        return held
    return scheme if scheme.get("flow") == old else None


def _granted(scheme: Mapping[str, Any], scopes: list[str], address: Address) -> dict[str, Any] | None:
    """The OAuth method of a scheme; None where it has none whose addresses can be used."""
    if scheme.get("type") != "oauth2":
        return None
    code = _flow(scheme, "authorizationCode", "accessCode")
    flow = code or _flow(scheme, "clientCredentials", "application")
    token = _url(flow, "tokenUrl", address)
    if flow is None or token is None:
        return None
    made: dict[str, Any] = {"token": {"url": token}, "scopes": {"always": scopes}}
    if code is None:
        return {"kind": "client_credentials", **made}
    authorize = _url(code, "authorizationUrl", address)
    if authorize is None:
        return None
    renewed = {"refresh": {"url": again}} if (again := _url(code, "refreshUrl", address)) else {}
    # Descriptions do not say where apps are registered; who runs the page is asked there.
    app = {"register_at": f"https://{urlsplit(authorize).netloc}/"}
    return {"kind": "oauth2", "authorize": {"url": authorize}, **made, **renewed, "app": app}


def _url(flow: Mapping[str, Any] | None, key: str, address: Address) -> str | None:
    """An https address of a flow; what is relative begins at the API's."""
    held = (flow or {}).get(key)
    if not isinstance(held, str) or not held:
        return None
    url = urljoin(f"{address.base_url}/", held).partition("#")[0]
    usable = url.startswith("https://") and "{" not in url and not any(char <= " " for char in url)
    return url if usable and urlsplit(url).hostname else None


def pasted(schemes: Iterable[Scheme]) -> dict[str, Any]:
    """What a person pastes for these schemes together, and where it is put."""
    fields: dict[str, dict[str, Any]] = {}
    sign: dict[str, Any] = {}
    for scheme in schemes:
        kind, word = scheme.get("type"), str(scheme.get("scheme") or "bearer").lower()
        if kind == "basic" or (kind == "http" and word == "basic"):
            fields |= {"username": {"title": "User name", "secret": False}, "password": {"title": "Password"}}
            sign["basic"] = "{username}:{password}"
            continue
        field = "key" if "key" not in fields else f"key_{len(fields)}"
        name = str(scheme.get("name") or "Authorization")
        if kind != "apiKey":
            fields[field] = {"title": "Token"}
            prefix = word.capitalize() if kind == "http" else "Bearer"
            sign.setdefault("headers", {})["Authorization"] = f"{prefix} {{{field}}}"
            continue
        # One credential that operations want in several places is pasted once.
        field = next((known for known, one in fields.items() if one["title"] == name), field)
        fields[field] = {"title": name}
        if scheme.get("in") in ("query", "body"):
            sign.setdefault(scheme["in"], {})[name] = f"{{{field}}}"
        elif scheme.get("in") == "cookie":
            held = sign.setdefault("headers", {}).get("Cookie")
            sign["headers"]["Cookie"] = f"{held + '; ' if held else ''}{name}={{{field}}}"
        else:
            sign.setdefault("headers", {})[name] = f"{{{field}}}"
    return {"kind": "basic" if list(sign) == ["basic"] else "key", "fields": fields, "sign": sign}


def _hosts(address: Address) -> list[str]:
    """The hosts a credential may go to: those the connector itself reaches."""
    parts = urlsplit(address.base_url)
    plain = "http://" if parts.scheme == "http" else ""
    return [f"{plain}{parts.netloc}", *address.hosts]
