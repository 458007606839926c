"""The data folder: made and checked before anything is put into it.

Not what lies in it: the store and the key ring know their own files.
"""

import os
import pwd
from pathlib import Path

from hub.errors import ConfigError


def user_name(uid: int) -> str:
    """The user of that id, by name where it has one, for error texts."""
    try:
        return f"{pwd.getpwuid(uid).pw_name} (uid {uid})"
    except KeyError:
        return f"uid {uid}"


def claim_data_dir(path: Path) -> None:
    """Make the data folder (mode 0700) where it is missing, and see that it can be written.

    Raises ``ConfigError`` naming the folder's owner and the line that mends it.
    """
    uid, gid = os.geteuid(), os.getegid()
    mend = f"Run: chown -R {uid}:{gid} {path}"
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except FileExistsError:
        raise ConfigError(f"data_dir: {path} is a file; a folder is needed.") from None
    except OSError as wrong:
        raise ConfigError(
            f"data_dir: {path} cannot be made by {user_name(uid)}: {wrong.strerror}. Make the folder, then "
            f"{mend[0].lower()}{mend[1:]}"
        ) from None
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        if os.statvfs(path).f_flag & os.ST_RDONLY:
            raise ConfigError(f"data_dir: {path} lies on a read-only file system; mount it writable.")
        owner = path.stat()
        raise ConfigError(
            f"data_dir: {path} belongs to {user_name(owner.st_uid)} (mode {owner.st_mode & 0o777:04o}) and cannot be "
            f"written by the hub, which runs as {user_name(uid)}. {mend}"
        )
