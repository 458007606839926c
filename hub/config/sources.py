"""Reading the settings: the config file, under the environment variables.

Not a parser of ``.env`` files and no reader of the process's own environment: the variables are passed in, so that a
test or a second hub in one process says what it sees.
"""

import difflib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from hub import yaml
from hub.config.data_dir import user_name
from hub.config.keys import PREFIX, entry_of, is_container, is_secret, kind_of, section_of, variables
from hub.config.model import Config
from hub.config.problems import Keys, problems
from hub.errors import ConfigError

NOT_SETTINGS = frozenset({"HUB_CI", "HUB_CONFIG"})
"""Variables that are known and ignored here: the test runs' and the command line's own."""

_KUBERNETES = re.compile(r"HUB_(SERVICE_HOST|SERVICE_PORT.*|PORT(_[0-9]+_(TCP|UDP).*)?)")


def load(path: Path | None, env: Mapping[str, str]) -> Config:
    """The settings from the file at ``path`` (None: defaults only) under the ``HUB_*`` variables of ``env``.

    Relative paths are meant from the file's folder, without a file from the working directory. Raises
    ``ConfigError`` naming every wrong key or variable.
    """
    file = _read(path) if path is not None else yaml.Map()
    given = _from_environment(Config, env)
    data = _overlay(_without_empty_sections(Config, yaml.plain(file)), given.values)
    folder = path.absolute().parent if path is not None else Path.cwd()
    try:
        return Config.model_validate(data, context={"folder": folder})
    except ValidationError as wrong:
        name = str(path) if path is not None else "the settings"
        raise ConfigError("\n".join(problems(Config, wrong, data, file, name, given.origins))) from None


def _read(path: Path) -> yaml.Map:
    """The config file as a mapping; raises ``ConfigError``."""
    if path.is_dir():
        raise ConfigError(
            f"{path} is a folder, not a config file. Docker makes one when a file that does not exist is mounted: "
            "remove the folder, create the file on the host (config.example.yaml shows every key) and start again."
        )
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise ConfigError(f"There is no config file {path}. config.example.yaml shows every key.") from None
    except UnicodeDecodeError as wrong:
        raise ConfigError(f"{path} is not UTF-8 text (byte {wrong.start}). Save it as UTF-8.") from None
    except OSError as wrong:
        me = user_name(os.geteuid())
        raise ConfigError(f"{path} cannot be read: {wrong.strerror}. The hub runs as {me}.") from None
    try:
        data = yaml.load(text, str(path))
    except yaml.YamlError as wrong:
        raise ConfigError(str(wrong)) from None
    if data is None:
        return yaml.Map()
    if not isinstance(data, yaml.Map):
        raise ConfigError(f"{path}: found {data!r:.60}; keys with values such as `data_dir: ./data` are needed.")
    return data


def _without_empty_sections(model: type[BaseModel], values: dict[str, Any]) -> dict[str, Any]:
    """Without the sections all of whose keys are commented out: they keep their defaults."""
    kept: dict[str, Any] = {}
    for key, value in values.items():
        kind = kind_of(model, [key])
        section = section_of(kind)
        if value is None and (section is not None or entry_of(kind) is not None):
            continue
        kept[key] = _without_empty_sections(section, value) if section and isinstance(value, dict) else value
    return kept


def _overlay(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """``under`` with ``over`` laid on it, mapping by mapping; lists and words are replaced whole."""
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key, {})
        if not isinstance(value, dict):
            merged[key] = value
        elif isinstance(below, Mapping):
            merged[key] = _overlay(below, value)
    return merged


@dataclass(slots=True)
class _Given:
    """What the environment says: ``values`` nested as in the file, ``origins`` the variable behind each key."""

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[Keys, str] = field(default_factory=dict)


def _from_environment(model: type[BaseModel], env: Mapping[str, str]) -> _Given:
    """The settings of ``model`` among ``env``.

    ``HUB_LISTEN__PORT`` is ``listen.port``; ``HUB_DATABASE_URL_FILE`` names a file with the value of a secret key.
    Lists and mappings are written as YAML (``[a, b]``). An empty variable counts as not set. Raises ``ConfigError``
    for unknown variables and unreadable files.
    """
    given = _Given()
    wrong: list[str] = []
    for name in sorted(name for name in env if name.startswith(PREFIX) and name not in NOT_SETTINGS):
        try:
            _take(model, name, env[name], given)
        except ConfigError as problem:
            wrong.append(str(problem))
    if wrong:
        raise ConfigError("\n".join(wrong))
    return given


def _take(model: type[BaseModel], name: str, text: str, given: _Given) -> None:
    keys = tuple(part.lower() for part in name.removeprefix(PREFIX).split("__"))
    kind = kind_of(model, keys)
    if kind is None and name.endswith("_FILE"):
        keys = (*keys[:-1], keys[-1].removesuffix("_file"))
        kind = kind_of(model, keys)
        if kind is not None and not is_secret(kind):
            raise ConfigError(f"{name}: {'.'.join(keys)} is no secret and is not read from a file; set {name[:-5]}.")
        if kind is not None and text:
            text = _secret_file(name, text)
    if kind is None or section_of(kind) is not None:
        raise ConfigError(_unknown(model, name))
    if not text:
        return
    if keys in given.origins:
        raise ConfigError(f"{name}: {given.origins[keys]} is set too; set only one of them.")
    value: Any = text
    if is_container(kind):
        try:
            value = yaml.plain(yaml.load(text, name))
        except yaml.YamlError as wrong:
            raise ConfigError(f"{wrong} Lists are written [a, b], mappings {{a: b}}.") from None
    section = given.values
    for key in keys[:-1]:
        section = section.setdefault(key, {})
    section[keys[-1]] = value
    given.origins[keys] = name


def _secret_file(name: str, path: str) -> str:
    try:
        return Path(path).read_text("utf-8").rstrip("\r\n")
    except OSError as wrong:
        raise ConfigError(f"{name}: the file {path} cannot be read: {wrong.strerror}.") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{name}: the file {path} is not UTF-8 text.") from None


def _unknown(model: type[BaseModel], name: str) -> str:
    names = list(variables(model))
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.75)
    hint = f" Did you mean {close[0]}?" if close else f" Known are: {', '.join(names)}."
    if _KUBERNETES.fullmatch(name):
        hint = " Kubernetes sets it for a Service named hub; set enableServiceLinks: false on the pod."
    return f"{name}: there is no such setting.{hint}"
