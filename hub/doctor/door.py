"""The MCP endpoint as a stranger finds it: reached by every method, not redirected, and answered with the 401 that sets
Claude's sign-in going. Steps ``endpoint`` and ``challenge``."""

import re

from hub.doctor.case import INITIALIZE, MCP_AGENT, PASS_ON, Case, Unanswered, answer_of, is_page, no_answer, object_of
from hub.doctor.findings import Finding, ok, warning, wrong
from hub.upstream.probe import Seen

_PLAIN_AGENT = "connector-hub-doctor/1"
_PARAMETER = re.compile(r'([a-zA-Z_]+)\s*=\s*(?:"([^"]*)"|([^\s,"]+))')


async def endpoint(case: Case) -> list[Finding]:
    """POST and GET, with and without a slash at the end, in both eras."""
    found: list[Finding] = []
    for path in (case.path, f"{case.path}/"):
        try:
            seen = await case.rpc("server/discover", path=path)
        except Unanswered as lost:
            found.append(no_answer("endpoint", f"POST {path}", lost))
            continue
        wanting = await _wanting(case, f"POST {path}", seen)
        if wanting is not None:
            found.append(wanting)
        elif path == case.path:
            case.challenge = seen.headers.get("www-authenticate", "")
    if not found:
        found += await _older(case)
    return found or [ok("endpoint", f"{case.path} asks for a token, without a redirect, in both eras")]


async def _older(case: Case) -> list[Finding]:
    """What only clients of 2025-11-25 do: ``initialize``, and GET for a stream."""
    headers = {"Accept": "text/event-stream", "MCP-Protocol-Version": "2025-11-25"}
    asked = {
        "POST initialize": case.legacy(INITIALIZE),
        f"GET {case.path}": case.ask("GET", case.url, agent=MCP_AGENT, headers=headers),
    }
    found = []
    for what, asking in asked.items():
        try:
            wanting = await _wanting(case, what, await asking)
        except Unanswered as lost:
            wanting = no_answer("endpoint", what, lost)
        if wanting is not None:
            found.append(wanting)
    return found


async def _wanting(case: Case, what: str, seen: Seen) -> Finding | None:
    """What is wrong with an answer to a request without a token; None where it is the right one."""
    told = f"{what} is answered with {answer_of(seen)}"
    if seen.status == 401 and not is_page(seen):
        return None
    if 300 <= seen.status < 400:
        mend = (
            "Have the proxy pass /mcp and /mcp/ on as they are, without adding a slash, www or https by a redirect: "
            "Claude loses its token at one. Set public_url to the address that is not redirected."
        )
        return wrong("endpoint", f"{told}.", mend)
    if is_page(seen) or (seen.status in (403, 429) and await _is_bot_rule(case)):
        if seen.headers.get("content-type", "").startswith("text/plain") and seen.status == 403:
            return wrong("endpoint", f"{told}.", "The proxy adds an Origin header that is not the client's; remove it.")
        text = f"{told}: something before the hub takes Claude for a bot, or wants a sign-in of its own."
        return wrong("endpoint", text, PASS_ON)
    if seen.status == 200:
        if (object_of(seen) or {}).get("jsonrpc") == "2.0":
            mend = "Set auth.mode: oauth, or take away what adds a token to requests on the way."
            return wrong("endpoint", f"{told}: whoever comes is let in without a token.", mend)
        return wrong("endpoint", f"{told}, which is not the hub's.", "Have the proxy pass /mcp on to the hub.")
    mends = {
        404: "Have the proxy pass this path on to the hub, unchanged.",
        405: "Have the proxy pass every method on: POST, GET, DELETE and OPTIONS.",
        421: "Have the proxy pass the Host header on (proxy_set_header Host $host); public_url is the name outside.",
        502: "The proxy does not reach the hub: look whether it runs, and at listen.host and listen.port.",
        503: "The hub or the proxy has no room, or the hub is not up yet.",
        504: "The proxy waits too short, or does not reach the hub.",
    }
    return wrong("endpoint", f"{told}; 401 is right.", mends.get(seen.status, "Look at the proxy before the hub."))


async def _is_bot_rule(case: Case) -> bool:
    """Whether another agent gets on."""
    try:
        return (await case.rpc("server/discover", agent=_PLAIN_AGENT)).status == 401
    except Unanswered:
        return False


async def challenge(case: Case) -> list[Finding]:
    """The ``WWW-Authenticate`` header of the 401 (RFC 9728, section 5.1)."""
    header = case.challenge
    expected = f"{case.origin}/.well-known/oauth-protected-resource{case.path}"
    if not header:
        mend = "Have the proxy pass WWW-Authenticate on, also for error answers; its own error pages take it away."
        return [
            wrong("challenge", "the 401 has no WWW-Authenticate header, so Claude does not know where to look.", mend)
        ]
    if not header.lower().startswith("bearer"):
        mend = "Take the proxy's own password off /mcp; Claude has no answer to it."
        return [wrong("challenge", f"the 401 asks for {header.split(' ')[0]}, not for Bearer.", mend)]
    held = {name.lower(): quoted or bare for name, quoted, bare in _PARAMETER.findall(header)}
    named = held.get("resource_metadata")
    case.metadata_url = named
    if named is None:
        mend = "Have the proxy pass WWW-Authenticate on unchanged."
        return [wrong("challenge", "the challenge lacks resource_metadata.", mend)]
    found = []
    if named != expected:
        mend = f"Set public_url to {case.origin}, exactly as people type it into Claude, and restart."
        found.append(wrong("challenge", f"the challenge points to {named}; it should be {expected}.", mend))
    scope = held.get("scope")
    if not scope:
        mend = "Have the proxy pass WWW-Authenticate on unchanged."
        found.append(warning("challenge", "the challenge names no scope; Claude then asks for all there are.", mend))
    elif "offline_access" in scope.split():
        mend = "offline_access belongs into the authorization server's document only."
        found.append(warning("challenge", "the challenge's scope has offline_access.", mend))
    return found or [ok("challenge", f"points to {named}, scope {scope}")]
