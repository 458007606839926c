"""Who is calling: from the token a client shows to the person it acts for.

Not what they may do (``gateway``), nor how tokens are given out (``store``, later the authorization server).
"""

from hub.identity.caller import Caller, local_caller
from hub.identity.identity import Identity

__all__ = ["Caller", "Identity", "local_caller"]
