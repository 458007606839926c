"""Signing: a request with an account's credential on it, and a reply with every trace of it taken off.

Pure functions. Where a credential may go is decided by whoever calls them (``account.py``).
"""

import base64
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote, unquote_plus, urlsplit, urlunsplit

import orjson

from hub.errors import OperatorNeeded
from hub.sdk.http import Outgoing, Reply
from hub.sdk.placeholders import ABSENT, Pattern, Scope
from hub.sdk.provider import Method, Signing, pasted_fields
from hub.upstream.round_trip import Headers

HIDDEN = "[credential removed]"
"""What stands in a reply where an app repeated a credential."""

_PLAIN = re.compile(r"[A-Za-z0-9._~-]+")
"""What no encoding of the Web touches (RFC 3986, section 2.3)."""

_ENTITIES = {"&": b"&amp;", "<": b"&lt;", ">": b"&gt;", '"': b"&quot;", "'": b"&#39;"}
_KIND = "content-type"
_FORM = "application/x-www-form-urlencoded"

_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A header's name (RFC 9110, section 5.1)."""

_OWN = frozenset({"connection", "content-length", "content-type", "expect", "host", "te", "trailer", "upgrade"}) | {
    "content-encoding", "proxy-authorization", "transfer-encoding",
}  # fmt: skip
"""Headers that say how a request is sent or read."""

_SHORTEST = 6
"""Shorter values stand in replies for other reasons."""


def filled(text: str, scope: Scope) -> str:
    """A template's text; raises ``OperatorNeeded`` where a value is missing or would break a header."""
    value = Pattern.parse(text).text(scope, str)
    if value is ABSENT:
        raise OperatorNeeded("the provider's declaration names a value this account does not have; connect it again.")
    if any(char in value for char in "\r\n\0"):
        raise OperatorNeeded("a credential holds a line break, which no header can carry; connect the account again.")
    return str(value)


@dataclass(frozen=True, slots=True)
class Signature:
    """What one credential puts on every request it signs: made once for each of its versions."""

    headers: Mapping[str, str] = field(repr=False)
    names: frozenset[str]
    query: Mapping[str, str] = field(repr=False)
    body: Mapping[str, str] = field(repr=False)
    front: str = field(repr=False)

    @classmethod
    def of(cls, signing: Signing, scope: Scope) -> "Signature":
        """The declared signing, filled in. Raises ``OperatorNeeded``."""
        headers = {_named(name, scope): filled(value, scope) for name, value in signing.headers.items()}
        if signing.basic is not None:
            headers["Authorization"] = basic(filled(signing.basic, scope))
        query = {filled(name, scope): filled(value, scope) for name, value in signing.query.items()}
        body = {name: filled(value, scope) for name, value in signing.body.items()}
        front = ""
        if signing.path is not None:
            front = str(Pattern.parse(signing.path).text(scope, lambda value: quote(value, safe=":")))
        return cls(headers, frozenset(name.lower() for name in headers), query, body, front)

    def on(
        self,
        outgoing: Outgoing,
        private: tuple[str, ...] = (),
        again: Callable[[], Awaitable[None]] | None = None,
    ) -> Outgoing:
        """``outgoing`` with the credential on it; what the connector put in the same places is replaced. ``private``
        are the texts by which the credential is known (``traces``), ``again`` is asked before it is sent once more."""
        asked, url, body = outgoing.headers, outgoing.url, outgoing.body
        if asked and not self.names.isdisjoint([name.lower() for name in asked]):
            asked = {name: value for name, value in asked.items() if name.lower() not in self.names}
        headers = {**asked, **self.headers} if asked else self.headers
        if self.query:
            parts = urlsplit(url)
            pairs = [pair for pair in parts.query.split("&") if pair]
            pairs = [pair for pair in pairs if unquote(pair.partition("=")[0]) not in self.query]
            pairs += [f"{quote(name)}={quote(value, safe='')}" for name, value in self.query.items()]
            url = urlunsplit(parts._replace(query="&".join(pairs)))
        if self.front:
            parts = urlsplit(url)
            url = urlunsplit(parts._replace(path=self.front + parts.path))
        if self.body and body is not None:
            body, kind = in_body(
                self.body, body, next((headers[name] for name in headers if name.lower() == _KIND), "")
            )
            headers = {name: value for name, value in headers.items() if name.lower() != _KIND} | {"Content-Type": kind}
        repeatable, largest, standing = outgoing.repeatable, outgoing.largest, outgoing.standing
        return Outgoing(outgoing.method, url, headers, body, repeatable, private, largest, again, standing)


def _named(name: str, scope: Scope) -> str:
    """A header's name, filled in. Raises ``OperatorNeeded`` for one that is the request's own."""
    told = filled(name, scope)
    if told.lower() in _OWN or not _HEADER.fullmatch(told):
        raise OperatorNeeded(f"the header {told!r} cannot carry a credential; connect the account again.")
    return told


def in_body(fields: Mapping[str, str], body: bytes, kind: str) -> tuple[bytes, str]:
    """A body of the media type ``kind`` with these fields in it, in place of its own of the same names, and its type.
    An empty body becomes a form of them. Raises ``OperatorNeeded`` for a body that has no fields."""
    bare = kind.partition(";")[0].strip().lower()
    if not body or bare == _FORM:
        pairs = [pair for pair in body.split(b"&") if pair]
        pairs = [pair for pair in pairs if unquote_plus(pair.partition(b"=")[0].decode()) not in fields]
        pairs += [f"{quote(name, safe='')}={quote(value, safe='')}".encode() for name, value in fields.items()]
        return b"&".join(pairs), kind if body else _FORM
    if bare == "multipart/form-data" and body.startswith(b"--"):
        line, _, _ = body.partition(b"\r\n")
        parts = [
            f'Content-Disposition: form-data; name="{quote(name)}"\r\n\r\n{value}\r\n'.encode()
            for name, value in fields.items()
        ]
        return b"".join(line + b"\r\n" + part for part in parts) + body, kind
    if bare.endswith("json"):
        try:
            held = orjson.loads(body)
        except orjson.JSONDecodeError:
            held = None
        if isinstance(held, dict):
            return orjson.dumps({**held, **fields}), kind
    raise OperatorNeeded("its credential goes into the body of requests, and this one has no fields to put it in.")


def signed(outgoing: Outgoing, signing: Signing, scope: Scope, private: tuple[str, ...] = ()) -> Outgoing:
    """One request with a credential on it; ``private`` as in ``Signature.on``. Raises ``OperatorNeeded``."""
    return Signature.of(signing, scope).on(outgoing, private)


def basic(pair: str) -> str:
    """``user:password`` as HTTP Basic (RFC 7617)."""
    return "Basic " + base64.b64encode(pair.encode()).decode()


def secret_ones(method: Method, secrets: Mapping[str, Any]) -> dict[str, Any]:
    """What of an account's ``secrets`` is secret: a client id or user name that was pasted beside is not, and often is
    what the account is called."""
    plain = {name for name, field in pasted_fields(method).items() if not field.secret}
    return {name: value for name, value in secrets.items() if name not in plain}


def traces(secrets: Mapping[str, Any], signing: Signing, scope: Scope) -> tuple[str, ...]:
    """The texts by which the credential could be told from a reply, longest first."""
    values = [value for value in secrets.values() if isinstance(value, str)]
    if signing.basic is not None:
        values.append(basic(filled(signing.basic, scope)).removeprefix("Basic "))
    values += [quote(value, safe="") for value in values]
    return tuple(sorted({value for value in values if len(value) >= _SHORTEST}, key=len, reverse=True))


def added(before: Outgoing, after: Outgoing) -> tuple[str, ...]:
    """What a provider's own code put on a request, by which a reply is searched as for the credential itself."""
    known = set(before.headers.values())
    values = [value for value in after.headers.values() if value not in known]
    values += [part for value in values for part in value.split()]
    return tuple(sorted({value for value in values if len(value) >= _SHORTEST}, key=len, reverse=True))


def spellings(texts: Iterable[str]) -> tuple[re.Pattern[bytes], ...]:
    """Those of ``texts`` that may be spelled in several ways where an app repeats them: percent-encoded in part or
    twice, as JSON or HTML would. Others (letters, digits, ``-._~``) are only ever spelled as they are."""
    several = [text for text in texts if not _PLAIN.fullmatch(text) and unquote(text) == text]
    return tuple(re.compile(b"".join(map(_spelled, text))) for text in several)


def _spelled(char: str) -> bytes:
    """A pattern for all ways to write one character."""
    if _PLAIN.fullmatch(char):
        return re.escape(char.encode())
    code = ord(char)
    percent = b"".join(b"%%(?:25)*(?i:%02x)" % byte for byte in char.encode())
    ways = [re.escape(char.encode()), percent, b"\\\\u(?i:%04x)" % code, b"&#(?:%d|(?i:x0*%x));" % (code, code)]
    ways += [b"\\\\" + re.escape(char.encode())] if char in '/"\\' else []
    ways += [_ENTITIES[char]] if char in _ENTITIES else []
    ways += [rb"\+"] if char == " " else []
    return b"(?:" + b"|".join(ways) + b")"


def _without(pattern: re.Pattern[bytes], text: str, shown: str) -> str:
    raw = text.encode("utf-8", "surrogateescape")
    return pattern.sub(shown.encode(), raw).decode("utf-8", "surrogateescape")


def scrubbed(
    reply: Reply,
    asked: Outgoing,
    sent: Outgoing,
    secrets: Sequence[str],
    spelled: Sequence[re.Pattern[bytes]] = (),
) -> Reply:
    """``reply`` as if ``asked`` had been sent: an app may repeat what it was sent, and what it repeats is not passed
    on to the connector, the model or a log. ``spelled`` are the ``spellings`` of the secrets."""
    body, headers, told = reply.body, reply.headers, ""
    url = asked.url if reply.url == sent.url else reply.url
    if isinstance(headers, Headers) and not spelled:
        headers.hide(secrets, HIDDEN)
        for secret in secrets:
            if secret.encode() in body or secret in url:
                break
        else:
            return reply if url == reply.url else Reply(reply.status, url, headers, body)
    else:
        told = "\n".join(headers.values())
    for secret in secrets:
        body = body.replace(secret.encode(), HIDDEN.encode())
        url = url.replace(secret, quote(HIDDEN))
        if secret in told:
            headers = {name: value.replace(secret, HIDDEN) for name, value in headers.items()}
    head = f"{told}\n{url}".encode("utf-8", "surrogateescape")
    for pattern in spelled:
        if pattern.search(body):
            body = pattern.sub(HIDDEN.encode(), body)
        if pattern.search(head):
            url = _without(pattern, url, quote(HIDDEN))
            headers = {name: _without(pattern, value, HIDDEN) for name, value in headers.items()}
    if body is reply.body and headers is reply.headers and url == reply.url:
        return reply
    return Reply(reply.status, url, headers, body)
