"""Fetches documents of a server that may be ill or hostile: every wait and every body is bounded.

Redirects are not followed, because the access token would go with them. No proxy and no `.netrc` of the
environment counts, because the question is about this server and not about them.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import time
from types import TracebackType
from typing import Final, NamedTuple, Self
from urllib.parse import urlsplit

import httpx2

from dungeonfighter.errors import BadArgument
from dungeonfighter.storage.examination import first_words

BODY_BYTES_MAX: Final = 4 * 1024 * 1024
ANSWER_SECONDS_MAX: Final = 15.0
_ENTRY: Final = "/mcp"
_NO_TLS: Final = frozenset({
    "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE", "WRONG_VERSION_NUMBER",
})  # fmt: skip
"""The reasons that OpenSSL gives for an answer that is no TLS; they differ among its releases."""
_NAME: Final = "check the spelling of the host name, and the name service (DNS) of this machine"


class Unusable(Exception):
    """No usable answer came; the text says why.

    Attributes:
        remedy: The way out, if the cause has one of its own; else empty.
    """

    def __init__(self, text: str, remedy: str = "") -> None:
        super().__init__(text)
        self.remedy = remedy


class Fetched(NamedTuple):
    """An answer; `sent_at` and `came_at` are wall clocks of this machine before and after the exchange."""

    status: int
    body: bytes
    sent_at: float
    came_at: float


def server_url(text: str) -> str:
    """Return the address of a server without its last slash; `/mcp` at the end is left out.

    A text without a scheme gets `http://`.

    Raises:
        BadArgument: The text is no such address.
    """
    text = text.strip()
    text = text if "://" in text else f"http://{text}"
    wrong = BadArgument("URL: write the address of a server, for example http://127.0.0.1:8000")
    try:
        parts = urlsplit(text)
        is_sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise wrong from None
    if not is_sound or not text.isascii() or not text.isprintable() or " " in text:
        raise wrong
    if parts.username is not None or parts.password is not None:
        raise BadArgument(
            "URL: leave out the sign-in before the @; tokens come from the environment or a file"
        )
    if parts.query or parts.fragment:
        raise BadArgument("URL: leave out everything from ? or # on")
    path = parts.path.rstrip("/").removesuffix(_ENTRY).rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path}"


class Fetcher:
    """Fetches documents of one server over one kept connection; use it in an `async with`.

    Args:
        url: From `server_url`.
        token: The access token; empty without one.
    """

    def __init__(self, url: str, token: str = "") -> None:
        self.url = url
        self._headers = {
            "accept": "*/*",
            "accept-encoding": "identity",
            "user-agent": "dungeonfighter-doctor",
        }
        self._token = token
        tls = ssl.create_default_context() if url.startswith("https") else False
        self._client = httpx2.AsyncClient(
            follow_redirects=False, timeout=ANSWER_SECONDS_MAX, trust_env=False, verify=tls
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def fetch(self, path: str, *, with_token: bool = False) -> Fetched:
        """Return the answer to a GET of this path.

        Raises:
            Unusable: There is no complete answer in time, or it is too long, compressed or a redirect.
        """
        headers = dict(self._headers)
        if with_token and self._token:
            headers["authorization"] = f"Bearer {self._token}"
        try:
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                return await self._fetch(self.url + path, headers)
        except (TimeoutError, httpx2.TimeoutException):
            raise Unusable(f"no complete answer within {ANSWER_SECONDS_MAX:g} s") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
            raise _unusable(error, self.url) from None

    async def _fetch(self, url: str, headers: dict[str, str]) -> Fetched:
        sent_at = time.time()
        async with self._client.stream("GET", url, headers=headers) as answer:
            if 300 <= answer.status_code < 400:
                there = answer.headers.get("location", "elsewhere")
                raise Unusable(f"it redirects to {there}; give that address if it is the server's")
            if answer.headers.get("content-encoding", "identity") != "identity":
                raise Unusable("it compresses an answer that must not be compressed")
            body = bytearray()
            async for piece in answer.aiter_raw():
                body += piece
                if len(body) > BODY_BYTES_MAX:
                    raise Unusable(f"it answers with more than {BODY_BYTES_MAX} bytes")
            return Fetched(answer.status_code, bytes(body), sent_at, time.time())


def _unusable(error: BaseException, url: str) -> Unusable:
    """Name the reason that the operating system gives, if there is one, or else the text of the error."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, ssl.SSLError):
            if inner.reason in _NO_TLS:
                plain = f"http{url.removeprefix('https')}"
                return Unusable(
                    "the server does not speak TLS", f"write {plain} if this port is the right one"
                )
            return Unusable(first_words(inner))
        if isinstance(inner, socket.gaierror):
            name = urlsplit(url).hostname
            return Unusable(f"the host name {name} is not found ({inner.strerror})", _NAME)
        if isinstance(inner, OSError) and inner.errno:
            return Unusable((os.strerror(inner.errno) if inner.errno > 0 else str(inner)).lower())
        inner = inner.__cause__ or inner.__context__
    return Unusable(first_words(error))
