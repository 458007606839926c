"""Writing YAML that the hub reads back as it was: every string that would be read as something else is quoted.

Not ``hub.yaml``, which only reads; recordings and scaffolds are what the hub writes.
"""

from typing import Any

import yaml as pyyaml

from hub import yaml
from hub.errors import HubError

WIDTH = 110

_BREAKS = "\r\x85\u2028\u2029"
"""What YAML 1.1 took for line breaks, and would fold."""


class _Dumper(pyyaml.SafeDumper):
    """Plain data, lists indented under their key, no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _string(dumper: pyyaml.SafeDumper, value: str) -> pyyaml.ScalarNode:
    style = None
    if any(char in value for char in _BREAKS):
        style = '"'
    elif "\n" in value:
        style = "|"
    elif value[:1] in tuple("+-.0123456789"):
        # Numbers of YAML 1.2 that its 1.1 dumper takes for words: 1e3, 0o17.
        style = "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _string)


def dump(value: Any) -> str:
    """``value`` (plain JSON) as YAML. Raises ``HubError`` when the hub would not read it back as it was."""
    text = str(pyyaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=WIDTH))
    if yaml.plain(yaml.load(text, "the text to be written")) != value:
        raise HubError("This data holds something that does not survive being written as YAML.")
    return text
