"""Signed assertions (RFC 7523): made of a private key as people paste it, and the clocks they are refused by.

Not the requests they are sent in (``endpoint.py``), and no assertion of others is checked here.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from hub.broker.tokens import AppBroken
from hub.sdk.http import Reply

CLIENT_LIFETIME = 300
"""Seconds for which an assertion is good by which a client shows itself."""

CLOCK = "clock"
"""The code of an ``AppBroken`` whose cause is that clocks differ."""

_AHEAD = 30.0
"""Seconds by which the hub's clock may be ahead of a vendor's; a reply takes some to arrive."""

_LINE = 64
_PEM = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----(.*?)-----END \1-----", re.DOTALL)


def signed(
    claims: Mapping[str, str],
    pem: str,
    *,
    now: float,
    seconds: int,
    id: str,
    algorithm: str | None = None,
    key_id: str | None = None,
) -> str:
    """An assertion that is good for ``seconds`` from ``now`` (epoch seconds) and bears ``id`` as its ``jti``, signed by
    ``algorithm`` or what suits the key (RFC 7523, section 3).

    Raises ``AppBroken`` where ``pem`` is no private key, without telling it.
    """
    # Few apps ask for one, and no start waits for them.
    from joserfc import jwt
    from joserfc.errors import JoseError
    from joserfc.jwk import ECKey, RSAKey

    told = {**claims, "iat": int(now), "exp": int(now) + seconds, "jti": id}
    text = whole_pem(pem)
    try:
        key: RSAKey | ECKey
        try:
            key = RSAKey.import_key(text)
        except (JoseError, ValueError, TypeError):
            key = ECKey.import_key(text)
        name = algorithm or ("ES256" if isinstance(key, ECKey) else "RS256")
        header = {"alg": name, "typ": "JWT", **({"kid": key_id} if key_id else {})}
        return jwt.encode(header, told, key, algorithms=[name])
    except (JoseError, ValueError, TypeError):
        raise AppBroken("the private key is not one in PEM that this hub can sign with.", "private_key") from None


def whole_pem(text: str) -> str:
    r"""A key in PEM with its lines as RFC 7468, section 2, wants them. A browser's field takes line breaks away, and in
    a vendor's JSON file they are written ``\n``. Text that is no PEM is returned as it is."""
    found = _PEM.search(text)
    if found is None:
        return text
    label, body = found[1], re.sub(r"\\[nr]|\s", "", found[2])
    lines = [body[at : at + _LINE] for at in range(0, len(body), _LINE)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])


def clock_told(reply: Reply, now: datetime, seconds: int) -> str | None:
    """Why an assertion made ``now`` for ``seconds`` is not valid by the vendor's clock, in words for the operator; None
    where the reply's ``Date`` (RFC 9110, section 6.6.1) does not say so."""
    try:
        date = parsedate_to_datetime(reply.headers.get("date", ""))
    except ValueError:
        return None
    date = date if date.tzinfo is not None else date.replace(tzinfo=UTC)
    behind = (date - now).total_seconds()
    if -_AHEAD <= behind <= seconds:
        return None
    minutes = max(1, round(abs(behind) / 60))
    way = "behind" if behind > 0 else "ahead of"
    return (
        f"The clock of the hub's machine is {minutes} minute{'' if minutes == 1 else 's'} {way} the vendor's, which "
        "therefore does not accept what it signs; set the machine's clock."
    )
