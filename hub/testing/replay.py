"""``ReplayTransport``: a recording's exchanges in the place of the network.

Everything above the seam is real: building, reach, redirects, retries and reading run as in life. Not a fuzzy match:
a request that is not the recorded one, or comes at another time, is an error that says how it differs.
"""

from typing import Any, NoReturn
from urllib.parse import parse_qsl, unquote, urlsplit

from hub.errors import HubError
from hub.sdk.http import Outgoing, Reply
from hub.testing.bodies import decoded, encoded, fields, is_json, words
from hub.testing.differences import differences
from hub.testing.recording import Exchange, RecordedRequest, RecordingFile


class ReplayMismatch(HubError):
    """A request that the recording does not hold, or not now; tells the differences line by line."""


class ReplayTransport:
    """Answers from one recording, in order (``upstream.transport.Transport``).

    ``problem`` keeps the first mismatch, since a tool may catch what ``exchange`` raises.
    """

    def __init__(self, file: RecordingFile) -> None:
        self._file = file
        self._exchanges = file.recording.exchanges
        self._next = 0
        self.problem: ReplayMismatch | None = None

    async def exchange(
        self,
        outgoing: Outgoing,
        *,
        connector: str,
        timeout: float,  # noqa: ASYNC109 - the protocol's; nothing here takes time
    ) -> Reply:
        """The recorded response, when ``outgoing`` is the recorded request. Raises ``ReplayMismatch``."""
        if self.problem is not None:
            raise self.problem
        at = self._next
        if at >= len(self._exchanges):
            self._fail(
                f"{self._file.place('exchanges')}: request {at + 1} is not recorded; the tool sent "
                f"{outgoing.method} {outgoing.url}"
            )
        recorded = self._exchanges[at]
        told = request_differences(recorded.request, outgoing)
        if told:
            lines = "".join(f"\n    {line}" for line in told)
            place = self._file.place("exchanges", at, "request")
            self._fail(f"{place}: request {at + 1} is not the recorded one:{lines}")
        self._next += 1
        return self._reply(recorded, at, outgoing.url)

    def unused(self) -> str | None:
        """What was recorded and never sent, in words; None when every exchange was used."""
        left = len(self._exchanges) - self._next
        if left == 0:
            return None
        request = self._exchanges[self._next].request
        place = self._file.place("exchanges", self._next)
        told = f"{place}: {request.method} {request.url} was recorded and never sent"
        return told + (f", nor the {left - 1} after it" if left > 1 else "")

    def _fail(self, told: str) -> NoReturn:
        self.problem = ReplayMismatch(told)
        raise self.problem

    def _reply(self, recorded: Exchange, at: int, url: str) -> Reply:
        response = recorded.response
        headers = {name.lower(): value for name, value in response.headers.items()}
        body = b""
        if response.has_body:
            try:
                body = encoded(response.body)
            except ValueError as wrong:
                self._fail(f"{self._file.place('exchanges', at, 'response', 'body')}: {wrong}")
            if is_json(response.body):
                headers.setdefault("content-type", "application/json")
        return Reply(response.status, url, headers, body)


def request_differences(recorded: RecordedRequest, outgoing: Outgoing) -> list[str]:
    """How a request to be sent differs from the recorded one: method, address, decoded query and body, and those
    headers that were recorded. Empty when it is the same."""
    lines: list[str] = []
    if recorded.method != outgoing.method:
        lines.append(f"method: recorded {recorded.method}, sent {outgoing.method}")
    if _address(recorded.url) != _address(outgoing.url):
        lines.append(f"url: recorded {_bare(recorded.url)}, sent {_bare(outgoing.url)}")
    wanted = {**_query(recorded.url), **{name: _single(value) for name, value in recorded.query.items()}}
    lines += differences(wanted, _query(outgoing.url), "query", verb="sent")
    sent = {name.lower(): value for name, value in outgoing.headers.items()}
    for name, value in recorded.headers.items():
        if sent.get(name.lower()) != value:
            found = sent.get(name.lower())
            lines.append(f"header {name}: recorded {value!r}, sent {'nothing' if found is None else repr(found)}")
    body = decoded(outgoing.body, sent.get("content-type", ""))
    if recorded.has_body or outgoing.body:
        lines += differences(_form(recorded.body, sent.get("content-type", "")), body, "body", verb="sent")
    return lines


def _form(body: Any, content_type: str) -> Any:
    """A recorded body; numbers among a form's fields are the words they are sent as."""
    if content_type.split(";")[0].strip().lower() != "application/x-www-form-urlencoded" or not isinstance(body, dict):
        return body
    return {name: _single(held) for name, held in words(body).items()}


def _single(value: Any) -> Any:
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _query(url: str) -> dict[str, Any]:
    return fields(parse_qsl(urlsplit(url).query, keep_blank_values=True))


def _bare(url: str) -> str:
    return url.partition("#")[0].partition("?")[0]


def _address(url: str) -> tuple[str, str, int | None, list[str]]:
    """Scheme, host, port and the decoded segments of the path: two spellings of one address are equal."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return parts.scheme, parts.hostname or "", port, [unquote(one) for one in (parts.path or "/").split("/")]
