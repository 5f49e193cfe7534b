"""Reads documents of an identity provider over HTTP: its key set and its metadata."""

from __future__ import annotations

import asyncio
from typing import Final

import httpx2

from dungeonfighter.access.signing_keys import ProviderUnavailable

FETCH_SECONDS_MAX: Final = 5.0
BODY_BYTES_MAX: Final = 256 * 1024


class ProviderEndpoint:
    """A client of HTTP that follows no redirects: they could lead a server behind a firewall anywhere."""

    def __init__(self) -> None:
        self._client = httpx2.AsyncClient(follow_redirects=False, timeout=FETCH_SECONDS_MAX)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def read(self, url: str) -> bytes:
        """Return the document at this address.

        Raises:
            ProviderUnavailable: There is no complete answer in time, or none with status 200.
        """
        try:
            async with asyncio.timeout(FETCH_SECONDS_MAX):
                return await self._read(url)
        except TimeoutError:
            raise ProviderUnavailable(f"{url} did not answer within {FETCH_SECONDS_MAX:g} s") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
            raise ProviderUnavailable(f"{url}: {str(error) or type(error).__name__}") from None

    async def _read(self, url: str) -> bytes:
        async with self._client.stream("GET", url, headers={"Accept": "application/json"}) as answer:
            if answer.status_code != 200:
                raise ProviderUnavailable(f"{url} answered with status {answer.status_code}")
            body = bytearray()
            async for piece in answer.aiter_bytes():
                body += piece
                if len(body) > BODY_BYTES_MAX:
                    raise ProviderUnavailable(f"{url} answered with more than {BODY_BYTES_MAX} bytes")
            return bytes(body)
