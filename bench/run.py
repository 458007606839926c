"""``make bench``: what the hub adds to a plain aiohttp handler, in one table.

    python bench/run.py [--quick] [--no-fastmcp] [--only WORD]

Every row is measured in interleaved runs, of which the medians count: with one connection, where each call wakes a
sleeping process and finds its caches cold, and with sixteen, where the process is busy. Processor time is the server
process's own, of all its threads. The exit code is 1 when a bar is not met (never with ``--quick``, whose figures mean
little), 2 when nothing could be measured.
"""

import argparse
import asyncio
import contextlib
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import messages, servers
from bench.bare import KEPT
from bench.load import Series, ask, drive
from bench.servers import Server

CPU_RATIO = 1.4
"""Processor time of a call by the yardstick's, at most: with one connection, and with ``BUSY``."""

ADDED_MS = 0.2
"""Milliseconds a call may take longer at the median, with one connection."""

LIST_RATIO = 1.5
"""As ``CPU_RATIO``, of ``tools/list``."""

RELAY_ADDED_MS = 2.0
"""Milliseconds a call relayed to another MCP server may take longer than a direct one, at the median."""

RELAY_RATE = 8.0
"""How many times as many relayed calls a second as FastMCP's proxy before the same server, at least."""

SIGNED_RATIO = 1.05
"""As ``CPU_RATIO``, of a call that is signed with an account, by the same call without."""

BUSY = 16

SETTLE = 0.7
"""Seconds after which the hub has written down all calls it has answered (its audit of reads is written within half a
second): what a row's calls cost is not to be found in the next row."""


@dataclass(slots=True)
class Row:
    """One line of the table: requests to one server, compared with ``yardstick``'s row, and where it relays to another
    MCP server with that of a ``proxy`` which does the same."""

    name: str
    server: Server
    requests: Sequence[bytes]
    calls: int
    yardstick: "Row | None" = None
    barred: bool = False
    list_bar: bool = False
    relayed: bool = False
    proxy: "Row | None" = None
    signed_bar: bool = False
    settle: float = 0.0
    cpu: list[float] = field(default_factory=list)
    busy_cpu: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    rate: list[float] = field(default_factory=list)

    async def measure(self) -> None:
        """One run: first one connection, then many."""
        one, spent = await self._measured(1)
        self.cpu.append(spent / one.count * 1000)
        self.p50.append(one.median * 1000)
        many, spent = await self._measured(BUSY)
        self.busy_cpu.append(spent / many.count * 1000)
        self.rate.append(many.count / many.seconds)

    async def _measured(self, connections: int) -> tuple[Series, float]:
        """The calls, and the seconds of processor time they took, with what the hub does about them afterwards and
        without what it does while it waits for that."""
        if not self.settle:
            before = self.server.cpu()
            run = await drive(self.server.port, self.requests, connections=connections, count=self.calls)
            return run, self.server.cpu() - before
        await asyncio.sleep(self.settle)
        begun = self.server.cpu()
        await asyncio.sleep(self.settle)
        before = self.server.cpu()
        run = await drive(self.server.port, self.requests, connections=connections, count=self.calls)
        await asyncio.sleep(self.settle)
        return run, self.server.cpu() - before - (before - begun)

    def median(self, of: str) -> float:
        """The median of one column over all runs."""
        held: list[float] = getattr(self, of)
        return statistics.median(held)

    def ratio(self, of: str) -> float | None:
        """The median over runs of this row's figure divided by the yardstick's of the same run."""
        if self.yardstick is None:
            return None
        held: list[float] = getattr(self, of)
        others: list[float] = getattr(self.yardstick, of)
        return statistics.median(own / (other or 1e-9) for own, other in zip(held, others, strict=True))

    def added(self) -> float | None:
        """Milliseconds at the median over the yardstick's."""
        if self.yardstick is None:
            return None
        pairs = zip(self.p50, self.yardstick.p50, strict=True)
        return statistics.median(own - other for own, other in pairs)

    def verdict(self) -> str:
        """Which of its bars it meets."""
        if self.relayed:
            return self._relay_verdict()
        if not self.barred:
            return ""
        bar = LIST_RATIO if self.list_bar else SIGNED_RATIO if self.signed_bar else CPU_RATIO
        wrong = [
            f"CPU > {bar} times with {connections}"
            for connections, column in ((1, "cpu"), (BUSY, "busy_cpu"))
            if (self.ratio(column) or 0) > bar
        ]
        if not (self.list_bar or self.signed_bar) and (self.added() or 0) > ADDED_MS:
            wrong.append(f"> {ADDED_MS} ms added")
        return f"not met: {', '.join(wrong)}" if wrong else "met"

    def _relay_verdict(self) -> str:
        times = None
        if self.proxy is not None:
            pairs = zip(self.rate, self.proxy.rate, strict=True)
            times = statistics.median(own / other for own, other in pairs)
        wrong = [f"> {RELAY_ADDED_MS:g} ms added"] if (self.added() or 0) > RELAY_ADDED_MS else []
        wrong += [f"under {RELAY_RATE:g} times the proxy"] if times is not None and times < RELAY_RATE else []
        told = "" if times is None else f" ({times:.0f} times the proxy)"
        return f"not met: {', '.join(wrong)}{told}" if wrong else f"met{told}"


@dataclass(slots=True)
class Bench:
    """All rows, and how often each is measured with how many calls; ``settle`` seconds let the hub end what a row's
    calls have left it to do."""

    runs: int
    calls: int
    settle: float = 0.0
    rows: list[Row] = field(default_factory=list)

    def audited_calls(self) -> int:
        """How many calls of tools the hub was sent."""
        called = [row for row in self.rows if row.name.startswith("hub") and not row.list_bar]
        return sum(2 * self.runs * row.calls + _warm_up(row.calls) for row in called)

    def add(self, row: Row) -> Row:
        """Add a row, and return it."""
        if row.name.startswith("hub"):
            row.settle = self.settle
        self.rows.append(row)
        return row

    async def measure(self) -> None:
        """All runs, interleaved: each run measures every row once, so that a slow minute slows them all."""
        for row in self.rows:
            await drive(row.server.port, row.requests, connections=BUSY, count=_warm_up(row.calls))
        for number in range(self.runs):
            for row in self.rows:
                await row.measure()
            print(f"run {number + 1} of {self.runs} done", file=sys.stderr, flush=True)


def _warm_up(calls: int) -> int:
    return max(100, calls // 5)


def table(rows: Sequence[Row]) -> str:
    """The table, as text."""
    head = ("", "p50 ms", "added", "CPU ms", "ratio", "|", "calls/s", "CPU ms", "ratio", "bars")
    top = ("", "", "", "1 connection", "", "|", "", f"{BUSY} connections", "", "")
    lines = [top, head]
    for row in rows:
        ratio, busy, added = row.ratio("cpu"), row.ratio("busy_cpu"), row.added()
        lines.append(
            (
                row.name,
                f"{row.median('p50'):.3f}",
                "" if added is None else f"{added:+.3f}",
                f"{row.median('cpu'):.3f}",
                "" if ratio is None else f"{ratio:.2f}",
                "|",
                f"{row.median('rate'):.0f}",
                f"{row.median('busy_cpu'):.3f}",
                "" if busy is None else f"{busy:.2f}",
                row.verdict(),
            )
        )
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column in (0, len(head) - 1) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


@contextlib.contextmanager
def subjects(folder: Path, runs: int, calls: int, settle: float, fastmcp: bool) -> Iterator[Bench]:
    """Starts every server and makes the rows, each checked to give the right answer."""
    with contextlib.ExitStack() as stack:
        app = stack.enter_context(servers.upstream(folder))
        hub, tokens = stack.enter_context(servers.hub(folder, app))
        listing = messages.modern("tools/list", {}, tokens.reader)
        asyncio.run(_relaying(hub, tokens.reader))
        old_listing = messages.legacy("tools/list", {}, tokens.reader)
        listed, old_listed = asyncio.run(ask(hub.port, [listing, old_listing]))
        for one in (listed, old_listed):
            if (count := len(messages.result(one)["tools"])) != servers.LISTED:
                raise messages.WrongAnswer(f"tools/list has {count} tools, not {servers.LISTED}")
        plain = stack.enter_context(servers.bare(folder, app, listed.partition(b"\r\n\r\n")[2]))
        bench = Bench(runs, calls, settle)
        sessions = [asyncio.run(messages.session(hub.port, token)) for token in tokens.users]
        yardsticks = {}
        for what in ("object", "items"):
            row = Row(f"bare aiohttp, {what}", plain, messages.calls(f"bench_{what}", tokens.users), calls)
            yardsticks[what] = bench.add(row)
        for era, held in ((messages.MODERN, None), (messages.LEGACY, sessions)):
            for what in ("object", "items"):
                requests = messages.calls(f"bench_{what}", tokens.users, held)
                unsigned = bench.add(Row(f"hub {era}, {what}", hub, requests, calls, yardsticks[what], barred=True))
                if what == "object":
                    requests = messages.calls("signed_object", tokens.users, held)
                    bench.add(Row(f"hub {era}, signed object", hub, requests, calls, unsigned, True, signed_bar=True))
        lists = bench.add(Row(f"bare aiohttp, list of {servers.LISTED}", plain, [listing], calls))
        for era, request in ((messages.MODERN, listing), (messages.LEGACY, old_listing)):
            name = f"hub {era}, list of {servers.LISTED}"
            bench.add(Row(name, hub, [request], calls, lists, barred=True, list_bar=True))
        _relay_rows(stack, folder, app, hub, tokens.users, sessions, bench, fastmcp)
        if fastmcp:
            for row in _fastmcp_rows(stack, folder, app, calls):
                row.yardstick = yardsticks[row.name.rpartition(" ")[2]]
                bench.add(row)
        for row in bench.rows:
            if "list" not in row.name:
                items = None if row.name.endswith("object") else 30
                messages.check_call(asyncio.run(ask(row.server.port, row.requests[:1]))[0], KEPT, items)
        yield bench


def _relay_rows(
    stack: contextlib.ExitStack,
    folder: Path,
    app: Server,
    hub: Server,
    users: Sequence[str],
    sessions: Sequence[str | None],
    bench: Bench,
    fastmcp: bool,
) -> None:
    """Calls relayed to another MCP server, against direct ones and against FastMCP's proxy before the same server."""
    nobody = ("",) * servers.USERS
    direct = bench.add(Row("MCP server itself, object", app, messages.calls("object", nobody), bench.calls))
    proxy = None
    if fastmcp:
        server = stack.enter_context(servers.fastmcp(folder, "proxy", f"http://127.0.0.1:{app.port}/mcp"))
        requests = messages.calls("object", nobody, (None,) * servers.USERS)
        proxy = Row("FastMCP proxy of it, object", server, requests, max(60, bench.calls // 60), direct)
    for era, held in ((messages.MODERN, None), (messages.LEGACY, sessions)):
        requests = messages.calls("relay_object", users, held)
        name = f"hub {era}, relayed object"
        bench.add(Row(name, hub, requests, bench.calls, direct, relayed=True, proxy=proxy))
    if proxy is not None:
        bench.add(proxy)


async def _relaying(hub: Server, token: str) -> None:
    """Wait until the hub has read the other server's tools. Raises ``WrongAnswer`` where that takes too long."""
    listing = messages.modern("tools/list", {}, token)
    for _ in range(100):
        (answer,) = await ask(hub.port, [listing])
        if any(one["name"] == "relay_object" for one in messages.result(answer)["tools"]):
            return
        await asyncio.sleep(0.1)
    raise messages.WrongAnswer("the hub does not list the tools of the MCP server behind it")


def _fastmcp_rows(stack: contextlib.ExitStack, folder: Path, app: Server, calls: int) -> Iterator[Row]:
    target = f"http://127.0.0.1:{app.port}"
    for kind in ("openapi", "proxy"):
        server = stack.enter_context(servers.fastmcp(folder, kind, target))
        # The proxy stands before the first: it lists its target's tools for each call, and there are but two.
        target = f"http://127.0.0.1:{server.port}/mcp"
        for what in ("object", "items"):
            requests = messages.calls(f"bench_{what}", ("",) * servers.USERS, (None,) * servers.USERS)
            yield Row(f"FastMCP {kind}, {what}", server, requests, max(60, calls // (10 if kind == "openapi" else 60)))


def audited(folder: Path, wanted: int) -> int:
    """How many calls of the benchmark's tools the hub's audit log holds, waiting a second for ``wanted``."""
    counted = 0
    for _ in range(20):
        with contextlib.closing(sqlite3.connect(folder / "data" / "hub.db")) as database:
            counted = database.execute("SELECT count(*) FROM audit WHERE outcome = 'ok'").fetchone()[0]
        if counted >= wanted:
            break
        time.sleep(0.1)
    return int(counted)


def main() -> int:
    """Run it; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few calls: shows that it runs, not how fast")
    parser.add_argument("--no-fastmcp", action="store_true", help="without the rows of FastMCP")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--calls", type=int, default=4000, help="calls of one sample")
    parser.add_argument("--only", default="", help="only rows whose name holds this, and their yardsticks")
    options = parser.parse_args()
    runs, calls = (1, 200) if options.quick else (max(1, options.runs), max(100, options.calls))
    fastmcp = not options.no_fastmcp and servers.FASTMCP.exists()
    if not (fastmcp or options.no_fastmcp):
        print("FastMCP is not installed (make programs); its rows are left out.", file=sys.stderr)
    try:
        with (
            tempfile.TemporaryDirectory(prefix="bench-") as folder,
            subjects(Path(folder), runs, calls, 0.0 if options.quick else SETTLE, fastmcp) as bench,
        ):
            if options.only:
                kept = [row for row in bench.rows if options.only in row.name]
                # A yardstick may have one of its own.
                wanted = [*kept, *(row.yardstick for row in kept), *(row.proxy for row in kept)]
                wanted += [row.yardstick for row in wanted if row is not None]
                bench.rows = [row for row in bench.rows if row in wanted]
            asyncio.run(bench.measure())
            made = bench.audited_calls()
            written = audited(Path(folder), made)
            rows = bench.rows
    except (servers.NoStart, messages.WrongAnswer) as wrong:
        print(f"bench: {wrong}", file=sys.stderr)
        return 2
    print(table(rows))
    kind = "quick, figures mean little" if options.quick else f"medians of {runs} interleaved runs"
    print(
        f"\n{kind}; {calls} calls a sample, {servers.USERS} users, {servers.TOOLS} tools, SQLite; "
        f"{written} calls of the hub in its audit log of {made} made\n"
        f"bars: CPU at most {CPU_RATIO} times, {ADDED_MS} ms added with one connection; "
        f"lists at most {LIST_RATIO} times; signed calls {SIGNED_RATIO} times the same call without an account; "
        f"relayed calls at most {RELAY_ADDED_MS:g} ms added to the server itself, at least {RELAY_RATE:g} times "
        f"FastMCP's proxy of it"
    )
    if written < made:
        print("bench: calls are missing from the audit log", file=sys.stderr)
        return 2
    return 1 if not options.quick and any(row.verdict().startswith("not") for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
