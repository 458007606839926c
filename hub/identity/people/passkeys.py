"""Passkeys: adding one to an account, and signing in with one.

A challenge is bound to the browser, lives for minutes and is used once. Not the judgement of what an authenticator says
(``webauthn.py``), and no second step is asked after a passkey: its authenticator verified the person.
"""

import asyncio
import base64
import binascii
from collections.abc import Callable
from importlib import import_module
from ipaddress import ip_address
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from hub.identity.people.ceremony import Ceremonies
from hub.identity.people.refusals import ChangeRefused, SignInRefused
from hub.store import Store, User
from hub.store.passkeys import Passkey

MOST = 20
"""Passkeys one person may have."""

HUB = "Connector hub"
"""What authenticators call this hub."""

_ADDING, _USING = "passkey-add", "passkey"


class Passkeys:
    """The passkeys of a hub at ``public_url``."""

    def __init__(
        self, store: Store, ceremonies: Ceremonies, public_url: str, origin: str, random: Callable[[int], bytes]
    ) -> None:
        self._store = store
        self._ceremonies = ceremonies
        self._domain = urlsplit(public_url).hostname or ""
        self._origin = origin
        self._random = random
        secure = public_url.startswith("https://") or self._domain == "localhost"
        self.possible = secure and not _is_address(self._domain)
        """Whether browsers make passkeys for this hub at all: for domain names, over https or on localhost."""

    async def begin_adding(self, user: User, visit: str) -> dict[str, Any]:
        """The options for a new passkey of this user, and ``ceremony``, which comes back with it.

        Raises ``ChangeRefused`` where there are too many.
        """
        known = await self._store.passkeys.list(user.id)
        if len(known) >= MOST:
            raise ChangeRefused(f"There are {MOST} passkeys already; remove one first.")
        challenge = self._random(32)
        web = await _webauthn()
        credentials = [one.credential for one in known]
        options = web.registration_options(self._site(web), user.id, user.name, credentials, challenge)
        held = {"user": user.id, "challenge": challenge.hex()}
        return {"options": options, "ceremony": await self._ceremonies.begin(_ADDING, visit, held)}

    async def add(self, user: User, visit: str, ceremony: str, credential: Any, name: str) -> Passkey:
        """Keep the passkey the browser made. Raises ``SignInRefused``, ``ChangeRefused`` and ``NameRefused``."""
        held = await self._ceremonies.take(ceremony, _ADDING, visit)
        if held is None or held["user"] != user.id or not isinstance(credential, dict):
            raise SignInRefused("This passkey came too late, or from another page. Try again.")
        web = await _webauthn()
        made = web.registered(self._site(web), bytes.fromhex(held["challenge"]), credential)
        kept = await self._store.passkeys.add(
            user.id, name.strip() or "passkey", made.credential, made.public_key, made.sign_count
        )
        if kept is None:
            raise ChangeRefused("This passkey is known already.")
        return kept

    async def begin_using(
        self, visit: str, user_id: str | None = None, held: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """The options to sign in, with any passkey or with one of ``user_id``'s; ``held`` is given back by ``use``."""
        known = [] if user_id is None else [one.credential for one in await self._store.passkeys.list(user_id)]
        challenge = self._random(32)
        web = await _webauthn()
        options = web.authentication_options(self._site(web), known, challenge)
        kept = {**(held or {}), "user": user_id, "challenge": challenge.hex()}
        return {"options": options, "ceremony": await self._ceremonies.begin(_USING, visit, kept)}

    async def use(self, visit: str, ceremony: str, credential: Any) -> tuple[User, dict[str, Any]]:
        """Whose passkey signed, and what was held. Raises ``SignInRefused``; also for disabled users."""
        held = await self._ceremonies.take(ceremony, _USING, visit)
        if held is None or not isinstance(credential, dict):
            raise SignInRefused("This passkey came too late, or from another page. Try again.")
        found = await self._store.passkeys.by_credential(_spelled(credential.get("id")))
        if found is None or not found[1].enabled or held["user"] not in (None, found[1].id):
            raise SignInRefused("This passkey does not let anyone in here.")
        passkey, user = found
        web = await _webauthn()
        challenge = bytes.fromhex(held["challenge"])
        count = web.authenticated(self._site(web), challenge, credential, passkey.public_key, passkey.sign_count)
        await self._store.passkeys.used(passkey.id, count)
        return user, held

    def _site(self, web: ModuleType) -> Any:
        return web.Site(self._domain, self._origin, HUB)


async def _webauthn() -> ModuleType:
    """The ceremonies' module; loaded beside the event loop the first time."""
    return await asyncio.to_thread(import_module, "hub.identity.people.webauthn")


def _spelled(credential: Any) -> str:
    """A credential's id in the one spelling it is kept in; empty for what is none."""
    if not isinstance(credential, str) or len(credential) > 2000:
        return ""
    try:
        raw = base64.urlsafe_b64decode(credential.encode("ascii") + b"=" * (-len(credential) % 4))
    except (binascii.Error, UnicodeEncodeError):
        return ""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
