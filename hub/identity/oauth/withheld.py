"""A yes whose code is not given yet: the person agreed, and first connects apps on a page of the hub.

Kept sealed, bound to the person and their session, for half an hour. Only going on makes the code, so its short life
begins then. Not the page (``hub/web/oauth``).
"""

from dataclasses import asdict, dataclass
from datetime import timedelta

import orjson

from hub.clock import Clock
from hub.identity.oauth.choices import Choice
from hub.identity.oauth.errors import PageError
from hub.identity.oauth.request import AuthorizationRequest
from hub.seal import KeyRing, SealBroken, fingerprint
from hub.store import Store

LIFE = timedelta(minutes=30)
"""How long the person may take to connect apps."""

_KIND = "withheld code"


@dataclass(frozen=True, slots=True)
class Withheld:
    """What was agreed to: the request, the key of the choice, and what names the consent page, of which the code is
    made."""

    asked: AuthorizationRequest
    key: str
    nonce: str


class WithheldCodes:
    """Keeps what was agreed to until the person goes on."""

    def __init__(self, store: Store, ring: KeyRing, clock: Clock) -> None:
        self._rows = store.ceremonies
        self._box = ring.box(_KIND)
        self._clock = clock

    async def hold(
        self, asked: AuthorizationRequest, choice: Choice, nonce: str, *, user_id: str, session_id: str
    ) -> str:
        """Keep a yes; the secret that names its page, worth nothing without the person's session."""
        secret = self._rows.secret()
        plain = orjson.dumps([asdict(asked), choice.key, nonce])
        sealed = self._box.seal(plain, bound=f"{user_id}\n{fingerprint(secret)}")
        await self._rows.open(secret, _KIND, session_id, sealed, LIFE)
        return secret

    async def held(self, secret: str, *, user_id: str, session_id: str) -> Withheld:
        """What this person agreed to at this browser. Raises ``PageError`` where there is nothing (any more)."""
        sealed = await self._rows.peek(secret, _KIND, session_id)
        try:
            if sealed is None:
                raise SealBroken
            plain = self._box.open(sealed, bound=f"{user_id}\n{fingerprint(secret)}", now=self._clock.time())
        except SealBroken:
            raise PageError(
                "This page is too old, or is another person's. Go back to the app and begin again."
            ) from None
        asked, key, nonce = orjson.loads(plain)
        return Withheld(AuthorizationRequest(**asked), key, nonce)
