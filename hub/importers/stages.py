"""Stages: how much of a schema is written, from the whole to the bare.

What fits is decided where arguments are made (``arguments.py``).
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stage:
    """How much of a schema is written: characters of descriptions at the top and below, levels of nesting, members of
    an enumeration, branches of a union. ``lean`` leaves out all but names, types and what is required."""

    text: int
    deep_text: int
    depth: int
    enum: int
    branches: int
    lean: bool = False

    @property
    def deepest(self) -> int:
        """The level down to which what an object requires is written where nothing else of it is."""
        return self.depth if self.lean else self.depth + 3


STAGES: tuple[Stage, ...] = (
    Stage(4000, 4000, 24, 5000, 500),
    Stage(600, 240, 24, 200, 60),
    Stage(300, 90, 16, 80, 40),
    Stage(220, 0, 10, 50, 20),
    Stage(200, 0, 5, 40, 12),
    Stage(160, 0, 3, 40, 8),
    Stage(140, 0, 2, 30, 6),
    Stage(100, 0, 1, 20, 4),
    Stage(60, 0, 1, 8, 2, lean=True),
    Stage(0, 0, 1, 0, 0, lean=True),
)
"""From the whole to the bare: descriptions go first, then depth, then all but names and types."""
