"""The one function that decides whether a caller may use a thing, in the path of every call.

Lists show only what it allows; calls ask it again, and so do reads, prompts, completions, tasks and subscriptions. Not
authentication: who the caller is, and that they knock at the right door, was settled before.
"""

from hub.errors import Refused
from hub.identity import Caller
from hub.sdk.names import RESERVED_CONNECTORS
from hub.sdk.tool import EFFECTS, Effect


def allowed(caller: Caller, effect: Effect, connector: str | None, tool: str | None = None) -> bool:
    """Whether the caller's token or grant covers this effect, and its profile this connector's thing: the tool of
    this full name, or without one its resources and prompts. The hub's own tools are part of every profile.
    ``connector`` is None where nobody has it any more."""
    if effect not in caller.effects:
        return False
    profile = caller.profile
    if profile is None or connector in RESERVED_CONNECTORS:
        return True
    if connector is None:
        return False
    return profile.has_connector(connector) if tool is None else profile.has_tool(connector, tool)


def authorize(
    caller: Caller,
    effect: Effect,
    name: str,
    connector: str | None,
    tool: str | None = None,
    *,
    halt: str | None = None,
) -> None:
    """Raise ``Refused``, naming what would allow it, unless the caller may use what ``allowed`` is asked for;
    ``name`` is what the thing is called, ``halt`` why all calls of the caller are stopped, if they are."""
    if halt is not None:
        raise Refused(halt)
    if allowed(caller, effect, connector, tool):
        return
    if caller.profile is not None and effect not in caller.profile.effects:
        held = ", ".join(one for one in EFFECTS if one in caller.profile.effects)
        profile = f"the profile {caller.profile.name}, which {_access(caller)} is bound to"
        wrong = f"{name} has the effect {effect}, and {profile}, is limited to {held}. {_other(caller)}"
    elif effect not in caller.effects:
        held = ", ".join(one for one in EFFECTS if one in caller.effects) or "nothing"
        wrong = f"{name} has the effect {effect}, and {_access(caller)} is limited to {held}. {_wider(caller, effect)}"
    else:
        profile = caller.profile.name if caller.profile is not None else ""
        wrong = f"{name} is not part of the profile {profile}, which {_access(caller)} is bound to. {_other(caller)}"
    raise Refused(wrong)


_NEW_TOKEN = "the user can make one on the hub's page /account, the operator with hub token create"


def _access(caller: Caller) -> str:
    return "this access token" if caller.client is None else f"what the user allowed {caller.client}"


def _wider(caller: Caller, effect: Effect) -> str:
    if caller.client is None:
        return f"A token that covers {effect} would allow it; {_NEW_TOKEN}."
    choice = {"read": "Read only", "write": "Read and write"}.get(effect, "Everything")
    return f"A grant of “{choice}” would allow it: {_again(caller.client)}, and choose that on the hub's page."


def _other(caller: Caller) -> str:
    if caller.client is None:
        return (
            "A token without a profile, or of another one, would allow it at the address of the whole hub (/mcp); "
            f"{_NEW_TOKEN}."
        )
    return (
        f"A grant of the whole hub would allow it: {_again(caller.client)} with the address of the whole hub (/mcp), "
        "and choose more on the hub's page."
    )


def _again(client: str) -> str:
    # Connecting again alone would not do: the hub remembers what was chosen until the grant is ended.
    return f"the user can end this access on the hub's page /account/grants, connect it again in {client}"
