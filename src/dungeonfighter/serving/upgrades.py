"""Requests that ask for another protocol (`Upgrade`): the server ignores the header.

A server may ignore any `Upgrade` header and serve the request itself. But httptools treats such a request as
upgraded: it skips the body and leaves all bytes after the head to the other protocol. So the connection
writes a new head without that header and parses the new head.

Source: RFC 9110, sections 7.6.1 and 7.8.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def without_upgrade(method: bytes, url: bytes, version: str, fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return a head for the same request without its `Upgrade` header and without that connection option.

    Args:
        method: The method.
        url: The request target as the client sent it.
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
