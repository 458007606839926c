"""Parameters of OAuth requests, as they came: repeated ones are told, and what has no value was not sent.

Reads bodies and queries (RFC 6749, section 3.1 and 3.2); what they mean is ``hub/identity/oauth``'s.
"""

from urllib.parse import parse_qsl

from aiohttp import web

from hub.identity.oauth.errors import OAuthError

FORM = "application/x-www-form-urlencoded"
MAX_BODY = 65_536
_MAX_FIELDS = 60

Pairs = list[tuple[str, str]]


def pairs_of(text: str) -> Pairs:
    """The parameters of a query or form. Raises ``OAuthError`` for what cannot be read."""
    try:
        pairs = parse_qsl(text, encoding="utf-8", errors="strict", max_num_fields=_MAX_FIELDS)
    except (ValueError, UnicodeDecodeError):
        raise OAuthError("invalid_request", "The parameters cannot be read; send them form-encoded in UTF-8.") from None
    if any("\0" in value for pair in pairs for value in pair):
        raise OAuthError("invalid_request", "A parameter holds a character that none may have.")
    return pairs


def query_of(request: web.Request) -> Pairs:
    """The parameters of a request's query. Raises ``OAuthError``."""
    return pairs_of(request.rel_url.raw_query_string)


async def body_of(request: web.Request, most: int = MAX_BODY) -> bytes:
    """The body. Raises ``OAuthError`` when it is longer than ``most`` bytes."""
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > most:
            raise OAuthError("invalid_request", f"The body is longer than {most} bytes.", 413)
    return bytes(body)


async def form_of(request: web.Request) -> Pairs:
    """The parameters of a form body. Raises ``OAuthError``."""
    if request.content_type != FORM:
        raise OAuthError("invalid_request", f"Send the parameters as {FORM}.", 415)
    try:
        return pairs_of((await body_of(request)).decode("ascii"))
    except UnicodeDecodeError:
        raise OAuthError("invalid_request", "The parameters cannot be read; percent-encode them.") from None


def once(pairs: Pairs, but: str) -> dict[str, str]:
    """The parameters by name. Raises ``OAuthError`` where one other than ``but`` was sent twice."""
    found: dict[str, str] = {}
    for key, value in pairs:
        if key in found and key != but:
            raise OAuthError("invalid_request", "A parameter was sent more than once.")
        found[key] = value
    return found
