"""On whose account an MCP server is asked: its declaration's ``provider``, ``auth`` or ``credential`` made a provider.

Pure. What is left out of ``auth`` follows from the server's address: where credentials go, and what is asked where
people sign in. The accounts themselves are the broker's.
"""

import copy
import re
from collections.abc import Mapping
from typing import Any

from hub.errors import ConnectorError
from hub.importers.foreign.declaration import CredentialDeclaration, ServerDeclaration
from hub.sdk.provider import Provider, compile_provider
from hub.sdk.provider.compilation import origin_of
from hub.sdk.shape import ACCOUNT_ARGUMENT

OWN_ACCOUNT = "api_account"
"""What a server's own argument ``account`` is called, as that name is the hub's."""

_FIELD = re.compile(r"\{([^{}]*)\}")


def provider_declared(
    name: str, declared: ServerDeclaration, data: Any, file: str
) -> tuple[str | None, Provider | None]:
    """The provider that signs the server's calls: its name, and the provider itself where it is declared here.

    Raises ``ConnectorError``.
    """
    given = declared.credential
    own = given is not None and given.from_ == "user"
    ways = [
        key for key, there in (("provider", declared.provider), ("auth", declared.auth), ("credential", given)) if there
    ]
    if len(ways) > 1:
        raise ConnectorError(f"{file}: write one of {' and '.join(ways)}: they say the same.")
    if declared.provider is not None:
        return declared.provider, None
    if declared.auth is None and not own:
        return None, None
    if declared.url is None:
        raise ConnectorError(
            f"{file}: {ways[0]}: a program is not signed in to; give it its credential under commands."
        )
    auth = copy.copy(data["auth"]) if declared.auth is not None else _of_credential(given)
    auth.setdefault("hosts", [origin_of(declared.url)])
    auth.setdefault("revoke", {"manual": declared.url})
    methods = auth.get("methods")
    if isinstance(methods, Mapping):
        auth["methods"] = _addressed(methods, declared.url)
    return name, compile_provider(name, auth, file, title=declared.title, within=("auth",))


def _of_credential(given: CredentialDeclaration | None) -> dict[str, Any]:
    """``credential: {from: user}``: what is pasted where a header or value is named, else a sign-in at the server."""
    if given is None or not given.model_fields_set & {"header", "value"}:
        return {"methods": {"oauth": {"kind": "mcp_oauth"}}}
    fields = {field: {"title": field.replace("_", " ").capitalize()} for field in _FIELD.findall(given.value)}
    return {"methods": {"key": {"kind": "key", "fields": fields, "sign": {"headers": {given.header: given.value}}}}}


def _addressed(methods: Mapping[str, Any], url: str) -> dict[str, Any]:
    """The ways to connect, with the server's address where a sign-in at the server does not say it."""
    made: dict[str, Any] = copy.copy(methods) if isinstance(methods, dict) else dict(methods)
    for name, method in made.items():
        if isinstance(method, dict) and method.get("kind") == "mcp_oauth" and "resource" not in method:
            made[name] = copy.copy(method)
            made[name]["resource"] = url
    return made


def with_account(schema: dict[str, Any]) -> tuple[dict[str, Any], tuple[tuple[str, str], ...]]:
    """A tool's schema with the hub's argument ``account``, and the arguments that bear another name for it (shown name,
    the server's own)."""
    held = schema.get("properties")
    properties = dict(held) if isinstance(held, Mapping) else {}
    renamed: tuple[tuple[str, str], ...] = ()
    required = schema.get("required")
    if "account" in properties:
        renamed = ((OWN_ACCOUNT, "account"),)
        properties = {OWN_ACCOUNT if key == "account" else key: value for key, value in properties.items()}
        if isinstance(required, list):
            required = [OWN_ACCOUNT if one == "account" else one for one in required]
    made = {**schema, "properties": {**properties, "account": dict(ACCOUNT_ARGUMENT)}}
    if isinstance(required, list):
        made["required"] = required
    return made, renamed
