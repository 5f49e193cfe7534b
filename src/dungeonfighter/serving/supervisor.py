"""Serving in good order: the listening socket, the signals, and how to stop.

A stop is a drain. The first SIGTERM or Ctrl-C turns `/readyz` to 503; for `drain_seconds` everything is
served as before but with `Connection: close`, so that balancers and clients go elsewhere; then the listener
and the idle connections are closed and what is in flight is finished. A second signal ends the process at
once, which is safe too: an answer leaves only after its commit. uvicorn's own handling closes the listener
first and ends with 143, so it is not used.

Source: docs/architecture.md, "Processes".
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from typing import Any, Final

import uvicorn

from dungeonfighter import limits
from dungeonfighter.errors import SettingsError
from dungeonfighter.mcp.wire import HeadHandler, Reply, ShortWay
from dungeonfighter.serving import heap, huge_pages
from dungeonfighter.serving.connection import BoundedProtocol
from dungeonfighter.serving.signals import Ending, end_at_once

logger = logging.getLogger(__name__)

KEEP_ALIVE_SECONDS: Final = 75
FINISH_SECONDS_MAX: Final = 20
SPARE_SECONDS: Final = 5
"""For what else belongs to the end of the last requests."""
BACKLOG: Final = 4096
SPARE_FILES: Final = 500
"""Descriptors kept for the store, the log, and connections that are being refused."""
_ACCEPTS_AT_ONCE: Final = 16
_HUNG_UP: Final = "the handler is closed"
"""What uvloop says when a client has hung up and the protocol does not know yet: nothing is sent then."""
_GC_THRESHOLDS: Final = (50_000, 20, 50)
"""A turn makes some hundred objects and hardly a cycle: looking less often saves 8 % of a turn, and
15 % of one in `step_many`, where five hundred are under way at once (measured)."""
_FULL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 5\r\n"
    b"connection: close\r\ncontent-length: 153\r\n\r\n"
    b'{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"too many connections; try again in 5 s",'
    b'"data":{"code":"overloaded","retryAfterSeconds":5}}}'
)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


def listen(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """Take the address before anything else is started.

    Args:
        host: Name or address.
        port: 0 takes a free one.
        shared: With the other workers of a server; the kernel spreads connections over their sockets.
            Such a socket is only bound: `serve` listens, when whoever connects is served.

    Raises:
        SettingsError: It cannot be taken; says what to do.
    """
    taken = _bind(host, port, shared=shared)
    if not shared:
        taken.listen(BACKLOG)
    return taken


def reserve(host: str, port: int) -> socket.socket:
    """Take the address for workers that listen on it later; this socket itself gets no connections.

    Raises:
        SettingsError: It cannot be taken, or this system cannot share a port.
    """
    if not hasattr(socket, "SO_REUSEPORT"):
        raise SettingsError(["--workers: this system cannot share a port between processes; write 1"])
    _bind(host, port).close()  # sockets that share would share with somebody else's, too: ask first
    return _bind(host, port, shared=True)


def _bind(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """Bind a socket to the address.

    Raises:
        SettingsError: It cannot be taken; says what to do.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        taken = socket.socket(family, kind, protocol)
        if os.name != "nt":  # there it would let two servers share one port
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            taken.bind(address)
        except OSError:
            taken.close()
            raise
    except OSError as error:
        why = f"cannot listen on {host} port {port}: {(error.strerror or str(error)).lower()}"
        raise SettingsError([f"--port: {why}; choose another one, or --port 0 for any free one"]) from None
    taken.setblocking(False)
    _bound_unsent(taken)
    return taken


def _bound_unsent(listener: socket.socket) -> None:
    """Have the kernel take few answers that a client does not read: by itself it keeps 4 MB of them.

    Connections have it from the socket they come from. What is on its way is not counted, so a client far
    away gets no less.
    """
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):
        with contextlib.suppress(OSError):
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, limits.unsent_bytes_max)


class Draining:
    """Whether this server is going down, and what happens when it begins to.

    Wraps the application: while draining each answer asks its client to close the connection.
    """

    def __init__(self, app: App, short_way: ShortWay | None = None) -> None:
        self._app = app
        self._short_way = short_way
        self.begun = asyncio.Event()
        self.hurried = asyncio.Event()
        """Nobody is left to wait for: do not go on serving for `drain_seconds`."""

    @property
    def is_ready(self) -> bool:
        """What `/readyz` tells."""
        return not self.begun.is_set()

    def handle(self, scope: Scope, body: bytes, bot: bytes | None, reply: Reply) -> HeadHandler | None:
        """The short way, if there is one, as long as the drain has not begun."""
        if self._short_way is None or not self.is_ready:
            return None
        return self._short_way.handle(scope, body, bot, reply)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, with `Connection: close` once the drain began."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def closing(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start" and self.begun.is_set():
                message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
            try:
                await send(message)
            except RuntimeError as error:
                if _HUNG_UP not in str(error):
                    raise
                await _disconnected(receive)

        await self._app(scope, receive, closing)


async def _disconnected(receive: Receive) -> None:
    """Return when the protocol knows that its client has hung up: in a moment.

    It never tells a request that others of the same connection wait behind: hence the bound.
    """
    with contextlib.suppress(RuntimeError, TimeoutError):
        async with asyncio.timeout(1.0):
            while (await receive())["type"] != "http.disconnect":
                pass


class _Server(uvicorn.Server):
    """uvicorn that leaves signals to us and says when it listens."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self._tell_started = started

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._tell_started()


async def serve(
    draining: Draining,
    listener: socket.socket,
    *,
    drain_seconds: float = 0.0,
    started: Callable[[], None] = lambda: None,
    before_close: Callable[[], Awaitable[None]] | None = None,
    watch_stdin: bool = False,
    ending: Ending | None = None,
) -> None:
    """Serve until a signal, then drain; returns when the last answer has left.

    Args:
        draining: The application, wrapped.
        listener: From `listen`; closed here.
        drain_seconds: How long to go on serving after the first signal.
        started: Called once, when connections are accepted.
        before_close: Awaited after `drain_seconds`, to let go of endless answers.
        watch_stdin: Stop also when standard input ends: for a parent that may be killed.
        ending: Owns the signals; by default only while this serves.
    """
    _raise_file_limit()
    config = uvicorn.Config(
        draining,
        http=_bounded(draining, _connections_max()),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=FINISH_SECONDS_MAX,
        backlog=BACKLOG,
    )
    server = _Server(config, started)
    heap.return_large_blocks()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
    watching = call_at_stdin_end(draining.begun.set) if watch_stdin else contextlib.nullcontext()
    with Ending() if ending is None else contextlib.nullcontext(ending) as signals, watching:
        signals.first(draining.begun.set)
        asking = asyncio.create_task(huge_pages.keep_asking())
        serving = asyncio.create_task(server.serve(_accepting(listener)))
        stopping = asyncio.create_task(draining.begun.wait())
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not serving.done():
            logger.info("stopping: finishing what is in flight")
            hurrying = asyncio.create_task(draining.hurried.wait())
            await asyncio.wait(
                {serving, hurrying}, timeout=drain_seconds, return_when=asyncio.FIRST_COMPLETED
            )
            hurrying.cancel()
            if before_close is not None:
                await before_close()
            server.should_exit = True
            await asyncio.wait({serving}, timeout=FINISH_SECONDS_MAX + SPARE_SECONDS)
            if not serving.done():
                end_at_once(1, "requests in flight do not end")
        await serving
        asking.cancel()


def _accepting(listener: socket.socket) -> list[socket.socket]:
    """Several descriptors of one listening socket: the loop takes one connection from each at a time.

    With a single one, a server so busy that an iteration lasts long leaves those who connect waiting: 37 s
    were seen.
    """
    return [listener, *(listener.dup() for _ in range(_ACCEPTS_AT_ONCE - 1))]


def _bounded(draining: Draining, connections_max: int) -> type[BoundedProtocol]:
    """The protocol of one connection, refusing it when there are too many: idle ones count as well."""

    class Bounded(BoundedProtocol):
        short_way = draining

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            if len(self.connections) > connections_max:
                self.transport.write(_FULL)
                self.transport.close()

    return Bounded


@contextlib.contextmanager
def call_at_stdin_end(then: Callable[[], None]) -> Iterator[None]:
    """Call `then` when standard input, a pipe nobody writes to, is closed by whoever holds the other end."""
    loop = asyncio.get_running_loop()
    stdin = sys.stdin.fileno()

    def on_readable() -> None:
        if not os.read(stdin, 4096):
            loop.remove_reader(stdin)
            then()

    loop.add_reader(stdin, on_readable)
    try:
        yield
    finally:
        loop.remove_reader(stdin)


def _connections_max() -> int:
    """As many as there are descriptors for."""
    try:
        import resource  # noqa: PLC0415 - absent on Windows
    except ImportError:
        return 100_000
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return 1_000_000 if soft == resource.RLIM_INFINITY else max(soft - SPARE_FILES, soft // 2)


def _raise_file_limit() -> None:
    """Allow as many connections as the system lets this process have."""
    try:
        import resource  # noqa: PLC0415 - absent on Windows
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
