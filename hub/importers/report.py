"""What became of a description's operations, for the person who imports it."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Report:
    """``taken`` leads from operations to tool names; ``left_out`` and ``trimmed`` pair an operation with the reason;
    ``counted`` is (parameters and top-level body fields for the model, those that became arguments)."""

    operations: int = 0
    taken: dict[str, str] = field(default_factory=dict)
    excluded: list[str] = field(default_factory=list)
    trimmed: list[tuple[str, str]] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    counted: tuple[int, int] = (0, 0)
