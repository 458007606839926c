"""``Given``: from what the model named to a ``File``: one of the user's own, one behind an https URL, or a few bytes.

A URL is fetched with no credential, through the one way out with its guard. Where in the arguments files stand, and
what they may be, is ``hub/sdk/files``.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from hub.errors import OperatorNeeded, ToolError
from hub.files.files import Files
from hub.files.kept import URI, Kept, clean_name, clean_type, id_in, told_size
from hub.sdk.content import File
from hub.sdk.http import Outgoing, Reach, Send
from hub.sdk.response import file_name

SMALL = 1_000_000
"""Bytes that may stand in the call itself."""

CONNECTOR = "hub"
"""On whose behalf URLs are fetched: the hub's own, so that no connector's private places are opened by them."""

_REACH = Reach(CONNECTOR, ("*",))
_DATA = re.compile(r"data:(?P<type>[^,;]*)(?P<more>(?:;[^,;]*)*),(?P<data>.*)", re.IGNORECASE | re.DOTALL)
_FORMS = ("url", "text", "data")


class Given:
    """Makes files of what the model named."""

    def __init__(self, files: Files, send: Send) -> None:
        self._files = files
        self._send = send

    async def kept(self, user_id: str, value: Any) -> Kept | None:
        """The user's own file that is meant, None where it is none of those. Raises ``NotFoundError``."""
        url = value if isinstance(value, str) else value.get("url") if isinstance(value, Mapping) else None
        if not isinstance(url, str) or (id := id_in(url)) is None:
            return None
        return await self._files.find(user_id, id)

    async def file(self, value: Any, name: str, kept: Kept | None, most: int) -> File:
        """The file that is meant by ``value``, the argument ``name``, of at most ``most`` bytes; ``kept`` is the user's
        own file, where it is one.

        Raises ``ToolError`` that says what would be right, and whatever sending does.
        """
        held = {"url": value} if isinstance(value, str) else dict(value) if isinstance(value, Mapping) else {}
        forms = [one for one in _FORMS if held.get(one) is not None]
        if len(forms) != 1 or not isinstance(held[forms[0]], str):
            raise ToolError(f"{name}: exactly one of url, text and data is needed. {_right(name)}")
        given: str = held[forms[0]]
        if kept is not None:
            if kept.size > most:
                raise _too_large(name, kept.name, kept.size, most)
            made = File(await self._files.read(kept), kept.mime_type, kept.name)
        elif forms == ["text"]:
            named = clean_name(str(held.get("name") or "file.txt"))
            made = File(given.encode(), clean_type(None, named), named)
            if made.mime_type == clean_type(None):
                made = File(made.data, "text/plain", named)
        elif forms == ["data"]:
            made = File(_bytes(given, name), clean_type(None, str(held.get("name") or "")), "file")
        elif given[:5].lower() == "data:":
            made = _data(given, name)
        elif given[:8].lower() == "https://":
            made = await self._fetched(given, name, most)
        else:
            raise ToolError(f"{name}: {given[:100]!r} leads to no file. {_right(name)}")
        if len(made.data) > most:
            raise _too_large(name, made.name, len(made.data), most)
        return _named(made, held)

    async def _fetched(self, url: str, name: str, most: int) -> File:
        try:
            reply = await self._send(Outgoing("GET", url, {"Accept": "*/*"}, repeatable=True, largest=most), _REACH)
        except (ToolError, OperatorNeeded) as wrong:
            raise ToolError(f"{name}: {wrong}") from wrong
        if not 200 <= reply.status <= 299:
            raise ToolError(
                f"{name}: {urlsplit(url).hostname} answered HTTP {reply.status}. It must be a link that needs no "
                "sign-in; else ask the user to upload the file (hub_upload_file)."
            )
        called = file_name(reply)
        kind = clean_type(reply.headers.get("content-type"), called)
        return File(reply.body, kind, clean_name(called, kind))


def _named(file: File, held: Mapping[str, Any]) -> File:
    """The file with the name and type that were given with it."""
    named = str(held.get("name") or "")
    kind = clean_type(str(held["mime_type"])) if held.get("mime_type") else clean_type(file.mime_type, named)
    return File(file.data, kind, clean_name(named or file.name, kind))


def _data(url: str, name: str) -> File:
    """The file in a data URL (RFC 2397). Raises ``ToolError``."""
    parts = _DATA.fullmatch(url)
    if parts is None:
        raise ToolError(f"{name}: a data URL is data:<type>;base64,<data>.")
    more = [one.strip() for one in parts["more"].split(";")[1:]]
    encoded = any(one.lower() == "base64" for one in more)
    data = _bytes(parts["data"], name) if encoded else unquote_to_bytes(parts["data"])
    if len(data) > SMALL:
        raise _too_much(name, len(data))
    called = next((unquote_to_bytes(one[5:]).decode(errors="replace") for one in more if one.startswith("name=")), "")
    kind = clean_type(parts["type"] or "text/plain", called)
    return File(data, kind, clean_name(called, kind))


def _bytes(text: str, name: str) -> bytes:
    if len(text) > SMALL * 4 // 3 + 4:
        raise _too_much(name, len(text) * 3 // 4)
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ToolError(f"{name}: this is no base64. {_right(name)}") from None


def _too_much(name: str, size: int) -> ToolError:
    return ToolError(
        f"{name}: {told_size(size)} are too much for the call itself (at most {told_size(SMALL)}). Give an https URL, "
        "or ask the user to upload the file (hub_upload_file)."
    )


def _too_large(name: str, called: str, size: int, most: int) -> ToolError:
    return ToolError(f"{name}: {called} has {told_size(size)}; at most {told_size(most)} are taken here.")


def _right(name: str) -> str:
    return (
        f"Right would be {URI}<id> (of a tool, or uploaded by hub_upload_file), an https URL, or "
        f'{{"name": "notes.txt", "text": "..."}} as {name}.'
    )
