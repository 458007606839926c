"""Recordings: a connector's tests as data, replayed through the real gateway, and made from real calls.

    report = await check(Path("connectors/wikipedia"))

Not a test framework: ``hub check`` and the repository's own tests both run this.
"""

from hub.testing.record import Studio, write
from hub.testing.recording import Recording, RecordingError, RecordingFile, files_of, folder_of, load
from hub.testing.replay import ReplayMismatch, ReplayTransport
from hub.testing.suite import Report, check, connectors_at, lints, opened, replay, report

__all__ = [
    "Recording",
    "RecordingError",
    "RecordingFile",
    "ReplayMismatch",
    "ReplayTransport",
    "Report",
    "Studio",
    "check",
    "connectors_at",
    "files_of",
    "folder_of",
    "lints",
    "load",
    "opened",
    "replay",
    "report",
    "write",
]
