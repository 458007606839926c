"""How long tests wait, on a machine that may be busy with other things.

``PATIENCE`` is for what must come: it ends a test that hangs, and no test passes or fails by it otherwise.
``A_SECOND`` is for what the hub promises within a second. Where nothing else runs it is that second, and half of one
for the requests that look for it; with ``HUB_CI=1``, on a machine with other work, it tells "soon" from "never" only:
what the hub forgot to tell comes after minutes, or not at all. ``SLACK`` is how many times as long something may take
there that is bounded otherwise. Not for what is awaited in vain.
"""

import os

PATIENCE = 90.0
"""Seconds."""

_BUSY = os.environ.get("HUB_CI") == "1"

A_SECOND = 10.0 if _BUSY else 1.5
"""Seconds; fewer than the lease of a task, which would end what a revoked token left running."""

SLACK = 8.0 if _BUSY else 1.0
"""A factor."""
