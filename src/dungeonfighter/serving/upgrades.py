"""Offers of another protocol (`Upgrade`), and what a request is when its offer is ignored.

A server may ignore any offer and serve the request as it is. The parser takes an offer for accepted: it skips
the body and leaves what follows the head to the other protocol. So a head with an offer is written anew
without it, and parsed again.

Source: RFC 9110, sections 7.6.1 and 7.8.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def without_offer(method: bytes, url: bytes, version: str, fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A head that asks for the same and offers nothing.

    Args:
        method: The method.
        url: The target as it was sent.
        version: `1.1` or `1.0`.
        fields: Names in lower case and values, as the parser found them.
    """
    lines = [b"%b %b HTTP/%b" % (method, url, version.encode())]
    lines += [b"%b: %b" % field for field in _kept(fields)]
    return b"\r\n".join([*lines, b"", b""])


def _kept(fields: Iterable[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
    for name, value in fields:
        if name == b"connection":
            options = [option.strip() for option in value.split(b",")]
            left = b", ".join(option for option in options if option and option.lower() != b"upgrade")
            if left:
                yield name, left
        elif name != b"upgrade":
            yield name, value
