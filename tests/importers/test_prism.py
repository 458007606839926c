"""Requests of imported connectors, judged by Prism against the descriptions they came from.

Every argument a tool has is sent at least once, through the hub and over the network. The sign-in is taken out of what
Prism serves: no account is connected here. ``make descriptions`` (HUB_JUDGED=all) judges every document of the list;
the daily tests take two small ones.
"""

import asyncio
import os
import re
import subprocess
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from hub.app import Hub
from hub.clock import SystemClock
from hub.config import load
from hub.identity import local_caller
from hub.importers.documents import read
from hub.sdk.http import Outgoing, Reply
from hub.sdk.talk import Silence
from hub.upstream.places import Network
from hub.upstream.transport import AioTransport
from tests.importers.samples import sample
from tests.importers.specs import FOLDER, MISSING, ROOT, data_of, declaration_of, document_of

PRISM = ROOT / "tests" / "importers" / "node_modules" / ".bin" / "prism"
DAILY = ("notion-api.json.gz", "jupyter-server.yaml.gz")
ALL = (
    *DAILY, "vonage-sms.yaml.gz", "figma-rest.yaml.gz", "ory-hydra-v2.2.0.json.gz", "outline-api.json.gz",
    "qdrant-v1.18.json.gz", "rclone-rc.json.gz", "spotify-web-api-official.yaml.gz", "webex-messaging.json.gz",
    "paypal-invoicing-v2.json.gz",
    "paypal-checkout-orders-v2.json.gz", "adyen-CheckoutService-v71.json.gz", "gitlab-community-2024.yaml.gz",
    "dropboxsign-api.yaml.gz", "hetzner-cloud.json.gz", "miro-api.json.gz", "recurly-v3.yaml.gz", "discord-api.json.gz",
    "twilio-api-v2010.json.gz", "bluesky-atproto.json.gz", "intercom-2.16.yaml.gz", "box-api.json.gz",
    "netlify-api.yaml.gz", "docker-engine.yaml.gz", "slack-web.json.gz", "harbor-v2.yaml.gz",
    "zoom-v2-2021.json.gz", "azure-devops-git.json.gz", "xero-xero-accounting.yaml.gz",
)  # fmt: skip
CHOSEN = ALL if os.environ.get("HUB_JUDGED") == "all" else DAILY

pytestmark = [
    pytest.mark.skipif(not FOLDER.is_dir(), reason=MISSING),
    pytest.mark.skipif(not PRISM.exists(), reason="Prism is not installed: make programs"),
    pytest.mark.timeout(3600 if CHOSEN is ALL else 120),
]


class Listening:
    """The real network, which keeps what Prism said of the last request."""

    def __init__(self, inner: AioTransport) -> None:
        self._inner = inner
        self.last: Reply | None = None
        self.sent: Outgoing | None = None

    def forget(self) -> None:
        """Begin anew."""
        self.last = self.sent = None

    async def exchange(self, outgoing: Outgoing, *, connector: str, timeout: float) -> Reply:  # noqa: ASYNC109
        """See ``Transport``."""
        self.sent = outgoing
        self.last = await self._inner.exchange(outgoing, connector=connector, timeout=timeout)
        return self.last


@asynccontextmanager
async def prism(document: dict[str, Any], folder: Path) -> AsyncIterator[str | None]:
    """Prism serving ``document``; yields its address, or None where it cannot load it."""
    file = folder / "served.json"
    file.write_bytes(orjson.dumps(document))
    process = await asyncio.create_subprocess_exec(
        str(PRISM), "mock", "-h", "127.0.0.1", "-p", "0", str(file),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, limit=1 << 22,
    )  # fmt: skip
    address = None
    assert process.stdout is not None
    async for line in process.stdout:
        found = re.search(rb"listening on http://(127\.0\.0\.1:[1-9]\d*)", line)
        if found:
            address = found[1].decode()
            break
    draining = asyncio.create_task(process.stdout.read())
    try:
        yield address
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await draining


def served(file: Path) -> dict[str, Any]:
    """The document as Prism serves it: without its sign-in, and with one plain answer to everything, as the making of
    answers up takes most of Prism's time and is not judged here."""
    document = orjson.loads(
        orjson.dumps(dict(document_of(file) if ".json" in file.name else read(data_of(file), file.name)))
    )
    document.pop("security", None)
    for item in (document.get("paths") or {}).values():
        for operation in item.values() if isinstance(item, dict) else ():
            if isinstance(operation, dict):
                operation.pop("security", None)
                operation["responses"] = {"200": {"description": "ok"}}
    return dict(document)


@asynccontextmanager
async def hub_for(file: Path, address: str, folder: Path) -> AsyncIterator[tuple[Hub, Listening]]:
    """A hub with the description's connector, all operations taken, its requests going to Prism."""
    data = data_of(file)
    place = folder / "connectors" / "sample"
    place.mkdir(parents=True)
    (place / "description.json").write_bytes(data)
    declared = declaration_of(data, "openapi", base_url=f"http://{address}", hosts=[])
    (place / "connector.yaml").write_bytes(orjson.dumps(declared))
    (folder / "config.yaml").write_text("data_dir: data\nconnectors: {shipped: false, paths: [connectors]}\n")
    config = load(folder / "config.yaml", {})
    network = AioTransport(Network({"sample": [address]}), clock=SystemClock())
    await network.open()
    listening = Listening(network)
    hub = await Hub.start(config, transport=listening)
    try:
        yield hub, listening
    finally:
        await hub.close()
        await network.close()


async def judged(file: Path, folder: Path) -> tuple[Counter[str], list[str]] | None:
    """How many requests of a description were accepted, and the refusals; None where Prism cannot load it."""
    counts: Counter[str] = Counter()
    refused: list[str] = []
    async with prism(served(file), folder) as address:
        if address is None:
            return None
        async with hub_for(file, address, folder) as (hub, listening):
            for full_name, entry in hub.registry.catalog.tools.items():
                listening.forget()
                arguments = sample(entry.tool.input)
                result = await hub.gateway.call_tool(local_caller(), full_name, arguments, Silence())
                counts["operations"] += 1
                told = _violations(listening.last)
                if listening.last is None:
                    told = f"not sent: {result['content'][0]['text'][:200]}"
                if told is None:
                    counts["accepted"] += 1
                else:
                    method = listening.sent.method if listening.sent and listening.last else ""
                    refused.append(f"{file.name} {entry.name}: {method} {told}")
    return counts, refused


def _violations(reply: Reply | None) -> str | None:
    if reply is None:
        return "nothing was sent"
    told = reply.headers.get("sl-violations")
    if told:
        try:
            inputs = [one for one in orjson.loads(told) if one["location"][:1] == ["request"]]
        except orjson.JSONDecodeError:
            return told[:300]
        return "; ".join(f"{'.'.join(map(str, one['location'][1:]))} {one['message']}" for one in inputs[:3]) or None
    if b"stoplight.io/prism/errors" not in reply.body:
        return None
    problem = orjson.loads(reply.body)
    found = [f"{'.'.join(map(str, one['location']))} {one['message']}" for one in problem.get("validation") or []]
    return "; ".join(found[:3]) or f"{problem.get('status')} {problem.get('title')}: {problem.get('detail')}"


async def test_requests_are_accepted_by_the_validation_of_the_description_they_come_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    total: Counter[str] = Counter()
    lines: list[str] = []
    unloadable: list[str] = []
    for name in CHOSEN:
        (file,) = FOLDER.glob(f"*/{name}")
        folder = tmp_path / name
        folder.mkdir()
        found = await judged(file, folder)
        if found is None:
            unloadable.append(name)
            continue
        counts, refused = found
        total += counts
        lines += [f"{name}: {dict(counts)}", *(f"    {one}" for one in refused)]
        with capsys.disabled():
            print(f"\n{name}: {dict(counts)}", *refused[:200], sep="\n    ")
    with capsys.disabled():
        print(f"\n{len(CHOSEN) - len(unloadable)} documents: {dict(total)}; Prism cannot load {unloadable or 'none'}")
    assert total["accepted"] >= 0.98 * total["operations"], "\n".join(lines)
    assert total["operations"] >= (1500 if CHOSEN is ALL else 20)
