"""When to send again and after how long: pure arithmetic over replies and counts.

The rules are of docs/architecture.md's ``Upstream``; nothing here sleeps or sends.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MAX_RETRIES = 2

_HOPELESS = frozenset({501, 505, 508, 511})
"""Server errors that say the same request will fail the same way."""


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds to wait by ``Retry-After`` (RFC 9110, section 10.2.3: seconds or a date), None where it is missing
    or unreadable; a date in the past is 0."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(0.0, (when - now).total_seconds())


def passing(status: int) -> bool:
    """Whether a server error may have gone by the time the request is sent again."""
    return status >= 500 and status not in _HOPELESS


def backoff(failures: int, random: float) -> float:
    """Seconds before retry number ``failures`` (from 1): half a second doubled each time, of which ``random``
    (0 to 1) spreads the upper half so that many callers do not come back at once."""
    return 0.5 * 2.0 ** (failures - 1) * (0.5 + random / 2)
