"""Files are kept sealed, for an hour, for their owner alone, within their limits, and for all processes."""

import asyncio
import os
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update

from hub.clock import FixedClock, SystemClock
from hub.errors import ConfigError, NotFoundError, ToolError
from hub.files import Files, Kept, Limits, id_in
from hub.files.files import KEEP, OVERHEAD, PIECE
from hub.files.resealing import reseal
from hub.seal import KEY_BYTES, KeyRing
from hub.store import Store
from hub.store.file_tables import file_pieces
from hub.store.file_tables import files as rows

ADA, BEN = "a" * 32, "b" * 32


async def kept(files: Files, data: bytes = b"hello", user: str = ADA, **more: Any) -> Kept:
    return await files.keep(user, data, **{"name": "note.txt", "mime_type": "text/plain", "source": None, **more})


async def everything(store: Store) -> list[Any]:
    async with store._database.read() as connection:
        return [*(await connection.execute(select(rows))), *(await connection.execute(select(file_pieces)))]


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 5])
async def test_a_file_comes_back_byte_for_byte_whatever_its_size(files: Files, size: int) -> None:
    data = os.urandom(size)
    found = await files.find(ADA, (await kept(files, data)).id)
    assert (found.name, found.mime_type, found.size, found.source) == ("note.txt", "text/plain", size, None)
    assert await files.read(found) == data


@pytest.mark.parametrize(("start", "stop"), [(0, 1), (PIECE - 1, PIECE + 1), (5, 2 * PIECE), (2 * PIECE, None), (7, 7)])
async def test_a_part_of_a_file_is_just_those_bytes(files: Files, start: int, stop: int | None) -> None:
    data = os.urandom(2 * PIECE + 100)
    one = await kept(files, data)
    assert b"".join([part async for part in files.parts(one, start, stop)]) == data[start:stop]


async def test_another_process_sees_the_file_at_once(
    files: Files, opened: Callable[[Store], Files], another: Callable[[], Awaitable[Store]]
) -> None:
    one = await kept(files, b"from one process")
    there = opened(await another())
    assert await there.read(await there.find(ADA, one.id)) == b"from one process"


async def test_a_file_sealed_anew_opens_with_the_new_key_alone_also_one_that_is_still_being_written(
    store: Store, clock: FixedClock
) -> None:
    old, new = os.urandom(KEY_BYTES), os.urandom(KEY_BYTES)
    before, both, after = (
        Files(store, KeyRing(keys), clock, Limits(), random=os.urandom) for keys in ([old], [new, old], [new])
    )
    data = os.urandom(2 * PIECE + 5)
    first, empty = await kept(before, data), await kept(before, b"")
    fresh = await kept(both, b"sealed with the new key")

    async def slowly() -> AsyncIterator[bytes]:
        yield data
        assert await reseal(store, KeyRing([new, old])) == 3, "two files, and the pieces there are of a third"

    late = await before.take(ADA, slowly(), name="late", mime_type=None, source=None)
    for one, held in ((first, data), (empty, b""), (fresh, b"sealed with the new key")):
        assert await after.read(await after.find(ADA, one.id)) == held
    assert await reseal(store, KeyRing([new, old])) == 1, "what an older process wrote of the late one since"
    assert await after.read(await after.find(ADA, late.id)) == data
    assert await reseal(store, KeyRing([new])) == 0
    with pytest.raises(ConfigError, match="nothing was lost"):
        await reseal(store, KeyRing([os.urandom(KEY_BYTES)]))


async def test_another_user_gets_the_same_words_as_for_no_file_at_all(files: Files) -> None:
    one = await kept(files)
    with pytest.raises(NotFoundError) as theirs:
        await files.find(BEN, one.id)
    with pytest.raises(NotFoundError) as none:
        await files.find(BEN, "0" * 32)
    assert str(theirs.value).replace(one.id, "") == str(none.value).replace("0" * 32, "")


async def test_a_file_is_gone_after_an_hour_and_swept(files: Files, store: Store, clock: FixedClock) -> None:
    one = await kept(files)
    clock.advance(KEEP.total_seconds() - 1)
    assert await files.read(await files.find(ADA, one.id)) == b"hello"
    clock.advance(1)
    with pytest.raises(NotFoundError, match="its hour is over"):
        await files.find(ADA, one.id)
    await store.prune()
    assert await everything(store) == []


async def test_neither_contents_nor_names_can_be_read_in_the_database(tmp_path: Path) -> None:
    store = Store.open(f"sqlite+aiosqlite:///{tmp_path}/hub.db", SystemClock())
    await store.migrate()
    made = Files(store, KeyRing([os.urandom(KEY_BYTES)]), SystemClock(), Limits(), random=os.urandom)
    await made.keep(
        ADA, b"planted contents " * 40_000, name="planted-name.csv", mime_type="text/csv", source=("mail", "mail_get")
    )
    await store.close()
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert len(written) > 600_000
    assert b"planted" not in written


@pytest.mark.parametrize("swap", ["user", "file", "number", "cut"])
async def test_a_piece_in_another_place_is_no_piece(files: Files, store: Store, swap: str) -> None:
    one, other = await kept(files, os.urandom(2 * PIECE)), await kept(files, os.urandom(2 * PIECE))
    pieces = file_pieces.c
    async with store._database.write() as connection:
        held = (await connection.execute(select(file_pieces).where(pieces.file_id == one.id))).all()
        if swap == "user":
            await connection.execute(update(rows).where(rows.c.id == one.id).values(user_id=BEN))
        elif swap == "file":
            await connection.execute(delete(file_pieces).where(pieces.file_id == other.id))
            await connection.execute(
                insert(file_pieces), [{"file_id": other.id, "number": row.number, "sealed": row.sealed} for row in held]
            )
        elif swap == "number":
            await connection.execute(
                update(file_pieces).where(pieces.file_id == one.id, pieces.number == 1).values(sealed=held[0].sealed)
            )
        else:
            await connection.execute(delete(file_pieces).where(pieces.file_id == one.id, pieces.number == 1))
    wanted, user = (other, ADA) if swap == "file" else (one, BEN if swap == "user" else ADA)
    with pytest.raises(NotFoundError):
        await files.read(await files.find(user, wanted.id))


async def test_one_file_is_limited_and_the_limit_is_told(files: Files, store: Store) -> None:
    with pytest.raises(ToolError, match=r"The file has 1.5 MB; at most 1 MB"):
        await kept(files, bytes(1_500_000))

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(100_000)

    with pytest.raises(ToolError, match="more than 1 MB"):
        await files.take(ADA, endless(), name="x", mime_type=None, source=None)
    assert await everything(store) == []


async def test_one_users_files_together_are_limited_also_when_they_come_at_once(
    files: Files, opened: Callable[[Store], Files], another: Callable[[], Awaitable[Store]], clock: FixedClock
) -> None:
    there = opened(await another())
    data = bytes(900_000)
    done = await asyncio.gather(*(kept(one, data) for one in (files, there) * 3), return_exceptions=True)
    refused = [one for one in done if isinstance(one, ToolError)]
    assert len(refused) == 4
    assert "take 1.81 MB of the 2 MB they may" in str(refused[0])
    with pytest.raises(ToolError, match=f"goes at {clock.now() + KEEP:%H:%M} UTC"):
        await kept(files, data)
    clock.advance(KEEP.total_seconds())
    assert (await kept(files, data)).size == 900_000


async def test_all_files_together_are_limited(files: Files) -> None:
    for user in (ADA, BEN, "c" * 32):
        await kept(files, bytes(900_000), user)
    with pytest.raises(ToolError, match=r"files\.total_bytes"):
        await kept(files, bytes(900_000), "d" * 32)


async def test_empty_files_take_room_too(files: Files, store: Store) -> None:
    await kept(files, b"")
    assert (await store.files.taken(ADA))[0] == OVERHEAD


async def test_what_was_cut_off_or_cancelled_leaves_nothing_behind(files: Files, store: Store) -> None:
    arrived = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield bytes(PIECE)
        yield b"x"
        arrived.set()
        await asyncio.Event().wait()

    work = asyncio.create_task(files.take(ADA, slow(), name="x", mime_type=None, source=None))
    await arrived.wait()
    work.cancel()
    await asyncio.wait([work])

    async def short() -> AsyncIterator[bytes]:
        yield b"abc"

    for said in (2, 4):
        with pytest.raises(ToolError):
            await files.take(ADA, short(), name="x", mime_type=None, source=None, size=said)
    assert await everything(store) == []


async def test_an_id_is_written_once(files: Files) -> None:
    id = files.new_id()

    async def parts() -> AsyncIterator[bytes]:
        yield b"first"

    await files.take(ADA, parts(), name="x", mime_type=None, source=None, id=id)
    with pytest.raises(ToolError, match="used already"):
        await files.take(BEN, parts(), name="x", mime_type=None, source=None, id=id)
    assert await files.read(await files.find(ADA, id)) == b"first"


async def test_a_large_file_never_lies_in_memory(tmp_path: Path, ring: KeyRing) -> None:
    store = Store.open(f"sqlite+aiosqlite:///{tmp_path}/hub.db", SystemClock())
    await store.migrate()
    files = Files(store, ring, SystemClock(), Limits(), random=os.urandom)

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(320):
            yield bytes(65536)

    await files.take(ADA, parts(), name="warm", mime_type=None, source=None)
    tracemalloc.start()
    try:
        one = await files.take(ADA, parts(), name="large", mime_type=None, source=None)
        count = 0
        async for part in files.parts(one):
            count += len(part)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        await store.close()
    assert count == 320 * 65536
    assert peak < 12 * PIECE


@pytest.mark.parametrize(
    ("name", "mime_type", "told", "kind"),
    [
        ("../../etc/passwd", "text/plain", "passwd", "text/plain"),
        ("C:\\temp\\a.pdf", None, "a.pdf", "application/pdf"),
        ('x"\r\nSet-Cookie: a=b.txt', "text/plain", "x___Set-Cookie_ a=b.txt", "text/plain"),
        ("", "image/png", "file.png", "image/png"),
        ("..", "text/html; charset=utf-8", "file.html", "text/html"),
        ("data.csv", "not a type\r\n", "data.csv", "text/csv"),
        ("photo.jpg", "application/octet-stream", "photo.jpg", "image/jpeg"),
        ("n" * 300 + ".docx", "application/octet-stream", "n" * 145 + ".docx", None),
        ("\u202egpj.exe", None, "_gpj.exe", None),
    ],
)
async def test_names_and_types_are_made_safe(
    files: Files, name: str, mime_type: str | None, told: str, kind: str | None
) -> None:
    one = await files.keep(ADA, b"", name=name, mime_type=mime_type or "", source=None)
    assert one.name == told
    assert kind is None or one.mime_type == kind


@pytest.mark.parametrize(
    "uri", ["hub://files/", "hub://files/x", f"hub://files/{'A' * 32}", f"hub://file/{'a' * 32}", "a" * 32, ""]
)
def test_what_is_no_uri_of_a_file_has_no_id(uri: str) -> None:
    assert id_in(uri) is None
    assert id_in(f" hub://files/{'0a' * 16} ") == "0a" * 16
