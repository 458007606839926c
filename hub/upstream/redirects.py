"""What a redirect asks for next (RFC 9110, section 15.4): a pure function from request and reply to request.

Whether the new URL may be reached is not decided here.
"""

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import unquote, unquote_plus, urljoin

from hub.errors import OperatorNeeded, ProviderUnavailable, ToolError
from hub.sdk.http import Outgoing, Reply
from hub.upstream.headers import bodiless, portable
from hub.upstream.target import Target, encoded

MAX_REDIRECTS = 5

_STATUSES = frozenset({301, 302, 303, 307, 308})


def redirected(request: Outgoing, reply: Reply) -> Outgoing | None:
    """The request that follows ``reply``, or None when it is no redirect.

    303 turns everything but HEAD into GET; 301 and 302 turn POST into GET; 307 and 308 keep method and body.
    To another scheme, host or port only headers known to hold no credential go along. Raises ``OperatorNeeded``
    on the way from https to http, ``ProviderUnavailable`` when ``Location`` is not a URL, or is one elsewhere with
    something private of the request in it.
    """
    if reply.status not in _STATUSES or not (location := reply.headers.get("location")):
        return None
    here = Target.of(request.url)
    try:
        there = Target.of(urljoin(here.url, encoded(location)))
    except (ToolError, ValueError):
        raise ProviderUnavailable(f"{here.host} redirected to something that is not a URL.") from None
    if here.scheme == "https" and there.scheme == "http":
        raise OperatorNeeded(f"{here.host} redirected from https to http ({there.host}), which the hub never follows.")
    headers: Mapping[str, str] = request.headers
    if (here.scheme, here.host, here.port) != (there.scheme, there.host, there.port):
        headers = portable(headers)
        if _tells(request.private, there.url):
            raise ProviderUnavailable(
                f"{here.host} redirected to {there.host} with the account's credential in the address, which the hub "
                "never follows."
            )
    turned = (reply.status == 303 and request.method != "HEAD") or (
        reply.status in (301, 302) and request.method == "POST"
    )
    if turned:
        return replace(request, method="GET", url=there.url, headers=bodiless(headers), body=None, repeatable=True)
    return replace(request, url=there.url, headers=headers)


def _tells(private: tuple[str, ...], url: str) -> bool:
    """Whether one of these texts stands in ``url``, however it is percent-encoded."""
    if not private:
        return False
    plain = unquote(url)
    texts = (url, plain, unquote(plain), unquote_plus(url))
    return any(secret in text for secret in private for text in texts)
