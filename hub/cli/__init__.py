"""The command line, ``hub``: one small module for each command.

Commands work in this process on the hub's own data, never through a running server; what they change, a running hub
hears of within a second. Nothing is decided here: commands call the rooms below and print.
"""

import gc

# What is imported stays: going through a thousand modules again and again is an eighth of the time to start.
gc.disable()
from hub.cli.program import main  # noqa: E402

gc.freeze()
gc.enable()

__all__ = ["main"]
