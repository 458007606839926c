"""Connectors that a description stands behind: its file, found beside their YAML, and compiled.

What a description becomes is ``hub.importers``'s; this reads it from the connector's own folder, and from nowhere else.
"""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from hub.errors import ConnectorError
from hub.importers import KINDS
from hub.importers.foreign import KIND as SERVER
from hub.importers.foreign.pin import Pin
from hub.registry.places import CONFIGURED
from hub.registry.units import Content
from hub.sdk.compilation import compile_yaml
from hub.sdk.tool import CompiledConnector


def is_described(data: Any) -> bool:
    """Whether a parsed ``connector.yaml`` is of a described kind."""
    return isinstance(data, Mapping) and data.get("kind") in KINDS


def is_server(data: Any) -> bool:
    """Whether a parsed ``connector.yaml`` is another MCP server."""
    return isinstance(data, Mapping) and data.get("kind") == SERVER


def compile_declared(
    content: Content, data: Any, file: str, *, prefix: bool, pin: Pin | None = None
) -> CompiledConnector:
    """The connector in a parsed declaration, hand-written, described or another server's, of whose word ``pin`` is
    accepted. Raises ``ConnectorError``."""
    name = content.unit.name
    if is_server(data):
        from hub.importers.foreign.compilation import compile_server

        configured = content.unit.place.label == CONFIGURED
        return compile_server(name, data, pin, file, prefix=prefix, configured=configured)
    if not is_described(data):
        return compile_yaml(name, data, file, prefix=prefix)
    # A hub without imported connectors does not wait for what imports them.
    from hub.importers.compilation import compile_described

    return compile_described(name, data, _description(content, data, file), file, prefix=prefix).connector


def _description(content: Content, data: Mapping[str, Any], file: str) -> bytes:
    """The description's bytes; it lies in the connector's folder. Raises ``ConnectorError``."""
    from hub.importers.documents import MAX_BYTES

    unit = content.unit
    source = data.get("source")
    named = source.get("file", "description.json") if isinstance(source, Mapping) else "description.json"
    if unit.path == unit.root and isinstance(named, str) and named and PurePosixPath(named).name == named:
        path = unit.root / named
        try:
            if unit.place.takes_code or unit.place.holds(path):
                size = path.stat().st_size
                if size > MAX_BYTES:
                    raise ConnectorError(
                        f"{unit.shown(named)} has {size:,} bytes; a description has at most {MAX_BYTES:,}."
                    )
                return path.read_bytes()
        except OSError as wrong:
            raise ConnectorError(f"{unit.shown(named)} cannot be read: {wrong.strerror or wrong}.") from None
    raise ConnectorError(
        f"{file}: source.file: the description lies beside connector.yaml, in the connector's own folder."
    )
