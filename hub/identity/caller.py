"""``Caller``: the person behind one request, and what their token allows.

Not the user's record, and never the token itself.
"""

from dataclasses import dataclass, replace

from hub.identity.profile import Profile
from hub.sdk.tool import EFFECTS, Effect


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is calling. ``token_id`` is that of the token or grant, None for the local user; ``effects`` are those it
    allows, within its ``profile``; ``client`` is the name of the OAuth client a grant is for, None for other tokens;
    ``admin`` says whether the person may see and steer the hub itself, which no OAuth client may for them."""

    user_id: str
    user_name: str
    token_id: str | None
    effects: frozenset[Effect]
    admin: bool = False
    profile: Profile | None = None
    client: str | None = None

    @property
    def bearing(self) -> str:
        """The person in the bounds of their profile: what is kept between requests belongs to no other."""
        return self.user_id if self.profile is None else f"{self.user_id} {self.profile.name}"


_LOCAL = Caller("local", "local", None, frozenset(EFFECTS), admin=True)


def local_caller(profile: Profile | None = None) -> Caller:
    """The one user of a hub without authentication (``auth.mode: none``), who may do everything, or what a profile
    has at its door."""
    return _LOCAL if profile is None else replace(_LOCAL, effects=profile.effects, admin=False, profile=profile)
