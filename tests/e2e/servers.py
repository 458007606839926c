"""A provider on loopback that writes down every request as it arrived, byte for byte, and answers as it is told.

Not a web framework: the raw target is what the tests are about, and frameworks decode it.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


class Provider(ThreadingHTTPServer):
    """Listens on a port of 127.0.0.1 that the system picks; ``seen`` are the targets of all requests, in order."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Exchange)
        self.seen: list[str] = []
        self.bodies: list[bytes] = []
        self.closing = threading.Event()

    @property
    def address(self) -> str:
        """``host:port``."""
        return f"127.0.0.1:{self.server_address[1]}"


class _Exchange(BaseHTTPRequestHandler):
    server: Provider
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.seen.append(self.path)
        where = urlsplit(self.path)
        to = parse_qs(where.query).get("to", [""])[0]
        match where.path.rsplit("/", 1)[-1]:
            case "redirect":
                self._answer(302, b"", Location=to)
            case "linked":
                page = {"items": [{"page": len(self.server.seen)}], "next": to or None}
                self._answer(200, json.dumps(page).encode(), **({"Link": f'<{to}>; rel="next"'} if to else {}))
            case "large":
                self._answer(200, b'"' + b"x" * 50_000_000 + b'"')
            case "deep":
                self._answer(200, b"[" * 10_000 + b"]" * 10_000)
            case _:
                self._answer(200, json.dumps({"target": self.path}).encode())

    def do_POST(self) -> None:
        self.server.bodies.append(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        if urlsplit(self.path).path.endswith("/silent"):
            self.server.seen.append(self.path)
            self.server.closing.wait()
            self.close_connection = True
            return
        if urlsplit(self.path).path.endswith("/redirect"):
            self.server.seen.append(self.path)
            self._answer(307, b"", Location=parse_qs(urlsplit(self.path).query)["to"][0])
            return
        self.do_GET()

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        try:
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except ConnectionError:
            self.close_connection = True  # the hub stopped reading: more than it takes

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is printed: ``seen`` holds it."""


@contextmanager
def provider() -> Iterator[Provider]:
    """A running provider."""
    server = Provider()
    thread = threading.Thread(target=server.serve_forever, name="provider", daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()
