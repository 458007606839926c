"""Asking a provider about an account: whose it is, and whether its credential works. One signed request each.

What the answers mean for a connection is decided by whoever asks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import orjson

from hub.broker.endpoint import reach_of
from hub.broker.own_code import OwnCode
from hub.broker.signing import added, filled, scrubbed, signed, spellings, traces
from hub.broker.vault import Secrets
from hub.errors import ConnectionNeeded, HubError, ProviderUnavailable
from hub.sdk.http import Outgoing, Reply, Send
from hub.sdk.paths import compile_path
from hub.sdk.placeholders import ABSENT, Scope, fill, parse
from hub.sdk.provider import Method, Provider, ProviderRequest, covers, secret_part, signing_of
from hub.sdk.response import Reading, parsed, said, verify

TIMEOUT = 15.0
"""Seconds a probe may take."""

_T = TypeVar("_T", Outgoing, Reply)

_MOST = 200
"""Tenants a person can choose from."""


class Refused(HubError):
    """The provider does not accept the credential; the text says what it said."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose account it is: ``subject`` never changes, ``label`` is for people, ``fields`` are kept besides. Both are
    empty where the provider only says that the credential works."""

    subject: str
    label: str
    fields: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tenant:
    """One tenant a grant covers: ``id`` never changes, ``label`` is for people, ``fields`` are kept of it."""

    id: str
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

    def __init__(self, send: Send, own_code: OwnCode) -> None:
        self._send = send
        self._own_code = own_code

    async def asked(
        self,
        provider: Provider,
        method: Method,
        declared: ProviderRequest,
        secrets: Secrets,
        scope: Scope,
        hosts: tuple[str, ...] | None = None,
    ) -> Reply:
        """Send one request of the declaration, signed; ``hosts`` are where the credential may go, the declaration's
        unless given. Raises ``ProviderUnavailable`` and ``OperatorNeeded``."""
        signing = signing_of(method)
        asked = request_of(declared, scope)
        settings = {str(key): str(value) for key, value in scope.settings.items()}
        if hosts is None:
            hosts = provider.hosts(settings, partial=True)
        if not covers(hosts, asked.url):
            raise ProviderUnavailable("The provider's declaration asks a host it does not name; tell its author.")
        private = traces(secret_part(method, secrets), signing, scope)
        declared_sent = signed(asked, signing, scope, private)
        sent = await self._step(provider, "sign", declared_sent, secrets, scope)
        reply = await self._send(sent, reach_of(provider, sent.url), timeout=TIMEOUT)
        return scrubbed(reply, asked, sent, (*private, *added(declared_sent, sent)), spellings(private))

    async def _step(self, provider: Provider, name: str, value: _T, secrets: Secrets, scope: Scope) -> _T:
        return await self._own_code.step(
            provider, name, value, settings=scope.settings, fields=scope.account, secrets=secrets
        )

    async def who(
        self,
        provider: Provider,
        method: Method,
        secrets: Secrets,
        settings: dict[str, str],
        fields: dict[str, Any],
        hosts: tuple[str, ...] | None = None,
    ) -> Identity | None:
        """Whose account this credential opens; None where the provider cannot be asked. ``hosts`` as in ``asked``: of
        an account that is kept, those its owner agreed to.

        Raises ``Refused`` where it does not accept the credential, ``ProviderUnavailable`` where it does not answer.
        """
        declared = provider.who(method)
        if declared is None:
            return None
        scope = Scope(secrets, settings, fields)
        reply = await self._fine(provider, method, declared.request, secrets, scope, hosts)
        reply = await self._step(provider, "who", reply, secrets, scope)
        host = urlsplit(reply.url).hostname or provider.title
        data = parsed(reply) if declared.id is None else reply.json()
        if declared.ok_if is not None and not compile_path(declared.ok_if)(data):
            raise Refused(f"{host} answered: {said(reply, data) or 'no'}")
        if declared.id is None or declared.label is None:
            return Identity("", "", _told(declared.save, data))
        subject = compile_path(declared.id)(data)
        if subject in (None, "", "null"):
            raise Refused(f"{host} did not say whose account it is.")
        label = compile_path(declared.label)(data)
        return Identity(str(subject)[:255], str(label or subject)[:255], _told(declared.save, data))

    async def tenants(
        self, provider: Provider, method: Method, secrets: Secrets, settings: dict[str, str], fields: dict[str, Any]
    ) -> list[Tenant] | None:
        """The tenants this credential covers; None where the way has none. Raises as ``who``."""
        declared = method.tenants
        if declared is None:
            return None
        scope = Scope(secrets, settings, fields)
        if declared.signed:
            reply = await self._fine(provider, method, declared.request, secrets, scope)
        else:
            asked = request_of(declared.request, Scope({}, settings, fields))
            reply = _checked(provider, await self._send(asked, reach_of(provider, asked.url), timeout=TIMEOUT))
        reply = await self._step(provider, "tenants", reply, secrets, scope)
        listed = compile_path(declared.items)(reply.json())
        found: dict[str, Tenant] = {}
        for one in listed if isinstance(listed, list) else []:
            id = compile_path(declared.id)(one)
            if id not in (None, ""):
                label = compile_path(declared.label)(one) or id if declared.label is not None else ""
                found.setdefault(str(id), Tenant(str(id), str(label)[:200], _told(declared.save, one)))
        return list(found.values())[:_MOST]

    async def _fine(
        self,
        provider: Provider,
        method: Method,
        request: ProviderRequest,
        secrets: Secrets,
        scope: Scope,
        hosts: tuple[str, ...] | None = None,
    ) -> Reply:
        """The reply to a request, where it is no error."""
        return _checked(provider, await self.asked(provider, method, request, secrets, scope, hosts))


def _checked(provider: Provider, reply: Reply) -> Reply:
    """``reply``, where it is no error."""
    try:
        verify(reply, Reading(rules=provider.rules), connector=provider.name, signed=True)
    except ConnectionNeeded as wrong:
        raise Refused(str(wrong)) from None
    except ProviderUnavailable:
        raise
    except HubError as wrong:
        raise (Refused(str(wrong)) if reply.status in (400, 401, 403, 404, 422) else wrong) from None
    return reply


def _told(save: Mapping[str, str], data: Any) -> dict[str, Any]:
    """The values kept of a reply: plain ones only."""
    kept = {name: compile_path(path)(data) for name, path in save.items()}
    return {name: value for name, value in kept.items() if isinstance(value, str | int | float | bool)}
