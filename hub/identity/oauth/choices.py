"""What a person can choose from when a client asks to be let in, and what each choice allows.

A choice is by effect, within the profile of the address the client asked for, or a named profile whole. Not where the
choice is kept to: that is ``gateway/authorize.py``.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from hub.identity.profile import Profile, Profiles
from hub.sdk.tool import EFFECTS, Effect

LEVELS: Mapping[str, tuple[str, str, frozenset[Effect]]] = {
    "read": ("Read only", "It can look things up and change nothing.", frozenset({"read"})),
    "write": (
        "Read and write",
        "It can also make and change things in your own space; not delete, pay or send.",
        frozenset({"read", "write"}),
    ),
    "everything": (
        "Everything",
        "It can also delete, pay, and send to other people.",
        frozenset(EFFECTS),
    ),
}
"""The choices by effect: title, explanation, effects."""

_PROFILE = "profile:"


@dataclass(frozen=True, slots=True)
class Choice:
    """One choice. ``key`` is its value in the form."""

    key: str
    title: str
    explanation: str
    effects: frozenset[Effect]
    profile: Profile | None


def choices(profiles: Profiles, door: str | None) -> list[Choice]:
    """What can be chosen at a door: the whole hub (None) or a profile's."""
    within = profiles.get(door) if door is not None else None
    found: list[Choice] = []
    for key, (title, explanation, effects) in LEVELS.items():
        kept = effects if within is None else effects & within.effects
        if kept and all(kept != one.effects for one in found):
            found.append(Choice(key, title, explanation, kept, within))
    if door is None:
        found += [
            Choice(f"{_PROFILE}{one.name}", f"Only “{one.title}”", _told(one), one.effects, one)
            for one in profiles.values()
        ]
    return found


def preselected(offered: list[Choice], listed: bool) -> str:
    """The choice that is made already: the least for hosts that are not on the operator's list."""
    keys = [one.key for one in offered]
    return "write" if listed and "write" in keys else keys[0]


def _told(profile: Profile) -> str:
    parts = []
    if profile.connectors is not None:
        parts.append("apps: " + ", ".join(sorted(profile.connectors)))
    if profile.tools is not None:
        parts.append(f"{len(profile.tools)} single tools")
    parts.append("it may " + ", ".join(effect for effect in EFFECTS if effect in profile.effects))
    return ("; ".join(parts) + ".").capitalize()
