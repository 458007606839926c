"""Passkeys' two ceremonies as data (WebAuthn level 3, sections 7.1 and 7.2): options for the browser, and the judgement
of what it brings back. Nothing is kept here, and no challenge is remembered: that is ``passkeys.py``.

Imported when the first passkey is asked for: what stands behind it takes a fifth of a second to load.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from hub.identity.people.refusals import SignInRefused


@dataclass(frozen=True, slots=True)
class Site:
    """Who asks: the relying party's id (a domain), its origin, and its name for people."""

    domain: str
    origin: str
    name: str


@dataclass(frozen=True, slots=True)
class Registered:
    """A new credential; both texts are base64url."""

    credential: str
    public_key: str
    sign_count: int


def registration_options(
    site: Site, user_id: str, user_name: str, known: Sequence[str], challenge: bytes
) -> dict[str, Any]:
    """What the browser is given to make a passkey that the authenticator itself can name, after verifying its person.

    ``known`` are the credentials the person has here already.
    """
    options = generate_registration_options(
        rp_id=site.domain,
        rp_name=site.name,
        user_id=user_id.encode(),
        user_name=user_name,
        challenge=challenge,
        exclude_credentials=_descriptors(known),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
    )
    return _plain(options_to_json(options))


def registered(site: Site, challenge: bytes, credential: dict[str, Any]) -> Registered:
    """The credential the browser brings back. Raises ``SignInRefused`` where anything about it is wrong."""
    try:
        made = verify_registration_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=site.domain,
            expected_origin=site.origin,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, TypeError, KeyError) as wrong:
        raise SignInRefused("This passkey could not be added. Try again.") from wrong
    return Registered(
        bytes_to_base64url(made.credential_id), bytes_to_base64url(made.credential_public_key), made.sign_count
    )


def authentication_options(site: Site, known: Sequence[str], challenge: bytes) -> dict[str, Any]:
    """What the browser is given to use a passkey; any of the person's choice where ``known`` is empty."""
    options = generate_authentication_options(
        rp_id=site.domain,
        challenge=challenge,
        allow_credentials=_descriptors(known) or None,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return _plain(options_to_json(options))


def authenticated(site: Site, challenge: bytes, credential: dict[str, Any], public_key: str, sign_count: int) -> int:
    """The authenticator's counter, where the credential signed this challenge for this site with its person verified.

    Raises ``SignInRefused``; also where the counter went back, which tells of a copy.
    """
    try:
        used = verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=site.domain,
            expected_origin=site.origin,
            credential_public_key=base64url_to_bytes(public_key),
            credential_current_sign_count=sign_count,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, TypeError, KeyError) as wrong:
        raise SignInRefused("This passkey does not let anyone in here.") from wrong
    return used.new_sign_count


def _descriptors(known: Sequence[str]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=base64url_to_bytes(one)) for one in known]


def _plain(text: str) -> dict[str, Any]:
    made: dict[str, Any] = orjson.loads(text)
    return made
