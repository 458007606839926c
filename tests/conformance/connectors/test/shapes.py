"""The connector object of the fixtures, and the bytes and forms that several of them share.

Not a set of canned answers: a picture and a sound are encoded here from their samples.
"""

import io
import struct
import wave
import zlib
from typing import Any

from hub.sdk import Connector

connector = Connector(
    title="Conformance fixtures",
    description="The tools, resources and prompts that the protocol's conformance suite looks for.",
    category="testing",
)


def png(red: int, green: int, blue: int) -> bytes:
    """A PNG of one pixel in that colour (0-255 each; PNG specification, section 5)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    row = bytes([0, red, green, blue])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(row)) + chunk(b"IEND", b"")


def wav(samples: bytes) -> bytes:
    """A WAV file of 16-bit mono samples at 8 kHz."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(samples)
    return file.getvalue()


PIXEL = png(255, 0, 0)
TONE = wav(b"\x00\x00" * 80)

NAME: dict[str, Any] = {"name": {"type": "string", "description": "A name."}}
CONSENT: dict[str, Any] = {"ok": {"type": "boolean", "description": "Whether to go on."}}


def content(answer: dict[str, Any]) -> dict[str, Any]:
    """What the person filled in; empty where the form was declined."""
    return answer.get("content") or {}
