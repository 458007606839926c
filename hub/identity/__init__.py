"""Who is calling: from the token a client shows to the person it acts for.

Not what they may do (``gateway``), nor how tokens are given out (``oauth`` and ``store``).
"""

from hub.identity.caller import Caller, local_caller
from hub.identity.identity import Identity
from hub.identity.profile import Profile, Profiles, profiles_of

__all__ = ["Caller", "Identity", "Profile", "Profiles", "local_caller", "profiles_of"]
