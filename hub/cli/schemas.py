"""``hub schema``: the JSON Schemas by which an editor completes and checks what people write. Not the checks of the
hub itself, which know more than a schema can say."""

from enum import StrEnum
from typing import Annotated, Any

import orjson
import typer
from pydantic import BaseModel

from hub.config import Config
from hub.sdk.declaration import ConnectorDeclaration
from hub.sdk.provider import ProviderDeclaration
from hub.testing import Recording

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class Subject(StrEnum):
    """What there is a schema of."""

    CONNECTOR = "connector"
    PROVIDER = "provider"
    DESCRIBED = "described"
    SERVER = "server"
    CONFIG = "config"
    RECORDING = "recording"


MODELS: dict[Subject, type[BaseModel]] = {
    Subject.CONNECTOR: ConnectorDeclaration,
    Subject.PROVIDER: ProviderDeclaration,
    Subject.CONFIG: Config,
    Subject.RECORDING: Recording,
}


def schema(
    subject: Annotated[Subject, typer.Argument(help="What the schema is of.")],
) -> None:
    """Print a JSON Schema for editors.

    It is that of a connector's YAML, of a provider's, of an imported connector's, of an MCP server's, of the config
    file or of a recording.

    Save it beside your files (hub schema connector > connector.schema.json) and begin each file with the line
    # yaml-language-server: $schema=connector.schema.json
    """
    typer.echo(orjson.dumps(document(subject), option=orjson.OPT_INDENT_2).decode())


def _model(subject: Subject) -> type[BaseModel]:
    if subject is Subject.DESCRIBED:
        from hub.importers.declaration import DescribedDeclaration

        return DescribedDeclaration
    if subject is Subject.SERVER:
        from hub.importers.foreign.declaration import ServerDeclaration

        return ServerDeclaration
    return MODELS[subject]


def document(subject: Subject) -> dict[str, Any]:
    """The schema of ``subject``, whole."""
    file = f"{subject.value}.schema.json"
    return {
        "$schema": DIALECT,
        "$comment": f"Save this as {file} and begin a file with: # yaml-language-server: $schema={file}",
        **_model(subject).model_json_schema(by_alias=True),
    }
