"""Answers of unknown length for clients of HTTP/1.0: the end of the connection ends them.

uvicorn sends every answer without a `Content-Length` in chunks, which these clients do not know.

Source: RFC 9112, sections 6.1 and 6.3.
"""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


class EndedByClosing(RequestResponseCycle):
    """uvicorn's cycle for a request of HTTP/1.0; uvicorn closes the connection after its answer."""

    has_no_length = False

    async def send(self, message: Any) -> None:
        """Pass on a message; leave the body of an answer without a length as it is."""
        if message["type"] == "http.response.start":
            self.has_no_length = not any(
                name.lower() == b"content-length" for name, _ in message.get("headers", ())
            )
            if self.has_no_length:
                self.chunked_encoding = False
        elif self.has_no_length:
            self.expected_content_length = len(message.get("body", b""))
        await super().send(message)
