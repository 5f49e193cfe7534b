"""The PROXY protocol, versions 1 and 2: whole, in pieces, without an address, and wrong."""

from __future__ import annotations

import contextlib
import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dungeonfighter.serving.preamble import PREAMBLE_BYTES_MAX, Malformed, Preamble, read_preamble

MARK = b"\r\n\r\n\0\r\nQUIT\n"
IPV4 = socket.inet_aton("198.51.100.1") + socket.inet_aton("10.0.0.1") + b"\x12\x34\x00\x50"
MAPPED = socket.inet_pton(socket.AF_INET6, "::ffff:198.51.100.1")
IPV6 = socket.inet_pton(socket.AF_INET6, "2001:db8::1")


def binary(command: int, family: int, rest: bytes) -> bytes:
    return MARK + bytes([command, family]) + len(rest).to_bytes(2, "big") + rest


GOOD = [
    (b"PROXY TCP4 198.51.100.1 10.0.0.1 4660 80\r\n", ("198.51.100.1", 4660)),
    (b"PROXY TCP6 2001:db8::1 ::1 4660 80\r\n", ("2001:db8::1", 4660)),
    (b"PROXY TCP6 ::ffff:198.51.100.1 ::1 4660 80\r\n", ("198.51.100.1", 4660)),
    (b"PROXY UNKNOWN\r\n", None),
    (b"PROXY UNKNOWN ff:: ff:: 1 2\r\n", None),
    (binary(0x21, 0x11, IPV4), ("198.51.100.1", 4660)),
    (binary(0x21, 0x11, IPV4 + b"\x04\x00\x10" + b"x" * 16), ("198.51.100.1", 4660)),
    (binary(0x21, 0x21, IPV6 * 2 + b"\x12\x34\x00\x50"), ("2001:db8::1", 4660)),
    (binary(0x21, 0x21, MAPPED * 2 + b"\x12\x34\x00\x50"), ("198.51.100.1", 4660)),
    (binary(0x21, 0x00, b""), None),
    (binary(0x21, 0x31, b"/" * 216), None),
    (binary(0x20, 0x00, b""), None),
    (binary(0x20, 0x11, IPV4), None),
]
BAD = [
    b"GET / HTTP/1.1\r\n",
    b"POST /mcp HTTP/1.1\r\n",
    b"PROXYTCP4",
    b"proxy TCP4 198.51.100.1 10.0.0.1 4660 80\r\n",
    b"PROXY TCP4 198.51.100.1 10.0.0.1 4660\r\n",
    b"PROXY TCP4 198.51.100.1  10.0.0.1 4660 80\r\n",
    b"PROXY TCP4 2001:db8::1 10.0.0.1 4660 80\r\n",
    b"PROXY TCP6 198.51.100.1 ::1 4660 80\r\n",
    b"PROXY TCP6 fe80::1%eth0 ::1 4660 80\r\n",
    b"PROXY TCP4 198.51.100.1 10.0.0.1 -1 80\r\n",
    b"PROXY TCP4 198.51.100.1 10.0.0.1 66000 80\r\n",
    b"PROXY UDP4 198.51.100.1 10.0.0.1 4660 80\r\n",
    b"PROXY TCP4 " + b"1" * 100,
    b"\r\n\r\nGET / HTTP/1.1\r\n",
    binary(0x11, 0x11, IPV4),
    binary(0x22, 0x11, IPV4),
    binary(0x21, 0x12, IPV4),
    binary(0x21, 0x11, IPV4[:-1]),
    binary(0x21, 0x21, IPV4),
    MARK + b"\x21\x11\xff\xff",
]


@pytest.mark.parametrize(("data", "client"), GOOD)
def test_a_preamble_names_the_client(data: bytes, client: tuple[str, int] | None) -> None:
    assert read_preamble(data + b"POST /mcp") == Preamble(client, len(data))


@pytest.mark.parametrize("data", [data for data, _ in GOOD])
def test_a_preamble_may_come_in_pieces(data: bytes) -> None:
    assert [read_preamble(data[:size]) for size in range(len(data))] == [None] * len(data)


@pytest.mark.parametrize("data", BAD)
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        read_preamble(data)


@settings(deadline=None)
@given(st.binary(max_size=64), st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", MARK, MARK + b"\x21\x11"]))
def test_any_bytes_are_judged(data: bytes, beginning: bytes) -> None:
    try:
        found = read_preamble(beginning + data)
    except Malformed:
        return
    assert found is None or 0 < found.size <= PREAMBLE_BYTES_MAX


def test_a_wait_for_more_ends() -> None:
    for beginning in (b"PROXY TCP4 ", MARK + b"\x21\x11\x0f\xf0"):
        data = beginning.ljust(PREAMBLE_BYTES_MAX, b"1")
        with contextlib.suppress(Malformed):
            assert read_preamble(data) is not None
