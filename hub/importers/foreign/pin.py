"""``Pin``: what an operator accepted of a server's word, what waits, and how the server fares. Data only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.sdk.effect import Effect


@dataclass(frozen=True, slots=True)
class Pin:
    """One server's pin. ``accepted`` are the definitions that serve, ``candidate`` those it has now and that wait;
    ``resources`` are listed as they are. ``effects`` are the classes accepted for tools, by the server's names.
    ``trouble`` says why it does not answer, None where it does; ``since`` is when that began (epoch seconds)."""

    address: str
    accepted: Mapping[str, Any] | None = None
    candidate: Mapping[str, Any] | None = None
    resources: tuple[Mapping[str, Any], ...] = ()
    effects: Mapping[str, Effect] = field(default_factory=dict)
    trouble: str | None = None
    since: float = 0.0
