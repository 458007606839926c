"""Files of imported connectors: Google Drive's by its own description, and a form judged by Prism."""

import email
import email.policy
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from hub.app import Hub
from hub.config import load
from hub.identity import local_caller
from hub.sdk.talk import Silence
from tests.databases import furnished
from tests.importers.judging import PRISM, prism
from tests.importers.judging import parts_of as documents_of
from tests.importers.specs import FOLDER, MISSING, data_of, declaration_of
from tests.importers.test_prism import hub_for

pytestmark = [pytest.mark.skipif(not FOLDER.is_dir(), reason=MISSING)]

PDF = b"%PDF-1.7\r\n\x00\xff" * 1_000_000
"""More than any other reply may have."""


async def call(hub: Hub, tool: str, **arguments: Any) -> dict[str, Any]:
    """What a tool of the connector answers."""
    answer = await hub.gateway.call_tool(local_caller(), tool, arguments, Silence())
    assert not answer.get("isError"), answer
    return answer


def parts_of(content_type: str, body: bytes) -> list[EmailMessage]:
    """The parts of a multipart body, as the standard library reads them."""
    read = email.message_from_bytes(
        b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body, policy=email.policy.HTTP
    )
    assert isinstance(read, EmailMessage)
    return [one for one in read.iter_parts() if isinstance(one, EmailMessage)]


@dataclass
class Drive:
    """Google's end: one file that can be fetched and exported, and what was uploaded."""

    uploads: list[tuple[str, list[EmailMessage]]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """One request."""
        if request.method in ("POST", "PATCH"):
            self.uploads.append((request.path_qs, parts_of(request.headers["Content-Type"], await request.read())))
            return web.json_response({"id": "f2", "name": "copy.pdf"})
        if request.path.endswith("/export"):
            return web.Response(text="a,b\n1,2\n", content_type="text/csv")
        if request.query.get("alt") == "media":
            named = {"Content-Disposition": 'attachment; filename="plan.pdf"'}
            return web.Response(body=PDF, content_type="application/pdf", headers=named)
        return web.json_response({"id": "f1", "name": "plan.pdf"})


@dataclass
class Scene:
    """A hub with Drive, imported."""

    hub: Hub
    drive: Drive


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    drive, app = Drive(), web.Application(client_max_size=50_000_000)
    app.router.add_route("*", "/{rest:.*}", drive.answer)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    place = tmp_path / "connectors" / "drive"
    place.mkdir(parents=True)
    data = data_of(FOLDER / "discovery" / "drive.v3.json.gz")
    (place / "description.json").write_bytes(data)
    base = f"http://127.0.0.1:{server.port}/drive/v3"
    (place / "connector.yaml").write_bytes(orjson.dumps(declaration_of(data, "discovery", base_url=base, hosts=[])))
    config = tmp_path / "config.yaml"
    config.write_text(
        "data_dir: data\nauth: {mode: none}\nconnectors: {shipped: false, paths: [connectors]}\n"
        f"network: {{allow_private: {{drive: ['127.0.0.1:{server.port}']}}}}\n"
    )
    hub = await Hub.start(furnished(load(config, {})))
    yield Scene(hub, drive)
    await hub.close()
    await server.close()


async def test_a_file_of_drive_is_downloaded_kept_and_uploaded_again_byte_for_byte(scene: Scene) -> None:
    got = await call(scene.hub, "drive_download_files", fileId="f1")
    told = got["structuredContent"]
    assert (told["name"], told["mime_type"], told["bytes"]) == ("plan.pdf", "application/pdf", len(PDF))
    await call(scene.hub, "drive_upload_files_create", metadata={"name": "copy.pdf"}, media=told["file"])
    path, (metadata, media) = scene.drive.uploads[-1]
    assert path.endswith("/files?uploadType=multipart")
    assert orjson.loads(metadata.get_content()) == {"name": "copy.pdf"}
    assert media.get_content_type() == "application/pdf"
    held = media.get_payload(decode=True)
    assert isinstance(held, bytes)
    assert hashlib.sha256(held).hexdigest() == hashlib.sha256(PDF).hexdigest()


async def test_a_short_export_is_text_in_the_answer(scene: Scene) -> None:
    answer = await call(scene.hub, "drive_list_files_export", fileId="f1", mimeType="text/csv")
    assert answer["content"][0]["resource"]["text"] == "a,b\n1,2\n"


@pytest.mark.skipif(not PRISM.exists(), reason="Prism is not installed: make programs")
async def test_a_form_with_a_file_of_the_hub_is_accepted_by_prism(tmp_path: Path) -> None:
    file = FOLDER / "openapi3" / "qdrant-v1.18.json.gz"
    document, keys = next(documents_of(file))
    async with (
        prism(document, tmp_path) as address,
        hub_for(file, address, tmp_path, sorted(keys)) as (hub, listening, caller),
    ):
        kept = await hub.files.files.keep(
            caller.user_id, PDF[:5000], name="snap.bin", mime_type="application/x-tar", source=None
        )
        arguments = {"collection_name": "notes", "snapshot": kept.uri}
        answer = await hub.gateway.call_tool(caller, "sample_recover_from_uploaded_snapshot", arguments, Silence())
        assert not answer.get("isError"), answer
        assert listening.last is not None
        assert listening.last.status == 200, listening.last.body
        assert listening.sent is not None
        (part,) = parts_of(listening.sent.headers["Content-Type"], listening.sent.body or b"")
        assert (part.get_filename(), part.get_content_type()) == ("snap.bin", "application/x-tar")
        assert part.get_payload(decode=True) == PDF[:5000]
