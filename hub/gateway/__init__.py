"""The use cases: what a caller is offered, and how one call is authorized, audited, run and answered.

Not the wire: no HTTP, no JSON-RPC, no protocol revision is known here. Results are plain dicts in the shape of
MCP 2026-07-28.
"""

from hub.gateway.asks import Resume
from hub.gateway.gateway import Gateway
from hub.gateway.listeners import Listeners, Subscription, Wants

__all__ = ["Gateway", "Listeners", "Resume", "Subscription", "Wants"]
