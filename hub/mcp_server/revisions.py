"""The protocol revisions the hub speaks, and how a result of the newest is told in an older one.

The gateway speaks 2026-07-28 only. Not a negotiation: ``legacy.py`` answers ``initialize``, ``modern.py`` checks the
version each request carries.
"""

from collections.abc import Mapping, Sequence
from typing import Any

MODERN = "2026-07-28"
"""The stateless revision: version and capabilities travel with every request."""

LEGACY = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
"""The revisions that begin with ``initialize``, newest first."""

SUPPORTED = (MODERN, *LEGACY)
"""All revisions, newest first, as ``server/discover`` and the unsupported-version error list them."""

ASSUMED = "2025-03-26"
"""What a legacy request speaks that names no version (2025-11-25, basic/transports, Protocol Version Header)."""

META_VERSION = "io.modelcontextprotocol/protocolVersion"
META_CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
META_CLIENT = "io.modelcontextprotocol/clientInfo"
META_LOG_LEVEL = "io.modelcontextprotocol/logLevel"
META_SERVER = "io.modelcontextprotocol/serverInfo"
META_SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"

_MODERN_ONLY = ("resultType", "ttlMs", "cacheScope")


def older_list(member: str, items: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """A list's items as every legacy revision allows them.

    An output schema whose root is not an object is left out (2025-11-25, schema, Tool.outputSchema); members a
    revision does not know are ignored by its clients.
    """
    if member != "tools":
        return list(items)
    return [_older_tool(tool) for tool in items]


def _older_tool(tool: dict[str, Any]) -> dict[str, Any]:
    output = tool.get("outputSchema")
    if output is None or output.get("type") == "object":
        return tool
    return {key: value for key, value in tool.items() if key != "outputSchema"}


def older_result(result: Mapping[str, Any], version: str) -> dict[str, Any]:
    """A complete result as ``version`` allows it.

    Structured content must be an object before 2026-07-28 (its text stands in ``content`` all the same). Resource
    links exist since 2025-06-18, audio since 2025-03-26; both become text for older clients.
    """
    told = {key: value for key, value in result.items() if key not in _MODERN_ONLY}
    if "structuredContent" in told and not isinstance(told["structuredContent"], dict):
        del told["structuredContent"]
    if version < "2025-06-18":
        if "content" in told:
            told["content"] = [_older_block(block, version) for block in told["content"]]
        if "messages" in told:
            told["messages"] = [
                {**message, "content": _older_block(message["content"], version)} for message in told["messages"]
            ]
    return told


def _older_block(block: dict[str, Any], version: str) -> dict[str, Any]:
    kind = block.get("type")
    if kind == "resource_link":
        return {"type": "text", "text": f"{block.get('title') or block.get('name')}: {block.get('uri')}"}
    if kind == "audio" and version < "2025-03-26":
        return {"type": "text", "text": f"[{block.get('mimeType')}: this client's protocol revision has no audio]"}
    return block
