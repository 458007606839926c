"""``hub.seal``: what is sealed opens only whole, in time, for the same purpose and binding, with the same keys."""

import base64
import math
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import ConfigError
from hub.seal import KeyRing, SealBroken

OLD, NEW = bytes(range(32)), bytes(range(32, 64))
NOW = 1_800_000_000.0


@given(st.binary(max_size=300), st.text(max_size=40))
def test_what_was_sealed_opens_with_the_same_binding(plain: bytes, bound: str) -> None:
    box = KeyRing([NEW]).box("state")
    assert box.open(box.seal(plain, bound=bound), bound=bound, now=NOW) == plain


def test_a_token_is_url_safe_and_shows_nothing() -> None:
    box = KeyRing([NEW]).box("state")
    token = box.seal(b"user 7 of the hub", bound="a")
    assert token.replace("-", "").replace("_", "").isalnum()
    assert b"user" not in base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    assert token != box.seal(b"user 7 of the hub", bound="a")


def test_every_altered_character_is_noticed() -> None:
    box = KeyRing([NEW]).box("state")
    token = box.seal(b"hello", bound="a")
    for place, was in enumerate(token):
        for now in "AB_-x":
            if now == was:
                continue
            with pytest.raises(SealBroken):
                box.open(token[:place] + now + token[place + 1 :], bound="a", now=NOW)


@pytest.mark.parametrize(
    "change",
    [
        lambda token: "",
        lambda token: token[:-1],
        lambda token: token + "A",
        lambda token: token + "=",
        lambda token: token + "\n",
        lambda token: " " + token,
        lambda token: token[:20] + "é" + token[21:],
        lambda token: token[:30],
        lambda token: "!" * 80,
    ],
)
def test_a_token_cut_or_padded_is_refused(change: Callable[[str], str]) -> None:
    box = KeyRing([NEW]).box("state")
    with pytest.raises(SealBroken):
        box.open(change(box.seal(b"hello", bound="a")), bound="a", now=NOW)


def test_another_binding_or_purpose_does_not_open() -> None:
    ring = KeyRing([NEW])
    token = ring.box("session").seal(b"hello", bound="anna")
    with pytest.raises(SealBroken):
        ring.box("session").open(token, bound="ben", now=NOW)
    with pytest.raises(SealBroken):
        ring.box("cursor").open(token, bound="anna", now=NOW)


def test_purpose_and_binding_do_not_run_into_each_other() -> None:
    ring = KeyRing([NEW])
    with pytest.raises(SealBroken):
        ring.box("ab").open(ring.box("a").seal(b"hello", bound="bc"), bound="c", now=NOW)


def test_a_token_opens_until_it_expires() -> None:
    box = KeyRing([NEW]).box("state")
    token = box.seal(b"hello", bound="a", expires=NOW)
    assert box.open(token, bound="a", now=NOW - 0.001) == b"hello"
    with pytest.raises(SealBroken):
        box.open(token, bound="a", now=NOW)


def test_a_token_whose_expiry_is_no_time_never_opens() -> None:
    box = KeyRing([NEW]).box("state")
    with pytest.raises(SealBroken):
        box.open(box.seal(b"hello", bound="a", expires=math.nan), bound="a", now=NOW)


def test_an_older_key_still_opens_and_the_newest_seals() -> None:
    before = KeyRing([OLD]).box("state").seal(b"hello", bound="a")
    both = KeyRing([NEW, OLD]).box("state")
    assert both.open(before, bound="a", now=NOW) == b"hello"
    after = both.seal(b"hello", bound="a")
    assert KeyRing([NEW]).box("state").open(after, bound="a", now=NOW) == b"hello"
    with pytest.raises(SealBroken):
        KeyRing([OLD]).box("state").open(after, bound="a", now=NOW)


def test_the_error_does_not_tell_which_check_failed() -> None:
    box = KeyRing([NEW]).box("state")
    told = set()
    for token, bound in [(box.seal(b"x", bound="a", expires=1), "a"), (box.seal(b"x", bound="a"), "b"), ("zzz", "a")]:
        with pytest.raises(SealBroken) as caught:
            box.open(token, bound=bound, now=NOW)
        told.add(str(caught.value))
    assert len(told) == 1


@pytest.mark.parametrize("keys", [[], [b"short"]])
def test_a_ring_without_a_whole_key_cannot_be_made(keys: list[bytes]) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        KeyRing(keys)


@pytest.mark.proves("GHSA-g53w-w6mj-hrpp")
def test_the_first_start_makes_a_key_only_its_owner_reads(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    token = KeyRing.open(folder).box("state").seal(b"hello", bound="a")
    assert (folder / "hub.key").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert KeyRing.open(folder).box("state").open(token, bound="a", now=NOW) == b"hello"
    assert os.listdir(folder) == ["hub.key"]


def test_a_key_added_on_top_of_the_file_seals_from_then_on(tmp_path: Path) -> None:
    before = KeyRing.open(tmp_path).box("state").seal(b"hello", bound="a")
    path = tmp_path / "hub.key"
    path.write_text(base64.urlsafe_b64encode(NEW).decode() + "\n\n# older\n" + path.read_text())
    box = KeyRing.open(tmp_path).box("state")
    assert box.open(before, bound="a", now=NOW) == b"hello"
    assert KeyRing([NEW]).box("state").open(box.seal(b"new", bound="a"), bound="a", now=NOW) == b"new"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
@pytest.mark.proves("GHSA-g53w-w6mj-hrpp")
def test_a_key_file_others_may_read_stops_the_start(tmp_path: Path, mode: int) -> None:
    KeyRing.open(tmp_path)
    path = tmp_path / "hub.key"
    path.chmod(mode)
    with pytest.raises(ConfigError, match=f"chmod 600 {path}"):
        KeyRing.open(tmp_path)


def _open_without_root(folder: Path) -> tuple[str, int]:
    """What opening the key ring says to a process without root's rights, and that process's user id."""
    code = (
        "import os, sys; from pathlib import Path; from hub.seal import KeyRing\n"
        "if os.geteuid() == 0: os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "print(os.geteuid(), flush=True)\n"
        "KeyRing.open(Path(sys.argv[1]))\n"
    )
    command = [sys.executable, "-c", code, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).resolve().parents[2], check=False)
    assert "ConfigError" in done.stderr, done.stderr
    return done.stderr, int(done.stdout)


def test_a_key_file_that_cannot_be_read_is_told_with_its_owner_and_the_line_that_mends_it() -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        folder.chmod(0o777)
        path = folder / "hub.key"
        path.write_text("not shown")
        root = os.geteuid() == 0
        path.chmod(0o600 if root else 0o000)
        told, uid = _open_without_root(folder)
    assert f"The key file {path} cannot be read: Permission denied. It belongs to " in told
    assert f"(uid {os.geteuid()}) (mode 0{'600' if root else '000'}), and the hub runs as " in told
    assert f"(uid {uid}). Run: {f'chown {uid}:{uid}' if root else 'chmod 600'} {path}" in told


def test_a_key_file_whose_own_user_may_not_read_it_is_told_with_the_line_that_mends_it() -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        folder.chmod(0o777)
        path = folder / "hub.key"
        path.write_text("not shown")
        path.chmod(0o000)
        if os.geteuid() == 0:
            os.chown(path, 65534, 65534)
        told, _ = _open_without_root(folder)
    assert "(mode 0000), and the hub runs as " in told
    assert f"Run: chmod 600 {path}" in told


@pytest.mark.parametrize("text", ["", "# only words\n", "not a key\n", "AAAA\n", "é\n"])
@pytest.mark.proves("GHSA-g53w-w6mj-hrpp")
def test_a_file_that_holds_no_key_stops_the_start_and_is_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "hub.key"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="not a key file"):
        KeyRing.open(tmp_path)
    assert path.read_text() == text


def test_two_hubs_that_start_at_once_agree_on_one_key(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        tokens = pool.map(_seal, [tmp_path] * 8)
    box = KeyRing.open(tmp_path).box("state")
    assert [box.open(token, bound="a", now=NOW) for token in tokens] == [b"hello"] * 8


def _seal(folder: Path) -> str:
    return KeyRing.open(folder).box("state").seal(b"hello", bound="a")


def test_a_keyed_hash_is_the_same_again_and_another_for_every_key_purpose_and_text() -> None:
    ring = KeyRing([bytes([1] * 32)])
    made = ring.keyed("one").of("text")
    assert made == ring.keyed("one").of("text")
    assert len(made) == 43
    others = [
        ring.keyed("two").of("text"),
        ring.keyed("one").of("other"),
        KeyRing([bytes([2] * 32)]).keyed("one").of("text"),
    ]
    assert len({made, *others}) == 4


def test_what_was_derived_before_the_key_changed_is_still_found() -> None:
    old, new = bytes([1] * 32), bytes([2] * 32)
    before = KeyRing([old]).keyed("one").of("text")
    after = KeyRing([new, old]).keyed("one")
    assert after.of("text") != before
    assert after.all("text") == [after.of("text"), before]
