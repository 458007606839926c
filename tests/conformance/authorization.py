"""Runs the conformance suite's ``authorization`` scenarios against the hub, with a person who signs in and agrees.

    python -m tests.conformance.authorization

Starts the hub with authorization on, lets the suite ask, opens the URL it prints as a signed-in person's browser would,
and presses Allow. Ends with one line ``N passed, N failed``; the exit code is 0 only when every check succeeded.
"""

import asyncio
import json
import re
import sys
import tempfile
from pathlib import Path

from tests.conformance.run import SUITE, install, node
from tests.oauth.scene import Papers, Scene, ShiftedClock, opened
from tests.ports import free_port

SECONDS = 120.0
SCENARIOS = ("authorization-server-metadata-endpoint", "authorization-code-grant")
SETTINGS = """
public_url: http://localhost:{port}
connectors: {{shipped: false, paths: []}}
clients:
  registered:
    suite: {{name: Conformance suite, redirect_uris: ["http://127.0.0.1/callback"]}}
"""


async def run(scene: Scene, results: Path) -> int:
    """Run the suite against the hub; its exit code."""
    arguments = [
        "authorization",
        "--url",
        scene.url,
        "--client-id",
        "suite",
        "-p",
        str(free_port()),
        "-o",
        str(results),
    ]
    suite = await asyncio.create_subprocess_exec(
        node(),
        str(SUITE / "dist" / "index.js"),
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert suite.stdout is not None
    async for line in suite.stdout:
        text = line.decode(errors="replace")
        sys.stdout.write(text)
        asked = re.match(rf"{re.escape(scene.url)}(/authorize\S+)", text.strip())
        if asked is not None:
            person = await scene.person()
            page = await scene.send("GET", asked[1], headers=person.cookie)
            sent = await scene.press(person, page)
            async with scene.client.get(sent.location) as reply:
                await reply.read()
    return await suite.wait()


def statuses(results: Path) -> dict[str, list[str]]:
    """What each scenario's checks came to."""
    found: dict[str, list[str]] = {name: [] for name in SCENARIOS}
    for file in results.rglob("checks.json"):
        for name in SCENARIOS:
            if name in file.parent.name:
                found[name] += [str(check["status"]) for check in json.loads(file.read_text())]
    return found


async def main() -> int:
    """Run it all; 0 when every scenario ran and every check succeeded."""
    install()
    with tempfile.TemporaryDirectory(prefix="hub-conformance-") as folder:
        port, results = free_port(), Path(folder) / "results"
        async with (
            asyncio.timeout(SECONDS),
            opened(Path(folder), ShiftedClock(), Papers(), SETTINGS.format(port=port), port) as scene,
        ):
            code = await run(scene, results)
        found = statuses(results)
    passed = sum(bool(told) and set(told) == {"SUCCESS"} for told in found.values())
    for name, told in found.items():
        print(f"  {name}: {', '.join(told) or 'it did not run'}")
    print(f"\n{passed} passed, {len(found) - passed} failed", flush=True)
    return 1 if code or passed < len(found) else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
