"""Google's Discovery documents read into operations, one for each method, with uploads and downloads of their own.

Source: Google API Discovery Service, "Using the API Description". Not a detour over OpenAPI: ``{+name}`` spans
segments, what a body requires is said per method, and numbers of 64 bits are strings.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from hub.errors import ConnectorError
from hub.importers.operation import Body, Description, Given, Operation, Server
from hub.importers.references import Pool
from hub.importers.texts import prose

SCHEME = "oauth2"
_MAX_DEPTH = 20


def read_discovery(document: dict[str, Any], file: str) -> Description:
    """The description in a Discovery document (``restDescription``). Raises ``ConnectorError`` when it is none."""
    if "discoveryVersion" not in document and document.get("kind") != "discovery#restDescription":
        raise ConnectorError(f"{file}: not a Google Discovery document (it has no key discoveryVersion).")
    pool = Pool(document, schema_names=True)
    root = str(document.get("rootUrl") or "")
    service = str(document.get("servicePath") or "")
    base = f"{root.rstrip('/')}/{service.strip('/')}".rstrip("/") if root else str(document.get("baseUrl") or "")
    auth = document.get("auth")
    found = Description(
        kind="discovery",
        title=str(document.get("title") or document.get("name") or "An API"),
        version=str(document.get("version") or ""),
        text=prose(str(document.get("description") or "")),
        servers=[Server(base)] if base else [],
        operations=[],
        schemes={SCHEME: {"type": "oauth2"}} if isinstance(auth, dict) and auth else {},
        pool=pool,
    )
    common = document.get("parameters")
    shared = {"fields": common["fields"]} if isinstance(common, dict) and isinstance(common.get("fields"), dict) else {}
    for subject, name, method in _methods(document, (), 0):
        made = _operation(pool, subject, name, method, shared)
        found.operations.append(made)
        if method.get("supportsMediaDownload") is True and made.method == "GET":
            found.operations.append(_download(made))
        upload = _upload(made, method, root.rstrip("/"))
        if upload is not None:
            found.operations.append(upload)
    if not found.operations:
        found.warnings.append("the description has no methods")
    return found


def _methods(
    node: Mapping[str, Any], subject: tuple[str, ...], depth: int
) -> Iterator[tuple[tuple[str, ...], str, Mapping[str, Any]]]:
    methods = node.get("methods")
    for name, method in methods.items() if isinstance(methods, dict) else ():
        if isinstance(method, dict):
            yield subject, str(name), method
    resources = node.get("resources")
    for name, below in resources.items() if isinstance(resources, dict) and depth < _MAX_DEPTH else ():
        if isinstance(below, dict):
            yield from _methods(below, (*subject, str(name)), depth + 1)


def _operation(
    pool: Pool, subject: tuple[str, ...], name: str, method: Mapping[str, Any], shared: Mapping[str, Any]
) -> Operation:
    identifier = str(method.get("id") or ".".join((*subject, name)))
    path = str(method.get("path") or "")
    made = Operation(
        method=str(method.get("httpMethod") or "GET").upper(),
        path=f"/{path.lstrip('/')}",
        identifier=".".join((*subject, name)),
        description=str(method.get("description") or ""),
        tags=(subject[0],) if subject else (),
        deprecated=method.get("deprecated") is True,
        accept="application/json",
        own_key=identifier,
    )
    parameters = method.get("parameters")
    for key, raw in {**shared, **(parameters if isinstance(parameters, dict) else {})}.items():
        if isinstance(raw, dict):
            made.parameters.append(_parameter(key, raw))
    request = method.get("request")
    if isinstance(request, dict) and request.get("$ref"):
        made.body = Body("json", "application/json", _required(pool, request, identifier), required=False)
    scopes = [str(scope) for scope in method["scopes"]] if isinstance(method.get("scopes"), list) else []
    if scopes:
        made.security = [{SCHEME: [_narrowest(scopes, reads=made.method == "GET")]}]
    else:
        made.security = []
    return made


def _narrowest(scopes: list[str], *, reads: bool) -> str:
    """Of the scopes that would each do, the one that allows least."""
    fitting = [scope for scope in scopes if ("readonly" in scope) == reads] or scopes
    return max(fitting, key=lambda scope: (scope.count("."), scope.count("/"), -fitting.index(scope)))


def _parameter(name: str, raw: Mapping[str, Any]) -> Given:
    schema = {
        key: value for key, value in raw.items() if key not in ("location", "required", "repeated", "description")
    }
    repeated = raw.get("repeated") is True
    if repeated:
        schema = {"type": "array", "items": schema}
    path = raw.get("location") == "path"
    return Given(
        name=name,
        place="path" if path else "query",
        schema=schema,
        required=raw.get("required") is True or path,
        description=str(raw.get("description") or ""),
        style="simple" if path else "form",
        explode=not path,
    )


def _required(pool: Pool, request: Mapping[str, Any], identifier: str) -> Any:
    """The body's schema with the fields that ``annotations.required`` names for this method."""
    properties = pool.node(request).get("properties")
    needed = []
    for name, one in properties.items() if isinstance(properties, dict) else ():
        notes = one.get("annotations") if isinstance(one, dict) else None
        listed = notes.get("required") if isinstance(notes, dict) else None
        if isinstance(listed, list) and identifier in listed:
            needed.append(name)
    plain = {"$ref": request["$ref"]}
    return {"allOf": [plain], "required": needed} if needed else plain


def _download(made: Operation) -> Operation:
    """The same method with the content instead of the metadata."""
    return Operation(
        method="GET",
        path=f"{made.path}?alt=media",
        identifier=f"{made.identifier.rpartition('.')[0]}.download",
        description=f"The content itself, as a file. {made.description}",
        tags=made.tags,
        deprecated=made.deprecated,
        parameters=[one for one in made.parameters if one.name not in ("alt", "fields")],
        security=made.security,
        own_key=f"{made.own_key}?alt=media",
        media=True,
    )


def _upload(made: Operation, method: Mapping[str, Any], root: str) -> Operation | None:
    """The method's multipart upload: metadata and content in one request, at a path of its own."""
    media = method.get("mediaUpload")
    protocols = media.get("protocols") if isinstance(media, dict) else None
    simple = protocols.get("simple") if isinstance(protocols, dict) else None
    if not isinstance(simple, dict) or not isinstance(simple.get("path"), str) or not root:
        return None
    content = {"type": "string", "format": "binary", "description": "The content to upload."}
    multipart = simple.get("multipart") is True and made.body is not None
    if multipart and made.body is not None:
        metadata = {"description": "What is known about it.", "allOf": [made.body.schema]}
        schema: dict[str, Any] = {
            "type": "object",
            "properties": {"metadata": metadata, "media": content},
            "required": ["media"],
        }
        body = Body("multipart", "multipart/related", schema, required=True)
    else:
        body = Body("binary", "application/octet-stream", content, required=True, others=("*/*",))
    return Operation(
        method=made.method,
        path=f"{simple['path']}?uploadType={'multipart' if multipart else 'media'}",
        identifier=f"{made.identifier.rpartition('.')[0]}.upload_{made.identifier.rpartition('.')[2]}",
        description=f"With the content, as a file. {made.description}",
        tags=made.tags,
        deprecated=made.deprecated,
        parameters=[one for one in made.parameters if one.name != "uploadType"],
        body=body,
        accept="application/json",
        security=made.security,
        server=root,
        own_key=f"{made.own_key}?upload",
    )
