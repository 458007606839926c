"""``/files/<id>``: signed links in browsers and with curl, each for one person, one file and one purpose."""

import asyncio
import re
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession, FormData

from hub.files.files import KEEP, PIECE
from hub.files.links import UPLOAD
from tests.files.scene import CSV, PDF, House
from tests.waiting import PATIENCE


async def download(house: House) -> str:
    return house.here((await house.told("papers_get_report"))["download"])


async def upload(house: House, name: str | None = None) -> tuple[str, str]:
    told = await house.told("hub_upload_file", name=name)
    return house.here(told["link"]), told["file"]


async def page(client: ClientSession, url: str, method: str = "GET", **more: object) -> tuple[int, str]:
    async with client.request(method, url, **more) as reply:  # type: ignore[arg-type]
        return reply.status, await reply.text()


async def test_a_download_is_saved_and_never_shown_run_or_kept_by_a_cache(house: House) -> None:
    url = await download(house)
    for client in (house.at_ada, house.curl):
        async with client.get(url) as reply:
            assert await reply.read() == PDF
            head = reply.headers
    assert head["Content-Disposition"] == (
        "attachment; filename=\"Jahres bericht.pdf\"; filename*=UTF-8''Jahres%20bericht.pdf"
    )
    assert head["Content-Type"] == "application/pdf"
    assert head["Content-Security-Policy"].startswith("sandbox;")
    assert (head["X-Content-Type-Options"], head["Cache-Control"]) == ("nosniff", "private, no-store")
    async with house.curl.head(url) as reply:
        assert (reply.status, reply.headers["Content-Length"]) == (200, str(len(PDF)))


@pytest.mark.parametrize(
    ("asked", "status", "start", "stop"),
    [
        ("bytes=0-0", 206, 0, 1),
        (f"bytes={PIECE - 2}-{PIECE + 1}", 206, PIECE - 2, PIECE + 2),
        ("bytes=511000-", 206, 511000, None),
        ("bytes=-10", 206, -10, None),
        ("bytes=0-99999999", 206, 0, None),
        ("bytes=5-4", 200, 0, None),
        ("bytes=0-1,5-6", 200, 0, None),
        ("lines=1-2", 200, 0, None),
        ("bytes=99999999-", 416, 0, 0),
        ("bytes=-0", 416, 0, 0),
    ],
)
async def test_a_part_of_a_file_can_be_fetched(
    house: House, asked: str, status: int, start: int, stop: int | None
) -> None:
    async with house.curl.get(await download(house), headers={"Range": asked}) as reply:
        assert reply.status == status
        if status != 416:
            assert await reply.read() == PDF[start:stop]
        if status == 206:
            first = start % len(PDF)
            assert reply.headers["Content-Range"] == f"bytes {first}-{(stop or len(PDF)) - 1}/{len(PDF)}"


async def test_curl_fetches_goes_on_where_it_was_cut_off_and_hands_in(house: House, tmp_path: Path) -> None:
    async def curl(*arguments: str) -> str:
        done = await asyncio.to_thread(
            subprocess.run, ["curl", "-fsS", *arguments], capture_output=True, text=True, check=True, cwd=tmp_path
        )
        return done.stdout

    url = await download(house)
    (tmp_path / "part.pdf").write_bytes(PDF[:300_000])
    await curl("-C", "-", "-o", "part.pdf", url)
    assert (tmp_path / "part.pdf").read_bytes() == PDF
    await curl("-OJ", url)
    assert [one.name for one in tmp_path.glob("Jahres*")] == ["Jahres bericht.pdf"]
    (tmp_path / "table.csv").write_bytes(CSV)
    link, file = await upload(house)
    told = await curl("-T", "table.csv", f"{link}&name=table.csv")
    assert f'"file": "{file}", "name": "table.csv", "mime_type": "text/csv", "bytes": {len(CSV)}' in told
    link, _ = await upload(house)
    assert '"name": "table.csv"' in await curl("-F", "file=@table.csv", link)


async def test_a_person_uploads_in_the_browser_and_the_model_uses_it(house: House) -> None:
    link, file = await upload(house, name="../report.pdf")
    assert "There is no file" in await house.refused("desk_measure", file=file)
    status, text = await page(house.at_ada, link)
    assert status == 200
    assert "asked for report.pdf" in text
    assert "as ada" in text
    form = FormData({"other": "field"})
    form.add_field("file", PDF, filename="C:\\from\\disk.pdf", content_type="application/pdf")
    status, text = await page(house.at_ada, link, "POST", data=form)
    assert status == 200
    assert file in text
    told = await house.told("desk_measure", file=file)
    assert told["files"][0][:3] == ["report.pdf", "application/pdf", len(PDF)]


async def test_an_upload_link_works_once(house: House) -> None:
    link, file = await upload(house)
    assert (await page(house.curl, link, "PUT", data=b"first"))[0] == 201
    status, text = await page(house.curl, link, "PUT", data=b"second")
    assert (status, "used already" in text) == (400, True)
    assert (await house.told("hub_read_file", file=file))["text"] == "first"


@pytest.mark.parametrize("kind", ["download", "upload"])
async def test_somebody_elses_link_is_a_page_that_says_so(house: House, kind: str) -> None:
    url = await download(house) if kind == "download" else (await upload(house))[0]
    for method in ("GET", "PUT", "POST"):
        status, text = await page(house.at_ben, url, method)
        assert status == 403
        assert "made for another person of this hub, and you are signed in as ben" in text
        assert "Jahres" not in text


@pytest.mark.parametrize("spoilt", ["lapsed", "cut", "other file", "none", "other purpose", "disabled", "nonsense"])
async def test_a_link_that_is_not_whole_or_over_is_a_page_that_says_so(house: House, spoilt: str) -> None:
    url, (link, _) = await download(house), await upload(house)
    status = 403
    match spoilt:
        case "lapsed":
            house.clock.advance(KEEP)
        case "cut":
            url, link = url[:-1], link[:-1]
        case "other file":
            ids = [re.findall(r"/files/([0-9a-f]{32})", one)[0] for one in (url, link)]
            url, link = url.replace(*ids), link.replace(*reversed(ids))
        case "none":
            url, link = url.partition("?")[0], link.partition("?")[0]
        case "other purpose":
            status, url, link = 405, url, url
        case "disabled":
            await house.hub.store.users.disable(house.ada.user_id)
        case "nonsense":
            url = link = f"{house.url}/files/..%2f..%2fetc?t=%00"
    if spoilt != "other purpose":
        told = await page(house.curl, url, headers={"Accept": "text/html"})
        assert told[0] == status
        assert "<h1>This did not work</h1>" in told[1]
    told = await page(house.curl, link, "PUT", data=b"x")
    assert told[0] == status
    assert told[1].startswith('{"error": "')


async def test_an_upload_link_lies_about_for_half_an_hour(house: House) -> None:
    link, _ = await upload(house)
    house.clock.advance(UPLOAD.total_seconds() - 5)
    assert (await page(house.curl, link))[0] == 200
    house.clock.advance(5)
    assert (await page(house.curl, link))[0] == 403


async def test_what_is_too_large_empty_or_no_form_is_told(house: House) -> None:
    link, file = await upload(house)

    async def body(size: int) -> object:
        async def parts() -> object:
            for _ in range(size // 65536):
                yield bytes(65536)

        return parts()

    status, text = await page(house.curl, link, "PUT", data=bytes(1_000_001))
    assert (status, "at most 1 MB" in text) == (400, True)
    status, text = await page(house.curl, link, "PUT", data=await body(1_500_000))
    assert (status, "more than 1 MB" in text) == (400, True)
    empty = FormData()
    empty.add_field("file", b"", filename="", content_type="application/octet-stream")
    for data, words in ((empty, "No file was chosen"), (FormData({"a": "b"}), "PUT")):
        status, text = await page(house.curl, link, "POST", data=data)
        assert (status in (400, 415), words in text) == (True, True), text
    broken = {"Content-Type": "multipart/form-data; boundary=x"}
    assert (await page(house.curl, link, "POST", data=b"no form", headers=broken))[0] == 400
    assert "There is no file" in await house.refused("hub_read_file", file=file)
    assert (await page(house.curl, link, "PUT", data=b"at last"))[0] == 201


async def test_a_file_that_is_not_whole_is_none(house: House) -> None:
    link, file = await upload(house)
    path = link.removeprefix(house.url)
    reader, writer = await asyncio.open_connection("127.0.0.1", int(house.url.rpartition(":")[2]))
    head = f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 600000\r\n\r\n"
    writer.write(head.encode() + bytes(400_000))
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    del reader
    async with asyncio.timeout(PATIENCE):
        while (await house.hub.store.files.taken(house.ada.user_id))[0]:  # noqa: ASYNC110 - in the database
            await asyncio.sleep(0.02)
    assert "There is no file" in await house.refused("hub_read_file", file=file)
    assert (await page(house.curl, link, "PUT", data=b"again"))[0] == 201


@pytest.mark.parametrize("way", ["PUT", "POST"])
async def test_who_sends_a_refused_file_to_its_end_hears_why(house: House, way: str) -> None:
    """A proxy reads the answer when it has sent everything; a connection reset until then would be its 502."""
    url = urlsplit(house.here(f"{house.hub.config.public_url}/files/{'0' * 32}?t=none"))
    body = bytes(6_000_000)
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    writer.write(
        f"{way} {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    )
    for start in range(0, len(body), 65_536):
        writer.write(body[start : start + 65_536])
        await writer.drain()
    assert (await reader.readline()).startswith(b"HTTP/1.1 403")
    writer.close()


async def test_many_uploads_at_once_stay_within_the_users_room(house: House) -> None:
    links = [(await upload(house))[0] for _ in range(8)]
    data = bytes(900_000)
    done = await asyncio.gather(*(page(house.curl, link, "PUT", data=data) for link in links))
    assert sorted(status for status, _ in done) == [201] * 5 + [400] * 3
