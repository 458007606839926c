"""URLs are read one way only; odd spellings of addresses never pass for names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from hub.errors import ToolError
from hub.upstream.target import Target, encoded


@pytest.mark.parametrize(
    "url",
    [
        "http://0x7f.1/",
        "http://0x7f000001/",
        "http://2130706433/",
        "http://0177.0.0.1/",
        "http://127.1/",
        "http://127.0.1/",
        "http://127.0.0.1./",
        "http://localhost./",
        "http://example.com../",
        "http://\uff11\uff12\uff17.\uff11/",
        "http://127\u30020\u30021/",
        "http://\u2460\u2461\u2466.1/",
        "http://example.com.0x7f/",
        "http://1.2.3.4.5/",
        "http://256.1.1.1/",
        "http://[::1%25lo]/",
        "http://[::1",
        "http://[1.2.3.4]/",
        "http://%31%32%37.0.0.1/",
        "http://user@example.com/",
        "http://user:secret@example.com/",
        "http://@example.com/",
        "http://example.com\\@evil.example/",
        "http://example.com\\.evil.example/",
        "http://exa mple.com/",
        "http://example.com/a b",
        "http://example.com/a\r\nX-Evil: 1",
        "http://exa\nmple.com/",
        "ht\ntp://example.com/",
        " http://example.com/",
        "http://example.com/ä",
        "http://example.com:0/",
        "http://example.com:99999/",
        "http://example.com:8 0/",
        "http:///x",
        "http:example.com",
        "//example.com/",
        "/path",
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "http://-example.com/",
        "http://exa..mple.com/",
        "http://.example.com/",
        "http://" + "a" * 64 + ".com/",
        "http://" + "a." * 130 + "com/",
        "",
    ],
)
def test_a_url_that_could_be_read_in_two_ways_is_refused(url: str) -> None:
    with pytest.raises(ToolError):
        Target.of(url)


@pytest.mark.parametrize(
    ("url", "host", "port", "sent"),
    [
        ("https://Example.COM/x?q=a+b%20c&d=%2F#frag", "example.com", 443, "https://example.com/x?q=a+b%20c&d=%2F"),
        ("http://h:8080", "h", 8080, "http://h:8080"),
        ("HTTPS://h/http://h/", "h", 443, "https://h/http://h/"),
        ("https://bücher.example/", "xn--bcher-kva.example", 443, "https://xn--bcher-kva.example/"),
        ("http://\uff11\uff12\uff17.0.0.1/", "127.0.0.1", 80, "http://127.0.0.1/"),
        ("http://[0:0:0:0:0:FFFF:7f00:1]:81/", "::ffff:7f00:1", 81, "http://[::ffff:7f00:1]:81/"),
        ("https://a_b.example/%2e%2e/c", "a_b.example", 443, "https://a_b.example/%2e%2e/c"),
        ("https://x.example?q=%41", "x.example", 443, "https://x.example?q=%41"),
    ],
)
def test_a_plain_url_keeps_its_path_and_query_as_written(url: str, host: str, port: int, sent: str) -> None:
    target = Target.of(url)
    assert (target.host, target.port) == (host, port)
    assert target.url.rstrip("/") == sent.rstrip("/")


def test_literal_addresses_are_known_as_addresses() -> None:
    assert Target.of("http://127.0.0.1/").address is not None
    assert Target.of("http://[::1]/").address is not None
    assert Target.of("http://localhost/").address is None


@given(st.text(max_size=40))
def test_whatever_is_accepted_leads_aiohttp_to_the_judged_host(text: str) -> None:
    for url in (f"http://{text}", f"http://a.example/{text}", text):
        try:
            target = Target.of(url)
        except ToolError:
            continue
        sent = URL(target.url, encoded=True)
        assert (sent.raw_host, sent.port, sent.user) == (target.host, target.port, None)
        assert not set(target.url) & set(" \r\n\t\\\0")


def test_a_location_with_blanks_and_umlauts_becomes_a_url() -> None:
    assert encoded(" /a b/ü%20?q=1 ") == "/a%20b/%C3%BC%20?q=1"


def test_errors_name_the_host_and_not_the_query() -> None:
    with pytest.raises(ToolError) as refused:
        Target.of("https://example.com/ä?key=hunter2")
    assert "example.com" in str(refused.value)
    assert "hunter2" not in str(refused.value)
