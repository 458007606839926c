"""What is checked before the hub trusts a database, each with the words that mend it.

Not the settings' own checks (``hub.config``): this looks at the machine and at the database.
"""

import errno
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.clock import Clock
from hub.config import claim_data_dir
from hub.errors import ConfigError
from hub.store.tables import audit, changes, tokens, users

MOUNTS = Path("/proc/mounts")
"""Where Linux lists what is mounted (proc(5))."""

NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "9p", "afs", "ceph", "lustre", "gpfs", "beegfs"}
    | {"glusterfs", "fuse.glusterfs", "fuse.sshfs", "fuse.ceph", "fuse.s3fs", "fuse.rclone", "fuse.davfs"}
)
"""File systems whose locks SQLite cannot rely on (SQLite documentation, "How To Corrupt", section 2.1)."""

BUILT = datetime(2026, 1, 1, tzinfo=UTC)
"""No clock that shows an earlier time can be right: this program did not exist yet."""

BEHIND = timedelta(days=1)
"""How far the clock may be behind the newest row before it is not believed."""


def check_file(path: Path, mounts: Path = MOUNTS) -> None:
    """Make the SQLite file's folder and an empty file only its owner can read; raises ``ConfigError``."""
    claim_data_dir(path.parent)
    kind = network_file_system(path, mounts)
    if kind is not None:
        raise ConfigError(
            f"database_url: {path} lies on a network file system ({kind}), where SQLite's locks do not hold and the "
            "database gets damaged. Put data_dir on a disk of this machine, or use PostgreSQL (database_url: "
            "postgresql+asyncpg://...)."
        )
    try:
        _check_writable(path)
    except OSError as wrong:
        owner = ""
        if path.exists() and not path.is_dir():
            owner = f" It belongs to uid {path.stat().st_uid}; run: chown {os.geteuid()}:{os.getegid()} {path}"
        raise ConfigError(f"database_url: {path} cannot be opened for writing: {wrong.strerror}.{owner}") from None


def _check_writable(path: Path) -> None:
    """Make the file where there is none; raises ``OSError`` where it cannot be written.

    One that is there is not opened: closing it would drop the locks that this process may hold on it (SQLite
    documentation, "How To Corrupt", section 2.2), and others would take its write-ahead log for left behind.
    """
    if not path.is_file():
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    elif not os.access(path, os.R_OK | os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))


def network_file_system(path: Path, mounts: Path = MOUNTS) -> str | None:
    """The kind of network file system ``path`` lies on, or None; None too where ``mounts`` cannot be read."""
    try:
        lines = mounts.read_text("utf-8", "replace").splitlines()
    except OSError:
        return None
    real = path.parent.resolve() / path.name
    best, found = -1, ""
    for line in lines:
        fields = line.split()
        if len(fields) < 3:
            continue
        point = Path(re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), fields[1]))
        # A later mount on the same folder hides the earlier one.
        if (real == point or point in real.parents) and len(point.parts) >= best:
            best, found = len(point.parts), fields[2]
    return found if found in NETWORK_FILE_SYSTEMS else None


def check_time(now: datetime) -> None:
    """Raises ``ConfigError`` when the clock shows a time from before this program."""
    if now < BUILT:
        raise ConfigError(
            f"The clock shows {now:%Y-%m-%d %H:%M} UTC, which is before this program was built ({BUILT:%Y-%m-%d}). "
            "Set the machine's clock (timedatectl set-ntp true); tokens and certificates need the right time."
        )


async def check_newest(connection: AsyncConnection, clock: Clock) -> None:
    """Raises ``ConfigError`` when the clock is more than a day behind the newest row."""
    moments = []
    for column in (audit.c.at, changes.c.at, tokens.c.created_at, users.c.created_at):
        moments.append((await connection.execute(select(func.max(column)))).scalar_one())
    newest = max((moment for moment in moments if moment is not None), default=None)
    now = clock.now()
    if newest is not None and now < newest - BEHIND:
        raise ConfigError(
            f"The clock shows {now:%Y-%m-%d %H:%M} UTC, but the database holds rows from {newest:%Y-%m-%d %H:%M} UTC. "
            "Set the machine's clock (timedatectl set-ntp true); with a clock that is behind, expired tokens would "
            "be accepted."
        )
