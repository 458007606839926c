"""What a Gmail message says: its headers, its text out of the MIME parts, and its attachments.

Pure functions of the API's ``Message`` (users.messages, ``format=full`` or ``metadata``). Nothing here fetches, and
nothing writes mail (``writing.py``).
"""

import base64
import binascii
from collections.abc import Iterator
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from html import unescape
from typing import Any

from hub.sdk import ToolError, iso, markdown_from_html

Json = dict[str, Any]

HEADERS = ("From", "To", "Cc", "Subject")
"""The headers every answer shows."""

_FIELD_MOST = 1_000
"""Characters of a header in an answer; a mail may name hundreds of people."""

_STATEFUL = ("iso-2022-", "utf-7", "utf-16", "utf-32", "hz-gb")
"""Charsets whose bytes may also be valid UTF-8 that says something else."""


def header(message: Json, name: str) -> str:
    """The first header of that name, encoded words decoded (RFC 2047); empty where there is none."""
    for one in message.get("payload", {}).get("headers") or []:
        if str(one.get("name", "")).lower() == name.lower():
            value = str(one.get("value", ""))
            if "=?" not in value:
                return value
            try:
                return str(make_header(decode_header(value)))
            except (HeaderParseError, LookupError, UnicodeError):
                return value
    return ""


def brief(message: Json) -> Json:
    """A message in short: whom it is from and to, what about and when, and how it begins."""
    told = {
        "id": message.get("id"),
        "thread_id": message.get("threadId"),
        **{name.lower(): header(message, name)[:_FIELD_MOST] for name in HEADERS},
        "date": iso(message["internalDate"]) if message.get("internalDate") else None,
        "labels": message.get("labelIds"),
        "snippet": unescape(str(message.get("snippet") or "")),
    }
    return {key: value for key, value in told.items() if value}


def whole(message: Json, offset: int, most: int) -> Json:
    """A message with ``most`` characters of its text from ``offset`` on, and with its attachments by number.

    ``next_offset`` is there where the text goes on. Raises ``ToolError`` for an offset behind the text.
    """
    payload = message.get("payload", {})
    text = text_of(payload)
    if offset and offset >= len(text):
        raise ToolError(f"The text has {len(text)} characters; offset {offset} lies behind its end.")
    told = brief(message)
    told.pop("snippet", None)
    told["text"] = text[offset : offset + most]
    if len(text) > offset + most:
        told["next_offset"] = offset + most
    held = [
        {"number": number, "name": name_of(part, number), "type": part.get("mimeType"), "size": size_of(part)}
        for number, part in enumerate(attachments(payload), 1)
    ]
    return {**told, "attachments": held} if held else told


def text_of(part: Json) -> str:
    """The text a person reads: plain text where there is some, else HTML as Markdown. Of files, only mails that
    were attached are read too.

    Of ``multipart/alternative`` one part is taken, of any other multipart all, in order (RFC 2046, section 5.1).
    """
    kind = str(part.get("mimeType", "")).lower()
    below = part.get("parts") or []
    if below:
        said = [(str(one.get("mimeType", "")).lower(), text_of(one)) for one in below]
        if kind == "multipart/alternative":
            plain = next((text for kind, text in said if kind == "text/plain" and text), None)
            return plain or next((text for _, text in reversed(said) if text), "")
        return "\n\n".join(text for _, text in said if text)
    if _is_attachment(part) or kind not in ("text/plain", "text/html"):
        return ""
    held = _text(part)
    return markdown_from_html(held) if kind == "text/html" else held.replace("\r\n", "\n").strip()


def attachments(part: Json) -> Iterator[Json]:
    """The parts that are files, in their order in the message."""
    if _is_attachment(part):
        yield part
        return
    for one in part.get("parts") or []:
        yield from attachments(one)


def name_of(part: Json, number: int) -> str:
    """An attachment's file name; one is made where it has none."""
    return str(part.get("filename") or f"attachment-{number}")


def size_of(part: Json) -> int:
    """An attachment's size in bytes."""
    return int(part.get("body", {}).get("size") or 0)


def bytes_of(data: str) -> bytes:
    """Base64url, padded or not (RFC 4648, section 5), as Gmail writes bodies. Raises ``ToolError`` where it is none."""
    try:
        return base64.urlsafe_b64decode(data + "=" * (-len(data) % 4))
    except (binascii.Error, ValueError):
        raise ToolError("Gmail sent a part of this message that cannot be read; open it in Gmail.") from None


def _is_attachment(part: Json) -> bool:
    body = part.get("body") or {}
    return bool(part.get("filename")) or ("attachmentId" in body and not part.get("parts"))


def _text(part: Json) -> str:
    raw = bytes_of(str((part.get("body") or {}).get("data") or ""))
    charset = _charset(part)
    if not charset.startswith(_STATEFUL):
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            pass
    try:
        return raw.decode(charset, "replace")
    except LookupError:
        return raw.decode("utf-8", "replace")


def _charset(part: Json) -> str:
    declared = Message()
    for one in part.get("headers") or []:
        if str(one.get("name", "")).lower() == "content-type":
            declared["Content-Type"] = str(one.get("value", "")).replace("\r", " ").replace("\n", " ")
            break
    return str(declared.get_content_charset("utf-8"))
