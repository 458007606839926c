"""How a client makes itself known, and the page it sends people to. Steps ``client_document``, ``registration``,
``authorize`` and ``redirect``.

The registration that is made for this is one nobody agrees to, which the hub forgets within a day.
"""

import html
import re
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin

from hub.doctor.case import (
    BROWSER_AGENT,
    CALLBACK,
    CLAUDE,
    PASS_ON,
    Case,
    Unanswered,
    answer_of,
    is_page,
    no_answer,
    object_of,
    parts_of,
    place_of,
)
from hub.doctor.findings import Finding, StepName, ok, skipped, warning, wrong
from hub.upstream.probe import Seen

_CSRF = re.compile(r'name="csrf" value="([^"]+)"')
_METADATA: dict[str, Any] = {
    "client_name": "hub doctor",
    "redirect_uris": [CALLBACK],
    "grant_types": ["authorization_code", "refresh_token"],
    "response_types": ["code"],
    "token_endpoint_auth_method": "none",
    "application_type": "web",
}


async def client_document(case: Case) -> list[Finding]:
    """Whether the hub takes Claude by its metadata document (2026-07-28, basic/authorization, client registration)."""
    step: StepName = "client_document"
    if (case.server or {}).get("client_id_metadata_document_supported") is not True:
        return [skipped(step, "the authorization server's document does not offer it")]
    try:
        seen = await _authorize(case, CLAUDE)
    except Unanswered as lost:
        return [no_answer(step, "GET /authorize as Claude", lost)]
    problem = _not_to_sign_in(case, step, seen)
    return [problem] if problem is not None else [ok(step, "Claude's own document is taken")]


async def registration(case: Case) -> list[Finding]:
    """Whether a client can register itself (RFC 7591)."""
    step: StepName = "registration"
    if case.server is not None and not isinstance(case.server.get("registration_endpoint"), str):
        return [skipped(step, "the authorization server's document does not offer it")]
    url = case.endpoint("registration_endpoint", "/register")
    try:
        seen = await case.ask("POST", url, json=_METADATA)
    except Unanswered as lost:
        return [no_answer(step, "POST /register", lost)]
    made = object_of(seen)
    told = f"POST /register is answered with {answer_of(seen)}"
    if is_page(seen):
        return [wrong(step, f"{told}: a bot rule or another program answers.", PASS_ON)]
    if 300 <= seen.status < 400:
        return [wrong(step, f"{told}.", "Answer it without a redirect, which would lose what is sent.")]
    if seen.status == 429:
        return [warning(step, f"{told}: too many registrations from here.", "Try again in an hour.")]
    if seen.status not in (200, 201) or made is None:
        reason = _error(made)
        mend = "Have the proxy pass /register on unchanged, with its body; a limit or filter there may refuse it."
        return [wrong(step, f"{told}{reason}; 201 is right.", mend)]
    if seen.status == 200:
        return [warning(step, f"{told}; 201 is right, and some clients want it.", "Something on the way changes it.")]
    known = made.get("client_id")
    if not isinstance(known, str) or made.get("redirect_uris") != [CALLBACK]:
        text = "the registration's answer lacks the client_id, or has other redirect_uris than were sent."
        return [wrong(step, text, "Something on the way changes the answer.")]
    case.registered = known
    return [ok(step, "a client registered itself")]


async def authorize(case: Case) -> list[Finding]:
    """Whether the authorize page leads a person to sign in, and a wrong request nowhere."""
    step: StepName = "authorize"
    client = case.registered or CLAUDE
    try:
        seen = await _authorize(case, client)
        problem = _not_to_sign_in(case, step, seen)
        if problem is not None:
            return [problem]
        page = seen
        if 300 <= seen.status < 400:
            page = await case.ask("GET", _joined(case, seen.headers["location"]), agent=BROWSER_AGENT)
        found = _of_page(case, page)
        found += await _careless(case, client)
    except Unanswered as lost:
        return [no_answer(step, "GET /authorize", lost)]
    if not any(one.status == "wrong" for one in found):
        case.sign_in = page
    return found or [ok(step, "leads to the sign-in page")]


def _of_page(case: Case, page: Seen) -> list[Finding]:
    """What is wrong with the sign-in page as a browser gets it."""
    if page.status != 200 or not is_page(page):
        text = f"the sign-in page is answered with {answer_of(page)}."
        return [wrong("authorize", text, "Have the proxy pass /signin on to the hub.")]
    if not page.cookies:
        mend = "Have the proxy pass Set-Cookie on; without cookies nobody can sign in."
        return [wrong("authorize", "the sign-in page sets no cookie.", mend)]
    if case.origin.startswith("https:") and not all("secure" in one.lower() for one in page.cookies):
        mend = "Set public_url to the https address, so that the hub marks its cookies Secure."
        return [wrong("authorize", "the sign-in page sets a cookie that is not Secure.", mend)]
    return []


async def _careless(case: Case, client: str) -> list[Finding]:
    """Requests that must not be answered with a sign-in: without PKCE, and with somebody else's redirect URI."""
    found = []
    asked = {
        "without PKCE (S256)": {"code_challenge": "", "code_challenge_method": "plain"},
        "with a redirect URI nobody registered": {"redirect_uri": "https://not-registered.example/callback"},
    }
    for what, change in asked.items():
        seen = await _authorize(case, client, **change)
        location = seen.headers.get("location", "")
        if seen.status == 200 or "/signin" in location or location.startswith("https://not-registered.example"):
            text = f"an authorization request {what} is accepted ({answer_of(seen)})."
            found.append(wrong("authorize", text, "This is not this hub's answer; look what else answers /authorize."))
    return found


async def redirect(case: Case) -> list[Finding]:
    """Whether a form is answered with a 303 and nothing makes another of it: after the consent a 307 or 308 would have
    the browser send the form to Claude. Tried with the form that signs out, as it changes nothing here."""
    step: StepName = "redirect"
    page = case.sign_in
    csrf = _CSRF.search(page.text) if page is not None else None
    if page is None or csrf is None:
        return [skipped(step, "there was no sign-in page to try it from")]
    cookies = "; ".join(one.partition(";")[0] for one in page.cookies)
    form = urlencode({"csrf": html.unescape(csrf[1])})
    headers = {"Cookie": cookies, "Origin": case.origin, "Sec-Fetch-Site": "same-origin"}
    try:
        seen = await case.ask("POST", f"{case.origin}/signout", agent=BROWSER_AGENT, headers=headers, form=form)
    except Unanswered as lost:
        return [no_answer(step, "POST /signout", lost)]
    told = f"a form's answer arrives as {answer_of(seen)}"
    if seen.status in (301, 302, 307, 308):
        again = "sends the form again, to Claude" if seen.status in (307, 308) else "may send the form again"
        text = f"{told}; the hub sent a 303. After the consent a browser {again}, and the connection fails."
        return [wrong(step, text, "Have the proxy pass the status on unchanged (303 See Other).")]
    if seen.status == 403:
        mend = "Have the proxy pass Cookie, Set-Cookie, Origin and the body on unchanged."
        return [wrong(step, f"{told}: the hub does not know its own form again.", mend)]
    if seen.status != 303:
        return [wrong(step, f"{told}; 303 is right.", "Have the proxy pass POST on for the pages of the hub, too.")]
    problem = _downgraded(case, step, seen)
    return [problem] if problem is not None else [ok(step, "a form is answered with a 303")]


async def _authorize(case: Case, client: str, **changed: str) -> Seen:
    """Open the authorize page as a browser does. Raises ``Unanswered``."""
    params = {
        "response_type": "code",
        "client_id": client,
        "redirect_uri": CALLBACK,
        "code_challenge": case.text(32),
        "code_challenge_method": "S256",
        "state": case.text(16),
        "scope": "hub",
        "resource": case.url,
        **changed,
    }
    url = case.endpoint("authorization_endpoint", "/authorize")
    return await case.ask("GET", f"{url}?{urlencode(params)}", agent=BROWSER_AGENT, headers={"Accept": "text/html"})


def _not_to_sign_in(case: Case, step: StepName, seen: Seen) -> Finding | None:
    """What is wrong where a right request does not lead to the sign-in page."""
    told = f"GET /authorize is answered with {answer_of(seen)}"
    if 300 <= seen.status < 400:
        location = seen.headers.get("location", "")
        if location.startswith(CALLBACK):
            query = parse_qs(parts_of(location).query)
            reason = " ".join(query.get("error", ["no error"]) + query.get("error_description", []))
            return wrong(step, f"the request is refused: {reason}", "See the reason; then the steps before.")
        if (problem := _downgraded(case, step, seen)) is not None:
            return problem
        if seen.status in (307, 308) or seen.status == 301:
            return wrong(step, f"{told}; 303 is right.", "Have the proxy pass the status on unchanged (303 See Other).")
        return None
    if seen.status == 200 and is_page(seen) and "/signin" in seen.text:
        return None
    if seen.status == 400 and is_page(seen):
        reason = _shown(seen)
        mend = "Where the client's document cannot be fetched, let the hub reach claude.ai (network.proxy, firewall)."
        return wrong(step, f"the hub refuses the request: {reason}", mend)
    if is_page(seen):
        return wrong(step, f"{told}: a bot rule or another program answers.", PASS_ON)
    return wrong(step, f"{told}; the sign-in page is right.", "Have the proxy pass /authorize on, query and all.")


def _downgraded(case: Case, step: StepName, seen: Seen) -> Finding | None:
    """What is wrong with where a browser is sent on to."""
    location = seen.headers.get("location", "")
    if not location:
        return wrong(
            step, f"a browser is sent on by HTTP {seen.status} to nowhere.", "Have the proxy pass Location on."
        )
    there = _joined(case, location)
    parts = parts_of(there)
    if f"{parts.scheme}://{parts.netloc}" != case.origin:
        text = f"a browser is sent on to {place_of(there)}, which is not at {case.origin}."
        mend = "Have the proxy pass Location on unchanged (nginx: proxy_redirect off), and look at public_url."
        return wrong(step, text, mend)
    return None


def _joined(case: Case, location: str) -> str:
    """Where a browser goes; nowhere of ours where that is no URL."""
    try:
        return urljoin(case.origin + "/", location)
    except ValueError:
        return location


def _shown(page: Seen) -> str:
    """The words of a page that tells of a problem."""
    main = page.text.partition("<main>")[2].partition("</main>")[0]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", main)).split())[:300]


def _error(made: dict[str, Any] | None) -> str:
    named = (made or {}).get("error")
    described = (made or {}).get("error_description")
    return f" ({named}: {str(described)[:200]})" if isinstance(named, str) else ""
