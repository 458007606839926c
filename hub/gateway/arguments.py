"""The arguments of a tool, checked. Not those of prompts (``runs.py``), nor how they are used (``gateway.py``)."""

from collections.abc import Mapping
from typing import Any

from hub.sdk.schema import check_arguments
from hub.sdk.tool import Tool


def tool_arguments(tool: Tool, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """The arguments as the tool gets them. Raises ``ToolError`` that names what is wrong."""
    if tool.validator.is_valid(arguments):
        return arguments
    # Models send null for what they leave out; where null is not a value, it means just that.
    required = tool.input.get("required", ())
    given = {name: value for name, value in arguments.items() if value is not None or name in required}
    check_arguments(tool.validator, given)
    return given
