"""``Caller``: the person behind one request, and what their token allows.

Not the user's record, and never the token itself.
"""

from dataclasses import dataclass

from hub.sdk.tool import EFFECTS, Effect


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling. ``token_id`` is None for the local user; ``effects`` are those the token allows; ``admin``
    says whether the person may see and steer the hub itself."""

    user_id: str
    user_name: str
    token_id: str | None
    effects: frozenset[Effect]
    admin: bool = False


_LOCAL = Caller("local", "local", None, frozenset(EFFECTS), admin=True)


def local_caller() -> Caller:
    """The one user of a hub without authentication (``auth.mode: none``), who may do everything."""
    return _LOCAL
