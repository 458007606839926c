"""Which addresses are refused, and which places the operator can open."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import ConfigError, OperatorNeeded
from hub.upstream.guard import Guard, forbidden
from hub.upstream.places import Place

# fmt: off
REFUSED = [
    "0.0.0.0",  # noqa: S104 - judged, not bound to
    "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1",
    "127.255.255.254", "169.254.0.1", "169.254.169.254", "169.254.170.2", "168.63.129.16", "172.16.0.1",
    "172.31.255.255", "192.0.0.1", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.1", "192.168.255.255",
    "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.7", "224.0.0.1", "239.255.255.255", "240.0.0.1",
    "255.255.255.255", "100.100.100.200", "::", "::1", "::2", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1",
    "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0:127.0.0.1", "64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1",
    "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "64:ff9b:1:ffff::8.8.8.8", "64:ff9b:2::1", "100::1", "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1", "3fff::1",
    "5f00::1", "2002:7f00:1::", "2002:a00:1::1", "2002:c0a8:101::1", "2002:a9fe:a9fe::", "2002:e000:1::", "fc00::1",
    "fd00::1", "fd00:ec2::254", "fd20:ce::254", "fdff:ffff::1", "fe80::1", "fe80::a9fe:a9fe", "febf::1", "fec0::1",
    "feff::1", "ff02::1", "ff0e::1", "4000::1", "e000::1", "2a00:1450::5efe:10.0.0.1",
    "2a00:1450::200:5efe:192.168.1.1", "2a00:1450::5efe:127.0.0.1",
]

PUBLIC = [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255",
    "128.0.0.1", "172.15.255.255", "172.32.0.0", "192.0.1.1", "192.167.255.255", "192.169.0.0", "198.17.255.255",
    "198.20.0.0", "223.255.255.255", "169.253.255.255", "169.255.0.0", "2606:4700:4700::1111",
    "2a00:1450:4001:80b::200e", "2001:4860:4860::8888", "2001:200::1", "2400::1", "3ffe::1", "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8", "2002:808:808::1", "2a00:1450::5efe:8.8.8.8",
]
# fmt: on


@pytest.mark.parametrize("address", REFUSED)
def test_an_address_that_is_not_public_is_refused_with_its_reason(address: str) -> None:
    reason = forbidden(address)
    assert reason is not None
    assert "address" in reason


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_allowed(address: str) -> None:
    assert forbidden(address) is None


@given(st.ip_addresses(v=4))
def test_no_wrapping_makes_a_refused_ipv4_address_reachable(four: ipaddress.IPv4Address) -> None:
    number = int(four)
    wrapped = [
        ipaddress.IPv6Address(0xFFFF << 32 | number),
        ipaddress.IPv6Address(int(ipaddress.IPv6Address("64:ff9b::")) | number),
        ipaddress.IPv6Address(0x2002 << 112 | number << 80 | 1),
        ipaddress.IPv6Address(int(ipaddress.IPv6Address("2a00:1450::5efe:0:0")) | number),
    ]
    for six in wrapped:
        assert (forbidden(str(six)) is None) == (forbidden(str(four)) is None), six


@given(st.ip_addresses())
def test_nothing_the_standard_library_calls_private_is_public(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    special = address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified
    if special or (address.is_private and not getattr(address, "ipv4_mapped", None)):
        assert forbidden(str(address)) is not None


def test_an_address_that_is_none_is_an_error_and_not_public() -> None:
    with pytest.raises(ValueError, match="does not appear"):
        forbidden("localhost")


@pytest.mark.parametrize(
    ("place", "host", "port", "address", "opened"),
    [
        ("nas.lan:80", "nas.lan", 80, "192.168.1.2", True),
        ("NAS.lan:80", "nas.lan", 80, "192.168.1.2", True),
        ("nas.lan:80", "nas.lan", 81, "192.168.1.2", False),
        ("nas.lan:80", "other.lan", 80, "192.168.1.2", False),
        ("nas.lan:80", "x.nas.lan", 80, "192.168.1.2", False),
        ("192.168.1.2:80", "192.168.1.2", 80, "192.168.1.2", True),
        ("192.168.1.2:80", "nas.lan", 80, "192.168.1.2", True),
        ("192.168.1.2:80", "nas.lan", 80, "192.168.1.3", False),
        ("192.168.1.2", "192.168.1.2", 9999, "192.168.1.2", True),
        ("10.0.0.0/8", "x", 1, "10.9.8.7", True),
        ("10.0.0.0/8", "x", 1, "::ffff:10.9.8.7", True),
        ("10.0.0.0/8", "x", 1, "64:ff9b::10.9.8.7", False),
        ("10.0.0.0/8:443", "x", 443, "10.9.8.7", True),
        ("10.0.0.0/8:443", "x", 80, "10.9.8.7", False),
        ("10.0.0.0/8", "x", 1, "192.168.0.1", False),
        ("[fd00::5]:80", "fd00::5", 80, "fd00::5", True),
        ("fd00::/8", "x", 1, "fd12::1", True),
        ("fd00::/8:80", "x", 81, "fd12::1", False),
        ("0.0.0.0/0", "x", 1, "169.254.169.254", False),
        ("meta.lan:80", "meta.lan", 80, "169.254.169.254", False),
        ("::/0", "x", 1, "fd00:ec2::254", False),
        ("::/0", "x", 1, "::ffff:169.254.169.254", False),
        ("0.0.0.0/0", "x", 1, "0.0.0.1", False),
        ("0.0.0.0/0", "x", 1, "224.0.0.1", False),
        ("0.0.0.0/0", "x", 1, "255.255.255.255", False),
    ],
)
def test_a_place_opens_what_it_names_and_no_more(place: str, host: str, port: int, address: str, opened: bool) -> None:
    guard = Guard({"t": [place]})
    if opened:
        assert guard.judge("t", host, port, [address]) is True
    else:
        with pytest.raises(OperatorNeeded):
            guard.judge("t", host, port, [address])


def test_a_place_is_open_for_its_connector_only() -> None:
    guard = Guard({"t": ["nas.lan:80"]})
    with pytest.raises(
        OperatorNeeded, match=r"'u' may not reach nas.lan:80: it leads to a private address.*allow_private.u"
    ):
        guard.judge("u", "nas.lan", 80, ["192.168.1.2"])


def test_one_private_address_among_public_ones_refuses_them_all() -> None:
    guard = Guard({})
    assert guard.judge("t", "x.example", 443, ["8.8.8.8", "2606:4700:4700::1111"]) is False
    with pytest.raises(OperatorNeeded):
        guard.judge("t", "x.example", 443, ["8.8.8.8", "10.0.0.1"])


def test_the_refusal_of_a_name_does_not_tell_its_address() -> None:
    with pytest.raises(OperatorNeeded) as refused:
        Guard({}).judge("t", "x.example", 443, ["10.11.12.13"])
    assert "10.11.12.13" not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    ["nas.lan", "nas.lan:", "nas.lan:0", "nas.lan:99999", "nas lan:80", "10.0.0.1/8", "10.0.0.0/8:x", "a/b", "", ":80"],
)
def test_an_entry_that_is_no_place_is_a_config_error_naming_its_key(text: str) -> None:
    with pytest.raises(ConfigError, match=r"network\.allow_private\.t: .* is not a place"):
        Place.parse(text, "t")
