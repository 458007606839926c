"""What the gateway needs of the audit: an intent before anything is changed, an outcome after.

Not the table: that is ``hub/store``. This is the order in which it is told.
"""

from typing import Protocol

from hub.store.audit import Call

__all__ = ["Audit", "Call", "NoAudit"]


class Audit(Protocol):
    """Keeps who called what."""

    async def intent(self, record: Call) -> str:
        """Write down what is about to be done, durably, and return its id. Raises when it cannot: the call must
        then not be made."""
        ...

    def outcome(self, id: str, outcome: str, ms: float) -> None:
        """Note how an intended call ended; written within a second."""
        ...

    def note(self, record: Call) -> None:
        """Note a read, ended; written within a second."""
        ...


class NoAudit:
    """Keeps nothing: recordings replayed, a connector checked."""

    async def intent(self, record: Call) -> str:
        return ""

    def outcome(self, id: str, outcome: str, ms: float) -> None:
        return None

    def note(self, record: Call) -> None:
        return None
