"""A device code: what a vendor answers that is asked for one (RFC 8628, section 3.2), read whatever its spelling.

A pure function of a ``Reply``. When the vendor is asked again is decided elsewhere (``devices.py``).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from hub.broker.tokens import failure_of, hidden, parsed_form
from hub.errors import ProviderUnavailable
from hub.sdk.http import Reply
from hub.sdk.paths import compile_path
from hub.sdk.provider import DeviceCall, WrongTurn
from hub.sdk.response import clean

INTERVAL = 5
"""Seconds between two questions where the vendor does not say (RFC 8628, section 3.2)."""

LONGEST = 1800
"""Seconds a code may take at most, whatever the vendor says."""

_MOST_INTERVAL = 300


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """One code. ``user_code`` is typed on ``page``; ``whole_page`` has it filled in already, where there is one."""

    code: str = field(repr=False)
    user_code: str
    page: str
    whole_page: str | None
    seconds: int
    interval: int


def device_code_of(
    reply: Reply, how: DeviceCall, host: str, sent: Iterable[str], turns: Sequence[WrongTurn] = ()
) -> DeviceCode:
    """The code in ``reply``. Raises ``GrantDead``, ``AppBroken`` and ``ProviderUnavailable``, as a token endpoint's
    reply would."""
    data = parsed_form(reply)
    if reply.status == 429 or reply.status >= 500 or not isinstance(data, Mapping):
        raise ProviderUnavailable(f"{host} answered HTTP {reply.status} where a code was asked for.")
    code = compile_path(how.device_code)(data)
    user_code = clean(compile_path(how.user_code)(data) or "")
    page = compile_path(how.page)(data)
    if reply.status >= 400 or data.get("error") or not isinstance(code, str) or not code or not user_code:
        raise failure_of(reply, data, host, sent, turns)
    whole = compile_path(how.page_with_code)(data)
    if not _leads(page, reply.url) or hidden(user_code, sent) != user_code:
        raise ProviderUnavailable(f"{host} did not say where the code is to be typed.")
    return DeviceCode(
        code,
        user_code[:64],
        page,
        whole if _leads(whole, reply.url) and hidden(whole, sent) == whole else None,
        min(_number(compile_path(how.expires_in)(data), 600), LONGEST),
        min(_number(compile_path(how.interval)(data), INTERVAL), _MOST_INTERVAL),
    )


def _leads(url: Any, endpoint: str) -> bool:
    """Whether a person may be sent there: https, or http where the endpoint itself is."""
    if not isinstance(url, str) or len(url) > 2000 or any(char <= " " for char in url):
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return bool(parts.hostname) and parts.scheme in ("https", urlsplit(endpoint).scheme)


def _number(found: Any, otherwise: int) -> int:
    try:
        number = int(float(found))
    except (TypeError, ValueError, OverflowError):
        return otherwise
    return number if number > 0 else otherwise
