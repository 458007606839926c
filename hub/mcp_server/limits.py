"""The wire's bounds and times, in one place so that an operator's tests can shorten them.

Not policy: who may do what is the gateway's business.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes, counts and seconds the wire keeps to.

    ``body``: bytes of one POST. ``bodies``: bytes of all that are held at once, of which one user may have a quarter.
    ``reading``: s for a body to arrive. ``batch``: messages of a 2025-03-26 batch.
    ``to_stream``: s until a silent answer becomes an event stream. ``keepalive``: s between comments on one.
    ``deadline``: s for an answer, a little more than the gateway's own, so that the gateway says what becomes of a call
    out of time. ``question``: s a client has to answer a question. ``grace``: s that calls get to end at shutdown.
    ``unwind``: s a cancelled call gets to clean up before it is left to itself. ``poll``: s between looks whether the
    client is still there. ``recheck``: s between looks whether a listener still may listen. ``stall``: s a reader may
    take nothing before it is dropped. ``congestion``: unread bytes from which on progress and log lines are dropped.
    ``patience``: s one of them is waited for. ``streams``: open listening streams of one user. ``uris``: resources one
    listener watches, and tasks. ``orphans``: calls of one user whose client went away. ``session``: s a legacy session
    lives. ``remembered``: entries of each in-memory table. ``retry``: s after which a client that was let go may come
    back. ``absence``: s a client that lost its connection has to come back while it is being asked something.
    ``kept``: s the messages of a stream that ended are kept for who comes back. ``trails``: bytes of all kept messages.
    """

    body: int = 4 * 1024 * 1024
    bodies: int = 64 * 1024 * 1024
    reading: float = 30.0
    batch: int = 50
    to_stream: float = 5.0
    keepalive: float = 15.0
    deadline: float = 245.0
    question: float = 180.0
    grace: float = 6.0
    unwind: float = 1.0
    poll: float = 0.5
    recheck: float = 1.0
    stall: float = 30.0
    congestion: int = 256 * 1024
    patience: float = 0.1
    streams: int = 32
    uris: int = 256
    orphans: int = 32
    session: float = 24 * 3600.0
    remembered: int = 4096
    retry: float = 1.0
    absence: float = 15.0
    kept: float = 60.0
    trails: int = 64 * 1024 * 1024
