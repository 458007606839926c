"""Codes of authenticator apps (TOTP, RFC 6238) and recovery codes: pure arithmetic, nothing is kept here.

The parameters are those every app knows: SHA-1, six digits, thirty seconds. SHA-1 is sound inside HMAC.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable

import pyotp

STEP_SECONDS = 30
RECOVERY_CODES = 10
"""How many recovery codes a person gets."""

_SECRET_BYTES = 20
_RECOVERY_BYTES = 10


def new_totp_secret(random: Callable[[int], bytes]) -> str:
    """A secret of 160 bits in base32."""
    return base64.b32encode(random(_SECRET_BYTES)).decode()


def totp_uri(secret: str, name: str, hub: str) -> str:
    """What an authenticator app reads from the picture: the account ``name`` at ``hub``."""
    return pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=hub)


def totp_step(secret: str, code: str, at: float) -> int | None:
    """The time step whose code this is: that of ``at`` (epoch seconds), or one before or after; None for none."""
    digits = "".join(code.split())
    if len(digits) != 6 or not (digits.isascii() and digits.isdigit()):
        return None
    totp = pyotp.TOTP(secret)
    now = int(at) // STEP_SECONDS
    found = [step for step in (now - 1, now, now + 1) if hmac.compare_digest(totp.generate_otp(step), digits)]
    return found[-1] if found else None


def new_recovery_codes(random: Callable[[int], bytes]) -> list[str]:
    """Ten codes of 80 random bits, in four groups of four characters."""
    texts = [base64.b32encode(random(_RECOVERY_BYTES)).decode().lower() for _ in range(RECOVERY_CODES)]
    return ["-".join(text[at : at + 4] for at in range(0, 16, 4)) for text in texts]


def recovery_hash(user_id: str, code: str) -> str:
    """How a recovery code is kept: SHA-256 with its owner's id, which keeps one search from serving all accounts."""
    plain = "".join(character for character in code.lower() if character.isalnum())
    return hashlib.sha256(f"hub recovery code\0{user_id}\0{plain}".encode()).hexdigest()
