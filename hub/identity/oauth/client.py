"""``Client``: an OAuth client as the authorization server knows it, however it came to know it.

Not where it is found (``clients.py``), and nothing that it says of itself is believed but where it has people sent.
"""

import unicodedata
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from hub.identity.oauth.errors import ClientUnknown

Kind = Literal["configured", "document", "registered"]
"""By the operator's configuration, by its metadata document (CIMD), or by dynamic registration (RFC 7591)."""

NAME_CHARACTERS = 80
DOCUMENT_ID_CHARACTERS = 1000


@dataclass(frozen=True, slots=True)
class Client:
    """One client. ``auth_methods`` are those by which it may show at the token endpoint who it is; ``secret_hash``
    is the SHA-256 of its secret, None for public clients."""

    id: str
    name: str
    kind: Kind
    redirect_uris: tuple[str, ...]
    auth_methods: frozenset[str]
    secret_hash: str | None = field(default=None, repr=False)

    @property
    def id_host(self) -> str | None:
        """The host that vouches for the client's metadata document."""
        return urlsplit(self.id).hostname if self.kind == "document" else None


def shown_name(name: str | None, otherwise: str) -> str:
    """A client's own name as people may be shown it: one short line without invisible characters."""
    plain = unicodedata.normalize("NFC", name or "")
    kept = "".join(one if one.isprintable() else " " for one in plain if unicodedata.category(one) not in ("Cf", "Mn"))
    short = " ".join(kept.split())[:NAME_CHARACTERS]
    return short or otherwise


def is_document_id(id: str) -> bool:
    """Whether a client id is the URL of a metadata document (draft-ietf-oauth-client-id-metadata-document, section 3):
    https, with a path, without dot segments, fragment or user."""
    if not id.startswith("https://") or len(id) > DOCUMENT_ID_CHARACTERS or not id.isascii() or not id.isprintable():
        return False
    try:
        parts = urlsplit(id)
        _ = parts.port
    except ValueError:
        return False
    if not parts.hostname or parts.username is not None or parts.password is not None or "#" in id:
        return False
    steps = parts.path.split("/")
    return len(parts.path) > 1 and not {".", ".."} & set(steps) and " " not in id and "\\" not in id


def document_client(id: str) -> Client:
    """A client known by its document, at the token endpoint: public, and bound by its code or token, so that the
    document is not needed. Raises ``ClientUnknown``."""
    if not is_document_id(id):
        raise ClientUnknown("there is no such client.")
    return Client(id, id, "document", (), frozenset({"none"}))
