"""The random text of tokens and links.

Not for keys (``hub.seal``), and nothing is kept here.
"""

import base64

from hub.store.identifiers import Random

_BYTES = 32


def random_text(random: Random) -> str:
    """43 url-safe characters of 256 random bits."""
    return base64.urlsafe_b64encode(random(_BYTES)).rstrip(b"=").decode()
