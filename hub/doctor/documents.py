"""The two documents by which Claude finds its way (RFC 9728, RFC 8414). Steps ``resource_document`` and
``server_document``."""

from collections.abc import Mapping
from typing import Any

from hub.doctor.case import PASS_ON, Case, Unanswered, answer_of, is_page, no_answer, object_of, parts_of, texts_of
from hub.doctor.findings import Finding, StepName, ok, warning, wrong
from hub.upstream.probe import Seen

STALE_SECONDS = 900
"""A document that was kept on the way longer than this may be an old one."""

_ENDPOINTS = {"authorization_endpoint": "/authorize", "token_endpoint": "/token", "registration_endpoint": "/register"}


async def resource_document(case: Case) -> list[Finding]:
    """The protected resource's document, at its place by path and at the root (RFC 9728, section 3.1)."""
    known = "/.well-known/oauth-protected-resource"
    places = [known + case.path]
    if case.path == "/mcp":
        places.append(known)
    found: list[Finding] = []
    for place in places:
        fetched = await _fetched(case, "resource_document", place)
        if isinstance(fetched, Finding):
            found.append(_less(fetched, place == known))
            continue
        seen, document = fetched
        found += _of_transfer("resource_document", place, seen)
        wanting = _of_resource(case, place, document)
        found += wanting
        if case.resource is None:
            case.resource = document
    return found or [ok("resource_document", f"at {' and '.join(places)}, for {case.url}")]


def _less(finding: Finding, less: bool) -> Finding:
    return warning(finding.step, finding.text, finding.mend) if less else finding


def _of_resource(case: Case, place: str, document: Mapping[str, Any]) -> list[Finding]:
    step: StepName = "resource_document"
    found = []
    resource = document.get("resource")
    if resource != case.url:
        mend = (
            f"Claude compares them letter by letter with what was typed. Set public_url to {case.origin}, type the "
            "URL as the hub names it, and let no cache keep the document of another address."
        )
        found.append(wrong(step, f"{place} says resource {resource!r}; it should be {case.url!r}.", mend))
    servers = document.get("authorization_servers")
    if not isinstance(servers, list) or not servers or not isinstance(servers[0], str):
        mend = "Set auth.mode: oauth; or something on the way changes the document."
        found.append(wrong(step, f"{place} names no authorization server.", mend))
    elif (elsewhere := _elsewhere(case, servers[0])) is not None:
        found.append(wrong(step, f"{place} names the authorization server {servers[0]}: {elsewhere}.", _OWN_URL))
    if "offline_access" in texts_of(document, "scopes_supported"):
        mend = "offline_access belongs into the authorization server's document only."
        found.append(warning(step, f"{place} lists the scope offline_access.", mend))
    return found


_OWN_URL = (
    "Set public_url to the address outside, with https. The hub writes every address from it and never from what a "
    "proxy says; so if public_url is right, something on the way rewrites addresses in the document."
)


def _elsewhere(case: Case, url: str) -> str | None:
    """Why an address in a document does not belong to this hub; None where it does."""
    parts = parts_of(url)
    if case.origin.startswith("https:") and parts.scheme != "https":
        return f"it is {parts.scheme}, not https"
    if f"{parts.scheme}://{parts.netloc}" != case.origin:
        return f"it is not at {case.origin}"
    return None


async def server_document(case: Case) -> list[Finding]:
    """The authorization server's document, at every place where clients look (RFC 8414, section 3; 2026-07-28,
    basic/authorization, authorization server discovery)."""
    step: StepName = "server_document"
    path = parts_of(case.issuer).path.rstrip("/")
    places = [f"/.well-known/oauth-authorization-server{path}", f"/.well-known/openid-configuration{path}"]
    if path:
        places.append(f"{path}/.well-known/openid-configuration")
    found: list[Finding] = []
    for number, place in enumerate(places):
        fetched = await _fetched(case, step, place)
        if isinstance(fetched, Finding):
            found.append(_less(fetched, number > 0))
            continue
        seen, document = fetched
        found += _of_transfer(step, place, seen)
        found += _of_server(case, place, document)
        if case.server is None:
            case.server = document
    return found or [ok(step, f"at {' and '.join(places)}, issuer {case.issuer}")]


def _of_server(case: Case, place: str, document: Mapping[str, Any]) -> list[Finding]:
    step: StepName = "server_document"
    found = []
    changed = "The hub's own document is right in this, so something on the way changes it or answers in its place."
    if document.get("issuer") != case.issuer:
        text = f"{place} says issuer {document.get('issuer')!r}; the resource document led to {case.issuer!r}."
        mend = f"Clients refuse a document of another issuer. Set public_url to {case.origin}; let no cache keep it."
        found.append(wrong(step, text, mend))
    for member, usual in _ENDPOINTS.items():
        url = document.get(member)
        if not isinstance(url, str):
            if member == "registration_endpoint":
                text = f"{place} names no registration_endpoint; clients without a metadata document cannot register."
                found.append(warning(step, text, changed))
            else:
                found.append(wrong(step, f"{place} names no {member}.", changed))
        elif (elsewhere := _elsewhere(case, url)) is not None:
            found.append(wrong(step, f"{place} says {member} {url}: {elsewhere}.", _OWN_URL))
        elif url != case.origin + usual:
            text = f"{place} says {member} {url}; older clients ask {usual}."
            found.append(warning(step, text, "Have the proxy pass the usual paths on, too."))
    if "S256" not in texts_of(document, "code_challenge_methods_supported"):
        text = f"{place} does not list S256 under code_challenge_methods_supported; clients must then refuse to go on."
        found.append(wrong(step, text, changed))
    if "code" not in texts_of(document, "response_types_supported"):
        found.append(wrong(step, f"{place} does not list code under response_types_supported.", changed))
    grants = texts_of(document, "grant_types_supported")
    if "refresh_token" not in grants:
        text = f"{place} does not list refresh_token under grant_types_supported; people sign in again every hour."
        found.append(warning(step, text, changed))
    by_document = document.get("client_id_metadata_document_supported") is True
    if not by_document or "none" not in texts_of(document, "token_endpoint_auth_methods_supported"):
        text = (
            f"{place} lacks client_id_metadata_document_supported, or none under token_endpoint_auth_methods_supported"
            "; Claude takes its metadata document only with both"
        )
        report = warning if isinstance(document.get("registration_endpoint"), str) else wrong
        found.append(report(step, f"{text}.", changed))
    if document.get("authorization_response_iss_parameter_supported") is not True:
        text = f"{place} does not say authorization_response_iss_parameter_supported."
        found.append(warning(step, text, changed))
    return found


async def _fetched(case: Case, step: StepName, place: str) -> tuple[Seen, dict[str, Any]] | Finding:
    """A document as JSON, or what is wrong with how it is served."""
    try:
        seen = await case.ask("GET", case.origin + place)
    except Unanswered as lost:
        return no_answer(step, f"GET {place}", lost)
    told = f"GET {place} is answered with {answer_of(seen)}"
    if is_page(seen) and seen.status != 404:
        return wrong(step, f"{told}: a bot rule or another program answers.", PASS_ON)
    if 300 <= seen.status < 400:
        return wrong(step, f"{told}.", "Answer it without a redirect, which clients need not follow.")
    if seen.status != 200:
        mend = "Have the proxy pass /.well-known/ on to the hub, all below it, and keep none of it for itself."
        return wrong(step, f"{told}.", mend)
    if seen.kind != "application/json":
        mend = "Have the proxy or cache pass Content-Type on unchanged, and clear what it kept."
        return wrong(step, f"{told}; application/json is right.", mend)
    document = object_of(seen)
    if document is None:
        return wrong(step, f"{told}, which is not a JSON object.", "Something on the way changes the document.")
    return seen, document


def _of_transfer(step: StepName, place: str, seen: Seen) -> list[Finding]:
    """What is wrong with how a right document came."""
    found = []
    age = seen.headers.get("age", "")
    if age.isdigit() and int(age) > STALE_SECONDS:
        text = f"{place} was kept by a cache for {int(age) // 60} minutes; it may be an old one."
        found.append(warning(step, text, "Let no cache keep /.well-known/ longer than the hub says (5 minutes)."))
    if seen.headers.get("access-control-allow-origin") != "*":
        text = (
            f"{place} lacks Access-Control-Allow-Origin: *; clients in browsers, such as MCP Inspector, cannot read it."
        )
        found.append(warning(step, text, "Have the proxy pass the hub's CORS headers on, and add none of its own."))
    return found
