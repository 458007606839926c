"""``make scale``: two hundred connectors with four thousand tools: how soon the hub is ready, and how much it takes.

    python bench/scale.py [--runs N]

The first start reads everything; the next ones find what was compiled on the shelf in the data folder. What counts is
the quickest of N, in processor time, of all threads: a start waits for nothing else to speak of, so on a machine of its
own that is how long it takes, and what else a machine does can only add to it. Seconds by the clock are printed beside.
The exit code is 1 when a bar is not met.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench import apps, crowds
from bench.load import ask
from bench.messages import modern, result

FIRST_SECONDS = 6.0
NEXT_SECONDS = 1.5
MEGABYTES = 250.0


def shelved(folder: Path) -> None:
    """Wait until all that can be kept is kept, so that the next start finds it."""
    kept = folder / "data" / "cache" / "connectors"
    end = time.monotonic() + 60
    while time.monotonic() < end and len(list(kept.glob("*.sealed"))) < apps.HAND_WRITTEN + apps.DESCRIBED:
        time.sleep(0.1)


def main() -> int:
    """Run it; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=5, help="first starts, and next starts, of which the least counts")
    runs = max(1, parser.parse_args().runs)
    # Of each start: processor time, and seconds by the clock.
    first: list[tuple[float, float]] = []
    following: list[tuple[float, float]] = []
    sizes: list[float] = []
    with tempfile.TemporaryDirectory() as held:
        connectors = Path(held) / "connectors"
        made = apps.write(connectors)
        for number in range(runs):
            folder = Path(held) / f"hub{number}"
            folder.mkdir()
            config = crowds.configured(folder, connectors)
            (token,) = crowds.tokens(config, 1)
            for starts in (first, following):
                with crowds.serving(config) as hub:
                    if (hub.connectors, hub.tools) != (apps.CONNECTORS, apps.TOOLS):
                        print(f"only {hub.connectors} connectors with {hub.tools} tools loaded", file=sys.stderr)
                        return 2
                    starts.append((hub.worked, hub.seconds))
                    (listed,) = asyncio.run(ask(hub.port, [modern("tools/list", {}, token)]))
                    if len(result(listed)["tools"]) != apps.TOOLS:
                        print("tools/list does not list them all", file=sys.stderr)
                        return 2
                    shelved(folder)
                    sizes.append(hub.resident())
    print(
        f"{apps.HAND_WRITTEN} YAML and {apps.PYTHON} Python connectors, {made}; {apps.TOOLS} tools; "
        f"processor time from the process's start, the least of {runs}"
    )
    for name, starts in (("the first time", first), ("with what was compiled before", following)):
        seconds = [one[1] for one in starts]
        print(f"by the clock, {name}: {min(seconds):.3f} s at best, {statistics.median(seconds):.3f} s at the median")
    return crowds.verdict(
        [
            ("ready, the first time", min(first)[0], FIRST_SECONDS, "s"),
            ("ready, with what was compiled before", min(following)[0], NEXT_SECONDS, "s"),
            ("resident memory, after tools/list (the largest)", max(sizes), MEGABYTES, "MB"),
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
