"""``hub new``: a connector's folder to begin from, which works at once: declaration or code, recordings, README.

The files are templates in ``templates/``, with ``@name@`` places. Not a wizard: it asks nothing and registers nothing.
"""

from pathlib import Path
from typing import Annotated

import typer

from hub.errors import HubError
from hub.sdk.names import connector_name

TEMPLATES = Path(__file__).with_name("templates")

RECORDINGS = ("list_countries.yaml", "list_holidays.yaml", "list_holidays.unknown_country.yaml")


def new(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The connector's name: 2 to 20 of a-z, 0-9 and _, the first a letter.")
    ],
    python: Annotated[bool, typer.Option("--python", help="Write it in Python.")] = False,
    yaml: Annotated[bool, typer.Option("--yaml", help="Write it in YAML (the default).")] = False,
    into: Annotated[Path, typer.Option(metavar="DIR", help="Where its folder is made.")] = Path("."),
) -> None:
    """Make a connector to begin from.

    It is a folder with its recordings and a README, and works at once, with an API that needs no account.
    """
    if python and yaml:
        raise typer.BadParameter("give --python or --yaml, not both.", param_hint="--python")
    folder = scaffold(connector_name(name), into, python=python)
    typer.echo(f"{folder} was made. Now:\n\n    hub check {folder}\n\nIts README.md says how to go on.")


def scaffold(name: str, into: Path, *, python: bool) -> Path:
    """Write the folder of a new connector below ``into`` and return it; never overwrites anything.

    Raises ``HubError`` when something of that name is there already, or it cannot be written.
    """
    folder = into / name
    for taken in (folder, *(folder.with_suffix(suffix) for suffix in (".yaml", ".yml", ".py"))):
        if taken.exists():
            raise HubError(f"{taken} is there already; choose another name, or another folder with --into.")
    source = "__init__.py" if python else "connector.yaml"
    words = {
        "name": name,
        "title": name.replace("_", " ").capitalize(),
        "source": source,
        # YAML leaves out what the app does not say; the Python class has an empty list for it.
        "none": ", regions: []" if python else "",
    }
    try:
        (folder / "recordings").mkdir(parents=True)
        for file in (source, "README.md"):
            (folder / file).write_text(_filled(file, words), "utf-8")
        for file in RECORDINGS:
            (folder / "recordings" / file).write_text(_filled(file, words), "utf-8")
    except OSError as wrong:
        raise HubError(f"{wrong.filename} cannot be written: {wrong.strerror}.") from None
    return folder


def _filled(file: str, words: dict[str, str]) -> str:
    text = (TEMPLATES / f"{file}.txt").read_text("utf-8")
    for word, value in words.items():
        text = text.replace(f"@{word}@", value)
    return text
