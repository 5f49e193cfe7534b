"""A herd of clients beside the bots: each holds a connection, and comes back at once when it is lost.

Each client reads the game of a bot that does not exist, so its return costs the servers what the return of a
bot costs: a connection, a call, and a look into the database. Then it is idle.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from typing import Final

import httptools

from chaos import balancer
from chaos.hosts import Host
from dungeonfighter.fleet.wire import RequestHeads, call_body

_TOOL: Final = "get_game_state"
_PAUSE_FIRST_SECONDS: Final = 0.05
_PAUSE_MAX_SECONDS: Final = 1.0
_JOIN_SECONDS_MAX: Final = 20.0


class _Client(asyncio.Protocol):
    """One client, from `begin` to `leave`."""

    def __init__(self, herd: Herd, number: int) -> None:
        self._herd = herd
        bot = f"herd-{number}"
        body = call_body(number, _TOOL, {"botId": bot})
        head = RequestHeads("/mcp", f"127.0.0.1:{balancer.PORT}", bot).of(_TOOL)
        self._request = b"%b%d\r\n\r\n%b" % (head, len(body), body)
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._pause = _PAUSE_FIRST_SECONDS
        self.is_back = False

    def begin(self) -> None:
        if not self._herd.is_ending:
            self._herd.keep(asyncio.ensure_future(self._connect()))

    async def _connect(self) -> None:
        try:
            await asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", balancer.PORT)
        except OSError:
            self._pause_before_next()

    def _pause_before_next(self) -> None:
        asyncio.get_running_loop().call_later(self._pause, self.begin)
        self._pause = min(2 * self._pause, _PAUSE_MAX_SECONDS)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._parser = httptools.HttpResponseParser(self)
        transport.write(self._request)

    def data_received(self, answer: bytes) -> None:
        self._parser.feed_data(answer)

    def on_message_complete(self) -> None:
        if self._parser.get_status_code() == 200:
            self.is_back = True
            self._herd.came_at = time.monotonic()
            self._pause = _PAUSE_FIRST_SECONDS
        elif self._transport is not None:
            self._herd.refused += 1
            self._transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        if self.is_back:
            self.is_back = False
            self._herd.lost += 1
            self.begin()
        else:
            self._pause_before_next()

    def leave(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class Herd:
    """So many clients, in a thread of their own on the host of the balancer.

    Attributes:
        lost: How many connections were lost that had an answer.
        refused: How many calls were refused; the client comes back after a pause.
        came_at: When the newest answer came (`time.monotonic`).
    """

    def __init__(self, host: Host, count: int) -> None:
        self._host = host
        self._clients = [_Client(self, number) for number in range(count)]
        self.lost = 0
        self.refused = 0
        self.came_at = 0.0
        self.is_ending = False
        self._connecting: set[asyncio.Future[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="herd", daemon=True)

    def begin(self) -> None:
        """Let all of them come at once."""
        self._thread.start()

    def keep(self, connecting: asyncio.Future[None]) -> None:
        """Remember a task until it is done."""
        self._connecting.add(connecting)
        connecting.add_done_callback(self._connecting.discard)

    @property
    def back(self) -> int:
        """The number of clients that have an answer on their connection."""
        return sum(client.is_back for client in self._clients)

    def end(self) -> None:
        """Close all connections."""
        self.is_ending = True
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_JOIN_SECONDS_MAX)

    def _run(self) -> None:
        with self._host.entered(), contextlib.closing(self._loop):
            for client in self._clients:
                self._loop.call_soon(client.begin)
            self._loop.run_forever()
            for client in self._clients:
                client.leave()
            self._loop.run_until_complete(self._leave())

    async def _leave(self) -> None:
        for connecting in self._connecting:
            connecting.cancel()
        await asyncio.gather(*self._connecting, return_exceptions=True)
