"""A call made visible: each request as it was sent and each reply, in words, without credentials.

Not a log: it is shown to the one who asked for it, once.
"""

from collections.abc import Callable, Mapping, Sequence

import orjson

from hub.clock import Clock
from hub.observe import blacken, blacken_entry
from hub.sdk.http import Outgoing, Reply
from hub.testing.bodies import decoded, parsed
from hub.upstream.errors import TransportError
from hub.upstream.headers import sendable
from hub.upstream.transport import Transport

SHOWN = 2_000
"""Characters of one body that are shown."""


class TracingTransport:
    """Tells of every round trip through the network below it (``upstream.transport.Transport``)."""

    def __init__(self, network: Transport, clock: Clock, tell: Callable[[str], None]) -> None:
        self._network = network
        self._clock = clock
        self._tell = tell

    async def exchange(
        self,
        outgoing: Outgoing,
        *,
        connector: str,
        timeout: float,  # noqa: ASYNC109 - the protocol's
    ) -> Reply:
        """See ``Transport``."""
        self._tell(sent(outgoing))
        begun = self._clock.monotonic()
        try:
            reply = await self._network.exchange(outgoing, connector=connector, timeout=timeout)
        except TransportError as wrong:
            self._tell(f"<-- no reply: {wrong.reason}\n")
            raise
        self._tell(_without(outgoing.private, answered(reply, (self._clock.monotonic() - begun) * 1000)))
        return reply


def sent(outgoing: Outgoing) -> str:
    """A request in words: its line, all headers as they travel, its body."""
    headers = dict(sendable(outgoing.headers).values())
    lines = [f"--> {outgoing.method} {blacken(outgoing.url)}", *_headers(headers)]
    lines += _body(outgoing.body, headers)
    return _without(outgoing.private, "\n".join(lines) + "\n")


def answered(reply: Reply, ms: float) -> str:
    """A reply in words: its status, headers, and the beginning of its body."""
    lines = [f"<-- {reply.status} ({ms:.0f} ms, {len(reply.body):,} bytes)", *_headers(reply.headers)]
    lines += _body(reply.body, reply.headers)
    return "\n".join(lines) + "\n"


def _without(private: Sequence[str], text: str) -> str:
    """``text`` without what is private of the request: a credential in a path looks like any other part of one."""
    for secret in private:
        text = text.replace(secret, "***")
    return text


def _headers(headers: Mapping[str, str]) -> list[str]:
    return [f"    {name}: {blacken_entry(name, value)}" for name, value in headers.items()]


def _body(body: bytes | None, headers: Mapping[str, str]) -> list[str]:
    if not body:
        return []
    kind = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
    held = decoded(body, kind)
    if isinstance(held, dict) and set(held) == {"base64"}:
        return ["", f"    [{len(body):,} bytes of {kind or 'unknown type'}]"]
    if isinstance(held, str):
        held = parsed(held) or held
    text = str(
        blacken(held if isinstance(held, str) else orjson.dumps(blacken(held), option=orjson.OPT_INDENT_2).decode())
    )
    cut = f"\n[… {len(text):,} characters in all]" if len(text) > SHOWN else ""
    return ["", *(f"    {line}" for line in (text[:SHOWN] + cut).splitlines())]
