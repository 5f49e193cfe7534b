"""Whole answers, as bytes, to requests that the server refuses to read; each closes its connection.

Source: RFC 6585, section 5 (431); RFC 9110, sections 9.3.6 and 15.5.6 (CONNECT, 405).
"""

from __future__ import annotations

import http
from typing import Final


def _refusal(status: http.HTTPStatus, why: str, extra: str = "") -> bytes:
    lines = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        "content-type: text/plain; charset=utf-8",
        f"content-length: {len(why)}",
        "connection: close",
    ]
    return "\r\n".join([*lines, *([extra] if extra else []), "", why]).encode()


_TOO_LARGE: Final = http.HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
TOO_LONG: Final = _refusal(_TOO_LARGE, "the request line and headers are too long")
TOO_MANY: Final = _refusal(_TOO_LARGE, "there are too many header fields")
NO_TUNNEL: Final = _refusal(
    http.HTTPStatus.METHOD_NOT_ALLOWED, "this server is no proxy", "allow: GET, HEAD, POST"
)
