"""The parts of files, joined. Nothing is decided here."""

import os
from collections.abc import Callable
from dataclasses import dataclass

from hub.clock import Clock
from hub.config.model import FilesConfig
from hub.files.files import Files, Limits
from hub.files.given import Given
from hub.files.links import FileLinks
from hub.files.memory import Memory
from hub.sdk.http import Send
from hub.seal import KeyRing
from hub.store import Store

MEMORY = 4
"""How many of the largest files the calls of one process hold at once."""


@dataclass(frozen=True, slots=True)
class FileParts:
    """All that has to do with files."""

    files: Files
    given: Given
    links: FileLinks
    memory: Memory

    @classmethod
    def of(
        cls,
        store: Store,
        ring: KeyRing,
        clock: Clock,
        send: Send,
        *,
        config: FilesConfig,
        public_url: str,
        random: Callable[[int], bytes] = os.urandom,
    ) -> "FileParts":
        """The parts of a hub whose requests go out by ``send``."""
        limits = Limits(config.max_bytes, config.user_bytes, config.total_bytes)
        files = Files(store, ring, clock, limits, random=random)
        links = FileLinks(ring.box("file link"), clock, public_url)
        return cls(files, Given(files, send), links, Memory(MEMORY * limits.file))
