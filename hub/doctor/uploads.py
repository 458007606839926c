"""Whether a body as large as a file comes through to the hub. Step ``files``.

People hand files in at ``/files/<id>``; many proxies take a megabyte unless they are told otherwise. Claude connects
all the same, so what is found here is a warning.
"""

from hub.doctor.case import BROWSER_AGENT, Case, Unanswered, answer_of
from hub.doctor.findings import Finding, StepName, ok, warning

SIZE = 6_000_000
"""Bytes that are sent: more than proxies take by themselves, and few enough for a home's line."""

SECONDS = 60.0

_MEND = (
    "Let bodies of files.max_bytes and a little more through to /files/ (nginx: client_max_body_size 26m; Cloudflare "
    "takes 100 MB), and PUT as well as POST."
)


async def files(case: Case) -> list[Finding]:
    """Send a large body without a link, which the hub refuses by its own words."""
    step: StepName = "files"
    url = f"{case.origin}/files/{'0' * 32}"
    try:
        seen = await case.ask("PUT", url, agent=BROWSER_AGENT, body=bytes(SIZE), seconds=SECONDS)
    except Unanswered as lost:
        text = f"a file of {SIZE / 1e6:g} MB sent to /files/ gets no answer ({lost})."
        return [warning(step, text, _MEND)]
    if seen.status == 403 and seen.kind == "application/json":
        return [ok(step, f"a body of {SIZE / 1e6:g} MB reaches the hub")]
    text = f"a file of {SIZE / 1e6:g} MB sent to /files/ is answered with {answer_of(seen)}; uploads end there."
    return [warning(step, text, _MEND)]
