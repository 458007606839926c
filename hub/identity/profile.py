"""``Profile``: a named view of the hub, as the operator declares it (``profiles`` in the configuration).

Only what it is; that it is kept to is decided by ``gateway/authorize.py`` alone.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from hub.config import ProfileConfig
from hub.sdk.tool import EFFECTS, Effect


@dataclass(frozen=True, slots=True)
class Profile:
    """What a token of this profile can reach: tools, resources and prompts of ``connectors`` (None: of all), of the
    tools only ``tools`` (None: all), and only what has one of ``effects``."""

    name: str
    title: str
    connectors: frozenset[str] | None = None
    tools: frozenset[str] | None = None
    effects: frozenset[Effect] = frozenset(EFFECTS)

    @property
    def digest(self) -> str:
        """SHA-256 of what it allows: another one after any change of it."""
        allows = [
            None if self.connectors is None else sorted(self.connectors),
            None if self.tools is None else sorted(self.tools),
            sorted(self.effects),
        ]
        return hashlib.sha256(orjson.dumps([self.name, *allows])).hexdigest()

    def has_connector(self, connector: str) -> bool:
        """Whether resources and prompts of this connector are part of it: not where it names single tools only."""
        if self.connectors is None:
            return self.tools is None
        return connector in self.connectors

    def has_tool(self, connector: str, full_name: str) -> bool:
        """Whether this tool is part of it."""
        if self.connectors is not None and connector not in self.connectors:
            return False
        return self.tools is None or full_name in self.tools


Profiles = Mapping[str, Profile]
"""The hub's profiles, by name."""


def profiles_of(declared: Mapping[str, ProfileConfig]) -> dict[str, Profile]:
    """The profiles of the configuration."""
    return {
        name: Profile(
            name,
            one.title or name.replace("_", " "),
            None if one.connectors is None else frozenset(one.connectors),
            None if one.tools is None else frozenset(one.tools),
            frozenset(one.effects),
        )
        for name, one in declared.items()
    }
