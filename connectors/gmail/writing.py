"""Mail as Gmail takes it: one RFC 5322 message, base64url in ``raw``.

Pure: nothing here sends, and nothing reads a mailbox (``reading.py``).
"""

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import NamedTuple

from hub.sdk import File, ToolError

_LINE_MOST = 900
"""Characters of one line; RFC 5322 (section 2.1.1) allows 998."""

_SUBJECT_MOST = 2_000
_MOST = 36_700_160
"""Bytes of a message Gmail takes (its description, mediaUpload.maxSize)."""

_ADDRESS_MOST = 400
"""Characters of one recipient, name and address."""

_FILE_NAME_MOST = 150
_PLAIN_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*")


ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?=.{1,253}\Z)[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})+")
"""A mail address as browsers take it (HTML Standard, "Valid email address"), with a domain of two names or more."""

_RECIPIENT = re.compile(r"(?P<bare>[^\s<>]+)|(?P<name>[^<>]*)<(?P<address>[^\s<>]+)>")


class Recipient(NamedTuple):
    """Somebody mail goes to; ``name`` may be empty."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Letter:
    """What a person would write into the fields of a new mail; ``answers`` and ``earlier`` are message ids of what it
    is a reply to (RFC 5322, section 3.6.4)."""

    to: Sequence[str]
    subject: str
    body: str
    cc: Sequence[str] = ()
    bcc: Sequence[str] = ()
    attachments: Sequence[File] = ()
    answers: str = ""
    earlier: str = ""


def mail(letter: Letter, at: datetime) -> bytes:
    """The letter as an RFC 5322 message dated ``at``. Gmail adds sender and message id.

    Raises ``ToolError`` naming the argument that cannot be sent, and for one larger than Gmail sends.
    """
    fields = [
        (name, ",\r\n ".join(_mailbox(recipient(text, name.lower())) for text in given))
        for name, given in (("To", letter.to), ("Cc", letter.cc), ("Bcc", letter.bcc))
        if given
    ]
    if len(letter.subject) > _SUBJECT_MOST:
        raise ToolError(f"subject: has {len(letter.subject)} characters; at most {_SUBJECT_MOST} are sent.")
    fields += [("Subject", _words(_line(letter.subject, "subject"))), ("Date", format_datetime(at))]
    if answers := _ids(letter.answers)[:1]:
        earlier = _ids(letter.earlier)[-100:]
        fields += [("In-Reply-To", answers[0]), ("References", "\r\n ".join([*earlier, *answers]))]
    content = EmailMessage(SMTP)
    content.set_content(letter.body)
    for one in letter.attachments:
        _attach(content, one)
    if content.is_multipart():
        # The library's own boundary is random; this one cannot stand in the text it is made of either.
        held = hashlib.sha256(repr(replace(letter, attachments=())).encode())
        for one in letter.attachments:
            held.update(repr((one.name, one.mime_type)).encode() + one.data)
        content.set_boundary(f"hub-{held.hexdigest()[:40]}")
    # The library takes very long to fold some headers, so these are written here and it writes the content alone.
    head = "".join(f"{name}: {value}\r\n" for name, value in fields)
    made = head.encode() + content.as_bytes()
    if len(made) > _MOST:
        raise ToolError(f"attachments: the mail would have {len(made):,} bytes; Gmail sends {_MOST:,} at most.")
    return made


def raw(made: bytes) -> str:
    """A message as the API takes it within JSON: base64url."""
    return base64.urlsafe_b64encode(made).decode().rstrip("=")


def related(metadata: bytes, made: bytes) -> tuple[bytes, str]:
    """A message as the API takes it beside JSON: the body, and its type (multipart/related, RFC 2387)."""
    boundary = "hub-" + hashlib.sha256(made).hexdigest()[:40]
    head = f"--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n".encode() + metadata
    body = head + f"\r\n--{boundary}\r\nContent-Type: message/rfc822\r\n\r\n".encode() + made
    return body + f"\r\n--{boundary}--\r\n".encode(), f"multipart/related; boundary={boundary}"


def recipient(text: str, argument: str) -> Recipient:
    """One recipient: ``ada@example.com`` or ``Ada <ada@example.com>``. Raises ``ToolError`` for what is none."""
    # Not the library's parser: deeply nested comments exhaust it.
    found = _RECIPIENT.fullmatch(_line(text, argument).strip()) if len(text) <= _ADDRESS_MOST else None
    address = (found["bare"] or found["address"]) if found else ""
    if found is None or not ADDRESS.fullmatch(address):
        told = text if len(text) <= _ADDRESS_MOST else text[:40] + "…"
        raise ToolError(f"{argument}: {told!r} is not a mail address; write ada@example.com or Ada <ada@example.com>.")
    name = (found["name"] or "").strip()
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    return Recipient(name, address)


def reply_subject(subject: str) -> str:
    """The subject of an answer: with one ``Re:`` in front."""
    subject = " ".join(subject.split())
    return subject if subject.lower().startswith("re:") else f"Re: {subject}"


def _line(text: str, argument: str) -> str:
    if any((ord(one) < 32 and one != "\t") or ord(one) == 127 for one in text):
        raise ToolError(f"{argument}: must be one line, without line breaks or control characters.")
    return text


def _ids(text: str) -> list[str]:
    """Message ids that can be repeated: those of a stranger's mail may be anything."""
    return [one for one in text.split() if len(one) <= _LINE_MOST and one.isascii() and one.isprintable()]


def _mailbox(one: Recipient) -> str:
    name = one.name
    if not name:
        return one.address
    if name.isascii() and not _PLAIN_NAME.fullmatch(name) and "=?" not in name:
        told = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    else:
        told = _words(name)
    return f"{told} <{one.address}>"


def _words(text: str) -> str:
    """Text in a header: as it is where that is plain, else as encoded words (RFC 2047), each on a line of its own."""
    if text.isascii() and "=?" not in text and len(text) <= _LINE_MOST and text == " ".join(text.split()):
        return text
    chunks, held = [], b""
    for one in text:
        encoded = one.encode()
        if len(held) + len(encoded) > 45:
            chunks.append(held)
            held = b""
        held += encoded
    return "\r\n ".join(f"=?utf-8?b?{base64.b64encode(one).decode()}?=" for one in [*chunks, held])


def _attach(message: EmailMessage, one: File) -> None:
    name = _line(one.name, "attachments")
    if not 0 < len(name) <= _FILE_NAME_MOST:
        raise ToolError(f"attachments: a file's name has 1 to {_FILE_NAME_MOST} characters.")
    main, _, sub = one.mime_type.partition(";")[0].strip()[:100].partition("/")
    if not (main.isascii() and main.isalnum() and sub) or any(c.isspace() or c in ',"' for c in sub):
        raise ToolError(f"attachments: {one.mime_type!r} is not a media type; write one such as application/pdf.")
    if main in ("multipart", "message"):
        raise ToolError(f"attachments: {one.mime_type} cannot be attached; use application/octet-stream.")
    message.add_attachment(one.data, maintype=main, subtype=sub, filename=name)
