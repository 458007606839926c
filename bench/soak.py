"""``make soak DURATION=...``: the hub under mixed load in both eras, at 80 % of what it can, for as long as is asked.

    python bench/soak.py [--duration SECONDS] [--share 0.8]

Besides the load a connector is reloaded every five seconds, and a token made, used, revoked and refused every two. Flat
memory, no error, revocation within a second and a prompt event loop are wanted; the exit code is 1 where one misses.
"""

import argparse
import asyncio
import contextlib
import statistics
import sys
import tempfile
import time
import traceback
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import crowds, messages, mixture, servers
from bench.crowd import Broken
from hub.clock import SystemClock
from hub.config import load
from hub.sdk.tool import EFFECTS
from hub.store import Store

PEOPLE = 24
MEASURE_SECONDS = 10.0
RELOAD_SECONDS = 5.0
TOKEN_SECONDS = 2.0
WARM_SECONDS = 75.0
GROWTH_PERCENT = 5.0
LAG_SECONDS = 0.05
REVOKED_SECONDS = 1.0
GIVE_UP_SECONDS = 10.0
LOOKS = ("hub_loop_lag_seconds", "hub_loop_held_seconds")
WRONG = (Broken, messages.WrongAnswer, OSError, TimeoutError, KeyError)


@dataclass(slots=True)
class Tally:
    """What happened: how many requests, which errors, how late the load was at worst (s), memory second by second, and
    how long after its revocation each token was refused (s)."""

    done: int = 0
    errors: list[str] = field(default_factory=list)
    behind: float = 0.0
    took: list[float] = field(default_factory=list)
    resident: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)

    def wrong(self, what: str, error: BaseException) -> None:
        """Note an error."""
        line = traceback.extract_tb(error.__traceback__)[-1]
        self.errors.append(f"{what}: {type(error).__name__} ({line.name}): {str(error)[:300]}")


async def work(people: list[mixture.Person], tally: Tally, seconds: float, rate: float | None) -> None:
    """Have all do one thing after another for ``seconds``: as fast as they can, or ``rate`` things a second in all."""
    begun = time.monotonic()
    slots = 0

    async def one(person: mixture.Person) -> None:
        nonlocal slots
        while (now := time.monotonic()) < begun + seconds:
            if rate is not None:
                due = begun + slots / rate
                slots += 1
                if due > now:
                    await asyncio.sleep(due - now)
                else:
                    tally.behind = max(tally.behind, now - due)
            at = time.monotonic()
            try:
                await person.do()
            except WRONG as error:
                tally.wrong("load", error)
                person.client.close()
            tally.done += 1
            tally.took.append(time.monotonic() - at)

    await asyncio.gather(*(one(person) for person in people))


async def edits(folder: Path, port: int) -> None:
    """Reload the declared connector again and again, until cancelled."""
    while True:
        await asyncio.sleep(RELOAD_SECONDS)
        mixture.write_connectors(folder, port, next(mixture.numbers))


async def refused(client: mixture.Client, request: bytes) -> bool:
    """Whether the hub answers 401 by now, and not 200. Raises ``Broken`` for any other answer."""
    try:
        await client.send(request, status=b"401")
    except Broken as told:
        if str(told).startswith("HTTP/1.1 200"):
            return False
        raise
    return True


async def tokens(config: Path, port: int, tally: Tally) -> None:
    """Make a token, use it, revoke it and note when it is refused; again and again, until cancelled."""
    store = Store.open(load(config, {}).store_url, SystemClock())
    client = mixture.Client(port)
    try:
        user = await store.users.by_name("crowd0")
        while user is not None:
            await asyncio.sleep(TOKEN_SECONDS)
            row, secret = await store.tokens.create(user.id, "soak", EFFECTS)
            request = messages.modern("prompts/list", {}, secret)
            try:
                await client.send(request)
                await store.tokens.revoke(row.id)
                revoked = time.monotonic()
                while not await refused(client, request):
                    if time.monotonic() > revoked + GIVE_UP_SECONDS:
                        raise Broken("a revoked token is still accepted")
                    await asyncio.sleep(0.05)
                tally.refused.append(time.monotonic() - revoked)
            except WRONG as error:
                tally.wrong("token", error)
                client.close()
    finally:
        client.close()
        await store.close()


async def watch(hub: crowds.RunningHub, tally: Tally) -> None:
    """Note the hub's memory every second, until cancelled."""
    while True:
        tally.resident.append(hub.resident())
        await asyncio.sleep(1)


@contextlib.asynccontextmanager
async def beside(*works: asyncio.Task[None]) -> AsyncIterator[None]:
    """Have these at work while the block runs."""
    try:
        yield
    finally:
        for one in works:
            one.cancel()
        for ended in await asyncio.gather(*works, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended


def lags(port: int, name: str) -> dict[float, float]:
    """How many looks at the event loop found at most so many seconds, by the histogram of that name."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    found = (line.removeprefix(f'{name}_bucket{{le="').partition('"} ') for line in lines)
    return {float(limit): float(count) for limit, mark, count in found if mark and "{" not in limit}


def percentile(before: dict[float, float], after: dict[float, float], share: float) -> float:
    """Below how many seconds ``share`` of the looks between two readings were, by their buckets."""
    looks = {limit: after[limit] - before.get(limit, 0) for limit in sorted(after)}
    wanted = share * max(looks.values(), default=0)
    lower, counted = 0.0, 0.0
    for limit, count in looks.items():
        if count >= wanted:
            part = (wanted - counted) / (count - counted) if count > counted and limit != float("inf") else 1.0
            return lower + (limit - lower) * part if limit != float("inf") else limit
        lower, counted = limit, count
    return float("inf")


async def soak(hub: crowds.RunningHub, made: list[str], folder: Path, app: int, seconds: float, share: float) -> int:
    """Measure what the hub can, then hold a share of it; prints the figures and returns the exit code."""
    people = [mixture.Person(hub.port, token, number) for number, token in enumerate(made)]
    fastest = Tally()
    await work(people, fastest, 3, None)
    fastest = Tally()
    await work(people, fastest, MEASURE_SECONDS, None)
    most = fastest.done / MEASURE_SECONDS
    tally = Tally()
    # What is kept a minute for clients who come back (Limits.kept) has then reached its size.
    warm = WARM_SECONDS if seconds >= WARM_SECONDS else 15.0
    loop = asyncio.get_running_loop()
    watching = loop.create_task(watch(hub, tally))
    async with beside(
        watching,
        loop.create_task(edits(folder, app)),
        loop.create_task(tokens(hub.config, hub.port, tally)),
    ):
        await work(people, tally, warm, most * share)
        tally.done, tally.behind = 0, 0.0
        tally.took.clear()
        tally.resident.clear()
        before = [await asyncio.to_thread(lags, hub.port, name) for name in LOOKS]
        cpu = hub.cpu()
        await work(people, tally, seconds, most * share)
        cpu = (hub.cpu() - cpu) / seconds
        after = [await asyncio.to_thread(lags, hub.port, name) for name in LOOKS]
    for person in people:
        person.client.close()
    quarter = max(1, len(tally.resident) // 4)
    first, last = statistics.median(tally.resident[:quarter]), statistics.median(tally.resident[-quarter:])
    took = sorted(tally.took)
    errors = fastest.errors + tally.errors
    refused_after = statistics.median(tally.refused or [float("inf")])
    late, held = (percentile(*looks, 0.99) for looks in zip(before, after, strict=True))
    for told in errors[:10]:
        print(told, file=sys.stderr)
    print(
        f"{tally.done} requests in {seconds:.0f} s after {warm:.0f} s of warming up: {tally.done / seconds:.0f} a "
        f"second, {share:.0%} of {most:.0f}; at worst {tally.behind:.2f} s behind\n"
        f"answers: median {took[len(took) // 2] * 1000:.1f} ms, p99 {took[len(took) * 99 // 100] * 1000:.1f} ms; "
        f"the hub took {cpu:.2f} of a processor, memory {first:.1f} MB at first, {last:.1f} MB at last, "
        f"{max(tally.resident):.1f} MB at most\n"
        f"event loop: p99 {late * 1000:.1f} ms late, with the time it waited for a processor"
    )
    return crowds.verdict(
        [
            ("errors", len(errors), 1, ""),
            ("resident memory grew", max(0.0, (last - first) / first * 100), GROWTH_PERCENT, "%"),
            ("a revoked token refused after (median)", refused_after, REVOKED_SECONDS, "s"),
            ("event-loop lag of the hub's own making, p99", held, LAG_SECONDS, "s"),
        ]
    )


def main() -> int:
    """Run it; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--duration", type=float, default=180.0, help="seconds, without the warming up")
    parser.add_argument("--share", type=float, default=0.8, help="which part of the measured maximum is held")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        app = stack.enter_context(servers.upstream(folder))
        connectors = folder / "connectors"
        mixture.write_connectors(connectors, app.port)
        private = {"network": {"allow_private": {"soak": [f"127.0.0.1:{app.port}"]}}}
        config = crowds.configured(folder, connectors, private)
        made = crowds.tokens(config, PEOPLE)
        hub = stack.enter_context(crowds.serving(config))
        return asyncio.run(soak(hub, made, connectors, app.port, max(5.0, options.duration), options.share))


if __name__ == "__main__":
    sys.exit(main())
