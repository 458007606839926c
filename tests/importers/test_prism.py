"""Requests of imported connectors, judged by Prism against the descriptions they came from.

Every argument a tool has is sent at least once, through the hub, signed by an account and over the network. What the
description declares as credentials among plain parameters is what the account signs with, as an operator would write
it. ``make descriptions`` (HUB_JUDGED=all) judges every document of the list; the daily tests take a few small ones, or
where the documents are not at hand the one that Jupyter Server ships.
"""

import os
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest

from hub.app import Hub
from hub.broker.connecting import Wanted
from hub.clock import SystemClock
from hub.config import load
from hub.identity import Caller
from hub.importers.compilation import described
from hub.importers.sign_in import credentials_in, pasted
from hub.sdk.effect import EFFECTS
from hub.sdk.talk import Silence
from hub.upstream.places import Network
from hub.upstream.transport import AioTransport
from tests.importers.judging import PRISM, Listening, Unloadable, cause, complaints, parts_of, prism
from tests.importers.samples import samples
from tests.importers.specs import FOLDER, MISSING, ROOT, compiled, data_of, declaration_of

DAILY = ("notion-api.json.gz", "jupyter-server.yaml.gz", "vonage-sms.yaml.gz")
ALL = (
    *DAILY, "figma-rest.yaml.gz", "ory-hydra-v2.2.0.json.gz", "outline-api.json.gz",
    "qdrant-v1.18.json.gz", "rclone-rc.json.gz", "spotify-web-api-official.yaml.gz", "webex-messaging.json.gz",
    "paypal-invoicing-v2.json.gz",
    "paypal-checkout-orders-v2.json.gz", "adyen-CheckoutService-v71.json.gz", "gitlab-community-2024.yaml.gz",
    "dropboxsign-api.yaml.gz", "hetzner-cloud.json.gz", "miro-api.json.gz", "recurly-v3.yaml.gz", "discord-api.json.gz",
    "twilio-api-v2010.json.gz", "bluesky-atproto.json.gz", "intercom-2.16.yaml.gz", "box-api.json.gz",
    "netlify-api.yaml.gz", "docker-engine.yaml.gz", "slack-web.json.gz", "harbor-v2.yaml.gz",
    "zoom-v2-2021.json.gz", "azure-devops-git.json.gz", "xero-xero-accounting.yaml.gz",
)  # fmt: skip
_JUDGED = os.environ.get("HUB_JUDGED", "")
_CHOSEN = ALL if _JUDGED == "all" else tuple(_JUDGED.split()) or DAILY
FILES = [file for name in _CHOSEN for file in FOLDER.glob(f"*/{name}")] or list(
    (ROOT / ".cache" / "jupyter").glob("lib/python*/site-packages/jupyter_server/services/api/api.yaml")
)

pytestmark = [
    pytest.mark.skipif(_JUDGED == "all" and not FOLDER.is_dir(), reason=MISSING),
    pytest.mark.skipif(not FILES, reason="Jupyter Server is not installed: make programs"),
    pytest.mark.skipif(not PRISM.exists(), reason="Prism is not installed: make programs"),
    pytest.mark.timeout(3600 if _JUDGED else 120),
]


@dataclass
class Verdict:
    """What became of a description's requests; ``refused`` are (the refusal in a line, its cause)."""

    operations: int = 0
    requests: int = 0
    refused: list[tuple[str, str]] = field(default_factory=list)

    def __iadd__(self, other: "Verdict") -> "Verdict":
        self.operations += other.operations
        self.requests += other.requests
        self.refused += other.refused
        return self

    @property
    def accepted(self) -> int:
        """Requests that Prism has nothing against."""
        return self.requests - len(self.refused)


@asynccontextmanager
async def hub_for(
    file: Path, address: str, folder: Path, include: list[str]
) -> AsyncIterator[tuple[Hub, Listening, Caller]]:
    """A hub with these operations of the description, their requests going to Prism, and somebody with an account."""
    data = data_of(file)
    found = described(data, "openapi", "description.json")
    schemes = credentials_in(found, found.operations, share=0.0)
    more: dict[str, Any] = {"base_url": f"http://{address}", "hosts": [], "include": include}
    if schemes:
        method = pasted(schemes)
        revoke = {"manual": "its settings"}
        more["auth"] = {"hosts": [f"http://{address}"], "methods": {method["kind"]: method}, "revoke": revoke}
    place = folder / "connectors" / "sample"
    place.mkdir(parents=True)
    (place / "description.json").write_bytes(data)
    (place / "connector.yaml").write_bytes(orjson.dumps(declaration_of(data, "openapi", **more)))
    (folder / "config.yaml").write_text("data_dir: data\nconnectors: {shipped: false, paths: [connectors]}\n")
    network = AioTransport(Network({"sample": [address]}), clock=SystemClock())
    await network.open()
    listening = Listening(network)
    hub = await Hub.start(load(folder / "config.yaml", {}), transport=listening)
    try:
        ada = await hub.store.users.add("ada", "member")
        caller = Caller(ada.id, "ada", None, frozenset(EFFECTS), admin=False)
        loaded = hub.registry.catalog.connectors["sample"]
        assert loaded.state == "ok", loaded.reason
        if loaded.provider is not None:
            (name,) = loaded.provider.methods
            given = dict.fromkeys(pasted(schemes)["fields"], "12345678")
            wanted = Wanted(ada.id, "sample", loaded.provider, name, {}, (), "test", code=loaded.code)
            await hub.brokerage.connecting.paste(wanted, given)
        yield hub, listening, caller
    finally:
        await hub.close()
        await network.close()


async def judged(file: Path, folder: Path) -> Verdict:
    """What Prism says of a description's requests. Raises ``Unloadable``."""
    verdict = Verdict()
    report = compiled(data_of(file)).report
    trimmed = {report.taken[key] for key, _ in report.trimmed}
    for number, (document, keys) in enumerate(parts_of(file)):
        here = folder / str(number)
        here.mkdir()
        include = [key for key in report.taken if key in keys]
        async with prism(document, here) as address, hub_for(file, address, here, include) as (hub, listening, caller):
            for full_name, entry in hub.registry.catalog.tools.items():
                verdict.operations += 1
                for arguments in samples(_own(entry.tool.input)):
                    verdict.requests += 1
                    listening.forget()
                    result = await hub.gateway.call_tool(caller, full_name, arguments, Silence())
                    if listening.last is None:
                        told = [f"not sent: {result['content'][0]['text'][:200]}"]
                    else:
                        told = complaints(listening.last)
                    if told:
                        why = cause(told, listening.sent, arguments, trimmed=entry.name in trimmed)
                        method = listening.sent.method if listening.sent is not None else ""
                        verdict.refused.append((f"{file.name} {entry.name}: {method} {'; '.join(told[:3])}", why))
    return verdict


def _own(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A tool's input without the argument that chooses the account."""
    return {**schema, "properties": {name: one for name, one in schema["properties"].items() if name != "account"}}


async def test_requests_are_accepted_by_the_validation_of_the_description_they_come_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    total = Verdict()
    unloadable: dict[str, str] = {}
    for file in FILES:
        folder = tmp_path / file.name
        folder.mkdir()
        try:
            verdict = await judged(file, folder)
        except Unloadable as wrong:
            unloadable[file.name] = str(wrong)
            continue
        total += verdict
        with capsys.disabled():
            print(
                f"\n{file.name}: {verdict.accepted} of {verdict.requests} requests for {verdict.operations} operations"
            )
            print(*(f"    {one}" for one, _ in verdict.refused), sep="\n", end="")
    causes = Counter(why for _, why in total.refused)
    share = 100 * total.accepted / total.requests
    summary = [
        "",
        f"{len(FILES) - len(unloadable)} documents, {total.operations} operations: {total.accepted} of "
        f"{total.requests} requests accepted ({share:.2f} %)",
        *(f"  {count:4} refused: {why}" for why, count in causes.most_common()),
        *(f"  left out, as Prism cannot load it: {name}: {why}" for name, why in unloadable.items()),
    ]
    with capsys.disabled():
        print(*summary, sep="\n")
    assert share >= 98, "\n".join([*summary, *(f"{why}: {one}" for one, why in total.refused)])
    assert total.operations >= (1500 if _JUDGED == "all" else 1)
