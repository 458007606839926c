"""What comes after signing in: the token that opens the endpoint, and the refresh that keeps Claude in. Steps ``token``
and ``refresh``. Tokens are sent to the hub under examination and nowhere else, and are shown nowhere."""

import asyncio
from typing import Any
from urllib.parse import urlencode

from hub.doctor.case import MODERN, Case, Unanswered, answer_of, member, no_answer, object_of
from hub.doctor.findings import Finding, StepName, ok, skipped, warning, wrong
from hub.upstream.probe import Seen

_BEGIN_AGAIN = "invalid_grant"


async def refresh(case: Case) -> list[Finding]:
    """Exchange the refresh token twice at once, as two of Claude's servers do, then what came of it once more."""
    step: StepName = "refresh"
    shown = case.refresh_token
    if shown is None:
        return [skipped(step, "no refresh token was given")]
    try:
        answers = await asyncio.gather(_refreshed(case, shown), _refreshed(case, shown))
        made = [object_of(one) or {} for one in answers]
        refused = [one for one in answers if one.status != 200]
        if len(refused) == 2:
            reason = _error(made[0])
            mend = "Is it the newest one, and of the client of --client-id? A used one ends its grant after a minute."
            return [wrong(step, f"the refresh token is refused: {answer_of(refused[0])}{reason}.", mend)]
        if refused:
            text = f"of two refreshes at once one is refused ({answer_of(refused[0])}{_error(object_of(refused[0]))}); "
            mend = "All processes of the hub must share one database and one hub.key; no cache may answer /token."
            return [wrong(step, f"{text}Claude then logs people out.", mend)]
        found = _of_answers(made)
        if found:
            return found
        case.token = str(made[0]["access_token"])
        then = await _refreshed(case, str(made[1]["refresh_token"]))
    except Unanswered as lost:
        return [no_answer(step, "POST /token", lost)]
    after = object_of(then) or {}
    if then.status != 200 or not isinstance(after.get("access_token"), str):
        text = (
            f"after two at once the next refresh is refused ({answer_of(then)}{_error(after)}); people are logged out."
        )
        mend = "All processes of the hub must share one database and one hub.key; no cache may answer /token."
        return [wrong(step, text, mend)]
    case.token = after["access_token"]
    used = "The refresh token is used up: the client it belongs to has to sign in again."
    return [ok(step, f"two at once are answered alike, and the next works. {used}")]


def _of_answers(made: list[dict[str, Any]]) -> list[Finding]:
    step: StepName = "refresh"
    if not all(isinstance(one.get(name), str) for one in made for name in ("access_token", "refresh_token")):
        text = "the answer lacks access_token or refresh_token; Claude cannot stay signed in."
        return [wrong(step, text, "Something on the way changes the answer of /token.")]
    if any(not isinstance(one.get("expires_in"), int) for one in made):
        text = "the answer has no expires_in; Claude then refreshes only after a call has failed."
        return [warning(step, text, "Something on the way changes the answer of /token.")]
    return []


async def _refreshed(case: Case, token: str) -> Seen:
    params = {"grant_type": "refresh_token", "refresh_token": token, "client_id": case.client_id, "resource": case.url}
    url = case.origin + "/token"
    return await case.ask("POST", url, form=urlencode(params))


def _error(made: dict[str, Any] | None) -> str:
    named = (made or {}).get("error")
    if not isinstance(named, str):
        return ""
    return f", {named[:60]}" + ("" if named == _BEGIN_AGAIN else ", which leaves Claude stuck (invalid_grant is right)")


async def token(case: Case) -> list[Finding]:
    """Whether the token opens the endpoint."""
    step: StepName = "token"
    if case.token is None:
        return [skipped(step, "no token was given; with one (--token) tools and event streams are tried, too")]
    try:
        seen = await case.rpc("server/discover", token=case.token)
    except Unanswered as lost:
        return [no_answer(step, "POST /mcp with a token", lost)]
    told = f"POST {case.path} with the token is answered with {answer_of(seen)}"
    if seen.status == 401:
        if "invalid_token" not in seen.headers.get("www-authenticate", "") and "invalid_token" not in seen.text:
            mend = "Have the proxy pass the Authorization header on; take its own password off /mcp."
            return [wrong(step, f"{told}: the token did not reach the hub.", mend)]
        mend = "Make one: hub token create --user NAME. One for a profile opens that profile's address only."
        return [wrong(step, f"{told}: it is unknown, expired, revoked, or for another address.", mend)]
    versions = member(object_of(seen), "result").get("supportedVersions")
    if seen.status != 200 or not isinstance(versions, list):
        mend = (
            "Have the proxy pass the body and the headers MCP-Protocol-Version, Mcp-Method and Mcp-Name on unchanged."
        )
        reason = member(object_of(seen), "error").get("message", "")
        return [wrong(step, f"{told}{': ' + str(reason)[:200] if reason else ''}.", mend)]
    if MODERN not in versions:
        return [warning(step, f"the server does not speak {MODERN}.", "This is not this hub, or an old one.")]
    return [ok(step, f"opens the endpoint, which speaks {', '.join(map(str, versions))}")]
