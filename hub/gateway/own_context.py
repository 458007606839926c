"""``OwnContext``: the context of the hub's own tools, which also know who is calling and what their token allows.

Connectors get no such thing: they know the person only (``ctx.user``).
"""

from dataclasses import dataclass, field

from hub.identity import Caller
from hub.sdk.context import Context


@dataclass(slots=True)
class OwnContext(Context):
    """A context with its ``caller``: what is told about accounts depends on what this caller may use."""

    caller: Caller = field(kw_only=True)
