"""The numbers docs/operating.md tells of limits that are no settings are those the hub keeps to."""

import re
from pathlib import Path

from hub.mcp_server import Limits
from hub.web.connections import Patience

PAGE = (Path(__file__).parents[2] / "docs" / "operating.md").read_text("utf-8")
MEBI = 1024 * 1024


def test_the_page_tells_the_numbers_the_hub_keeps_to() -> None:
    table = PAGE.partition("## Limits\n")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| ([^|]+) \| ([^|]+) \|", table, re.MULTILINE))
    wire, patience = Limits(), Patience()
    assert rows["a message"] == f"{wire.body // MEBI} MiB; {wire.batch} messages in a 2025-03-26 batch"
    assert rows["long messages at once"] == f"{wire.bodies // MEBI} MiB, of one user {wire.bodies // MEBI // 4} MiB"
    assert rows["the time for a message"] == f"{patience.head:g} s for its head, {wire.reading:g} s for its body"
    assert rows["an answer nobody reads"] == f"{patience.stall:g} s, and beyond that {patience.pace // 1024} KiB/s"
    assert rows["unread answers at once"] == f"{patience.unread // MEBI} MiB"
    assert rows["an idle connection"] == f"{patience.idle:g} s"
