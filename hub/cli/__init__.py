"""The command line, ``hub``: one small module for each command.

Commands work in this process on the hub's own data, never through a running server; what they change, a running hub
hears of within a second. Nothing is decided here: commands call the rooms below and print.
"""

from hub.cli.program import main

__all__ = ["main"]
