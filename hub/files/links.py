"""Signed links to files: ``/files/<id>?t=...``, which say for whom, for which file, whether to read or to write it.

Whoever has such a link has the right, in a browser or with curl; so it lives shortly. The hub seals it, which nobody
else can; what the page does with it is ``hub/web/files``'s.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import orjson

from hub.clock import Clock
from hub.files.kept import Kept
from hub.seal import Box, SealBroken

UPLOAD = timedelta(minutes=30)
"""How long a link to hand a file in may lie about."""

Right = Literal["download", "upload"]
"""What a link allows: to read the file (GET, HEAD), or to hand it in once (GET for the page, PUT, POST)."""


@dataclass(frozen=True, slots=True)
class Link:
    """What a link says. ``name`` is what the file is to be called, where that was said."""

    user_id: str
    id: str
    right: Right
    name: str = ""


class FileLinks:
    """Makes and reads the links."""

    def __init__(self, box: Box, clock: Clock, public_url: str) -> None:
        self._box = box
        self._clock = clock
        self._public_url = public_url

    def download(self, kept: Kept) -> str:
        """The link by which this file is read, for as long as it is kept."""
        return self._made(Link(kept.user_id, kept.id, "download"), kept.expires_at.timestamp())

    def upload(self, user_id: str, id: str, name: str) -> str:
        """The link by which this user hands in the file of this id, for half an hour."""
        return self._made(Link(user_id, id, "upload", name), self._clock.time() + UPLOAD.total_seconds())

    def _made(self, link: Link, expires: float) -> str:
        held = orjson.dumps([link.right, link.user_id, link.name])
        return f"{self._public_url}/files/{link.id}?t={self._box.seal(held, bound=link.id, expires=expires)}"

    def opened(self, token: str, id: str) -> Link | None:
        """What a link to the file of this id says; None for what is no link of ours, is another's, or has lapsed."""
        try:
            right, user_id, name = orjson.loads(self._box.open(token, bound=id, now=self._clock.time()))
        except SealBroken:
            return None
        return Link(user_id, id, right, name)
