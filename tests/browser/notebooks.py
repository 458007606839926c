"""A real JupyterHub of one's own: people sign in there, and its OAuth provider lets programs in to its API.

Started as a process on loopback, without the proxy in front of notebook servers, of which none is started.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.programs.processes import ROOT, Program, environment

CLIENT = "service-connector-hub"
PASSWORD = "a password for all at the notebooks"
CONFIG = """
from jupyterhub.proxy import Proxy


class NoProxy(Proxy):
    async def start(self): pass
    async def stop(self): pass
    async def add_route(self, routespec, target, data): pass
    async def delete_route(self, routespec): pass
    async def get_all_routes(self): return {{}}


c.JupyterHub.proxy_class = NoProxy
c.JupyterHub.authenticator_class = "dummy"
c.DummyAuthenticator.password = {password!r}
c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = "simple"
c.JupyterHub.bind_url = "http://localhost:{port}"
c.JupyterHub.hub_bind_url = "http://localhost:{port}"
c.JupyterHub.db_url = "sqlite:///{folder}/jupyterhub.sqlite"
c.JupyterHub.cookie_secret_file = "{folder}/cookie_secret"
c.JupyterHub.services = [{{
    "name": "connector-hub",
    "oauth_client_id": {client!r},
    "api_token": {secret!r},
    "oauth_redirect_uri": {back!r},
    "oauth_client_allowed_scopes": ["read:users!user", "read:servers!user"],
}}]
c.JupyterHub.load_roles = [{{"name": "user", "scopes": ["self", "access:services!service=connector-hub"]}}]
"""


@dataclass(frozen=True, slots=True)
class Notebooks:
    """A running JupyterHub, and the client the connector hub is there."""

    url: str
    secret: str


@contextmanager
def running_notebooks(folder: Path, port: int, back: str) -> Iterator[Notebooks]:
    """JupyterHub on ``port`` that sends people back to ``back``; skips where ``make programs`` was not run."""
    program = ROOT / ".cache" / "jupyterhub" / "bin" / "jupyterhub"
    if not program.exists():
        pytest.skip("JupyterHub is not installed: make programs")
    secret = secrets.token_hex(32)
    config = folder / "jupyterhub_config.py"
    text = CONFIG.format(password=PASSWORD, port=port, folder=folder, client=CLIENT, secret=secret, back=back)
    config.write_text(text, "utf-8")
    held = environment(folder)
    path = f"{program.parent}:{held['PATH']}"
    running = Program([program, "--config", config], cwd=folder, environment={**held, "PATH": path})
    try:
        running.wait_for("JupyterHub is now running")
        yield Notebooks(f"http://localhost:{port}", secret)
    finally:
        running.stop()
