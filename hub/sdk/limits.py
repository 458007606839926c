"""When an app that limits how often it is asked lets itself be asked again: read from its reply's headers.

Pure. Not when a request is sent again by itself (``upstream/retries.py``), and no limit of the hub's own.
"""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

RESETS = (
    "ratelimit-reset",
    "x-ratelimit-reset",
    "x-rate-limit-reset",
    "x-ratelimit-requests-reset",
    "x-ratelimit-complexity-reset",
)
"""Headers that say when a limit begins anew: seconds from now (draft-ietf-httpapi-ratelimit-headers-06), or since 1970
(docs.github.com, "Rate limits for the REST API"), or milliseconds since then (linear.app/developers, "Rate limiting").
"""

_EPOCH, _EPOCH_MS = 1e9, 1e11
_FIELD = re.compile(r"(?:^|[;,\s])(?:t|reset)=(\d{1,9})(?:$|[;,\s])")
"""What ``RateLimit`` says in one field (draft-ietf-httpapi-ratelimit-headers-07 and later)."""


def wait_asked(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds a reply asks to wait, by ``Retry-After`` (RFC 9110, section 10.2.3) or by when its limit begins anew;
    None where it does not say. ``headers`` in lower case.

    Moments are counted from the reply's own ``Date`` (RFC 9110, section 6.6.1), from ``now`` where it has none.
    """
    seconds = headers.get("retry-after", "").strip()
    if seconds.isascii() and seconds.isdigit():
        return float(seconds[:9])
    here = _moment(headers.get("date", "")) or now
    retry = _moment(headers.get("retry-after", ""))
    if retry is not None and here is not None:
        return max(0.0, (retry - here).total_seconds())
    found = [after for name in RESETS if (after := _after(headers, name, here)) is not None]
    found += [float(seconds) for seconds in _FIELD.findall(headers.get("ratelimit", ""))]
    return max(found) if found else None


def _after(headers: Mapping[str, str], name: str, here: datetime | None) -> float | None:
    """What one header says; nothing where the limit it belongs to is not used up."""
    left = _number(headers.get(name.removesuffix("reset") + "remaining", "0"))
    value = _number(headers.get(name, ""))
    if value is None or (left is not None and left > 0):
        return None
    if value < _EPOCH:
        return value
    if here is None:
        return None
    return max(0.0, (value / 1000 if value >= _EPOCH_MS else value) - here.timestamp())


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def _moment(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
