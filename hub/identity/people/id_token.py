"""ID tokens: what an issuer signed about a person, judged (OpenID Connect Core, section 3.1.3.7).

Pure; the keys are given. Imported with the first OpenID Connect sign-in, not before.
"""

import hmac
import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA")
"""Signatures that are believed: by a key only the issuer has. Never ``none``, and never one by a shared secret."""

LEEWAY = 60.0
"""Seconds clocks may differ."""

_KINDS: Mapping[str, type[RSAKey] | type[ECKey] | type[OKPKey]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
_MOST_KEYS = 50


class IdTokenRefused(Exception):
    """An ID token that proves nothing; the text is for the operator's log and holds nothing of the token."""


class KeyUnknown(IdTokenRefused):
    """None of the issuer's keys that are known signed it; newer ones may have."""


def claims_of(
    token: str,
    keys: Sequence[Any],
    *,
    issuer: str,
    client_id: str,
    nonce: str,
    now: float,
) -> dict[str, Any]:
    """The claims of an ID token that ``issuer`` made for ``client_id`` and this sign-in. ``keys`` are JSON Web Keys.

    Raises ``IdTokenRefused``.
    """
    claims = _signed(token, keys)
    if claims.get("iss") != issuer:
        raise IdTokenRefused("its issuer (iss) is another one")
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if client_id not in audiences:
        raise IdTokenRefused("it is not for this hub (aud)")
    if claims.get("azp", client_id) != client_id or (len(audiences) > 1 and "azp" not in claims):
        raise IdTokenRefused("it was given to someone else (azp)")
    expires, issued, begins = (claims.get(name) for name in ("exp", "iat", "nbf"))
    if not _number(expires) or now - LEEWAY >= expires:
        raise IdTokenRefused("it has expired (exp), or the clocks differ")
    if not _number(issued) or issued > now + LEEWAY:
        raise IdTokenRefused("it is from the future (iat), or the clocks differ")
    if begins is not None and (not _number(begins) or begins > now + LEEWAY):
        raise IdTokenRefused("it is not valid yet (nbf)")
    shown = claims.get("nonce")
    if not isinstance(shown, str) or not hmac.compare_digest(shown.encode(), nonce.encode()):
        raise IdTokenRefused("it belongs to another sign-in (nonce)")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 1 <= len(subject) <= 255:
        raise IdTokenRefused("it names nobody (sub)")
    return claims


def _number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _signed(token: str, keys: Sequence[Any]) -> dict[str, Any]:
    """The claims, where one of the keys signed them."""
    try:
        header = jws.extract_compact(token.encode("ascii")).headers()
    except (JoseError, ValueError):
        raise IdTokenRefused("it is no signed token") from None
    if header.get("alg") not in ALGORITHMS:
        raise IdTokenRefused("its signature (alg) is of a kind that is not believed")
    named = header.get("kid")
    for entry in keys[:_MOST_KEYS]:
        key = _key(entry, named)
        if key is None:
            continue
        try:
            found = jwt.decode(token, key, algorithms=list(ALGORITHMS))
        except (JoseError, ValueError, TypeError):
            continue
        if not isinstance(found.claims, dict):
            raise IdTokenRefused("it holds no claims")
        return dict(found.claims)
    raise KeyUnknown("none of the issuer's keys signed it")


def _key(entry: Any, named: Any) -> RSAKey | ECKey | OKPKey | None:
    """One key of the issuer, where it may have signed; None for what cannot be used."""
    if not isinstance(entry, dict) or entry.get("use", "sig") != "sig":
        return None
    if named is not None and entry.get("kid", named) != named:
        return None
    kind = _KINDS.get(str(entry.get("kty")))
    if kind is None:
        return None
    try:
        return kind.import_key({name: value for name, value in entry.items() if isinstance(value, str | list)})
    except (JoseError, ValueError, TypeError, KeyError):
        return None
