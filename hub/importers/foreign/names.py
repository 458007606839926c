"""The hub's names for a server's: legal, unique, the same each time; URIs under the connector's own scheme.

Names are looked up, never parsed back; URIs are turned back by taking away what was put before them.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from hub.sdk.names import FULL_NAME_MAX
from hub.sdk.relay import uri_prefix

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_ILLEGAL = re.compile(r"[^a-z0-9]+")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_MARK = 5


def names_for(foreign: Iterable[str], connector: str, *, prefix: bool) -> dict[str, str]:
    """The tools' (or prompts') names by the server's own. Two that come to one are told apart by a hash of each."""
    given = list(foreign)
    if not prefix:
        return {one: one for one in given}
    most = FULL_NAME_MAX - len(connector) - 1
    plain = {one: _plain(one) for one in given}
    taken = list(plain.values())
    found = {}
    for one, name in plain.items():
        if len(name) > most or taken.count(name) > 1 or not name:
            mark = hashlib.sha256(one.encode()).hexdigest()[:_MARK]
            name = f"{(name or 'tool')[: most - _MARK - 1].rstrip('_')}_{mark}"
        found[one] = name
    return found


def _plain(name: str) -> str:
    made = _ILLEGAL.sub("_", _HUMP.sub("_", name).lower()).strip("_")
    return made if not made or made[0].isalpha() else f"t_{made}"


def relayed_uris(node: Any, connector: str) -> Any:
    """A result with the server's URIs as the hub's: in links, embedded resources and contents, nowhere else."""
    return {key: _below(key, value, uri_prefix(connector)) for key, value in node.items()}


def own_uris(node: Any, connector: str) -> Any:
    """Arguments with the hub's URIs of this connector as the server's own again: a link of one result is what a model
    gives the next call. Texts that only begin likewise are left alone."""
    if isinstance(node, str):
        before = uri_prefix(connector)
        return node[len(before) :] if node.startswith(before) and _URI.match(node, len(before)) else node
    if isinstance(node, Mapping):
        return {key: own_uris(value, connector) for key, value in node.items()}
    if isinstance(node, list):
        return [own_uris(one, connector) for one in node]
    return node


def _below(key: str, value: Any, before: str) -> Any:
    if key in ("content", "contents", "messages"):
        return [_block(one, before) for one in value] if isinstance(value, list) else _block(value, before)
    return value


def _block(block: Any, before: str) -> Any:
    if not isinstance(block, Mapping):
        return block
    made = dict(block)
    if isinstance(made.get("content"), Mapping | list):  # a prompt's message
        made["content"] = _below("content", made["content"], before)
    if isinstance(made.get("resource"), Mapping):
        made["resource"] = _block(made["resource"], before)
    if isinstance(made.get("uri"), str):
        made["uri"] = before + made["uri"]
    return made
