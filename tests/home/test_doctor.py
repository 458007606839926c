"""``hub doctor`` through a real Caddy and a real nginx: content with the documented lines, not with usual mistakes."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiohttp import web

from hub import config
from hub.app import Hub, application
from hub.clock import SystemClock
from hub.doctor import Doctor, Report
from hub.doctor.case import Case
from hub.sdk.tool import EFFECTS
from hub.upstream.probe import Probe
from tests.databases import furnished
from tests.home.conftest import House
from tests.home.fronts import nginx
from tests.ports import free_port
from tests.waiting import PATIENCE

HERE = {"url", "dns", "tls"}
"""What can only be wrong on loopback: the port, the address, and nginx's lack of TLS here."""


async def examined(url: str, token: str, ca_file: Path | None, patience: float = PATIENCE) -> Report:
    probe = Probe(url, ca_file=ca_file)
    await probe.open()
    try:
        return await Doctor(SystemClock()).examine(Case(probe, f"{url}/mcp", token=token, patience=patience))
    finally:
        await probe.close()


async def test_the_documented_fronts_are_found_right(house: House, tmp_path: Path) -> None:
    authority = tmp_path / "front" / "caddy" / "pki" / "authorities" / "local" / "root.crt"
    secure = urlsplit(house.url).scheme == "https"
    report = await examined(house.url, house.token, authority if secure else None)
    told = {one.step for one in report.findings if one.status != "ok"}
    assert told == {"url", "dns", "refresh"} | (set() if secure else {"tls"})


MISTAKES = {
    "a slash is taken away": ("location = /mcp/ { return 301 /mcp; }\n", "", "endpoint"),
    "only POST is let through": ("", "limit_except POST { deny all; }", "endpoint"),
    "the challenge is hidden": ("", "proxy_hide_header WWW-Authenticate;", "challenge"),
    "certbot's place is all of .well-known": ("location /.well-known/ { return 404; }\n", "", "resource_document"),
    "cookies are hidden": ("", "proxy_hide_header Set-Cookie;", "authorize"),
    "redirects are rewritten to another name": (
        "",
        "proxy_redirect /signin https://www.example.org/signin;",
        "client_",
    ),
    "the token is dropped": ("", 'proxy_set_header Authorization "";', "token"),
    "streams are collected and compressed": (
        "",
        "proxy_ignore_headers X-Accel-Buffering; gzip on; gzip_proxied any; gzip_types text/event-stream;",
        "stream",
    ),
}


@pytest.mark.parametrize("name", MISTAKES)
async def test_a_usual_mistake_in_nginx_is_named(tmp_path: Path, name: str) -> None:
    before, within, step = MISTAKES[name]

    def change(lines: str) -> str:
        unbuffered = "proxy_buffering off;"
        assert unbuffered in lines
        if step == "stream":
            lines = lines.replace(unbuffered, "proxy_buffering on;")
        return before + lines.replace("{", "{\n    " + within, 1)

    port = free_port()
    path = tmp_path / "config.yaml"
    path.write_text(f"public_url: http://localhost:{port}\nconnectors: {{shipped: false, paths: []}}\n", "utf-8")
    hub = await Hub.start(furnished(config.load(path, {})))
    user = await hub.store.users.add("ada")
    _, token = await hub.store.tokens.create(user.id, "test", EFFECTS)
    runner = web.AppRunner(application(hub), handler_cancellation=True, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with nginx(port, runner.addresses[0][1], tmp_path / "front", change):
            # Only what holds streams back is waited for in vain.
            patience = 0.5 if step == "stream" else PATIENCE
            report = await examined(f"http://localhost:{port}", token, None, patience)
    finally:
        await runner.cleanup()
        await hub.close()
    found = next(one for one in report.findings if one.status == "wrong" and one.step not in HERE)
    assert found.step.startswith(step)
    assert found.mend
