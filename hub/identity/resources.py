"""The protected resources of a hub: its MCP endpoint, and one for each profile (RFC 8707, RFC 9728).

A resource is compared as text, so it is spelled here only. Not the routes.
"""

from collections.abc import Collection
from urllib.parse import urlsplit

MCP_PATH = "/mcp"
"""The endpoint's path; a profile's is below it."""


def resource_of(public_url: str, profile: str | None) -> str:
    """The resource of the whole hub, or of one profile."""
    return f"{public_url}{MCP_PATH}" if profile is None else f"{public_url}{MCP_PATH}/{profile}"


def door_of(public_url: str, profiles: Collection[str], asked: str) -> tuple[str, str | None] | None:
    """Which resource a client means: how it is spelled, and its profile; None when it is none of this hub's.

    Scheme and host count in any case, the scheme's own port may stand there, and one slash at the end is forgiven
    (RFC 3986, section 6.2.2 and 6.2.3); everything else must be as it is published.
    """
    try:
        parts, own = urlsplit(asked), urlsplit(public_url)
        port = parts.port
    except ValueError:
        return None
    default = {"https": 443, "http": 80}.get(own.scheme)
    same = (
        parts.scheme == own.scheme
        and parts.hostname == own.hostname
        and (port or default) == (own.port or default)
        and parts.username is None
        and parts.password is None
    )
    if not same or parts.query or "?" in asked or "#" in asked:
        return None
    path = parts.path.removesuffix("/")
    if path == MCP_PATH:
        return resource_of(public_url, None), None
    name = path.removeprefix(f"{MCP_PATH}/")
    return (resource_of(public_url, name), name) if path != name and name in profiles else None
