"""Sealing: bytes made unreadable and unalterable for everyone but this hub (and its replicas with the same keys).

One key ring, a key derived per purpose (HKDF-SHA256, RFC 5869), AES-256-GCM with a random nonce (NIST SP 800-38D).
What a seal is bound to (a user, a row) is authenticated and must be given again to open it. Not a password hash, not
a signature for others, and no store: a sealed thing travels or is kept by whoever asked for it.

A sealed token is base64url without padding of: version (1 byte), key id (4), nonce (12), ciphertext and tag; the
plaintext begins with the expiry (8 bytes, IEEE double, epoch seconds, infinity for none).
"""

import base64
import binascii
import hashlib
import hmac
import math
import os
import secrets
import struct
from collections.abc import Callable, Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from hub.config.data_dir import claim_data_dir, user_name
from hub.errors import ConfigError, HubError

KEY_FILE = "hub.key"
"""The key file's name in the data folder."""

KEY_BYTES = 32
_VERSION = b"\x01"
_ID_BYTES = 4
_NONCE_BYTES = 12
_TAG_BYTES = 16
_HEAD = len(_VERSION) + _ID_BYTES + _NONCE_BYTES
_EXPIRY = struct.Struct(">d")


class SealBroken(HubError):
    """A sealed token that cannot be opened: altered, of another purpose, binding or key ring, or expired.

    Which of these it was is not told: the one who sent it must not learn from it.
    """

    def __init__(self) -> None:
        super().__init__("This token was altered, belongs to something else, or has expired.")


def _derive(key: bytes, purpose: bytes, length: int = KEY_BYTES) -> bytes:
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=purpose).derive(key)


class Box:
    """Seals and opens for one purpose. Made by ``KeyRing.box``; keep it, its keys are derived once."""

    def __init__(self, purpose: str, ring: "KeyRing", random: Callable[[int], bytes]) -> None:
        self._purpose = purpose.encode()
        self._ring = ring
        self._random = random
        self._ciphers: dict[bytes, AESGCM] = {}
        self._take(ring.keys)

    def _take(self, keys: tuple[bytes, ...]) -> None:
        self._keys = keys
        ciphers: dict[bytes, AESGCM] = {}
        for key in keys:
            known = self._ciphers.get(key_id(key))
            ciphers.setdefault(key_id(key), known or AESGCM(_derive(key, b"hub seal v1 " + self._purpose)))
        self._ciphers = ciphers
        self._newest = next(iter(ciphers))

    def _associated(self, bound: str) -> bytes:
        # The length in front keeps (purpose, bound) pairs apart that would read the same joined.
        return struct.pack(">I", len(self._purpose)) + self._purpose + bound.encode()

    def seal(self, plain: bytes, *, bound: str, expires: float | None = None) -> str:
        """``plain`` sealed with the newest key, to be opened with the same ``bound`` before ``expires`` (epoch s)."""
        return base64.urlsafe_b64encode(self.seal_bytes(plain, bound=bound, expires=expires)).rstrip(b"=").decode()

    def seal_bytes(self, plain: bytes, *, bound: str, expires: float | None = None) -> bytes:
        """The same as bytes, for what is large and travels nowhere."""
        if self._ring.keys is not self._keys:
            self._take(self._ring.keys)
        nonce = self._random(_NONCE_BYTES)
        inner = _EXPIRY.pack(math.inf if expires is None else expires) + plain
        sealed = self._ciphers[self._newest].encrypt(nonce, inner, self._associated(bound))
        return _VERSION + self._newest + nonce + sealed

    @property
    def mark(self) -> bytes:
        """What all that the newest key seals begins with, as bytes: version and key id."""
        if self._ring.keys is not self._keys:
            self._take(self._ring.keys)
        return _VERSION + self._newest

    def marked(self, token: str) -> bool:
        """Whether ``token`` says that the newest key sealed it; that it opens is not said."""
        try:
            return base64.urlsafe_b64decode(token[:8].encode("ascii"))[: len(self.mark)] == self.mark
        except (binascii.Error, UnicodeEncodeError):
            return False

    def open(self, token: str, *, bound: str, now: float) -> bytes:
        """What was sealed. ``now`` in epoch seconds. Raises ``SealBroken`` for anything but an intact, live token."""
        try:
            raw = base64.urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
        except (binascii.Error, UnicodeEncodeError):
            raise SealBroken from None
        # Decoding forgives stray characters and unused bits; only the one true spelling is accepted.
        if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != token:
            raise SealBroken
        return self.open_bytes(raw, bound=bound, now=now)

    def open_bytes(self, raw: bytes, *, bound: str, now: float) -> bytes:
        """What ``seal_bytes`` sealed. ``now`` in epoch seconds. Raises ``SealBroken`` as ``open`` does."""
        if len(raw) < _HEAD + _EXPIRY.size + _TAG_BYTES or raw[:1] != _VERSION:
            raise SealBroken
        cipher = self._ciphers.get(raw[1 : 1 + _ID_BYTES])
        if cipher is None:
            # Another process may have begun to seal with a key that came since.
            self._ring.refresh()
            if self._ring.keys is not self._keys:
                self._take(self._ring.keys)
            cipher = self._ciphers.get(raw[1 : 1 + _ID_BYTES])
        if cipher is None:
            raise SealBroken
        try:
            inner = cipher.decrypt(raw[1 + _ID_BYTES : _HEAD], raw[_HEAD:], self._associated(bound))
        except InvalidTag:
            raise SealBroken from None
        if not now < _EXPIRY.unpack_from(inner)[0]:
            raise SealBroken
        return inner[_EXPIRY.size :]


def key_id(key: bytes) -> bytes:
    """What a key is known by: four bytes that follow from it, and from which it does not follow."""
    return _derive(key, b"hub key id", _ID_BYTES)


class KeyedHash:
    """Derives from a text another that nobody without the keys can (HMAC-SHA256, RFC 2104). Made by
    ``KeyRing.keyed``."""

    def __init__(self, purpose: str, keys: Sequence[bytes]) -> None:
        self._keys = [_derive(key, b"hub keyed hash v1 " + purpose.encode()) for key in keys]

    def of(self, text: str) -> str:
        """What follows from ``text`` with the newest key: 43 url-safe characters."""
        return self.all(text)[0]

    def all(self, text: str) -> list[str]:
        """The same with every key, newest first: what was derived before the keys were changed is among them."""
        made = (hmac.digest(key, text.encode(), "sha256") for key in self._keys)
        return [base64.urlsafe_b64encode(one).rstrip(b"=").decode() for one in made]


class KeyRing:
    """The hub's keys, newest first: the newest seals, all open."""

    def __init__(self, keys: Sequence[bytes], random: Callable[[int], bytes] = os.urandom) -> None:
        """``keys`` have 32 bytes each; ``random`` gives nonces. Raises ``ValueError`` for no or short keys."""
        if not keys or any(len(key) != KEY_BYTES for key in keys):
            raise ValueError(f"a KeyRing needs at least one key, each of {KEY_BYTES} bytes")
        self._keys = tuple(keys)
        self._random = random
        self._path: Path | None = None
        self._seen: tuple[int, int] | None = None

    @property
    def keys(self) -> tuple[bytes, ...]:
        """The keys, newest first."""
        return self._keys

    def refresh(self) -> None:
        """Read the key file again where it is another than before: a running hub takes up a new key so."""
        if self._path is None:
            return
        try:
            seen = self._path.stat()
            mark = (seen.st_mtime_ns, seen.st_ino)
            if mark == self._seen:
                return
            keys = tuple(_parse(self._path.read_text("ascii"), self._path))
        except (OSError, UnicodeDecodeError, ConfigError):
            return  # what it held before still opens what it sealed
        self._seen = mark
        self._keys = keys

    def rotate(self) -> None:
        """Put a new key in front of the others in the key file. Raises ``ConfigError`` when it cannot be written."""
        if self._path is None:
            raise ConfigError("These keys are kept in no file.")
        keys = (self._random(KEY_BYTES), *self._keys)
        _replace(self._path, keys)
        self._keys = keys

    def retire(self) -> int:
        """Take all keys but the newest from the file; returns how many. What only they open is lost."""
        if self._path is None:
            raise ConfigError("These keys are kept in no file.")
        gone = len(self._keys) - 1
        self._keys = self._keys[:1]
        _replace(self._path, self._keys)
        return gone

    def box(self, purpose: str) -> Box:
        """The box for ``purpose``; what one purpose sealed no other opens."""
        return Box(purpose, self, self._random)

    def keyed(self, purpose: str) -> KeyedHash:
        """The keyed hash for ``purpose``; that of another gives other texts."""
        return KeyedHash(purpose, self._keys)

    @classmethod
    def open(cls, data_dir: Path, random: Callable[[int], bytes] = os.urandom) -> "KeyRing":
        """The key ring in ``data_dir/hub.key``, made there on the first start (mode 0600).

        The file holds one key a line (base64url), newest first; ``#`` begins a comment. Raises ``ConfigError`` when
        it cannot be made or read, when others may read it, or when it is not a key file.
        """
        claim_data_dir(data_dir)
        path = data_dir / KEY_FILE
        if not os.path.lexists(path):
            _create(path, random(KEY_BYTES))
        try:
            mode = path.stat().st_mode
            if mode & 0o077:
                raise ConfigError(
                    f"The key file {path} may be read by others (mode {mode & 0o777:04o}). Run: chmod 600 {path}"
                )
            text = path.read_text("ascii")
        except OSError as wrong:
            raise _unreadable(path, wrong) from None
        except UnicodeDecodeError:
            raise _not_a_key_file(path) from None
        ring = cls(_parse(text, path), random)
        ring._path = path
        return ring


def _unreadable(path: Path, wrong: OSError) -> ConfigError:
    """The error for a key file this process may not read: whose it is, and the line that mends it."""
    told = f"The key file {path} cannot be read: {wrong.strerror}."
    try:
        owner = path.stat()
    except OSError:
        return ConfigError(told)
    if not path.is_file():
        return ConfigError(f"{told} It should be a file; move away what is there, and restore it from a backup.")
    uid, gid = os.geteuid(), os.getegid()
    mend = f"chmod 600 {path}" if owner.st_uid == uid else f"chown {uid}:{gid} {path}"
    return ConfigError(
        f"{told} It belongs to {user_name(owner.st_uid)} (mode {owner.st_mode & 0o777:04o}), and the hub runs as "
        f"{user_name(uid)}. Run: {mend}"
    )


def _not_a_key_file(path: Path) -> ConfigError:
    return ConfigError(
        f"{path} is not a key file: it should hold keys of {KEY_BYTES} bytes in base64url, one a line. Restore it from "
        "a backup; without it, what was sealed before cannot be opened."
    )


def _parse(text: str, path: Path) -> list[bytes]:
    keys: list[bytes] = []
    for line in text.splitlines():
        word = line.strip()
        if not word or word.startswith("#"):
            continue
        try:
            key = base64.b64decode(word + "=" * (-len(word) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise _not_a_key_file(path) from None
        if len(key) != KEY_BYTES:
            raise _not_a_key_file(path)
        keys.append(key)
    if not keys:
        raise _not_a_key_file(path)
    return keys


def _draft(path: Path, keys: Sequence[bytes]) -> Path:
    """A file beside ``path`` with these keys, on disk for good. Raises ``OSError``."""
    text = b"# The hub's keys, newest first. Whoever has this file opens what the hub sealed.\n"
    text += b"".join(base64.urlsafe_b64encode(key).rstrip(b"=") + b"\n" for key in keys)
    draft = path.with_name(f".{KEY_FILE}.{secrets.token_hex(8)}")
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(file, text)
        os.fsync(file)
    finally:
        os.close(file)
    return draft


def _replace(path: Path, keys: Sequence[bytes]) -> None:
    """Write the key file anew, whole or not at all. Raises ``ConfigError``."""
    try:
        os.replace(_draft(path, keys), path)
    except OSError as wrong:
        raise ConfigError(f"The key file {path} cannot be written: {wrong.strerror}.") from None


def _create(path: Path, key: bytes) -> None:
    """Write the first key file so that it is there whole or not at all, also when two hubs start at once."""
    try:
        draft = _draft(path, [key])
        try:
            os.link(draft, path)
        except FileExistsError:
            pass  # another process was first; its key is the hub's
        except OSError:
            os.replace(draft, path)  # a file system without hard links
        finally:
            draft.unlink(missing_ok=True)
    except OSError as wrong:
        raise ConfigError(f"The key file {path} cannot be made: {wrong.strerror}.") from None


def fingerprint(secret: str) -> str:
    """SHA-256 of ``secret`` in hex: how tokens and one-time links are stored. Only for secrets of 128 random bits
    or more; a password needs a slow hash instead."""
    return hashlib.sha256(secret.encode()).hexdigest()
