"""Signing: a request with an account's credential on it, and a reply with every trace of it taken off.

Pure functions. Where a credential may go is decided by whoever calls them (``account.py``).
"""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from hub.errors import OperatorNeeded
from hub.sdk.http import Outgoing, Reply
from hub.sdk.placeholders import ABSENT, Pattern, Scope
from hub.sdk.provider import Signing

HIDDEN = "[credential removed]"
"""What stands in a reply where an app repeated a credential."""

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
    front: str = field(repr=False)

    @classmethod
    def of(cls, signing: Signing, scope: Scope) -> "Signature":
        """The declared signing, filled in. Raises ``OperatorNeeded``."""
        headers = {name: filled(value, scope) for name, value in signing.headers.items()}
        if signing.basic is not None:
            headers["Authorization"] = basic(filled(signing.basic, scope))
        query = {name: filled(value, scope) for name, value in signing.query.items()}
        front = ""
        if signing.path is not None:
            front = str(Pattern.parse(signing.path).text(scope, lambda value: quote(value, safe=":")))
        return cls(headers, frozenset(name.lower() for name in headers), query, front)

    def on(self, outgoing: Outgoing) -> Outgoing:
        """``outgoing`` with the credential on it; what the connector put in the same places is replaced."""
        headers = {name: value for name, value in outgoing.headers.items() if name.lower() not in self.names}
        headers.update(self.headers)
        url = outgoing.url
        if self.query:
            parts = urlsplit(url)
            pairs = [pair for pair in parts.query.split("&") if pair]
            pairs = [pair for pair in pairs if unquote(pair.partition("=")[0]) not in self.query]
            pairs += [f"{quote(name)}={quote(value, safe='')}" for name, value in self.query.items()]
            url = urlunsplit(parts._replace(query="&".join(pairs)))
        if self.front:
            parts = urlsplit(url)
            url = urlunsplit(parts._replace(path=self.front + parts.path))
        return Outgoing(outgoing.method, url, headers, outgoing.body, outgoing.repeatable)


def signed(outgoing: Outgoing, signing: Signing, scope: Scope) -> Outgoing:
    """One request with a credential on it. Raises ``OperatorNeeded``."""
    return Signature.of(signing, scope).on(outgoing)


def basic(pair: str) -> str:
    """``user:password`` as HTTP Basic (RFC 7617)."""
    return "Basic " + base64.b64encode(pair.encode()).decode()


def traces(secrets: Mapping[str, Any], signing: Signing, scope: Scope) -> tuple[str, ...]:
    """The texts by which the credential could be told from a reply, longest first."""
    values = [value for value in secrets.values() if isinstance(value, str)]
    if signing.basic is not None:
        values.append(basic(filled(signing.basic, scope)).removeprefix("Basic "))
    values += [quote(value, safe="") for value in values]
    return tuple(sorted({value for value in values if len(value) >= _SHORTEST}, key=len, reverse=True))


def scrubbed(reply: Reply, asked: Outgoing, sent: Outgoing, secrets: Iterable[str]) -> Reply:
    """``reply`` as if ``asked`` had been sent: an app may repeat what it was sent, and what it repeats is not passed
    on to the connector, the model or a log."""
    body, headers = reply.body, reply.headers
    url = asked.url if reply.url == sent.url else reply.url
    for secret in secrets:
        raw = secret.encode()
        if raw in body:
            body = body.replace(raw, HIDDEN.encode())
        if secret in url:
            url = url.replace(secret, quote(HIDDEN))
        for name, value in headers.items():
            if secret in value:
                headers = {**headers, name: headers[name].replace(secret, HIDDEN)}
    if body is reply.body and headers is reply.headers and url == reply.url:
        return reply
    return Reply(reply.status, url, headers, body)
