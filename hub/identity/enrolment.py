"""What a one-time set-up link gives its person: today, a first access token.

Not sign-in: whoever holds the link is taken for the user it was made for, once.
"""

from hub.sdk.tool import EFFECTS
from hub.store import Store

LABEL = "from the set-up link"


class Enrolment:
    """Uses up set-up links."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def first_token(self, secret: str) -> tuple[str, str] | None:
        """The user's name and a new access token for everything, or None when the link is spent or expired."""
        user = await self._store.setup_links.take(secret)
        if user is None:
            return None
        _, token = await self._store.tokens.create(user.id, LABEL, frozenset(EFFECTS), None)
        return user.name, token
