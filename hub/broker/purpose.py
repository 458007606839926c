"""``Purpose``: what an account is wanted for. Plain data; which account that is, is ``broker.py``'s."""

from dataclasses import dataclass

from hub.sdk.effect import Effect
from hub.sdk.provider import Provider


@dataclass(frozen=True, slots=True, eq=False)
class Purpose:
    """What an account is wanted for: the connector (``shipped`` with the hub or not, and of which ``code``), its
    provider, and the calls' effect and scopes. Keep it while that holds: what is found for it is kept by it."""

    connector: str
    title: str
    shipped: bool
    code: str
    provider: Provider
    effect: Effect = "read"
    scopes: tuple[str, ...] = ()
