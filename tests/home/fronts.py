"""What stands in front of a hub: a real Caddy with deploy/Caddyfile, a real nginx with docs/operating.md's lines.

Each listens on loopback only, for one test. Needs Debian's ``caddy`` and ``nginx``. Not the hub behind them.
"""

import asyncio
import json
import os
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import ROOT, Page

CADDYFILE = ROOT / "deploy" / "Caddyfile"
CADDY = shutil.which("caddy")
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
START_SECONDS = 60.0


def environment(public_url: str, folder: Path) -> dict[str, str]:
    """What Caddy is given: the hub's address, and a folder for what it keeps."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HUB_", "XDG_"))}
    return {**kept, "HUB_PUBLIC_URL": public_url, "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}


def adapted(public_url: str, folder: Path) -> dict[str, Any]:
    """deploy/Caddyfile as Caddy reads it. Skips where there is no Caddy; fails the test with Caddy's own words."""
    if CADDY is None:
        pytest.skip("Caddy is not on this machine (Debian: caddy)")
    command = [CADDY, "adapt", "--config", str(CADDYFILE), "--validate"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(public_url, folder), check=False)
    assert done.returncode == 0, done.stderr
    read: dict[str, Any] = json.loads(done.stdout)
    return read


def dialled(part: Any, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every place in Caddy's configuration that says where requests go."""
    if isinstance(part, dict):
        if "dial" in part:
            found.append(part)
        for one in part.values():
            dialled(one, found)
    elif isinstance(part, list):
        for one in part:
            dialled(one, found)
    return found


@asynccontextmanager
async def running(
    command: list[str], ready: bytes | None, env: Mapping[str, str] | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A program until the block ends, from when it has written ``ready`` to stderr; fails with its words otherwise."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env=env,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    draining: asyncio.Task[bytes] | None = None
    try:
        if ready is not None:
            lines: list[bytes] = []
            async with asyncio.timeout(START_SECONDS):
                async for line in process.stderr:
                    lines.append(line)
                    if ready in line:
                        break
                else:
                    raise AssertionError(b"".join(lines).decode())
        draining = asyncio.create_task(process.stderr.read())
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        if draining is not None:
            await draining


@asynccontextmanager
async def caddy(port: int, upstream: int, folder: Path) -> AsyncIterator[ssl.SSLContext | None]:
    """Caddy with deploy/Caddyfile at https://localhost:PORT, except that the hub is at ``upstream`` and port 80 is left
    alone; gives what trusts the authority it made for localhost."""
    public_url = f"https://localhost:{port}"
    settings = adapted(public_url, folder)
    for server in settings["apps"]["http"]["servers"].values():
        server["automatic_https"] = {"disable_redirects": True}
    (place,) = dialled(settings, [])
    place["dial"] = f"127.0.0.1:{upstream}"
    folder.mkdir(exist_ok=True)
    file = folder / "caddy.json"
    file.write_text(json.dumps(settings))
    assert CADDY is not None
    command = [CADDY, "run", "--config", str(file)]
    async with running(command, b"certificate obtained successfully", environment(public_url, folder)):
        trusted = ssl.create_default_context(
            cafile=str(folder / "caddy" / "pki" / "authorities" / "local" / "root.crt")
        )
        await greeted(port, trusted)
        yield trusted


@asynccontextmanager
async def nginx(
    port: int, upstream: int, folder: Path, change: Callable[[str], str] = lambda lines: lines
) -> AsyncIterator[ssl.SSLContext | None]:
    """nginx with the lines of docs/operating.md at http://localhost:PORT, except that the hub is at ``upstream``, and
    for what ``change`` does to them."""
    if NGINX is None:
        pytest.skip("nginx is not on this machine (Debian: nginx)")
    (block,) = [one.text for one in Page.of("docs/operating.md").blocks if one.language == "nginx"]
    assert "http://127.0.0.1:8080" in block
    location = change(block.replace("http://127.0.0.1:8080", f"http://127.0.0.1:{upstream}"))
    folder.mkdir(exist_ok=True)
    places = "".join(
        f"{name}_temp_path {folder}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;\n" if os.geteuid() == 0 else ""
    file = folder / "nginx.conf"
    file.write_text(
        f"daemon off;\nworker_processes 1;\n{user}pid {folder}/nginx.pid;\nerror_log stderr;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{places}server {{\nlisten 127.0.0.1:{port};\n{location}}}\n}}\n"
    )
    async with running([NGINX, "-e", "stderr", "-p", str(folder), "-c", str(file)], None):
        await greeted(port, None)
        yield None


async def greeted(port: int, trusted: ssl.SSLContext | None) -> None:
    """Wait until the port answers, with the certificate: Caddy shows it a little after it says that it has it."""
    async with asyncio.timeout(START_SECONDS):
        while True:
            try:
                _, writer = await asyncio.open_connection("localhost", port, ssl=trusted)
            except (ssl.SSLError, ConnectionRefusedError):
                await asyncio.sleep(0.01)
                continue
            writer.close()
            await writer.wait_closed()
            return


@dataclass(frozen=True)
class Front:
    """One of them: how it is started, and the scheme of the address it gives the hub."""

    scheme: str
    starts: Callable[[int, int, Path], AbstractAsyncContextManager[ssl.SSLContext | None]]


FRONTS = {"caddy": Front("https", caddy), "nginx": Front("http", nginx)}
