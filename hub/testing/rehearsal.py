"""An account for replayed recordings: it has settings, and signs nothing, for what signs is never part of a recording.

Not the broker: nobody's account is looked up or used.
"""

from collections.abc import Mapping

from hub.broker import Account, Purpose
from hub.broker.credential import Credential, Settled
from hub.broker.signing import Signature
from hub.clock import SystemClock
from hub.sdk.context import Connection as Shown
from hub.sdk.http import Send
from hub.store.connections import Connection


class Rehearsal:
    """``gateway.accounts.Accounts`` while recordings are replayed; ``settings`` are the account's
    settings and fields."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        self._settings = settings

    def known(self, user_id: str, purpose: Purpose, named: str | None, now: float) -> Account | None:
        """None: it is made anew for each call."""
        return None

    async def account(self, user_id: str, purpose: Purpose, named: str | None, send: Send) -> Account:
        """The one account there is, whatever it is called."""
        return unsigned(purpose, self._settings, send)


def unsigned(purpose: Purpose, settings: Mapping[str, str], send: Send) -> Account:
    """An account that lets every request pass as it is."""
    provider = purpose.provider
    name, method = next(iter(provider.methods.items()))
    now = SystemClock().now()
    fields = {name: value for name, value in settings.items() if name not in provider.declared.settings}
    # What a vendor would name of the account's hosts stands in the recording too.
    given = {**provider.checked_settings(settings, method), **provider.found(settings)[0]}
    kept = Connection(
        id="recorded", user_id="", provider=provider.name, method=name, label="recorded", subject="",
        scopes=frozenset(), settings=given, fields=fields, hosts=(), secret="",
        version=1, health="ok", reason="", expires_at=None, renewed_at=now, lease_owner=None, lease_until=None,
        failures=0, failed_at=None, is_default=True, wanted=frozenset(), created_at=now, used_at=None,
    )  # fmt: skip
    nothing = Signature({}, frozenset(), {}, {}, "")
    shown = Shown(kept.id, kept.label, kept.fields)
    hosts = provider.hosts(kept.settings, method)
    credential = Credential(kept, provider, method, {}, hosts, (), nothing, (), (), shown)
    return Account(Settled(credential, "", purpose.connector, send, _same, _none, _works))


async def _same(credential: Credential) -> Credential:
    return credential


async def _none(credential: Credential) -> Credential | None:
    return None


async def _works(credential: Credential) -> bool:
    """A recorded refusal is the account's."""
    return False
