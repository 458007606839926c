"""Whether event streams arrive as they are sent: the one of ``subscriptions/listen``, and GET's of 2025-11-25. Step
``stream``.

Both begin with something at once; a proxy that collects answers keeps it until the stream ends.
"""

from collections.abc import Awaitable, Callable

from hub.doctor.case import INITIALIZE, Case, Unanswered, answer_of
from hub.doctor.findings import Finding, StepName, ok, skipped, wrong
from hub.upstream.probe import Seen

_UNBUFFER = (
    "Switch the proxy's buffering off for /mcp (nginx: proxy_buffering off; Caddy: flush_interval -1), and its "
    "compression of event streams; let it wait 300 s."
)


async def stream(case: Case) -> list[Finding]:
    """Open both kinds of stream and see when they begin."""
    step: StepName = "stream"
    token = case.token
    if token is None:
        return [skipped(step, "no token was given")]
    asked = {"notifications": {"toolsListChanged": True}}
    found = await _begun(
        case,
        "the stream of subscriptions/listen",
        lambda: case.rpc("subscriptions/listen", asked, token=token, first_only=True),
    )
    try:
        session = (await case.legacy(INITIALIZE, token=token)).headers.get("mcp-session-id")
    except Unanswered:
        session = None
    found += await _begun(case, f"the stream of GET {case.path}", lambda: case.legacy_stream(token, session))
    return found or [ok(step, "both kinds begin at once")]


async def _begun(case: Case, what: str, ask: Callable[[], Awaitable[Seen]]) -> list[Finding]:
    step: StepName = "stream"
    try:
        seen = await ask()
    except Unanswered as lost:
        return [wrong(step, f"{what} does not begin ({lost}); it is held back on the way.", _UNBUFFER)]
    if seen.status != 200 or seen.kind != "text/event-stream":
        mend = "Have the proxy pass GET and POST of /mcp on to the hub, and event streams as they come."
        return [wrong(step, f"{what} is answered with {answer_of(seen)}; an event stream is right.", mend)]
    if seen.first is None:
        text = f"{what} sends nothing within {case.patience:g} s; it is held back on the way."
        return [wrong(step, text, _UNBUFFER)]
    if "content-encoding" in seen.headers:
        return [wrong(step, f"{what} is compressed on the way, which holds it back.", _UNBUFFER)]
    return []
