"""Effects: what a tool does, the classes of policy and of grants. Not who may do it (the gateway's)."""

from typing import Literal, get_args

Effect = Literal["read", "write", "send", "pay", "destroy"]
"""What a tool does: reads, changes, sends something out of the person's own space, pays, destroys."""

EFFECTS: tuple[Effect, ...] = get_args(Effect)
