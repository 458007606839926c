"""``reseal``: the files that are kept, sealed with the newest key while people read and write them.

Not the change of keys (``hub.broker.keys``, ``hub key``), and not what is sealed for good.
"""

import math

from hub.errors import ConfigError
from hub.files.files import bound
from hub.seal import KeyRing, SealBroken
from hub.store import Store


async def reseal(store: Store, ring: KeyRing) -> int:
    """Seal every file anew that an older key sealed, piece by piece, each in a transaction of its own; returns how many
    files.

    Raises ``ConfigError`` where one cannot be opened, and ``StoreUnavailable``.
    """
    rows, box, count = store.files, ring.box("file"), 0
    for row in await rows.all():
        numbers = await rows.sealed_otherwise(row.id, box.mark)
        head = row.head if row.head is not None and not box.marked(row.head) else None
        try:
            for number in numbers:
                piece = await rows.piece(row.id, number)
                if piece is None:
                    break  # it lapsed meanwhile
                to = bound(row.user_id, row.id, number)
                plain = box.open_bytes(piece, bound=to, now=-math.inf)
                await rows.put_piece(row.id, number, piece, box.seal_bytes(plain, bound=to))
            if head is not None:
                to = bound(row.user_id, row.id, -1)
                await rows.put_head(row.id, head, box.seal(box.open(head, bound=to, now=-math.inf), bound=to))
        except SealBroken:
            raise ConfigError(
                "a file cannot be opened with any key of the key file; nothing was lost. Files are kept for an hour: "
                "run this again then."
            ) from None
        count += bool(numbers) or head is not None
    return count
