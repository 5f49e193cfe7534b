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
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from types import FrameType
from typing import Any, Final

import uvicorn

from dungeonfighter.errors import SettingsError

logger = logging.getLogger(__name__)

KEEP_ALIVE_SECONDS: Final = 75
FINISH_SECONDS_MAX: Final = 20
BACKLOG: Final = 4096

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


def listen(host: str, port: int) -> socket.socket:
    """Take the address before anything else is started.

    Raises:
        SettingsError: It cannot be taken; says what to do.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        taken = socket.socket(family, kind, protocol)
        if os.name != "nt":  # there it would let two servers share one port
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(address)
            taken.listen(BACKLOG)
        except OSError:
            taken.close()
            raise
    except OSError as error:
        why = f"cannot listen on {host} port {port}: {(error.strerror or str(error)).lower()}"
        raise SettingsError([f"--port: {why}; choose another one, or --port 0 for any free one"]) from None
    taken.setblocking(False)
    return taken


class Draining:
    """Whether this server is going down, and what happens when it begins to.

    Wraps the application: while draining each answer asks its client to close the connection.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self.begun = asyncio.Event()

    @property
    def is_ready(self) -> bool:
        """What `/readyz` tells."""
        return not self.begun.is_set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, with `Connection: close` once the drain began."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def closing(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start" and self.begun.is_set():
                message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
            await send(message)

        await self._app(scope, receive, closing)


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
) -> None:
    """Serve until a signal, then drain; returns when the last answer has left.

    Args:
        draining: The application, wrapped.
        listener: From `listen`; closed here.
        drain_seconds: How long to go on serving after the first signal.
        started: Called once, when connections are accepted.
        before_close: Awaited after `drain_seconds`, to let go of endless answers.
        watch_stdin: Stop also when standard input ends: for a parent that may be killed.
    """
    config = uvicorn.Config(
        draining,
        http="dungeonfighter.http_protocol:BoundedProtocol",
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
    _raise_file_limit()
    gc.collect()
    gc.freeze()
    with _signals(draining), _stdin_end(draining.begun.set) if watch_stdin else contextlib.nullcontext():
        serving = asyncio.create_task(server.serve([listener]))
        stopping = asyncio.create_task(draining.begun.wait())
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not serving.done():
            logger.info("stopping: finishing what is in flight")
            await asyncio.wait({serving}, timeout=drain_seconds)
            if before_close is not None:
                await before_close()
            server.should_exit = True
        await serving


@contextlib.contextmanager
def _signals(draining: Draining) -> Iterator[None]:
    """The first SIGTERM or SIGINT begins the drain, the second one ends the process."""
    loop = asyncio.get_running_loop()

    def on_signal(number: int, _frame: FrameType | None = None) -> None:
        if draining.begun.is_set():
            os._exit(128 + number)  # whatever was acknowledged is committed
        draining.begun.set()

    numbers = (signal.SIGTERM, signal.SIGINT)
    former = {}
    for number in numbers:
        try:
            loop.add_signal_handler(number, on_signal, number)
        except (NotImplementedError, RuntimeError):  # Windows
            former[number] = signal.signal(number, on_signal)
    try:
        yield
    finally:
        for number in numbers:
            if number in former:
                signal.signal(number, former[number])
            else:
                loop.remove_signal_handler(number)


@contextlib.contextmanager
def _stdin_end(then: Callable[[], None]) -> Iterator[None]:
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
