"""Reads the key set of an identity provider over HTTP."""

from __future__ import annotations

import asyncio
from typing import Final

import httpx2

from dungeonfighter.access.signing_keys import KeysUnavailable

FETCH_SECONDS_MAX: Final = 5.0
BODY_BYTES_MAX: Final = 256 * 1024


class KeyEndpoint:
    """The address of a key set.

    It follows no redirects: they could lead a server behind a firewall anywhere.

    Args:
        url: The address.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._client = httpx2.AsyncClient(follow_redirects=False, timeout=FETCH_SECONDS_MAX)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def fetch(self) -> bytes:
        """Return the key set as JSON.

        Raises:
            KeysUnavailable: There is no complete answer in time, or none with status 200.
        """
        try:
            async with asyncio.timeout(FETCH_SECONDS_MAX):
                return await self._fetch()
        except TimeoutError:
            raise KeysUnavailable(f"{self._url} did not answer within {FETCH_SECONDS_MAX:g} s") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
            raise KeysUnavailable(f"{self._url}: {str(error) or type(error).__name__}") from None

    async def _fetch(self) -> bytes:
        async with self._client.stream("GET", self._url, headers={"Accept": "application/json"}) as answer:
            if answer.status_code != 200:
                raise KeysUnavailable(f"{self._url} answered with status {answer.status_code}")
            body = bytearray()
            async for piece in answer.aiter_bytes():
                body += piece
                if len(body) > BODY_BYTES_MAX:
                    raise KeysUnavailable(f"{self._url} answered with more than {BODY_BYTES_MAX} bytes")
            return bytes(body)
