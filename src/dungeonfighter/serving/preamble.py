"""Parses the PROXY protocol: the bytes by which a proxy names its client before the first request.

Version 1 is a line of text, version 2 is binary. A preamble without an address (`UNKNOWN`, `LOCAL`: checks of
the proxy's own) is valid; the connection then is one of the proxy itself.

Source: docs/security.md, "Addresses".
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final

from msgspec import Struct

from dungeonfighter.networks import Address, parse_address

PREAMBLE_BYTES_MAX: Final = 4096
"""An address takes 52 bytes; details of TLS may follow it."""
_LINE: Final = b"PROXY "
_LINE_BYTES_MAX: Final = 107
_MARK: Final = b"\r\n\r\n\0\r\nQUIT\n"
_FIXED_BYTES: Final = 16
_LOCAL, _PROXY = 0x20, 0x21
_ADDRESS_BYTES: Final = {0x11: 4, 0x21: 16}
"""The size of each of the two addresses, by family: TCP over IPv4 and over IPv6."""
_WITHOUT_ADDRESS: Final = frozenset({0x00, 0x31})
"""The families unspecified, and Unix sockets."""
_LINE_FAMILIES: Final = {b"TCP4": 4, b"TCP6": 6}


class Malformed(ValueError):
    """The bytes are no preamble."""


class Preamble(Struct, frozen=True):
    """A complete preamble.

    Attributes:
        client: The address and the port of the client; None if the connection is one of the proxy itself.
        size: The number of its bytes; a request follows.
    """

    client: tuple[str, int] | None
    size: int


def read_preamble(data: bytes) -> Preamble | None:
    """Parse the first bytes of a connection; None if more are needed.

    Raises:
        Malformed: No further bytes can make it a preamble.
    """
    if data.startswith(_MARK):
        return _read_binary(data)
    if data.startswith(_LINE):
        return _read_line(data)
    if _MARK.startswith(data) or _LINE.startswith(data):
        return None
    raise Malformed("the connection does not begin with the PROXY protocol")


def _read_line(data: bytes) -> Preamble | None:
    end = data.find(b"\r\n", 0, _LINE_BYTES_MAX)
    if end < 0:
        if len(data) >= _LINE_BYTES_MAX:
            raise Malformed("the line of the PROXY protocol is too long")
        return None
    words = data[len(_LINE) : end].split(b" ")
    size = end + 2
    if words[0] == b"UNKNOWN":
        return Preamble(None, size)
    if len(words) != 5 or words[0] not in _LINE_FAMILIES:
        raise Malformed("the line of the PROXY protocol must have a family, two addresses and two ports")
    family = _LINE_FAMILIES[words[0]]
    source, _ = _address(words[1], family), _address(words[2], family)
    port, _ = _port(words[3]), _port(words[4])
    return Preamble((str(source), port), size)


def _address(word: bytes, family: int) -> Address:
    text = word.decode("latin-1")
    found = parse_address(text)
    if found is None or "%" in text or (":" in text) != (family == 6):
        raise Malformed("the line of the PROXY protocol has a wrong address")
    return found


def _port(word: bytes) -> int:
    if not word.isdigit() or len(word) > 5 or int(word) > 65_535:
        raise Malformed("the line of the PROXY protocol has a wrong port")
    return int(word)


def _read_binary(data: bytes) -> Preamble | None:
    if len(data) < _FIXED_BYTES:
        return None
    command, family = data[12], data[13]
    size = _FIXED_BYTES + int.from_bytes(data[14:16], "big")
    if command not in {_LOCAL, _PROXY}:
        raise Malformed("the PROXY protocol has an unknown version or command")
    if size > PREAMBLE_BYTES_MAX:
        raise Malformed("the preamble of the PROXY protocol is too long")
    address_bytes = _ADDRESS_BYTES.get(family, 0)
    if command == _PROXY and not address_bytes and family not in _WITHOUT_ADDRESS:
        raise Malformed("the PROXY protocol names a family that is not TCP")
    if command == _PROXY and size < _FIXED_BYTES + 2 * address_bytes + (4 if address_bytes else 0):
        raise Malformed("the preamble of the PROXY protocol is too short for its addresses")
    if len(data) < size:
        return None
    if command == _LOCAL or not address_bytes:
        return Preamble(None, size)
    source = data[_FIXED_BYTES : _FIXED_BYTES + address_bytes]
    at = _FIXED_BYTES + 2 * address_bytes
    found = parse_address(str(ip_address(source)))
    return Preamble((str(found), int.from_bytes(data[at : at + 2], "big")), size)
