"""Whole answers, as bytes, to requests that the server refuses to read; each closes its connection.

The server does not know the origin of such a request, so pages of every origin may read these answers: they
are the same for everybody.

Source: RFC 6585, section 5 (431); RFC 9110, sections 9.3.6 and 15.5.6 (CONNECT, 405).
"""

from __future__ import annotations

import http
from typing import Final


def _refusal(
    status: http.HTTPStatus, why: str, *extra: str, kind: str = "text/plain; charset=utf-8"
) -> bytes:
    lines = [
        f"HTTP/1.1 {status.value} {status.phrase}",
        f"content-type: {kind}",
        f"content-length: {len(why)}",
        "cache-control: no-store",
        "access-control-allow-origin: *",
        "connection: close",
    ]
    return "\r\n".join([*lines, *extra, "", why]).encode()


_TOO_LARGE: Final = http.HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
TOO_LONG: Final = _refusal(_TOO_LARGE, "the request line and headers are too long")
TOO_MANY: Final = _refusal(_TOO_LARGE, "there are too many header fields")
MALFORMED: Final = _refusal(http.HTTPStatus.BAD_REQUEST, "this is not a valid HTTP/1.1 request")
NO_TUNNEL: Final = _refusal(
    http.HTTPStatus.METHOD_NOT_ALLOWED, "this server is no proxy", "allow: GET, HEAD, POST"
)
NO_PREAMBLE: Final = _refusal(
    http.HTTPStatus.BAD_REQUEST, "connections from your network must begin with the PROXY protocol"
)
FULL: Final = _refusal(
    http.HTTPStatus.SERVICE_UNAVAILABLE,
    '{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"too many connections; try again in 5 s",'
    '"data":{"code":"overloaded","retryAfterSeconds":5}}}',
    "retry-after: 5", "access-control-expose-headers: Retry-After",
    kind="application/json",
)  # fmt: skip
TOO_MANY_OF_ADDRESS: Final = _refusal(
    http.HTTPStatus.TOO_MANY_REQUESTS,
    '{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"rate_limited: there are too many '
    'connections from your address; close some, or try again in 5 s",'
    '"data":{"code":"rate_limited","retryAfterSeconds":5}}}',
    "retry-after: 5", "access-control-expose-headers: Retry-After",
    kind="application/json",
)  # fmt: skip
