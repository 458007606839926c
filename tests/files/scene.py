"""A hub on a real port with people signed in at browsers, connectors that take and give files, and the app behind them,
over http for the connectors and over https for links anyone may follow."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import BodyPartReader, ClientSession, CookieJar, web
from aiohttp.test_utils import TestServer

from hub import config
from hub.app import Hub, application
from hub.identity import Caller
from hub.sdk.effect import EFFECTS
from hub.sdk.talk import Silence
from hub.web.people.cookies import Cookies
from tests.databases import furnished
from tests.oauth.scene import ShiftedClock
from tests.upstream.test_trust import Authority

PDF = b"%PDF-1.7\n" + bytes(range(256)) * 2000
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00planted picture"
CSV = "".join(f"{n},Größe {n}\n" for n in range(30_000)).encode()
TEXT = "Zeile für Zeile\n" * 20_000

YAML = """
title: Papers
description: Papers for tests.
base_url: {base}
tools:
  get_report: {{description: Get the report as a file., effect: read, reply: file, request: {{path: /report}}}}
  get_note: {{description: Get a short note as a file., effect: read, reply: file, request: {{path: /note.txt}}}}
  get_table: {{description: Get the whole table as a file., effect: read, reply: file, request: {{path: /table}}}}
  get_picture: {{description: Get the picture as a file., effect: read, reply: file, request: {{path: /picture.png}}}}
  get_huge: {{description: Get more than there may be., effect: read, reply: file, request: {{path: /huge}}}}
  list_rows: {{description: List very many rows., effect: read, items: "@", request: {{path: /rows}}}}
  read_text: {{description: Read a very long text., effect: read, reply: text, request: {{path: /text}}}}
  change_rows:
    {{description: Change very many rows., effect: write, summary: Change rows, request: {{method: POST, path: /rows}}}}
  send_form:
    description: Send a file in a form.
    effect: write
    summary: Send a file
    input:
      note: {{type: string, description: A note.}}
      file: {{type: file, description: The file}}
      more: {{type: array, description: More files., items: {{type: file, description: One of them.}}}}
    required: [file]
    request: {{method: POST, path: /form, multipart: {{note: "{{note}}", upload: "{{file}}", more: "{{more}}"}}}}
  send_raw:
    description: Send a file as it is.
    effect: write
    summary: Send a file
    input: {{file: {{type: file, description: The picture., accept: [image/*], max_bytes: 2000}}}}
    required: [file]
    request: {{method: PUT, path: /raw, raw: "{{file}}"}}
  send_json:
    description: Send a file within JSON.
    effect: write
    summary: Send a file
    input: {{file: {{type: file, description: The file., send_as: base64}}}}
    required: [file]
    request: {{method: POST, path: /json, body: {{content: "{{file}}"}}}}
"""
PYTHON = '''
from typing import Annotated

from hub.sdk import Accepts, Connector, File, Result, Text

connector = Connector(title="Desk", description="A desk for tests.")


@connector.tool(effect="read")
def measure(
    file: Annotated[File, "What is measured."],
    others: Annotated[list[File] | None, "More of them."] = None,
    photo: Annotated[File | None, "A photo.", Accepts("image/png", max_bytes=1000)] = None,
) -> dict[str, object]:
    """Tell what files were given."""
    given = [file, *(others or []), *([photo] if photo else [])]
    return {"files": [[one.name, one.mime_type, len(one.data), one.data[:20].decode("latin-1")] for one in given]}


@connector.tool(effect="read")
def pack() -> Result:
    """Give several files, with facts beside them."""
    files = File(b"a\\x00", "application/zip", "a/b.zip"), File(b"%PDF", "application/pdf", "c.pdf")
    return Result((Text("Two files."), *files), {"count": 2})


@connector.tool(effect="read")
def plain() -> bytes:
    """Give bytes."""
    return b"\\x00\\x01"
'''


@dataclass
class App:
    """The app: what it was sent, and the credentials that came with it."""

    got: list[dict[str, Any]] = field(default_factory=list)
    headers: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.headers.append(str(dict(request.headers)))
        match request.path:
            case "/report":
                named = {"Content-Disposition": "attachment; filename*=UTF-8''Jahres%20bericht.pdf"}
                return web.Response(body=PDF, content_type="application/pdf", headers=named)
            case "/note.txt":
                return web.Response(text="a short note", content_type="text/plain")
            case "/table":
                return web.Response(body=CSV, content_type="text/csv", charset="utf-8")
            case "/picture.png":
                return web.Response(body=PNG, content_type="image/png")
            case "/huge":
                return web.Response(body=bytes(1_100_000))
            case "/rows":
                return web.json_response([{"row": number, "words": "w" * 40} for number in range(3000)])
            case "/text":
                return web.Response(text=TEXT)
            case "/form":
                return await self.form(request)
            case "/login":
                return web.Response(status=403, text="sign in first")
            case "/onward":
                raise web.HTTPFound("/picture.png")
            case "/down":
                raise web.HTTPFound("http://127.0.0.1:1/picture.png")
            case _:
                body = await request.read()
                told = {"type": request.content_type, "size": len(body), "sha": hashlib.sha256(body).hexdigest()}
                self.got.append(told | {"text": body[:200].decode("latin-1")})
                return web.json_response(told)

    async def form(self, request: web.Request) -> web.Response:
        parts: list[dict[str, Any]] = []
        reader = await request.multipart()
        while (part := await reader.next()) is not None:
            assert isinstance(part, BodyPartReader)
            data = bytes(await part.read())
            told = {"name": part.name, "filename": part.filename, "type": part.headers.get("Content-Type")}
            parts.append(told | {"sha": hashlib.sha256(data).hexdigest()})
        self.got += parts
        return web.json_response({"parts": parts})


@dataclass
class House:
    """The hub, its app, and two people with a browser each; ``curl`` is nobody's."""

    hub: Hub
    clock: ShiftedClock
    url: str
    app: App
    secure: str
    ada: Caller
    ben: Caller
    at_ada: ClientSession
    at_ben: ClientSession
    curl: ClientSession

    async def call(self, tool: str, caller: Caller | None = None, **arguments: Any) -> dict[str, Any]:
        """Call a tool, of Ada where nobody else is named."""
        return await self.hub.gateway.call_tool(caller or self.ada, tool, arguments, Silence())

    async def told(self, tool: str, caller: Caller | None = None, **arguments: Any) -> Any:
        """What a call that works answers, as data."""
        answer = await self.call(tool, caller, **arguments)
        assert not answer.get("isError"), answer
        return answer["structuredContent"]

    def here(self, link: str) -> str:
        """A link of the hub's, at the port it has here."""
        assert link.startswith(self.hub.config.public_url)
        return self.url + link.removeprefix(self.hub.config.public_url)

    async def refused(self, tool: str, caller: Caller | None = None, **arguments: Any) -> str:
        """What a call that does not work says."""
        answer = await self.call(tool, caller, **arguments)
        assert answer.get("isError"), answer
        return str(answer["content"][0]["text"])


@asynccontextmanager
async def opened(folder: Path, authority: Authority, mode: str = "oauth") -> AsyncIterator[House]:
    """The whole, until the block ends."""
    async with AsyncExitStack() as stack:
        app, clock = App(), ShiftedClock()
        servers = []
        for host, ssl in (("127.0.0.1", None), ("127.0.0.2", authority.context)):
            held = web.Application(client_max_size=10_000_000)
            held.router.add_route("*", "/{rest:.*}", app.answer)
            servers.append(TestServer(held, host=host))
            await servers[-1].start_server(ssl=ssl)
            stack.push_async_callback(servers[-1].close)
        plain, secure = servers
        (folder / "connectors").mkdir(parents=True)
        (folder / "connectors" / "papers.yaml").write_text(YAML.format(base=f"http://127.0.0.1:{plain.port}"), "utf-8")
        (folder / "connectors" / "desk.py").write_text(PYTHON, "utf-8")
        made = folder / "config.yaml"
        made.write_text(
            f"public_url: http://127.0.0.1:8080\ndata_dir: data\nauth: {{mode: {mode}}}\n"
            f"connectors: {{shipped: false, paths: [connectors]}}\n"
            f"profiles: {{desks: {{connectors: [desk]}}}}\n"
            f"files: {{max_bytes: 1000000, user_bytes: 5000000, total_bytes: 8000000}}\n"
            f"network:\n  ca_file: {authority.pem}\n"
            f"  allow_private: {{papers: ['127.0.0.1:{plain.port}'], hub: ['127.0.0.2:{secure.port}']}}\n",
            "utf-8",
        )
        hub = await Hub.start(furnished(config.load(made, {})), clock=clock)
        stack.push_async_callback(hub.close)
        served = TestServer(application(hub), host="127.0.0.1")
        await served.start_server()
        stack.push_async_callback(served.close)
        url = f"http://127.0.0.1:{served.port}"
        callers: list[Caller] = []
        browsers: list[ClientSession] = []
        for name in ("ada", "ben"):
            user = await hub.store.users.add(name)
            _, secret = await hub.store.web_sessions.open(
                user.id, strong=True, method="t", address="127.0.0.1", agent="t"
            )
            session = ClientSession(
                cookie_jar=CookieJar(unsafe=True),
                cookies={Cookies(hub.config.public_url).session_name: secret},
                headers={"Accept": "text/html"},
            )
            browsers.append(await stack.enter_async_context(session))
            callers.append(Caller(user.id, name, None, frozenset(EFFECTS), False))
        curl = await stack.enter_async_context(ClientSession(headers={"Accept": "*/*"}))
        ada, ben = callers
        at_ada, at_ben = browsers
        yield House(hub, clock, url, app, f"https://127.0.0.2:{secure.port}", ada, ben, at_ada, at_ben, curl)
