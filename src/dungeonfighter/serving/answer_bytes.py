"""A whole HTTP answer with a JSON body, in one piece of bytes."""

from __future__ import annotations

import http
from collections.abc import Sequence
from typing import Final

from dungeonfighter import limits

_HEAD: Final = (
    b"HTTP/1.1 %d %b\r\n%bcontent-type: application/json\r\ncache-control: no-store\r\n"
    b"content-length: %d\r\n%b\r\n"
)
_SHORT_HEAD: Final = _HEAD.replace(b"no-store", b"no-store, no-transform")
_CLOSE: Final = b"connection: close\r\n"
_PHRASES: Final = {status.value: status.phrase.encode() for status in http.HTTPStatus}

_Headers = Sequence[tuple[bytes, bytes]]
_default_lines: tuple[_Headers, bytes] = [], b""
"""uvicorn's headers for every answer, and the same as bytes; uvicorn makes new ones each second."""


def answer_bytes(
    status: int, body: bytes, default_headers: _Headers, extra: _Headers, *, keep_alive: bool
) -> bytes:
    """Return an answer; `extra` are its headers besides the default ones, type and length."""
    global _default_lines  # noqa: PLW0603 (a cache for all connections)
    headers, lines = _default_lines
    if headers is not default_headers:
        lines = b"".join(b"%b: %b\r\n" % pair for pair in default_headers)
        _default_lines = default_headers, lines
    if extra:
        lines += b"".join(b"%b: %b\r\n" % pair for pair in extra)
    head = _SHORT_HEAD if len(body) < limits.compressible_bytes_min else _HEAD
    return head % (status, _PHRASES[status], lines, len(body), b"" if keep_alive else _CLOSE) + body
