"""The one function that decides whether a caller may use a thing, in the path of every call.

Lists show only what it allows; calls ask it again. Not authentication: who the caller is was settled before.
"""

from hub.errors import Refused
from hub.identity import Caller
from hub.sdk.tool import Effect


def allowed(caller: Caller, effect: Effect) -> bool:
    """Whether the caller's token or grant covers this effect."""
    return effect in caller.effects


def authorize(caller: Caller, effect: Effect, full_name: str) -> None:
    """Raise ``Refused``, naming what would allow it, unless the caller may use what has this effect."""
    if not allowed(caller, effect):
        held = ", ".join(sorted(caller.effects)) or "nothing"
        raise Refused(
            f"{full_name} has the effect {effect}, and this access token is limited to {held}. "
            f"A token that covers {effect} would allow it."
        )
