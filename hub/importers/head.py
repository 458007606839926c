"""What a connector with a description has in common with a hand-written one: all but its tools.

Apart from ``compilation.py``, which imports every reader of descriptions: a start that finds its connectors compiled
needs none of them.
"""

from collections.abc import Mapping
from typing import Any

from hub.errors import ConnectorError
from hub.sdk.compilation import compile_yaml
from hub.sdk.tool import CompiledConnector

SHARED = (
    "contract", "version", "title", "description", "category", "provider", "auth", "base_url", "hosts", "headers",
    "settings", "errors", "instructions",
)  # fmt: skip
"""The keys that mean what they mean for a hand-written connector."""


class ConnectorHeld(ConnectorError):
    """A description names other servers, or signs in otherwise, than an operator agreed to."""


def head_of(name: str, data: Mapping[str, Any], file: str, *, prefix: bool = True) -> CompiledConnector:
    """The connector without its tools: what its YAML shares with hand-written ones. Raises ``ConnectorError``."""
    return compile_yaml(name, {key: data[key] for key in SHARED if key in data}, file, prefix=prefix)
