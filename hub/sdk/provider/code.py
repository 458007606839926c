"""A provider's own code: one method per step that its YAML cannot say, in ``provider.py`` beside it. The last resort.

A step changes data and sends nothing: the hub sends what comes back, to the same host it would have sent to, and signs
no other. A step that is not overridden costs nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from hub.sdk.http import Outgoing, Reply


@dataclass(frozen=True, slots=True)
class Given:
    """What a step is told besides: the account's ``settings`` and kept ``fields``, the ``secrets`` the step's request
    carries by name (``token``, ``refresh_token``, ``client_id``, ``client_secret``, what was pasted), the time, and 32
    random bytes."""

    settings: Mapping[str, str]
    fields: Mapping[str, Any]
    secrets: Mapping[str, Any] = field(repr=False)
    now: datetime
    random: bytes = field(repr=False)


class ProviderCode:
    """Make a subclass, override the steps that are needed, and write ``provider = MyCode()``.

    A step may raise ``ToolError``, ``OperatorNeeded`` or ``ConnectionNeeded``; everything else that it raises is told
    as the operator's to mend, without its words.
    """

    STEPS: ClassVar[tuple[str, ...]] = (
        "authorize", "callback", "exchange", "refresh", "tokens", "tenants", "who", "sign", "revoke",
    )  # fmt: skip

    def authorize(self, url: str, given: Given) -> str:
        """The address of the vendor's page, made as declared; the host stays."""
        return url

    def callback(self, query: Mapping[str, str], given: Given) -> Mapping[str, str]:
        """What the browser came back with; a step that finds it forged raises ``ToolError``."""
        return query

    def exchange(self, request: Outgoing, given: Given) -> Outgoing:
        """A request to the token endpoint, made as declared, other than for a renewal."""
        return request

    def refresh(self, request: Outgoing, given: Given) -> Outgoing:
        """A request to the token endpoint for a renewal."""
        return request

    def tokens(self, reply: Reply, given: Given) -> Reply:
        """A token endpoint's reply, before it is read as declared."""
        return reply

    def tenants(self, reply: Reply, given: Given) -> Reply:
        """The reply to ``tenants``, before it is read as declared."""
        return reply

    def who(self, reply: Reply, given: Given) -> Reply:
        """The reply to ``who``, before it is read as declared."""
        return reply

    def sign(self, request: Outgoing, given: Given) -> Outgoing:
        """A request with the credential on it as declared: a call's, or one of the hub's own."""
        return request

    def revoke(self, request: Outgoing, given: Given) -> Outgoing:
        """The request that ends a grant, made as declared."""
        return request

    def has(self, step: str) -> bool:
        """Whether ``step`` is overridden."""
        return getattr(type(self), step) is not getattr(ProviderCode, step)
