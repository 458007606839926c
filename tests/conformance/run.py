"""Runs the protocol's own conformance suite against ``hub serve`` and sums up (``make conformance``).

    python tests/conformance/run.py [REVISION ...] [--leg server|client] [--scenario NAME]

Installs the suite that package-lock.json pins, starts the hub on hub.yaml with an empty data folder, runs the frozen
requirements of each revision for servers, then those for clients with the hub in client.py as the client, and ends with
one line ``N passed, N failed``. The exit code is 0 only when every
scenario of every revision passed, those beside the requirements included; known.yaml lists what the suite itself
cannot show, with the reasons. Not a test of its own: what passes is what the suite says passes.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
CONFIG = HERE / "hub.yaml"
KNOWN = HERE / "known.yaml"
SUITE = HERE / "node_modules" / "@modelcontextprotocol" / "conformance"
REVISIONS = ("2025-11-25", "2026-07-28")
START_SECONDS = 60.0
RUN_SECONDS = 900.0
CLIENT_SECONDS = 180
AT_ONCE = 2
"""Client scenarios at once: each is a hub of its own, and some measure time."""


@dataclass(slots=True)
class Outcome:
    """What one scenario came to: how many checks succeeded, and the messages of those that failed or merely warned."""

    successes: int = 0
    failures: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    ran: bool = False

    @property
    def passed(self) -> bool:
        """Whether it ran and no check failed."""
        return self.ran and not self.failures


def node() -> str:
    """The Node that the lock pins, or the machine's where the lock has none for it; exits when there is neither."""
    pinned = HERE / "node_modules" / ".bin" / "node"
    found = str(pinned) if pinned.exists() else shutil.which("node")
    if found is None:
        sys.exit("conformance: no Node for this machine. Install Node 22 or newer, then run this again.")
    return found


def install() -> None:
    """Install the suite where it is not there as pinned; exits with npm's own words when that fails."""
    lock = (HERE / "package-lock.json").read_text()
    stamp = HERE / "node_modules" / ".installed-lock.json"
    if stamp.exists() and stamp.read_text() == lock:
        return
    npm = shutil.which("npm")
    if npm is None:
        sys.exit("conformance: npm is needed to install the suite. Install npm, then run this again.")
    done = subprocess.run([npm, "ci", "--no-audit", "--no-fund"], cwd=HERE, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        sys.exit(f"conformance: npm ci failed in {HERE.name} (exit {done.returncode}).")
    stamp.write_text(lock)


def settings() -> tuple[str, int]:
    """The hub's public URL and port, as hub.yaml has them."""
    config = yaml.safe_load(CONFIG.read_text())
    return str(config["public_url"]), int(config["listen"]["port"])


def answers(url: str) -> bool:
    """Whether ``url`` answers 200."""
    try:
        with urllib.request.urlopen(url, timeout=2) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@contextmanager
def hub(data: Path) -> Iterator[str]:
    """A running hub on hub.yaml with ``data`` as its data folder; yields its MCP URL.

    Exits with the hub's own output when it does not answer within ``START_SECONDS``.
    """
    origin, port = settings()
    health = f"http://127.0.0.1:{port}/healthz"
    if answers(health):
        sys.exit(f"conformance: something else answers on port {port} already; stop it first.")
    log = data / "hub.log"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("HUB_")}
    environment["HUB_DATA_DIR"] = str(data)
    command = [sys.executable, "-m", "hub", "serve", "--config", str(CONFIG)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=HERE, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not answers(health):
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"conformance: the hub did not start.\n{log.read_text(errors='replace')[-4000:]}")
            time.sleep(0.1)
        yield f"{origin}/mcp"
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def requirements(revision: str, leg: str = "server") -> tuple[list[str], dict[str, str]]:
    """The scenarios that a revision requires of a server or client, and those run beside them with the reason why."""
    held: Mapping[str, Any] = yaml.safe_load((SUITE / "requirements" / f"{revision}.yaml").read_text())
    beside = {str(entry["scenario"]): str(entry["reason"]) for entry in held["not_scored"] if entry["leg"] == leg}
    return [str(name) for name in held[leg]], beside


def read(folder: Path, names: Sequence[str]) -> dict[str, Outcome]:
    """The outcome of each scenario from the result folders the suite wrote (``server-<scenario>-<time>``)."""
    outcomes = {name: Outcome() for name in names}
    for file in sorted(folder.glob("**/checks.json")):
        label = str(file.parent.relative_to(folder)).removeprefix("server-")
        name = max((name for name in names if label.startswith(name)), key=len, default=None)
        if name is None:
            continue
        outcome = outcomes[name]
        outcome.ran = True
        for check in json.loads(file.read_text()):
            message = f"{check.get('id')}: {check.get('errorMessage') or check.get('description')}"
            outcome.successes += check.get("status") == "SUCCESS"
            if check.get("status") == "FAILURE":
                outcome.failures.append(message)
            elif check.get("status") == "WARNING":
                outcome.warnings.append(message)
    return outcomes


def suite(url: str, results: Path, arguments: Sequence[str]) -> tuple[int, str]:
    """Run the suite's server command; its exit code and what it printed."""
    command = [node(), str(SUITE / "dist" / "index.js"), "server", "--url", url, "-o", str(results), *arguments]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=RUN_SECONDS, check=False
    )
    return done.returncode, done.stdout + done.stderr


def client_suite(revision: str, results: Path, name: str) -> tuple[int, str]:
    """Run one client scenario with the hub as the client; the suite's exit code and what it printed."""
    command = [
        node(),
        str(SUITE / "dist" / "index.js"),
        "client",
        "--command",
        f"{sys.executable} {HERE / 'client.py'}",
    ]
    command += ["--scenario", name, "--spec-version", revision, "--timeout", str(CLIENT_SECONDS * 1000)]
    done = subprocess.run(
        [*command, "-o", str(results)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
        env={**os.environ, "NODE_NO_WARNINGS": "1"},
    )
    return done.returncode, done.stdout + done.stderr


@dataclass(frozen=True, slots=True)
class Known:
    """What known.yaml says: scenarios that are wrong themselves, that check nothing, and that are left out."""

    failing: Mapping[str, str] = field(default_factory=dict)
    unchecked: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls) -> "Known":
        """The file."""
        return cls(**{part: held or {} for part, held in yaml.safe_load(KNOWN.read_text()).items()})


def report(
    revision: str, names: Sequence[str], outcomes: Mapping[str, Outcome], reasons: Mapping[str, str], known: Known
) -> int:
    """Print how a revision went; the number of scenarios that should have passed and did not."""
    failed = [name for name in [*names, *reasons] if not outcomes[name].passed and name not in known.failing]
    mended = [name for name in [*names, *reasons] if outcomes[name].passed and name in known.failing]
    required = sum(outcomes[name].passed for name in names)
    beside = sum(outcomes[name].passed for name in reasons)
    print(f"\n{revision}: {required} of {len(names)} required scenarios passed, {beside} of {len(reasons)} beside them")
    for name in failed:
        print(f"  failed   {name}" + (f" (not required: {reasons[name]})" if name in reasons else ""))
        for message in outcomes[name].failures or ["it did not run"]:
            print(f"             {message}")
    for name in mended:
        print(f"  failed   {name}: it passes, and {KNOWN.name} says that it cannot")
    for name in [*names, *reasons]:
        for message in outcomes[name].warnings:
            print(f"  warning  {name}: {message}")
        if name in known.failing and not outcomes[name].passed:
            print(f"  known    {name}: {known.failing[name]}")
        if outcomes[name].passed and not outcomes[name].successes:
            print(f"  nothing checked by {name}: {known.unchecked.get(name, 'no reason is known')}")
    return len(failed) + len(mended)


@dataclass(slots=True)
class Count:
    """How many scenarios passed, how many should have and did not, and whether the suite itself broke."""

    passed: int = 0
    failed: int = 0
    broken: bool = False

    def one(self, code: int, output: str) -> None:
        """A scenario run by itself."""
        print(output)
        self.failed += code != 0
        self.passed += code == 0


def servers(revisions: Sequence[str], scenario: str | None, known: Known, count: Count) -> None:
    """Run the server scenarios against a running hub."""
    with tempfile.TemporaryDirectory(prefix="hub-conformance-") as temporary, hub(Path(temporary)) as url:
        for revision in revisions:
            results = Path(temporary) / f"results-{revision}"
            if scenario:
                count.one(*suite(url, results, ["--scenario", scenario, "--spec-version", revision]))
                continue
            required, beside = requirements(revision)
            code, output = suite(url, results, ["--requirements", revision])
            outcomes = read(results, [*required, *beside])
            lost = report(revision, required, outcomes, beside, known)
            count.failed += lost
            count.passed += len(required) + len(beside) - lost
            if code != 0 and not lost:
                count.broken = True
                print(f"  the suite itself ended with exit code {code}:\n{output[-4000:]}")


def clients(revisions: Sequence[str], scenario: str | None, known: Known, count: Count) -> None:
    """Run the client scenarios with the hub as the client."""
    with tempfile.TemporaryDirectory(prefix="hub-conformance-") as temporary:
        for revision in revisions:
            results = Path(temporary) / f"results-{revision}"
            if scenario:
                count.one(*client_suite(revision, results, scenario))
                continue
            required, beside = requirements(revision, "client")
            names = [*required, *beside]
            with ThreadPoolExecutor(AT_ONCE) as pool:
                list(pool.map(partial(client_suite, revision, results), names))
            lost = report(f"{revision}, as a client", required, read(results, names), beside, known)
            count.failed += lost
            count.passed += len(names) - lost


def main() -> int:
    """Run what the arguments ask for; 0 when every scenario passed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("revisions", nargs="*", default=list(REVISIONS), metavar="REVISION")
    parser.add_argument("--leg", choices=("server", "client"), help="only the hub as a server, or only as a client")
    parser.add_argument("--scenario", help="run one scenario only (of a server unless --leg says) and print the suite")
    chosen = parser.parse_args()
    install()
    known, count = Known.read(), Count()
    if chosen.leg != "client":
        servers(chosen.revisions, chosen.scenario, known, count)
    if chosen.leg == "client" or (chosen.leg is None and not chosen.scenario):
        clients(chosen.revisions, chosen.scenario, known, count)
    for names, reason in known.left_out.items():
        print(f"\nleft out: {names}\n  {reason}")
    print(f"\n{count.passed} passed, {count.failed} failed", flush=True)
    return 1 if count.failed or count.broken else 0


if __name__ == "__main__":
    sys.exit(main())
