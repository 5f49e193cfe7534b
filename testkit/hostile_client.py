"""Sends hostile requests over some connections, and judges every answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Final

import httptools

from testkit.hostile_requests import HostileRequest, HostileRequests

_CONNECTIONS: Final = 16
_SECONDS_MAX: Final = 60.0
_NO_ANSWER: Final = 0


class Verdict:
    """The answers to all requests.

    Attributes:
        outcomes: Their number by kind and status; status 0 stands for a connection closed without an answer.
        wrong: The first bytes of requests, each with the answer that it should not have got.
    """

    def __init__(self) -> None:
        self.outcomes: Counter[tuple[str, int]] = Counter()
        self.wrong: list[tuple[str, bytes, int, bytes]] = []

    def note(self, request: HostileRequest, status: int, body: bytes) -> None:
        self.outcomes[request.kind, status] += 1
        is_good = 400 <= status < 500 or (status == 200 and _is_refusal(body))
        if not is_good and not (status == _NO_ANSWER and not request.is_framed):
            self.wrong.append((request.kind, request.data[:600], status, body[:300]))


def _is_refusal(body: bytes) -> bool:
    """Return True if an answer with status 200 refuses: a tool's error, or an error of JSON-RPC."""
    return b'"isError":true' in body or b'"error":{' in body


async def attack(port: int, requests: HostileRequests, count: int) -> Verdict:
    """Send some requests to a server on loopback."""
    verdict = Verdict()
    some = islice(requests, count)
    await asyncio.gather(*(_send_each(port, some, verdict) for _ in range(_CONNECTIONS)))
    return verdict


async def _send_each(port: int, requests: Iterator[HostileRequest], verdict: Verdict) -> None:
    connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
    for request in requests:
        if connection is None or not request.is_framed:
            _close(connection)
            connection = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.timeout(_SECONDS_MAX):
            answer = await _exchange(*connection, request)
        verdict.note(request, answer.status, bytes(answer.body))
        if not answer.may_stay or not request.is_framed:
            _close(connection)
            connection = None
    _close(connection)


def _close(connection: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None) -> None:
    if connection is not None:
        connection[1].transport.abort()


class _Answer:
    def __init__(self) -> None:
        self.status = _NO_ANSWER
        self.body = bytearray()
        self.is_complete = self.may_stay = False
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.is_complete = True
        self.may_stay = self._parser.should_keep_alive()


async def _exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: HostileRequest
) -> _Answer:
    answer = _Answer()
    with contextlib.suppress(ConnectionError, httptools.HttpParserError):
        writer.write(request.data)
        if not request.is_framed:
            writer.write_eof()
        while not answer.is_complete and (data := await reader.read(65_536)):
            answer.feed(data)
    return answer
