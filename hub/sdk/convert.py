"""The closed list of converters: ``send_as`` (an argument on its way out) and ``as`` (a field on its way in).

Pure functions of one value. Not extensible here: a provider's folder may add named converters of its own.
"""

import base64
import binascii
import csv
import io
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, Literal

from hub.errors import ToolError
from hub.sdk.content import File

SOURCE_MAX = 1_000_000
"""How many characters of HTML are read; what follows is left out."""

_PREFIX = re.compile(r"<(/?)[A-Za-z][A-Za-z0-9]*:(?=[A-Za-z])")
_MILLISECONDS_FROM = 1e11  # 1973 in milliseconds, the year 5138 in seconds


def moment(value: Any) -> datetime:
    """A point in time from ISO 8601 text, an RFC 5322 date, or a number (seconds or milliseconds, told apart by
    size). Without an offset it is UTC. Raises ``ValueError``."""
    if isinstance(value, bool) or value is None:
        raise ValueError("not a point in time")
    if isinstance(value, str):
        text = value.strip()
        try:
            value = float(text)
        except ValueError:
            try:
                parsed = datetime.fromisoformat(text)
            except ValueError:
                parsed = parsedate_to_datetime(text)
            return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)
    if not isinstance(value, int | float):
        raise ValueError("not a point in time")
    seconds = value / 1000 if abs(value) >= _MILLISECONDS_FROM else value
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError) as wrong:
        raise ValueError("not a point in time") from wrong


def iso(value: Any) -> str:
    """RFC 3339 in UTC with ``Z``; fractions of a second only where there are any."""
    at = moment(value)
    return at.isoformat(timespec="microseconds" if at.microsecond else "seconds").replace("+00:00", "Z")


def epoch_s(value: Any) -> int:
    """Whole seconds since the epoch."""
    return int(moment(value).timestamp())


def epoch_ms(value: Any) -> int:
    """Whole milliseconds since the epoch."""
    return round(moment(value).timestamp() * 1000)


def markdown(value: Any) -> str:
    """HTML as Markdown, in time that grows with its length only; scripts, styles and comments are left out."""
    return _converted(value, "markdown")


def html(value: Any) -> str:
    """Markdown (CommonMark, raw HTML not let through) as HTML."""
    # Imported where it is needed: a start does not wait for what most calls never use.
    from markdown_it import MarkdownIt

    rendered: str = MarkdownIt("commonmark", {"html": False}).render(str(value))
    return rendered.strip()


def text(value: Any) -> str:
    """HTML or anything else as plain text: tags dropped, entities decoded, blocks on lines of their own."""
    if not isinstance(value, str):
        return "" if value is None else str(value)
    return _converted(value, "plain") if "<" in value or "&" in value else value.strip()


def _converted(value: Any, form: Literal["markdown", "plain"]) -> str:
    from html_to_markdown import ConversionOptions, convert

    options = ConversionOptions(
        output_format=form, bullets="-", compact_tables=True, extract_metadata=False, extract_images=False
    )
    # Prefixed elements (JATS: <jats:p>) mean what they mean without their prefix.
    source = _PREFIX.sub(r"<\1", str(value)[:SOURCE_MAX])
    return (convert(source, options).content or "").strip()


def csv_out(value: Any) -> str:
    """A list as one comma-separated line, quoted where needed (RFC 4180)."""
    row = io.StringIO()
    csv.writer(row, lineterminator="").writerow(value if isinstance(value, list) else [value])
    return row.getvalue()


def csv_in(value: Any) -> list[dict[str, str]]:
    """CSV text with a header line as a list of objects (RFC 4180)."""
    rows = csv.DictReader(io.StringIO(str(value)))
    return [{str(key): str(cell) for key, cell in row.items() if key is not None and cell is not None} for row in rows]


def base64_out(value: Any) -> str:
    """A file's bytes, or a text's in UTF-8, in base64 (RFC 4648, section 4)."""
    return base64.b64encode(value.data if isinstance(value, File) else str(value).encode()).decode()


def base64_in(value: Any) -> str:
    """Base64, in lines or not, as text; undecodable bytes become U+FFFD."""
    return base64.b64decode(str(value)).decode("utf-8", "replace")


def base64url_out(value: Any) -> str:
    """Text as unpadded base64url of its UTF-8 bytes (RFC 4648, section 5)."""
    return base64.urlsafe_b64encode(str(value).encode()).decode().rstrip("=")


def base64url_in(value: Any) -> str:
    """Base64url, padded or not, as text; undecodable bytes become U+FFFD."""
    raw = str(value)
    return base64.urlsafe_b64decode(raw + "=" * (-len(raw) % 4)).decode("utf-8", "replace")


def id_object(value: Any) -> dict[str, Any]:
    """``{id: value}``: what apps want whose lists of ids are lists of objects."""
    return {"id": value}


def name_object(value: Any) -> dict[str, Any]:
    """``{name: value}``."""
    return {"name": value}


def of_object(key: str, value: Any) -> Any:
    """What stands under ``key`` of an object, or of each object of a list; what is none stays as it came."""
    if isinstance(value, list):
        return [of_object(key, item) for item in value]
    return value[key] if isinstance(value, dict) and key in value else value


Converter = Callable[[Any], Any]

SEND_AS: Mapping[str, Converter] = {
    "base64": base64_out,
    "base64url": base64url_out,
    "csv": csv_out,
    "epoch_ms": epoch_ms,
    "epoch_s": epoch_s,
    "html": html,
    "id_object": id_object,
    "iso": iso,
    "markdown": markdown,
    "name_object": name_object,
    "text": text,
}
"""What ``send_as`` may name. ``html`` takes Markdown, ``markdown`` takes HTML."""

READ_AS: Mapping[str, Converter] = {
    **SEND_AS,
    "base64": base64_in,
    "base64url": base64url_in,
    "csv": csv_in,
    "id_object": partial(of_object, "id"),
    "name_object": partial(of_object, "name"),
}
"""What ``as`` may name."""


def send(converter: str, value: Any, argument: str) -> Any:
    """Convert an argument; lists item by item, except for ``csv``. Raises ``ToolError`` naming the argument."""
    convert = SEND_AS[converter]
    try:
        if isinstance(value, list) and converter != "csv":
            return [convert(item) for item in value]
        return convert(value)
    except (ValueError, TypeError) as wrong:
        raise ToolError(f"{argument}: {value!r} cannot be sent as {converter}; give a valid value.") from wrong


def read(converter: str, value: Any) -> Any:
    """Convert a field of a reply; what cannot be converted is left as it came."""
    if value is None:
        return None
    try:
        return READ_AS[converter](value)
    except (ValueError, TypeError, binascii.Error, csv.Error):
        return value
