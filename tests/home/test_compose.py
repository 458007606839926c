"""compose.yaml's profiles, as Compose itself reads them (Debian's ``docker-compose``, which needs no engine)."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from hub import config
from tests.docs.pages import ROOT, Page
from tests.home.fronts import adapted, dialled

COMPOSE = shutil.which("docker-compose")
HOME = {
    "HUB_PUBLIC_URL": "https://hub.example.org",
    "HUB_NETWORK__TRUSTED_PROXIES": "[172.16.0.0/12]",
    "TUNNEL_TOKEN": "eyJh",
}


def services(*profiles: str, **variables: str) -> dict[str, Any]:
    """The services of compose.yaml that start with these profiles, every variable filled in."""
    if COMPOSE is None:
        pytest.skip("Compose is not on this machine (Debian: docker-compose)")
    chosen = [word for profile in profiles for word in ("--profile", profile)]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HUB_", "TUNNEL_", "COMPOSE_"))}
    command = [COMPOSE, "--file", str(ROOT / "compose.yaml"), *chosen, "config"]
    # Elsewhere than in the checkout, whose own .env is somebody's.
    told = {**kept, **variables}
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", env=told, check=False)
    assert done.returncode == 0, done.stderr
    assert "level=warning" not in done.stderr
    read: dict[str, Any] = yaml.safe_load(done.stdout)["services"]
    # Some versions of Compose print the services of the other profiles, too.
    return {name: one for name, one in read.items() if not one.get("profiles") or set(one["profiles"]) & set(profiles)}


def test_without_a_profile_there_is_the_hub_alone_on_this_machine() -> None:
    started = services()
    assert set(started) == {"hub"}
    assert started["hub"]["ports"] == ["127.0.0.1:8080:8080/tcp"]
    given = started["hub"]["environment"]
    assert config.load(None, given).network.trusted_proxies == ()


@pytest.mark.parametrize("profile", ["caddy", "tunnel"])
def test_a_profile_adds_what_stands_in_front_and_the_hub_is_told_of_it(profile: str) -> None:
    started = services(profile, **HOME)
    assert set(started) == {"hub", profile}
    read = config.load(None, started["hub"]["environment"])
    assert read.public_url == "https://hub.example.org"
    assert read.network.trusted_proxies == ("172.16.0.0/12",)
    front = started[profile]
    assert list(front["depends_on"]) == ["hub"]
    assert front["read_only"] is True
    assert front["cap_drop"] == ["ALL"]
    assert front["security_opt"] == ["no-new-privileges:true"]


def test_caddy_listens_on_both_ports_with_the_file_and_the_address_it_needs(tmp_path: Path) -> None:
    front = services("caddy", **HOME)["caddy"]
    ports = {(str(one["published"]), one["target"], one.get("protocol", "tcp")) for one in front["ports"]}
    assert ports == {("80", 80, "tcp"), ("443", 443, "tcp"), ("443", 443, "udp")}
    assert front["environment"] == {"HUB_PUBLIC_URL": "https://hub.example.org"}
    mounted = {re.sub(r":r[wo]$", "", one).rpartition(":")[2]: one.partition(":")[0] for one in front["volumes"]}
    assert mounted["/etc/caddy/Caddyfile"] == str(ROOT / "deploy" / "Caddyfile")
    assert {"/data", "/config"} <= set(mounted)
    (place,) = dialled(adapted(front["environment"]["HUB_PUBLIC_URL"], tmp_path), [])
    assert place["dial"] == f"hub:{hub_port()}"


def test_the_tunnel_opens_no_port_and_runs_by_its_token_alone() -> None:
    front = services("tunnel", **HOME)["tunnel"]
    assert "ports" not in front
    assert front["environment"] == {"TUNNEL_TOKEN": "eyJh"}
    assert front["command"] == "tunnel --no-autoupdate run"


def test_the_page_gives_the_tunnel_the_hubs_own_address_in_the_network_of_the_containers() -> None:
    walk = Page.of("docs/operating.md").section("With a Cloudflare tunnel")
    assert f"`http://hub:{hub_port()}`" in walk


@pytest.mark.parametrize("profile", ["caddy", "tunnel"])
def test_the_env_file_of_the_page_is_all_that_a_profile_needs(profile: str) -> None:
    (block,) = [one for one in Page.of("docs/operating.md").blocks if one.words == f".env {profile}"]
    written = dict(line.split("=", 1) for line in block.text.splitlines() if line and not line.startswith("#"))
    started = services(profile, **written)
    read = config.load(None, started["hub"]["environment"])
    assert read.public_url.startswith("https://")
    assert read.network.trusted_proxies
    named = set(re.findall(r"\$\{(\w+)", (ROOT / "compose.yaml").read_text()))
    assert set(written) <= named
    assert all(value for value in started[profile]["environment"].values())


def hub_port() -> str:
    """The port the hub listens on in its container."""
    found = re.search(r"^EXPOSE (\d+)$", (ROOT / "Dockerfile").read_text(), re.M)
    assert found is not None
    return found[1]
