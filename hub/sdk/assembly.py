"""Assembly: from an author's declaration, YAML, Python or both, to one ``CompiledConnector``.

Where the two forms meet: reserved arguments, lookups, schemas, names and the rules both must keep. Not a
loader: it is handed parsed YAML and an imported ``Connector``, and touches no file.
"""

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

from hub.errors import ConnectorError
from hub.sdk.connector import Connector, PromptDraft, ResourceDraft, ToolDraft
from hub.sdk.content import Audio, Embedded, File, Image, Link, Message, Page, Result, Text
from hub.sdk.http import host_of
from hub.sdk.names import connector_name
from hub.sdk.placeholders import Pattern
from hub.sdk.schema import Signature, answer_schema, relaxed, validator
from hub.sdk.setting import Setting
from hub.sdk.shape import Naming, Shape, finish, title_of
from hub.sdk.tool import Argument, CompiledConnector, Function, Prompt, Resource, Tool

_BLOCKS = (Text, Image, Audio, File, Embedded, Link, Message, Result)
_VARIABLE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


def python_tool(draft: ToolDraft, naming: Naming) -> Tool:
    """A tool from a decorated function. Raises ``ConnectorError``."""
    where = f"tool {draft.name}"
    signature = Signature(draft.function, where)
    paged = "cursor" in signature.properties
    verbatim = dict(draft.input) if draft.input is not None else None
    output = relaxed(draft.output) if draft.output is not None else None
    if draft.output is None:
        output = answer_schema(signature.answer, where, blocks=_BLOCKS, page=Page)
    passed = _as_given if verbatim is not None else signature.convert
    shape = Shape(
        name=draft.name,
        properties=dict(signature.properties) if verbatim is None else {},
        required=list(signature.required),
        draft={
            "title": draft.title,
            "description": draft.description,
            "effect": draft.effect,
            "summary": draft.summary,
            "egress": draft.egress,
            "scopes": draft.scopes,
            "idempotent": draft.idempotent,
            "untrusted": draft.untrusted,
            "renamed_from": draft.renamed_from,
            "lookups": draft.lookups,
            "timeout": draft.timeout,
            "meta": draft.meta,
        },
        run=_function(draft.function, signature, passed),
        output=output,
        paged=paged,
        verbatim=verbatim,
    )
    return finish(shape, naming)


def _as_given(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return dict(arguments)


def _function(
    function: Callable[..., Any], signature: Signature, convert: Callable[[Mapping[str, Any]], dict[str, Any]]
) -> Function:
    return Function(
        call=function,
        takes_context=signature.context is not None,
        threaded=not inspect.iscoroutinefunction(function),
        convert=convert,
        context_name=signature.context or "ctx",
    )


def python_resource(draft: ResourceDraft, naming: Naming) -> Resource:
    """A resource from a decorated function. Raises ``ConnectorError``."""
    where = f"resource {draft.uri}"
    variables = resource_variables(draft.uri, naming, where)
    signature = Signature(draft.function, where)
    if set(signature.names) != set(variables):
        raise ConnectorError(
            f"{where}: its parameters must be exactly its variables: {', '.join(variables) or 'none'}."
        )
    _known_completions(draft.complete, variables, where)
    return Resource(
        uri=draft.uri,
        name=draft.name,
        title=draft.title or title_of(draft.name),
        description=draft.description or "",
        run=_function(draft.function, signature, signature.convert),
        mime_type=draft.mime_type,
        variables=variables,
        completions=dict(draft.complete),
    )


def resource_variables(uri: str, naming: Naming, where: str) -> tuple[str, ...]:
    """The variables of a resource URI, which must begin with the connector's own scheme."""
    if not uri.startswith(f"{naming.connector}://"):
        raise ConnectorError(f"{where}: the URI must begin with {naming.connector}://")
    variables = tuple(_VARIABLE.findall(uri))
    if "{" in _VARIABLE.sub("", uri) or len(set(variables)) != len(variables):
        raise ConnectorError(f"{where}: variables are written {{name}}, each once.")
    return variables


def _known_completions(complete: Mapping[str, Any], names: tuple[str, ...], where: str) -> None:
    unknown = sorted(set(complete) - set(names))
    if unknown:
        raise ConnectorError(f"{where}: complete names {', '.join(unknown)}, which it does not have.")


def python_prompt(draft: PromptDraft, naming: Naming) -> Prompt:
    """A prompt from a decorated function. Raises ``ConnectorError``."""
    where = f"prompt {draft.name}"
    naming.full(draft.name)
    signature = Signature(draft.function, where)
    arguments = tuple(
        Argument(name, str(one.get("description", "")), name in signature.required)
        for name, one in signature.properties.items()
    )
    _known_completions(draft.complete, signature.names, where)
    return Prompt(
        name=draft.name,
        title=draft.title or title_of(draft.name),
        description=draft.description or title_of(draft.name),
        arguments=arguments,
        run=_function(draft.function, signature, signature.convert),
        completions=dict(draft.complete),
    )


def check_settings(settings: Mapping[str, Setting]) -> None:
    """Raise ``ConnectorError`` for a setting that may stand in a host without a pattern, or a broken pattern."""
    for setting in settings.values():
        if setting.host and not setting.pattern:
            raise ConnectorError(f"setting {setting.name}: host: true needs a pattern that matches the whole value.")
        if setting.pattern:
            validator({"type": "string", "pattern": setting.pattern}, f"setting {setting.name}")


def check_lookups(tools: Mapping[str, Tool]) -> None:
    """Raise ``ConnectorError`` when a lookup does not name a read tool of the same connector."""
    for tool in tools.values():
        for argument, source in tool.lookups.items():
            if source not in tools or tools[source].effect != "read":
                raise ConnectorError(
                    f"tool {tool.name}: the lookup of {argument} must name a read tool, not {source!r}."
                )


def check_base(base_url: str | None, settings: Mapping[str, Setting], *, provider: str | None = None) -> None:
    """Raise ``ConnectorError`` when something other than a host setting stands in the host of ``base_url``.

    The settings of a ``provider`` are not known here: whoever joins the two looks again
    (``sdk.provider.compilation.check_joined``).
    """
    if base_url is None:
        return
    pattern = Pattern.parse(base_url)
    url = ""
    pieces = pattern.pieces
    if provider is not None and pieces and not isinstance(pieces[0], str) and pieces[0][0].startswith("base."):
        # Where that leads depends on the account; its provider's declaration says so.
        if len(pieces) > 1 and not (isinstance(pieces[1], str) and pieces[1].startswith("/")):
            raise ConnectorError(f"base_url: {{{pieces[0][0]}}} is a whole address; a path follows it, or nothing.")
        url, pieces = "https://base", pieces[1:]
    for piece in pieces:
        if isinstance(piece, str):
            url += piece
            continue
        room, _, name = piece[0].partition(".")
        if room == "base":
            raise ConnectorError(
                f"base_url: {{{piece[0]}}} stands at the beginning, and needs a provider whose ways have bases."
            )
        if room not in ("settings", "account"):
            raise ConnectorError(f"base_url: {{{piece[0]}}}: only {{settings.x}} and {{account.x}} may stand here.")
        theirs = provider is not None and name not in settings
        if url.count("/") < 3 and (room != "settings" or not (theirs or (name in settings and settings[name].host))):
            raise ConnectorError(f"base_url: {{{piece[0]}}} stands in the host and must be a setting with host: true.")
        url += "x"
    host_of(url)


def assemble(
    name: str, *, base: CompiledConnector | None, python: Connector | None, prefix: bool = True
) -> CompiledConnector:
    """One connector of what was declared (``base``, from YAML) and what is written in Python.

    Raises ``ConnectorError`` when a name stands in both, or a rule of the contract is broken.
    """
    connector_name(name)
    if python is None:
        if base is None:
            raise ConnectorError("there is neither a declaration nor a variable `connector`.")
        check_lookups(base.tools)
        return base
    if python.beside_yaml and base is None:
        raise ConnectorError("Connector.here() needs a connector.yaml in the same folder.")
    if base is not None and not python.beside_yaml:
        raise ConnectorError("the folder has a connector.yaml; use `connector = Connector.here()` to add tools to it.")
    provider = base.provider if base else python.provider
    naming = Naming(name, prefix, provider)
    python.once("tool", (draft.name for draft in python.tools))
    python.once("prompt", (draft.name for draft in python.prompts))
    python.once("resource", (draft.uri for draft in python.resources))
    tools = {draft.name: python_tool(draft, naming) for draft in python.tools}
    prompts = {draft.name: python_prompt(draft, naming) for draft in python.prompts}
    resources = tuple(python_resource(draft, naming) for draft in python.resources)
    if base is not None:
        twice = sorted((set(tools) & set(base.tools)) | (set(prompts) & set(base.prompts)))
        if twice:
            raise ConnectorError(f"{', '.join(twice)} is declared in connector.yaml and in Python; keep one.")
        merged = {**base.tools, **tools}
        check_lookups(merged)
        return CompiledConnector(
            name=name,
            title=base.title,
            description=base.description,
            version=base.version,
            category=base.category,
            tools=merged,
            resources=base.resources + resources,
            prompts={**base.prompts, **prompts},
            base_url=base.base_url,
            hosts=base.hosts,
            headers=base.headers,
            settings=base.settings,
            provider=base.provider,
            auth=base.auth,
            instructions=base.instructions,
            reading=base.reading,
            warnings=base.warnings + tuple(naming.warnings),
        )
    check_settings(python.settings)
    check_base(python.base_url, python.settings, provider=python.provider)
    check_lookups(tools)
    if not python.title:
        naming.warn("connector", "title is missing")
    return CompiledConnector(
        name=name,
        title=python.title or title_of(name),
        description=python.description,
        version=python.version,
        category=python.category,
        tools=tools,
        resources=resources,
        prompts=prompts,
        base_url=python.base_url,
        hosts=tuple(host.lower() for host in python.hosts),
        headers=python.headers,
        settings=python.settings,
        provider=provider,
        instructions=python.instructions,
        warnings=tuple(naming.warnings),
    )
