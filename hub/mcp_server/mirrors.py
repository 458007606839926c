"""Tool arguments that clients repeat in headers: ``x-mcp-header`` in a tool's input schema (2026-07-28,
basic/transports/streamable-http, Custom Headers from Tool Parameters).

The hub's own tools use none; a connector that keeps a foreign schema word for word may. ``Mcp-Method`` and
``Mcp-Name`` are ``headers.py``'s.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any

from multidict import CIMultiDictProxy

from hub.mcp_server.errors import HEADER_MISMATCH, RpcError
from hub.mcp_server.headers import decoded, single

_ANNOTATION = "x-mcp-header"
_KEPT = 64
_DEEPEST = 16

Path = tuple[str, ...]
Tools = dict[str, tuple[tuple[str, Path], ...]]
"""By tool: the headers and the arguments they repeat. Tools without annotations are not in it."""


class Mirrors:
    """Checks the headers of tools whose schemas are annotated; each list of tools is read once."""

    def __init__(self) -> None:
        # As in ``lists.py``: the list is kept beside what was read from it, so its id stays its own.
        self._read: OrderedDict[int, tuple[list[dict[str, Any]], Tools]] = OrderedDict()

    def check(
        self,
        headers: CIMultiDictProxy[str],
        listed: list[dict[str, Any]],
        name: str,
        arguments: Mapping[str, Any],
    ) -> None:
        """Check a call of the tool ``name``; raises ``RpcError`` -32020 where header and argument differ, or one is
        there without the other."""
        for header, path in self._tools(listed).get(name, ()):
            sent, value = single(headers, header), _at(arguments, path)
            if value is None and sent is None:
                continue
            spelled = ".".join(path)
            if sent is None:
                raise RpcError(HEADER_MISMATCH, f"Header mismatch: {header} is missing; it repeats {spelled}.")
            if value is None or not _same(decoded(header, sent), value):
                raise RpcError(HEADER_MISMATCH, f"Header mismatch: {header} is not the argument {spelled}.")

    def _tools(self, listed: list[dict[str, Any]]) -> Tools:
        found = self._read.get(id(listed))
        if found is not None:
            return found[1]
        tools: Tools = {}
        for tool in listed:
            annotated = tuple(_annotated(tool.get("inputSchema"), ()))
            if annotated:
                tools[tool["name"]] = annotated
        self._read[id(listed)] = (listed, tools)
        if len(self._read) > _KEPT:
            self._read.popitem(last=False)
        return tools


def _annotated(schema: Any, path: Path) -> Iterator[tuple[str, Path]]:
    """The annotated properties, reached through ``properties`` alone: anywhere else an annotation does not count."""
    properties = schema.get("properties") if isinstance(schema, Mapping) else None
    if not isinstance(properties, Mapping) or len(path) >= _DEEPEST:
        return
    for name, inner in properties.items():
        header = inner.get(_ANNOTATION) if isinstance(inner, Mapping) else None
        if isinstance(header, str) and header:
            yield f"Mcp-Param-{header}", (*path, name)
        yield from _annotated(inner, (*path, name))


def _at(arguments: Any, path: Path) -> Any:
    for name in path:
        if not isinstance(arguments, Mapping):
            return None
        arguments = arguments.get(name)
    return arguments


def _same(sent: str, value: Any) -> bool:
    if isinstance(value, bool):
        return sent == ("true" if value else "false")
    if isinstance(value, int):
        try:
            return float(sent) == value
        except ValueError:
            return False
    return isinstance(value, str) and sent == value
