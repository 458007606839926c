"""``hub.config``: what is read, what wins, and how a wrong setting stops the start."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import BaseModel, SecretStr, ValidationError

from hub import yaml
from hub.config import Config, claim_data_dir, load
from hub.errors import ConfigError

EXAMPLE = Path(__file__).parents[2] / "config.example.yaml"


def read(folder: Path, text: str, env: Mapping[str, str] | None = None) -> Config:
    path = folder / "config.yaml"
    path.write_text(text)
    return load(path, env or {})


def refused(folder: Path, text: str, env: Mapping[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as caught:
        read(folder, text, env)
    return str(caught.value)


def keys_of(kind: type[BaseModel], before: str = "") -> set[str]:
    found = set()
    for name, field in kind.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found |= keys_of(inner, f"{before}{name}.")
        else:
            found.add(before + name)
    return found


def test_the_example_holds_every_key_and_no_other() -> None:
    document = yaml.load(EXAMPLE.read_text(), "config.example.yaml")
    found = set()
    for key, value in document.items():
        found |= {f"{key}.{inner}" for inner in value} if isinstance(value, dict) and value else {key}
    assert found == keys_of(Config)


def test_every_value_of_the_example_is_the_default(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(EXAMPLE.read_text())
    empty = tmp_path / "empty.yaml"
    empty.write_text("")
    assert load(path, {}) == load(empty, {})


def test_every_key_of_the_example_is_explained() -> None:
    lines = EXAMPLE.read_text().splitlines()
    for number, line in enumerate(lines):
        if re.match(r"  [a-z_]+:|[a-z_]+: \S", line) and not line.strip().startswith(("host:", "port:")):
            assert lines[number - 1].strip().startswith("#"), line


def test_without_a_file_the_defaults_stand_in_the_working_directory() -> None:
    config = load(None, {})
    assert config.data_dir == Path.cwd() / "data"
    assert config.public_url == "http://localhost:8080"
    assert config.store_url == f"sqlite+aiosqlite:///{Path.cwd()}/data/hub.db"


def test_paths_are_meant_from_the_config_files_folder(tmp_path: Path) -> None:
    config = read(
        tmp_path, "data_dir: var\nconnectors: {paths: [mine, '{data_dir}/more', /srv/c]}\nnetwork: {ca_file: ca.pem}"
    )
    assert config.data_dir == tmp_path / "var"
    assert config.connectors.paths == (tmp_path / "mine", tmp_path / "var/more", Path("/srv/c"))
    assert config.network.ca_file == tmp_path / "ca.pem"
    assert read(tmp_path, "data_dir: var").connectors.paths == (tmp_path / "var/connectors",)


def test_the_environment_wins_over_the_file_key_by_key(tmp_path: Path) -> None:
    config = read(
        tmp_path,
        "listen: {host: 127.0.0.2, port: 9000}\nconnectors: {disabled: [rss, arxiv]}\n",
        {
            "HUB_LISTEN__PORT": "9001",
            "HUB_CONNECTORS__DISABLED": "[wikipedia]",
            "HUB_CONNECTORS__SETTINGS__PROMETHEUS__ADDRESS": "localhost:9090",
            "HUB_NETWORK__ALLOW_PRIVATE__PROMETHEUS": "['localhost:9090']",
            "HUB_CONNECTORS__SHIPPED": "false",
        },
    )
    assert (config.listen.host, config.listen.port) == ("127.0.0.2", 9001)
    assert config.connectors.disabled == ("wikipedia",)
    assert config.connectors.settings == {"prometheus": {"address": "localhost:9090"}}
    assert config.network.allow_private == {"prometheus": ("localhost:9090",)}
    assert config.connectors.shipped is False


def test_a_number_in_a_variable_stays_text_where_text_is_meant(tmp_path: Path) -> None:
    env = {"HUB_PROVIDERS__GITHUB__CLIENT_ID": "0123", "HUB_PROVIDERS__GITHUB__CLIENT_SECRET": "42"}
    provider = read(tmp_path, "", env).providers["github"]
    assert provider.client_id == "0123"
    assert provider.client_secret == SecretStr("42")


def test_an_empty_variable_counts_as_not_set(tmp_path: Path) -> None:
    assert read(tmp_path, "listen: {port: 9000}", {"HUB_LISTEN__PORT": "", "HUB_DATABASE_URL": ""}).listen.port == 9000


def test_the_test_runs_and_the_command_lines_variables_are_let_be(tmp_path: Path) -> None:
    read(tmp_path, "", {"HUB_CI": "1", "HUB_CONFIG": "x.yaml", "HUBERT": "1", "PATH": "/bin"})


def test_a_section_with_all_keys_commented_out_keeps_its_defaults(tmp_path: Path) -> None:
    text = "listen:\n  # port: 1\nnetwork:\n  allow_private:\nproviders:\n"
    assert read(tmp_path, text) == read(tmp_path, "")


def test_a_secret_is_read_from_the_file_its_variable_names(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("postgresql+asyncpg://hub:s3cret@db/hub\n")
    config = read(tmp_path, "", {"HUB_DATABASE_URL_FILE": str(secret)})
    assert config.store_url == "postgresql+asyncpg://hub:s3cret@db/hub"
    assert "s3cret" not in repr(config)
    secret.write_text("key")
    env = {"HUB_PROVIDERS__GITHUB__CLIENT_ID": "a", "HUB_PROVIDERS__GITHUB__CLIENT_SECRET_FILE": str(secret)}
    assert read(tmp_path, "", env).providers["github"].client_secret == SecretStr("key")


def test_a_secrets_file_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    told = refused(tmp_path, "", {"HUB_DATABASE_URL_FILE": str(tmp_path / "none")})
    assert told.startswith("HUB_DATABASE_URL_FILE: the file ")


def test_a_secret_given_twice_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("sqlite:///a")
    env = {"HUB_DATABASE_URL": "sqlite:///b", "HUB_DATABASE_URL_FILE": str(tmp_path / "s")}
    assert "set only one" in refused(tmp_path, "", env)


def test_a_key_that_is_no_secret_is_not_read_from_a_file(tmp_path: Path) -> None:
    assert "set HUB_LISTEN__PORT." in refused(tmp_path, "", {"HUB_LISTEN__PORT_FILE": "x"})


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "listen: {prot: 1}",
            "line 1: listen.prot: there is no such key. Did you mean port? Allowed here: host, port.",
        ),
        ("\npublic_ulr: x", "line 2: public_ulr: there is no such key. Did you mean public_url?"),
        ("policy: {}", "policy: there is no such key."),
        ("listen:\n  port: abc", "line 2: listen.port: found 'abc'; allowed: a whole number."),
        ("listen: {port: 70000}", "listen.port: found 70000; allowed: less than or equal to 65535."),
        ("listen: 3", "line 1: listen: found 3; allowed: keys with values."),
        ("auth: {mode: nobody}", "auth.mode: found 'nobody'; allowed: 'oauth' or 'none'."),
        ("public_url: https://a.org/hub", "public_url: found 'https://a.org/hub'; allowed: only the origin"),
        ("public_url: https://a.org/", "https://a.org."),
        ("public_url: https://u@a.org", "only the origin"),
        ("public_url: https://a.org?x", "only the origin"),
        ("public_url: hub.example.org", "an origin such as https://hub.example.org is needed"),
        ("public_url: ftp://a.org", "an origin such as"),
        ("public_url: https://a.org:99999", "the port must be"),
        ("public_url: ${URL}", "an origin such as"),
        ("connectors: {disabled: wiki}", "connectors.disabled: found 'wiki'; allowed: a list"),
        ("connectors: {disabled: [Wiki]}", "connectors.disabled.0: found 'Wiki'; allowed: a name of 2 to 20"),
        ("connectors: {settings: {ab: {x: 1}}}", "connectors.settings.ab.x: found 1; allowed: text"),
        ("connectors: {timeouts: 1}", "connectors.timeouts: there is no such key."),
        ("network: {internal: [10.0.0.1/8]}", "network.internal.0: found '10.0.0.1/8'; allowed: "),
        ("network: {internal: [10.0.0.1/8]}", "write 10.0.0.0/8"),
        ("network: {trusted_proxies: [lan]}", "is not a CIDR block"),
        ("network: {allow_private: {ab: [nas]}}", "network.allow_private.ab.0: found 'nas'; allowed: "),
        ("network: {allow_private: {ab: ['nas:0']}}", "must be from 1 to 65535"),
        ("network: {allow_private: {ab: ['http://nas:80']}}", "CIDR"),
        ("network: {proxy: 'proxy:3128'}", "network.proxy: found a value that is not shown; allowed: a URL such as"),
        ("providers: {github: {client_secret: x}}", "set client_id (and client_secret), or credential"),
        ("providers: {github: {client_id: a, secret_expires: soon}}", "a date such as 2027-01-31"),
        ("a: 1\na: 2", "line 2, column 1: the key 'a' stands twice"),
        ("- a", "found ['a']; keys with values such as"),
    ],
)
def test_a_wrong_file_stops_the_start_and_says_why(tmp_path: Path, text: str, told: str) -> None:
    assert told in refused(tmp_path, text)
    assert str(tmp_path / "config.yaml") in refused(tmp_path, text)


@pytest.mark.parametrize(
    ("env", "told"),
    [
        ({"HUB_LISTEN__PROT": "1"}, "HUB_LISTEN__PROT: there is no such setting. Did you mean HUB_LISTEN__PORT?"),
        ({"HUB_LISTEN": "x"}, "HUB_LISTEN: there is no such setting."),
        ({"HUB_ZZZ": "1"}, "Known are: HUB_PUBLIC_URL, "),
        ({"HUB_PORT": "tcp://10.0.0.1:80"}, "enableServiceLinks: false"),
        ({"HUB_LISTEN__PORT": "x"}, "HUB_LISTEN__PORT: listen.port: found 'x'; allowed: a whole number."),
        (
            {"HUB_NETWORK__INTERNAL": "10.0.0.0/8"},
            "HUB_NETWORK__INTERNAL: network.internal: found '10.0.0.0/8'; allowed: a list",
        ),
        ({"HUB_NETWORK__INTERNAL": "[a"}, "HUB_NETWORK__INTERNAL, line "),
    ],
)
def test_a_wrong_variable_stops_the_start_and_says_why(tmp_path: Path, env: dict[str, str], told: str) -> None:
    assert told in refused(tmp_path, "", env)


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    assert len(refused(tmp_path, "a: 1\nlisten: {port: x, host: ''}\nauth: {mode: 3}").splitlines()) == 4


@pytest.mark.parametrize("key", ["database_url: [s3cret]", "providers: {ab: {client_id: x, client_secret: [s3cret]}}"])
def test_a_wrong_secret_is_not_shown(tmp_path: Path, key: str) -> None:
    told = refused(tmp_path, key)
    assert "a value that is not shown" in told
    assert "s3cret" not in told


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_no_authentication_is_allowed_on_loopback(tmp_path: Path, host: str) -> None:
    assert read(tmp_path, f"auth: {{mode: none}}\nlisten: {{host: '{host}'}}").auth.mode == "none"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "hub.example.org"])  # noqa: S104
@pytest.mark.proves("GHSA-wvr4-3wq4-gpc5")
def test_no_authentication_is_refused_elsewhere(tmp_path: Path, host: str) -> None:
    told = refused(tmp_path, f"auth: {{mode: none}}\nlisten: {{host: '{host}'}}")
    assert "line 1: auth.mode: 'none' lets everyone in" in told
    assert "listen.host: 127.0.0.1" in told


@pytest.mark.parametrize(
    "place",
    [
        "localhost:9090",
        "NAS.lan:80",
        "127.0.0.1:8888",
        "[::1]:80",
        "10.0.0.0/8",
        "fd00::/8",
        "10.0.0.0/8:443",
        "10.1.2.3",
    ],
)
def test_a_private_place_is_read(tmp_path: Path, place: str) -> None:
    assert read(tmp_path, f"network: {{allow_private: {{ab: ['{place}']}}}}").network.allow_private["ab"] == (
        place.lower(),
    )


def test_a_folder_in_the_files_place_is_told_with_its_reason(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"is a folder, not a config file\. Docker makes one"):
        load(tmp_path, {})


def test_a_file_that_is_not_there_or_not_text_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="There is no config file"):
        load(tmp_path / "none.yaml", {})
    (tmp_path / "c.yaml").write_bytes(b"a: \xff")
    with pytest.raises(ConfigError, match="not UTF-8 text"):
        load(tmp_path / "c.yaml", {})


def test_settings_do_not_change_after_the_start(tmp_path: Path) -> None:
    config = read(tmp_path, "")
    with pytest.raises(ValidationError, match="frozen"):
        config.listen.port = 1


def test_a_data_folder_that_is_a_file_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(ConfigError, match="is a file; a folder is needed"):
        claim_data_dir(tmp_path / "data")


def test_a_data_folder_that_cannot_be_written_is_told_with_the_line_that_mends_it() -> None:
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        folder = Path(place) / "data"
        folder.mkdir(mode=0o555)
        told, uid = _claim_without_root(folder)
    assert f"(uid {os.geteuid()}) (mode 0555) and cannot be written by the hub" in told
    assert f"Run: chown -R {uid}:" in told


def test_a_data_folder_that_cannot_be_made_is_told_with_the_line_that_mends_it() -> None:
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o555)
        told, uid = _claim_without_root(Path(place) / "data")
        Path(place).chmod(0o755)
    assert "data cannot be made by" in told
    assert f"run: chown -R {uid}:" in told


def _claim_without_root(folder: Path) -> tuple[str, int]:
    """What claiming the folder says to a process without root's rights, and that process's user id."""
    code = (
        "import os, sys; from pathlib import Path; from hub.config import claim_data_dir\n"
        "if os.geteuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "print(os.geteuid(), flush=True)\n"
        "claim_data_dir(Path(sys.argv[1]))\n"
    )
    command = [sys.executable, "-c", code, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=EXAMPLE.parent, check=False)
    assert "ConfigError" in done.stderr, done.stderr
    return done.stderr, int(done.stdout)
