"""The client's address comes from trusted proxies only, read from right to left."""

from __future__ import annotations

import pytest

from dungeonfighter.access.client_addresses import TrustedProxies, client_address, limit_group
from dungeonfighter.networks import parse_network

TRUSTED = TrustedProxies([parse_network("10.0.0.0/8"), parse_network("fd00::/8")])


def client_of(peer: str, *values: bytes) -> str:
    return TRUSTED.client_of(peer, [(b"host", b"x"), *((b"x-forwarded-for", value) for value in values)])


@pytest.mark.parametrize(
    ("peer", "values", "client"),
    [
        ("192.0.2.9", [b"198.51.100.1"], "192.0.2.9"),
        ("::ffff:192.0.2.9", [], "192.0.2.9"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", [b"198.51.100.1"], "198.51.100.1"),
        ("::ffff:10.0.0.1", [b"198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", [b"6.6.6.6, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", [b"6.6.6.6, 198.51.100.1, 10.1.2.3"], "198.51.100.1"),
        ("10.0.0.1", [b"6.6.6.6", b"198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", [b"198.51.100.1, ,\t, "], "198.51.100.1"),
        ("10.0.0.1", [b"198.51.100.1:4711"], "198.51.100.1"),
        ("10.0.0.1", [b"2001:db8::1"], "2001:db8::1"),
        ("fd00::5", [b"[2001:DB8:0::1]:443"], "2001:db8::1"),
        ("10.0.0.1", [b"::ffff:198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", [b"198.51.100.1, unknown"], "10.0.0.1"),
        ("10.0.0.1", [b"198.51.100.1, 10.2.0.1, nonsense\xff"], "10.0.0.1"),
        ("10.0.0.1", [b"198.51.100.1, nonsense, 10.2.0.1"], "10.2.0.1"),
        ("10.0.0.1", [b"10.3.0.1, 10.2.0.1"], "10.3.0.1"),
        ("10.0.0.1", [b"6.6.6.6" + b", 10.0.0.2" * 100], "10.0.0.2"),
        ("10.0.0.1", [b"198.51.100.1:x"], "10.0.0.1"),
        ("10.0.0.1", [b"[198.51.100.1]"], "10.0.0.1"),
        ("10.0.0.1", [b"1" * 30_000], "10.0.0.1"),
    ],
)
def test_the_list_is_read_from_the_right(peer: str, values: list[bytes], client: str) -> None:
    assert client_of(peer, *values) == client


def test_an_address_has_one_form() -> None:
    assert client_address({"client": ("::ffff:192.0.2.1", 5)}) == "192.0.2.1"
    assert client_address({"client": ("2001:DB8::0:1%eth0", 5)}) == "2001:db8::1"
    assert client_address({"client": None}) == ""
    assert client_address({}) == ""


def test_all_addresses_of_an_ipv6_site_are_limited_together() -> None:
    assert limit_group("2001:db8:1:2::1") == limit_group("2001:db8:1:2:ffff::9") == "2001:db8:1:2::/64"
    assert limit_group("2001:db8:1:3::1") != limit_group("2001:db8:1:2::1")
    assert limit_group("192.0.2.1") == "192.0.2.1"
    assert limit_group("") == ""


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("10.0.1.5/24", "write 10.0.1.0/24, or 10.0.1.5 for the one address"),
        ("2001:db8::1/32", "write 2001:db8::/32, or 2001:db8::1 for the one address"),
        ("10.0.0.0/33", "at most 32"),
        ("10.0.0.0/255.0.0.0", "the length of the network"),
        ("10.0.0.0/", "the length of the network"),
        ("10.0.0.0/-8", "the length of the network"),
        ("*", "by its numbers"),
        ("proxy.example.org", "by its numbers"),
        ("fe80::1%eth0", "by its numbers"),
        ("10.0.0", "by its numbers"),
        ("010.0.0.1", "by its numbers"),
        ("0.0.0.0/0", "every address"),
        ("::/0", "every address"),
        ("::ffff:10.0.0.0/104", "inside IPv6"),
    ],
)
def test_a_network_is_exact(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem.replace("(", r"\(")):
        parse_network(text)


def test_one_address_is_a_network() -> None:
    assert str(parse_network("10.0.1.5")) == "10.0.1.5/32"
    assert str(parse_network("fd00::5")) == "fd00::5/128"
