"""``hub client`` and ``hub token create --profile``, as an operator types them."""

from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner, Result

from hub.cli.program import app

SETTINGS = "data_dir: data\nconnectors: {shipped: false}\nprofiles: {looking: {effects: [read]}}\n"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(SETTINGS, "utf-8")
    return path


def typed(config: Path, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--config", str(config)])


def test_a_host_is_allowed_denied_and_listed(config: Path) -> None:
    assert "claude.ai" in typed(config, "client", "list").output
    assert typed(config, "client", "allow", "App.Example.org").exit_code == 0
    listed = orjson.loads(typed(config, "client", "list", "--json").output)
    assert ("app.example.org", "allowed") in [(one["host"], one["state"]) for one in listed]
    denied = typed(config, "client", "deny", "app.example.org")
    assert "Ended grants: 0" in denied.output
    assert "denied" in typed(config, "client", "list").output


@pytest.mark.parametrize("host", ["https://app.example.org", "app.example.org/cb", "a b", "", "me@app.example.org"])
def test_what_is_no_host_is_refused_with_the_right_spelling(config: Path, host: str) -> None:
    refused = typed(config, "client", "allow", host)
    assert refused.exit_code == 1
    assert "app.example.org" in refused.output


def test_a_host_on_the_operators_list_is_not_denied_behind_its_back(config: Path) -> None:
    refused = typed(config, "client", "deny", "claude.ai")
    assert refused.exit_code == 1
    assert "clients.allow" in refused.output


def test_a_token_can_be_bound_to_a_profile_that_is_there(config: Path) -> None:
    assert typed(config, "user", "add", "ada").exit_code == 0
    assert typed(config, "token", "create", "--user", "ada", "--profile", "looking").output.startswith("hub_")
    (told,) = orjson.loads(typed(config, "token", "list", "--json").output)
    assert told["profile"] == "looking"
    assert "looking: " in typed(config, "token", "list").output
    unknown = typed(config, "token", "create", "--user", "ada", "--profile", "nothing")
    assert unknown.exit_code == 1
    assert "looking" in unknown.output
