"""What is sent: messages and headers that are nearly right, or not at all.

Mostly well-formed, so that they come through to where there is something to break; everything may be wrong anywhere.
"""

import re
from typing import Any

import orjson
from hypothesis import strategies as st

MODERN = "2026-07-28"
LEGACY = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
META = "io.modelcontextprotocol/"

METHODS = (
    *("initialize", "ping", "tools/list", "tools/call", "resources/list", "resources/read", "resources/templates/list"),
    *("prompts/list", "prompts/get", "completion/complete", "logging/setLevel", "resources/subscribe"),
    *("resources/unsubscribe", "server/discover", "subscriptions/listen", "tasks/get", "tasks/update", "tasks/cancel"),
    *("tasks/list", "tasks/result", "notifications/initialized", "notifications/cancelled", "notifications/progress"),
    *("sampling/createMessage", "elicitation/create", "roots/list", "skills/list"),
)
NAMES = ("things_echo", "things_note", "things_greet", "away_look", "things_words", "hub_connect", "")
URIS = ("things://one", "things://", "things://a%2Fb", "things://%ff", "file:///etc/passwd", "https://example.com/")

text = st.text(max_size=40)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False), text
)
json = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(text, inner, max_size=4)),
    max_leaves=12,
)


def mostly(right: st.SearchStrategy[Any], wrong: st.SearchStrategy[Any] = json) -> st.SearchStrategy[Any]:
    """``right`` four times of five."""
    return st.integers(0, 4).flatmap(lambda number: wrong if number == 0 else right)


def object_of(**members: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """An object with any of these members."""
    return st.fixed_dictionaries({}, optional=members)


capabilities = mostly(
    object_of(
        elicitation=mostly(st.just({"form": {}})),
        sampling=json,
        roots=json,
        extensions=mostly(st.just({"io.modelcontextprotocol/tasks": {}})),
        tasks=json,
    )
)
versions = mostly(st.sampled_from((MODERN, *LEGACY)), st.one_of(text, json))
arguments = mostly(
    object_of(words=mostly(text), number=mostly(st.integers(-9, 9)), deep=json, id=mostly(text), about=mostly(text))
)
answers = st.dictionaries(st.sampled_from(("who", "other")), object_of(action=text, content=json), max_size=2)
params = mostly(
    object_of(
        name=mostly(st.sampled_from(NAMES)),
        uri=mostly(st.sampled_from(URIS)),
        arguments=arguments,
        cursor=json,
        level=mostly(st.sampled_from(("info", "error", "loud"))),
        protocolVersion=versions,
        capabilities=capabilities,
        clientInfo=json,
        ref=mostly(
            object_of(
                type=st.sampled_from(("ref/prompt", "ref/resource", "")),
                name=st.sampled_from(NAMES),
                uri=st.sampled_from(("things://{name}", *URIS)),
            )
        ),
        argument=mostly(object_of(name=mostly(st.just("about")), value=mostly(text))),
        context=json,
        notifications=mostly(
            object_of(
                toolsListChanged=mostly(st.booleans()),
                resourceSubscriptions=mostly(st.lists(st.sampled_from(URIS), max_size=3)),
                taskIds=mostly(st.lists(text, max_size=3)),
            )
        ),
        inputResponses=mostly(answers),
        requestState=mostly(text),
        taskId=mostly(text),
        task=json,
        requestId=json,
        progress=json,
    )
)
ids = mostly(st.one_of(st.integers(0, 9), text))


@st.composite
def messages(draw: st.DrawFn, *, modern: bool) -> Any:
    """One JSON-RPC message of an era, or something like it."""
    if draw(st.integers(0, 19)) == 0:
        return draw(json)
    method = draw(mostly(st.sampled_from(METHODS), text))
    given = draw(params)
    if modern and isinstance(given, dict) and draw(st.integers(0, 9)) < 9:
        meta: dict[str, Any] = {META + "protocolVersion": draw(mostly(st.just(MODERN)))}
        meta[META + "clientCapabilities"] = draw(capabilities)
        meta |= draw(object_of(progressToken=json, **{META + "logLevel": json, META + "clientInfo": json}))
        given = {**given, "_meta": meta}
    message: dict[str, Any] = {"jsonrpc": draw(mostly(st.just("2.0")))} | draw(object_of(id=ids, extra=json))
    kind = draw(st.integers(0, 19))
    if kind == 0:
        return message | {"result": draw(json)}
    if kind == 1:
        return message | {"error": draw(json)}
    return message | {"method": method} | ({"params": given} if draw(st.integers(0, 9)) else {})


@st.composite
def bodies(draw: st.DrawFn, *, modern: bool) -> tuple[bytes, Any]:
    """A body, and the message it was made from where it was."""
    kind = draw(st.integers(0, 29))
    if kind == 0:
        return draw(st.binary(max_size=200)), None
    if kind == 1:
        depth = draw(st.integers(1, 2000))
        return b"[" * depth + b"]" * depth, None
    if kind == 2:
        batch = draw(st.lists(messages(modern=modern), max_size=6))
        return orjson.dumps(batch), batch
    message = draw(messages(modern=modern))
    body = orjson.dumps(message)
    if kind == 3:
        at = draw(st.integers(0, len(body)))
        return body[:at] + draw(st.binary(max_size=3)) + body[at:], None
    return body, message


field_bytes = st.one_of(
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60).map(str.encode),
    st.binary(max_size=60).map(lambda held: held.replace(b"\r", b"").replace(b"\n", b"").replace(b"\0", b"")),
)
accepts = mostly(
    st.sampled_from((b"application/json, text/event-stream", b"application/json", b"text/event-stream", b"*/*")),
    field_bytes,
)
odd_fields = st.dictionaries(
    st.sampled_from(
        (
            *(b"Mcp-Session-Id", b"Last-Event-ID", b"Origin", b"X-Forwarded-For", b"Accept-Encoding", b"X-Thing"),
            *(b"Forwarded", b"Cookie", b"Range", b"If-None-Match", b"Content-Encoding", b"Expect", b"Upgrade"),
            b"Mcp-Param-words",
        )
    ),
    mostly(st.sampled_from((b"null", b"1", b"gzip", b"100-continue", b"bytes=0-1", b"http://127.0.0.1")), field_bytes),
    max_size=2,
)


def request_of(method: bytes, target: bytes, fields: list[tuple[bytes, bytes]], body: bytes) -> bytes:
    """A request as bytes, rightly framed."""
    lines = [method + b" " + target + b" HTTP/1.1"] + [name + b": " + value for name, value in fields]
    if body or method in (b"POST", b"PUT"):
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


@st.composite
def posts(draw: st.DrawFn, token: str, *, modern: bool) -> bytes:
    """A POST to the endpoint in an era's manner."""
    body, message = draw(bodies(modern=modern))
    fields = _fields(draw, token)
    fields.append((b"Content-Type", draw(mostly(st.just(b"application/json"), field_bytes))))
    version = MODERN if modern else draw(st.sampled_from(LEGACY))
    if draw(st.integers(0, 19)):
        fields.append((b"MCP-Protocol-Version", draw(mostly(st.just(version.encode()), field_bytes))))
    if modern and isinstance(message, dict):
        given = message.get("params")
        named = given.get("name", given.get("uri")) if isinstance(given, dict) else None
        for name, value in ((b"Mcp-Method", message.get("method")), (b"Mcp-Name", named)):
            if isinstance(value, str) and value.isascii() and value.isprintable() and draw(st.integers(0, 9)):
                fields.append((name, draw(mostly(st.just(value.encode()), field_bytes))))
    return request_of(b"POST", draw(st.sampled_from((b"/mcp", b"/mcp/"))), fields, body)


@st.composite
def visits(draw: st.DrawFn, token: str) -> bytes:
    """GET, DELETE and other methods at the endpoint."""
    fields = _fields(draw, token)
    fields += draw(st.lists(st.tuples(st.just(b"MCP-Protocol-Version"), versions.map(_word)), max_size=2))
    method = draw(st.sampled_from((b"GET", b"DELETE", b"OPTIONS", b"HEAD", b"PUT", b"PATCH", b"QUERY")))
    return request_of(method, draw(st.sampled_from((b"/mcp", b"/mcp/", b"/mcp/x"))), fields, draw(_small))


PAGES = (
    *(b"/", b"/setup/", b"/setup/%SECRET%x", b"/.well-known/oauth-protected-resource", b"/readyz", b"/metrics"),
    *(b"/.well-known/oauth-protected-resource/mcp", b"/.well-known/", b"/healthz", b"/static/hub.css", b"/static/"),
    *(b"/static/..%2f..%2fapp.py", b"/callback/x", b"/console", b"/favicon.ico"),
)
FORMS = (
    *(b"application/x-www-form-urlencoded", b"application/x-www-form-urlencoded; charset=no-such"),
    *(b"multipart/form-data", b"multipart/form-data; boundary=x", b"text/plain", b"application/json"),
)
_small = st.one_of(st.just(b""), st.binary(max_size=50))


@st.composite
def pages(draw: st.DrawFn, token: str, secret: str, paths: tuple[bytes, ...]) -> bytes:
    """A request for one of the other routes, or for something near it. ``paths`` are all that the hub has."""
    known = [re.sub(rb"\{[^}]*\}", secret.encode() + b"x", one) for one in paths if not one.startswith(b"/mcp")]
    path = draw(st.sampled_from((*PAGES, *known))).replace(b"%SECRET%", secret.encode())
    more = draw(
        mostly(st.just(b""), st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=40).map(str.encode))
    )
    fields = _fields(draw, token)
    method = draw(st.sampled_from((b"GET", b"GET", b"POST", b"HEAD", b"PUT", b"DELETE")))
    if method == b"POST":
        fields.append((b"Content-Type", draw(mostly(st.sampled_from(FORMS), field_bytes))))
    return request_of(method, path + more, fields, draw(_small))


def _fields(draw: st.DrawFn, token: str) -> list[tuple[bytes, bytes]]:
    fields = [
        (b"Host", draw(mostly(st.just(b"127.0.0.1"), field_bytes)) if not draw(st.integers(0, 9)) else b"localhost")
    ]
    if draw(st.integers(0, 9)):
        fields.append((b"Authorization", b"Bearer " + token.encode()))
    else:
        fields.append((b"Authorization", draw(field_bytes)))
    if draw(st.integers(0, 9)):
        fields.append((b"Accept", draw(accepts)))
    return fields + list(draw(odd_fields).items())


def _word(value: Any) -> bytes:
    return value.encode("ascii", "replace").replace(b"\r", b"").replace(b"\n", b"") if isinstance(value, str) else b"1"


raw = st.one_of(
    st.binary(min_size=1, max_size=300),
    st.tuples(
        st.sampled_from((b"GET / HTTP/1.1\r\n", b"POST /mcp HTTP/1.1\r\n", b"PRI * HTTP/2.0\r\n")), st.binary()
    ).map(lambda pair: pair[0] + pair[1]),
    st.tuples(field_bytes, field_bytes).map(
        lambda pair: b"GET " + pair[0] + b" HTTP/1.1\r\nHost: " + pair[1] + b"\r\n"
    ),
    st.integers(0, 20_000).map(lambda size: b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * size + b"\r\n\r\n"),
    st.sampled_from((b"chunked", b"chunked, gzip", b"gzip")).flatmap(
        lambda coding: st.binary(max_size=50).map(
            lambda held: b"POST /mcp HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: " + coding + b"\r\n\r\n" + held
        )
    ),
)
"""What is hardly HTTP."""
