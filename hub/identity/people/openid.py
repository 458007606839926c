"""Signing in elsewhere: the hub as OpenID Connect client (authorization code with PKCE, OpenID Connect Core 3.1).

State, nonce and verifier are bound to the browser, live for minutes and are used once. All an issuer publishes is taken
for hostile: requests to it pass the same guard as connectors' (as ``oidc``), and its endpoints must be on https, unless
the operator named an issuer on http. Who comes in is decided in ``people.py``.
"""

import base64
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from hub.clock import Clock
from hub.errors import HubError
from hub.identity.people.ceremony import Ceremonies
from hub.identity.people.openid_issuer import Issuer, OpenIdSettings
from hub.identity.people.refusals import SignInRefused
from hub.observe import log
from hub.sdk.http import Send

__all__ = ["Elsewhere", "OpenId", "OpenIdSettings"]

_KIND = "openid"
_log = log("people.openid")


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Who somebody is at an issuer. ``label`` is for people; ``just_in_time``: they may get an account here by it."""

    provider: str
    title: str
    issuer: str
    subject: str
    label: str
    just_in_time: bool
    proposals: tuple[str, ...]

    def names(self) -> list[str]:
        """Names they could bear here, the best first."""
        return [*self.proposals, *(f"{name} {number}" for number in range(2, 21) for name in self.proposals[:1])]


class OpenId:
    """The sign-ins elsewhere that the operator set up, by name."""

    def __init__(
        self,
        settings: Mapping[str, OpenIdSettings],
        send: Send | None,
        ceremonies: Ceremonies,
        clock: Clock,
        public_url: str,
        random: Callable[[int], bytes],
    ) -> None:
        self._issuers = {name: Issuer(one, send, clock) for name, one in settings.items() if send is not None}
        self._ceremonies = ceremonies
        self._public_url = public_url
        self._random = random

    @property
    def titles(self) -> dict[str, str]:
        """The sign-ins, as buttons call them."""
        return {name: issuer.settings.title or name for name, issuer in self._issuers.items()}

    def redirect_uri(self, name: str) -> str:
        """Where the issuer sends the browser back to; the operator registers it there."""
        return f"{self._public_url}/signin/oidc/{name}/callback"

    async def begin(self, name: str, visit: str, purpose: Mapping[str, Any], *, again: bool = False) -> str:
        """The issuer's address to send the browser to. ``purpose`` comes back with ``finish``; ``again`` has the issuer
        ask the person to sign in anew.

        Raises ``SignInRefused``: there is no such sign-in, or its issuer does not answer rightly.
        """
        issuer = self._issuer(name)
        nonce, verifier = self._text(), self._text()
        try:
            document = await issuer.document()
        except HubError as wrong:
            raise self._failed(name, wrong) from wrong
        held = {"provider": name, "nonce": nonce, "verifier": verifier, "purpose": dict(purpose)}
        asked = {
            "response_type": "code",
            "client_id": issuer.settings.client_id,
            "redirect_uri": self.redirect_uri(name),
            "scope": "openid email profile",
            "state": await self._ceremonies.begin(_KIND, visit, held),
            "nonce": nonce,
            "code_challenge": _unpadded(hashlib.sha256(verifier.encode()).digest()),
            "code_challenge_method": "S256",
        }
        if again:
            asked["prompt"] = "login"
        url = document.authorization_endpoint
        return f"{url}{'&' if urlsplit(url).query else '?'}{urlencode(asked, quote_via=quote)}"

    async def finish(self, name: str, query: Mapping[str, str], visit: str) -> tuple[Elsewhere, dict[str, Any]]:
        """Who came back from the issuer, and the purpose they went for. ``query`` holds each parameter once.

        Raises ``SignInRefused``.
        """
        issuer = self._issuer(name)
        held = await self._ceremonies.take(query.get("state", ""), _KIND, visit)
        if held is None or held["provider"] != name:
            raise SignInRefused("This sign-in took too long, or was begun in another browser. Begin anew.")
        try:
            document = await issuer.document()
            document.check_issuer(query.get("iss"))
            if "error" in query or "code" not in query:
                raise SignInRefused(f"{issuer.settings.title or name} did not let you in: {_word(query.get('error'))}.")
            claims = await issuer.redeem(query["code"], held["verifier"], held["nonce"], self.redirect_uri(name))
        except SignInRefused:
            raise
        except HubError as wrong:
            raise self._failed(name, wrong) from wrong
        return self._who(name, issuer.settings, claims), held["purpose"]

    def _who(self, name: str, settings: OpenIdSettings, claims: Mapping[str, Any]) -> Elsewhere:
        mail = claims.get("email") if claims.get("email_verified") is True else None
        address = mail if isinstance(mail, str) and mail.count("@") == 1 else ""
        domain = address.rpartition("@")[2].lower()
        title = settings.title or name
        if "*" not in settings.domains and settings.domains and domain not in settings.domains:
            raise SignInRefused(
                f"This hub lets in people of {', '.join(settings.domains)} only, and {title} does not say that you "
                "have a verified e-mail address there."
            )
        told = [claims.get("preferred_username"), claims.get("name"), address]
        texts = [text.strip() for text in told if isinstance(text, str) and text.strip()]
        proposals = [text.partition("@")[0][:60] for text in texts]
        return Elsewhere(
            provider=name,
            title=title,
            issuer=settings.issuer,
            subject=claims["sub"],
            label=(address or (texts[0] if texts else claims["sub"]))[:255],
            just_in_time=settings.just_in_time and bool(settings.domains),
            proposals=tuple(dict.fromkeys(filter(None, proposals))) or ("member",),
        )

    def _issuer(self, name: str) -> Issuer:
        issuer = self._issuers.get(name)
        if issuer is None:
            raise SignInRefused("This hub has no such sign-in.")
        return issuer

    def _failed(self, name: str, wrong: HubError) -> SignInRefused:
        _log.warning("an OpenID Connect sign-in failed", provider=name, reason=str(wrong))
        title = self._issuers[name].settings.title or name
        return SignInRefused(f"Signing in with {title} does not work at the moment; the reason is in the hub's log.")

    def _text(self) -> str:
        return _unpadded(self._random(32))


def _unpadded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _word(error: str | None) -> str:
    """An issuer's error code as it may be shown."""
    return error if error is not None and re.fullmatch(r"[a-z_]{1,40}", error) else "it gave no reason"
