"""Faults of proxies, to be put before the hub."""

import dataclasses
from collections.abc import Callable
from typing import Any

import orjson
from aiohttp import web
from multidict import CIMultiDict

from hub.doctor import Report
from tests.doctor.deployment import Fault, Reply

MCP = ("/mcp", "/mcp/")
RESOURCE = "/.well-known/oauth-protected-resource"
SERVER = "/.well-known/oauth-authorization-server"


def first(report: Report) -> tuple[str, str]:
    """The step at which Claude stops, and what is said of it."""
    found = next((one for one in report.findings if one.status == "wrong"), None)
    assert found is not None, [dataclasses.astuple(one) for one in report.findings if one.status != "ok"]
    assert len(found.mend) > 20
    assert not report.ok
    return found.step, found.text


def html(status: int, title: str) -> web.Response:
    return web.Response(status=status, text=f"<html><title>{title}</title></html>", content_type="text/html")


def moved(status: int, location: str) -> web.Response:
    return web.Response(status=status, headers={"Location": location})


def instead(*paths: str, methods: str = "GET POST", agent: str = "") -> Callable[..., Any]:
    """Has a proxy answer these paths itself."""

    def made(answer: Callable[[], web.Response]) -> Fault:
        def answered(request: web.Request) -> web.Response | None:
            told = request.headers.get("User-Agent", "")
            matches = request.path in paths and request.method in methods.split()
            return answer() if matches and told.startswith(agent) else None

        return Fault(instead=answered)

    return made


def back(*paths: str) -> Callable[[Callable[[Reply], None]], Fault]:
    """Has a proxy change the answers of these paths; of all where none is given."""

    def made(change: Callable[[Reply], None]) -> Fault:
        def changed(request: web.Request, reply: Reply) -> None:
            if not paths or request.path in paths:
                change(reply)

        return Fault(back=changed)

    return made


def strip(name: str) -> Callable[[Reply], None]:
    """Takes a header away."""

    def change(reply: Reply) -> None:
        reply.headers.pop(name, None)

    return change


def typed(kind: str) -> Callable[[Reply], None]:
    """Gives a body another type."""

    def change(reply: Reply) -> None:
        reply.headers["Content-Type"] = kind

    return change


def document(**changed: Any) -> Callable[[Reply], None]:
    """Changes members of a JSON document; None takes one away."""

    def change(reply: Reply) -> None:
        held = {**orjson.loads(reply.body), **changed}
        reply.body = orjson.dumps({key: value for key, value in held.items() if value is not None})

    return change


def status(before: int, after: int) -> Callable[[Reply], None]:
    """Makes another status of one."""

    def change(reply: Reply) -> None:
        reply.status = after if reply.status == before else reply.status

    return change


def plain_http(reply: Reply) -> None:
    reply.replace("https://hub.example", "http://hub.example")


def led_to_http(reply: Reply) -> None:
    if "Location" in reply.headers:
        reply.headers["Location"] = "http://hub.example" + reply.headers["Location"]


def basic(reply: Reply) -> None:
    if reply.status == 401:
        reply.headers["WWW-Authenticate"] = 'Basic realm="private"'


def without_metadata(reply: Reply) -> None:
    if reply.status == 401:
        reply.headers["WWW-Authenticate"] = "Bearer"


def of_another_address(reply: Reply) -> None:
    if reply.status == 401:
        reply.headers["WWW-Authenticate"] = reply.headers["WWW-Authenticate"].replace("hub.example", "10.0.0.5:8080")


def lose(name: str) -> Fault:
    """A proxy that does not pass a request's header on."""

    def forth(request: web.Request, headers: CIMultiDict[str]) -> None:
        headers.pop(name, None)

    return Fault(forth=forth)


def own_host() -> Fault:
    def forth(request: web.Request, headers: CIMultiDict[str]) -> None:
        headers["Host"] = "backend.internal:8080"

    return Fault(forth=forth)
