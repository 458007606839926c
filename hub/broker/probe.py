"""Asking a provider about an account: whose it is, and whether its credential works. One signed request each.

What the answers mean for a connection is decided by whoever asks.
"""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import orjson

from hub.broker.endpoint import reach_of
from hub.broker.signing import filled, scrubbed, signed, traces
from hub.broker.vault import Secrets
from hub.errors import ConnectionNeeded, HubError, ProviderUnavailable
from hub.sdk.http import Outgoing, Reply, Send
from hub.sdk.paths import compile_path
from hub.sdk.placeholders import ABSENT, Scope, fill, parse
from hub.sdk.provider import Method, Provider, ProviderRequest, covers, signing_of
from hub.sdk.response import Reading, said, verify

TIMEOUT = 15.0
"""Seconds a probe may take."""


class Refused(HubError):
    """The provider does not accept the credential; the text says what it said."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose account it is: ``subject`` never changes, ``label`` is for people, ``fields`` are kept besides."""

    subject: str
    label: str
    fields: dict[str, Any] = field(default_factory=dict)


def request_of(declared: ProviderRequest, scope: Scope) -> Outgoing:
    """A declared request, filled in."""
    url = filled(declared.url, scope)
    pairs = {name: filled(value, scope) for name, value in declared.query.items()}
    if pairs:
        url += ("&" if urlsplit(url).query else "?") + urlencode(pairs, quote_via=quote)
    headers = {name: filled(value, scope) for name, value in declared.headers.items()}
    body: bytes | None = None
    if declared.form is not None:
        body = urlencode({name: filled(value, scope) for name, value in declared.form.items()}).encode()
        headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
    elif declared.body is not None:
        held = fill(parse(declared.body), scope)
        body = orjson.dumps({} if held is ABSENT else held)
        headers.setdefault("Content-Type", "application/json")
    return Outgoing(declared.method, url, headers, body, repeatable=declared.method == "GET")


class Probe:
    """Asks providers."""

    def __init__(self, send: Send) -> None:
        self._send = send

    async def asked(
        self, provider: Provider, method: Method, declared: ProviderRequest, secrets: Secrets, scope: Scope
    ) -> Reply:
        """Send one request of the declaration, signed. Raises ``ProviderUnavailable`` and ``OperatorNeeded``."""
        signing = signing_of(method)
        asked = request_of(declared, scope)
        if not covers(provider.hosts({str(k): str(v) for k, v in scope.settings.items()}), asked.url):
            raise ProviderUnavailable("The provider's declaration asks a host it does not name; tell its author.")
        sent = signed(asked, signing, scope)
        reply = await self._send(sent, reach_of(provider, sent.url), timeout=TIMEOUT)
        return scrubbed(reply, asked, sent, traces(secrets, signing, scope))

    async def who(
        self, provider: Provider, method: Method, secrets: Secrets, settings: dict[str, str], fields: dict[str, Any]
    ) -> Identity | None:
        """Whose account this credential opens; None where the provider cannot be asked.

        Raises ``Refused`` where it does not accept the credential, ``ProviderUnavailable`` where it does not answer.
        """
        declared = provider.declared.who
        if declared is None:
            return None
        scope = Scope(secrets, settings, fields)
        reply = await self.asked(provider, method, declared.request, secrets, scope)
        host = urlsplit(reply.url).hostname or provider.title
        try:
            verify(reply, Reading(rules=provider.rules), connector=provider.name, signed=True)
        except ConnectionNeeded as wrong:
            raise Refused(str(wrong)) from None
        except ProviderUnavailable:
            raise
        except HubError as wrong:
            raise (Refused(str(wrong)) if reply.status in (400, 401, 403, 404, 422) else wrong) from None
        data = reply.json()
        if declared.ok_if is not None and not compile_path(declared.ok_if)(data):
            raise Refused(f"{host} answered: {said(reply, data) or 'no'}")
        subject = compile_path(declared.id)(data)
        if subject in (None, "", "null"):
            raise Refused(f"{host} did not say whose account it is.")
        label = compile_path(declared.label)(data)
        kept = {name: compile_path(path)(data) for name, path in declared.save.items()}
        told = {name: value for name, value in kept.items() if isinstance(value, str | int | float | bool)}
        return Identity(str(subject)[:255], str(label or subject)[:255], told)
