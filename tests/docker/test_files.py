"""What Dockerfile, compose.yaml and .dockerignore say, where it must agree with the hub; needs no engine."""

import re
import shlex
import tomllib
from pathlib import Path

from hub.config import load
from tests.docker.engine import ROOT, compose_service

STEPS = [
    line.partition(" ")
    for line in re.sub(r"\\\n\s*", " ", (ROOT / "Dockerfile").read_text()).splitlines()
    if line and not line.startswith("#")
]
"""Every instruction of the Dockerfile, its lines joined."""

FINAL = STEPS[[number for number, step in enumerate(STEPS) if step[0] == "FROM"][-1] :]
"""The instructions of the stage that becomes the image."""


def words(kind: str) -> list[str]:
    """The arguments of all instructions of that kind in the final stage."""
    return [word for step in FINAL if step[0] == kind for word in shlex.split(step[2])]


def variables() -> dict[str, str]:
    """The environment the image gives the hub."""
    return dict(word.split("=", 1) for word in words("ENV"))


def test_the_images_environment_is_a_configuration_the_hub_accepts() -> None:
    config = load(None, variables())
    assert config.data_dir == Path("/data")
    assert config.connectors.paths == (Path("/data/connectors"), Path("/connectors"))
    assert (config.listen.host, config.listen.port) == ("0.0.0.0", 8080)  # noqa: S104


def test_the_images_port_is_the_one_that_is_exposed_and_published() -> None:
    port = variables()["HUB_LISTEN__PORT"]
    assert words("EXPOSE") == [port]
    assert compose_service()["ports"] == [f"127.0.0.1:{port}:{port}"]


def test_the_images_label_bears_the_projects_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f"VERSION={project['version']}" in words("ARG")


def test_signals_reach_the_hub_because_no_shell_starts_it() -> None:
    for kind in ("ENTRYPOINT", "CMD"):
        (said,) = [step[2] for step in FINAL if step[0] == kind]
        assert said.startswith("["), kind
    assert words("USER") == ["10001:10001"]


def test_everything_the_build_copies_is_let_in() -> None:
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {
        source
        for kind, _, said in STEPS
        if kind == "COPY" and "--from" not in said
        for source in shlex.split(said)[:-1]
    }
    assert copied
    assert copied - let_in == set()
    assert all((ROOT / name).exists() for name in copied)


def test_the_locked_packages_that_build_the_hub_are_those_the_build_asks_for() -> None:
    wanted = re.search(r"wanted = /\^\(([^)]+)\)==/", (ROOT / "Dockerfile").read_text())
    assert wanted is not None
    locked = re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements-dev.lock").read_text(), flags=re.MULTILINE)
    assert set(wanted[1].split("|")) - set(locked) == set()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    required = {re.split(r"[<>=!~ ]", one)[0] for one in project["build-system"]["requires"]}
    assert required <= set(wanted[1].split("|"))


def test_compose_gives_the_hub_no_rights_it_does_not_need() -> None:
    service = compose_service()
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "data:/data" in service["volumes"]
    assert "./connectors:/connectors:ro" in service["volumes"]
    assert "privileged" not in service


def test_compose_configures_nothing_the_hub_does_not_know() -> None:
    given = {name: value.partition(":-")[2].rstrip("}") for name, value in compose_service()["environment"].items()}
    assert load(None, {**variables(), **given}).public_url == "http://localhost:8080"
