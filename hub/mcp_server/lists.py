"""The list results as bytes, made once for each list the gateway holds.

The gateway returns the same list object until its content changes, so the object's identity is the cache key and
nothing has to be dropped by hand. Not a cache of what a user may see: that is the gateway's.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import orjson

from hub.identity import Caller
from hub.mcp_server.door import Arrivals
from hub.mcp_server.revisions import META_SERVER, older_list

_KEPT = 64


class Lists:
    """Serialised list results, newest used last; ``_KEPT`` of them."""

    def __init__(self, server_info: Mapping[str, Any], ttl_ms: int, arrivals: Arrivals | None = None) -> None:
        self._arrivals = arrivals
        self._modern = {"ttlMs": ttl_ms, "cacheScope": "private", "_meta": {META_SERVER: dict(server_info)}}
        # The list itself is kept beside its bytes: as long as it lives, its id cannot be another's.
        self._made: OrderedDict[tuple[int, str, bool], tuple[list[dict[str, Any]], bytes]] = OrderedDict()

    def told(self, caller: Caller, member: str, items: list[dict[str, Any]]) -> None:
        """Note that a newcomer is told this list."""
        arrivals = self._arrivals
        if arrivals is not None and member == "tools" and caller.token_id in arrivals.newcomers:
            arrivals.listed(caller, len(items))

    def result(self, member: str, items: list[dict[str, Any]], *, modern: bool) -> bytes:
        """The list result with ``items`` as its ``member``, as JSON."""
        key = (id(items), member, modern)
        found = self._made.get(key)
        if found is not None:
            self._made.move_to_end(key)
            return found[1]
        if modern:
            body = orjson.dumps({"resultType": "complete", member: items, **self._modern})
        else:
            body = orjson.dumps({member: older_list(member, items)})
        self._made[key] = (items, body)
        if len(self._made) > _KEPT:
            self._made.popitem(last=False)
        return body
