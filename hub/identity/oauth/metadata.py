"""The two documents by which a client finds its way: the authorization server's, and a protected resource's.

Fields as reference RFC 8414, section 2, and RFC 9728, section 2, and the MCP specification's
basic/authorization. Not the routes they are served at.
"""

from collections.abc import Sequence
from typing import Any

from hub.identity.oauth.registration import METHODS
from hub.identity.oauth.request import OFFLINE, SCOPE
from hub.identity.oauth.tokens import GRANT_TYPES
from hub.identity.resources import resource_of


def server_document(public_url: str, profiles: Sequence[str]) -> dict[str, Any]:
    """Authorization server metadata. ``public_url`` is the issuer, to the letter."""
    return {
        "issuer": public_url,
        "authorization_endpoint": f"{public_url}/authorize",
        "token_endpoint": f"{public_url}/token",
        "registration_endpoint": f"{public_url}/register",
        "revocation_endpoint": f"{public_url}/revoke",
        "scopes_supported": [SCOPE, OFFLINE],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": list(GRANT_TYPES),
        "token_endpoint_auth_methods_supported": list(METHODS),
        "revocation_endpoint_auth_methods_supported": list(METHODS),
        "code_challenge_methods_supported": ["S256"],
        "client_id_metadata_document_supported": True,
        "authorization_response_iss_parameter_supported": True,
        "protected_resources": [resource_of(public_url, name) for name in (None, *profiles)],
    }


def resource_document(public_url: str, profile: str | None, *, issuer: bool) -> dict[str, Any]:
    """Protected resource metadata of the hub or a profile; with ``issuer`` it names the hub as its authorization
    server."""
    document: dict[str, Any] = {
        "resource": resource_of(public_url, profile),
        "resource_name": "Connector hub" if profile is None else f"Connector hub: {profile}",
        "scopes_supported": [SCOPE],
        "bearer_methods_supported": ["header"],
    }
    if issuer:
        document["authorization_servers"] = [public_url]
    return document
