"""The schema of a file argument as models and clients see it. What it means is in ``files.py``."""

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]

MARK = "x-file"
"""The keyword that marks a file's schema; it holds what the file may be: ``accept`` and ``max_bytes``."""

HINT = "Give hub://files/<id> (of a tool, or uploaded by hub_upload_file), an https URL, or {name, text}."
"""How a file is given, in words for the model."""


def file_schema(held: Mapping[str, Any] | None = None) -> Schema:
    """The schema of a file argument, still without words; ``held`` is what it may be."""
    return {
        "type": ["string", "object"],
        "properties": {
            "url": {"type": "string", "description": "hub://files/<id>, an https URL, or a small data: URL."},
            "text": {"type": "string", "description": "Instead of url: the content, where it is text."},
            "data": {"type": "string", "description": "Instead of url: few bytes, in base64."},
            "name": {"type": "string"},
            "mime_type": {"type": "string"},
        },
        "additionalProperties": False,
        MARK: dict(held or {}),
    }
