"""Leads the connections that a host makes to one address through a proxy in this process.

A table of nftables on the host rewrites the destination of new connections and resets those that were made
before, so nobody needs to know the proxy's address. The sockets of the proxy carry a mark, and the table
leaves marked packets alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import threading
from collections.abc import Awaitable, Callable
from typing import Final

from chaos.hosts import Host

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Connect = Callable[[], Awaitable[Streams]]

_MARK: Final = 79
_BYTES_MAX: Final = 1 << 24
_START_SECONDS_MAX: Final = 10.0
_numbers = itertools.count(1)


class Detour:
    """One detour, from `open` to `close`.

    Args:
        host: Where the connections begin.
        address: Where they lead.
        port: The port there.
        make_server: Called in the loop of the proxy with a function that opens a connection to the address
            past the detour; returns what serves one connection.
    """

    def __init__(self, host: Host, address: str, port: int, make_server: Callable[[Connect], Serve]) -> None:
        self._host = host
        self._target = (address, port)
        self._table = f"detour_{next(_numbers)}"
        self._make_server = make_server
        self._loop = asyncio.new_event_loop()
        self._ending = asyncio.Event()
        self._port = 0
        self._is_up = threading.Event()
        self._thread = threading.Thread(target=self._run, name=self._table, daemon=True)

    def open(self) -> None:
        """Lead connections through the proxy from now on, and reset those that were made before."""
        self._thread.start()
        if not self._is_up.wait(_START_SECONDS_MAX):
            raise RuntimeError(f"the proxy on {self._host} does not listen")
        address, port = self._target
        here = f"ip daddr {address} tcp dport {port} meta mark != {_MARK}"
        orders = [
            f"add table ip {self._table}",
            f"add chain ip {self._table} new {{ type nat hook output priority -100 ; }}",
            f"add chain ip {self._table} former {{ type filter hook output priority 0 ; }}",
            f"add rule ip {self._table} new {here} redirect to :{self._port}",
            f"add rule ip {self._table} former {here} reject with tcp reset",
        ]
        self._host.run("nft", "; ".join(orders))

    def close(self) -> None:
        """End the detour, and reset its connections."""
        self._host.run("nft", "delete", "table", "ip", self._table)
        self._loop.call_soon_threadsafe(self._ending.set)
        self._thread.join()

    def _run(self) -> None:
        with self._host.entered(), contextlib.closing(self._loop):
            self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        serving: set[asyncio.Future[None]] = set()
        serve = self._make_server(self._connect)

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.ensure_future(serve(reader, writer))
            serving.add(task)
            task.add_done_callback(serving.discard)

        server = await asyncio.start_server(accept, "127.0.0.1", 0, limit=_BYTES_MAX)
        self._port = server.sockets[0].getsockname()[1]
        self._is_up.set()
        await self._ending.wait()
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)

    async def _connect(self) -> Streams:
        link = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        link.setblocking(False)
        try:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, _MARK)
            await self._loop.sock_connect(link, self._target)
        except BaseException:
            link.close()
            raise
        return await asyncio.open_connection(sock=link, limit=_BYTES_MAX)
