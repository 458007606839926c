"""The hub's keys and what lies sealed with them: the check at start, the change of keys, and the way on without them.

Not the seal itself (``hub.seal``).
"""

from hub.errors import ConfigError
from hub.seal import KEY_FILE, KeyRing, SealBroken
from hub.store import Store

CHANGE = "key"
"""The kind of change that tells running hubs to read the key file again."""

_PURPOSE = "key check"
_WORD = b"This database was sealed with this key."


async def check_key(store: Store, ring: KeyRing) -> None:
    """See that the key file is this database's. Raises ``ConfigError`` that says how to go on where it is not."""
    sealed = await store.sealed.check()
    if sealed is None:
        sealed = await store.sealed.first_check(ring.box(_PURPOSE).seal(_WORD, bound=""))
    try:
        ring.box(_PURPOSE).open(sealed, bound="", now=0.0)
    except SealBroken:
        raise ConfigError(
            f"the key file {KEY_FILE} in data_dir is not the one this database was sealed with. Put back the "
            f"{KEY_FILE} from the backup of the database. If it is lost for good, hub recover --forget-secrets gives "
            "up what only it could open: people, their sign-ins and the policy stay, accounts at apps must be "
            "connected again, and second factors set up again."
        ) from None


async def reseal(store: Store, ring: KeyRing) -> int:
    """Seal all that lies in the database with the newest key; returns how many rows.

    Safe while hubs run: they take up the new key when they first meet it, and what was sealed with the old ones opens
    as long as those are in the key file. Raises ``ConfigError`` where a row cannot be opened.
    """

    def again(purpose: str, bound: str, sealed: str) -> str:
        if not sealed:
            return sealed
        box = ring.box(purpose)
        try:
            return box.seal(box.open(sealed, bound=bound, now=0.0), bound=bound)
        except SealBroken:
            raise ConfigError(f"a {purpose} cannot be opened with any key of the key file; nothing was lost.") from None

    count = await store.sealed.reseal(again)
    await store.sealed.put_check(ring.box(_PURPOSE).seal(_WORD, bound=""))
    return count


async def forget(store: Store, ring: KeyRing) -> dict[str, int]:
    """Give up what is sealed, and begin anew with the keys there are; returns what was given up."""
    gone = await store.sealed.forget()
    await store.sealed.put_check(ring.box(_PURPOSE).seal(_WORD, bound=""))
    return gone
