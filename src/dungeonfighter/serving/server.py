"""The server of one process: it serves until a signal, then drains.

The first SIGTERM or Ctrl-C begins the drain: `/readyz` answers 503, and for `drain_seconds` the server
answers every request with `Connection: close`, so that balancers and clients choose another server. Then the
server closes the listener and the idle connections and finishes the requests in flight. A second signal ends
the process at once; this is safe, because an answer leaves only after its commit. The server replaces
uvicorn's own signal handling, which closes the listener first and exits with 143.

Source: docs/architecture.md, "Processes".
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Final, Literal

import uvicorn

from dungeonfighter import limits
from dungeonfighter.serving import heap, huge_pages
from dungeonfighter.serving.background import begin
from dungeonfighter.serving.clients import OPEN, ClientRules, protocol_of
from dungeonfighter.serving.draining import App, Draining, Receive, Scope, Send
from dungeonfighter.serving.signals import StopSignals, call_at_stdin_end, end_at_once
from dungeonfighter.serving.sockets import BACKLOG

logger = logging.getLogger(__name__)

FINISH_SECONDS_MAX: Final = 20
"""The longest time for requests in flight after the drain."""
SPARE_SECONDS: Final = 5
"""The time that uvicorn may take on top of `FINISH_SECONDS_MAX` to close its connections and itself."""
FURTHER_CONNECTIONS_MAX: Final = 200
SPARE_FILES: Final = 500
"""Descriptors that connections leave free: for the store, the log, and connections that are refused."""
_ACCEPTS_AT_ONCE: Final = 16
_GC_THRESHOLDS: Final = (50_000, 20, 50)
"""A turn allocates some hundred objects and almost no cycles. Rarer collections save 8 % of a turn, and 15 %
of a turn in `step_many`, which has five hundred turns in flight at once (measured)."""


class _Server(uvicorn.Server):
    """A uvicorn server without signal handlers that calls `on_listening` once it accepts connections."""

    def __init__(self, config: uvicorn.Config, on_listening: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_listening = on_listening

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_listening()


async def serve(
    draining: Draining,
    listener: socket.socket,
    *,
    clients: ClientRules = OPEN,
    keep_alive_seconds: int = limits.keep_alive_seconds,
    drain_seconds: float = 0.0,
    on_listening: Callable[[], None] = lambda: None,
    before_close: Callable[[], Awaitable[None]] | None = None,
    watch_stdin: bool = False,
    signals: StopSignals | None = None,
    further: Sequence[tuple[socket.socket, App]] = (),
    on_drain: Callable[[], None] = lambda: None,
) -> None:
    """Serve until a signal, then drain; return when the last answer has left.

    Args:
        draining: The wrapped application.
        listener: A socket from `sockets.listen`; this function closes it.
        clients: The addresses of clients, and the limit on their connections.
        keep_alive_seconds: The time after which an idle connection is closed.
        drain_seconds: The time that the server still serves after the first signal.
        on_listening: Called once, when the server accepts connections.
        before_close: Awaited after `drain_seconds`; it ends event streams, which do not end by themselves.
        watch_stdin: Also drain when standard input ends: for a parent process that may be killed.
        signals: Already handles the signals of this process; by default `serve` handles them itself.
        further: Listeners like `listener`, each with its application; they are served as long as requests are
            finished.
        on_drain: Called when the drain begins.
    """
    _raise_file_limit()
    draining.connections_max = _connections_max()
    http = protocol_of(draining, draining.connections_max, clients)
    server = _Server(_config(draining, http, keep_alive_seconds, "on"), on_listening)
    draining.count_connections = lambda: len(server.server_state.connections)
    heap.return_large_blocks()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
    watching = call_at_stdin_end(draining.begun.set) if watch_stdin else contextlib.nullcontext()
    with StopSignals() if signals is None else contextlib.nullcontext(signals) as stop_signals, watching:
        stop_signals.call_at_first(draining.begun.set)
        advising = asyncio.create_task(huge_pages.keep_advising())
        ends = [_begin_further(draining, one, app, clients, keep_alive_seconds) for one, app in further]
        serving = asyncio.create_task(server.serve(_duplicates(listener)))
        stopping = asyncio.create_task(draining.begun.wait())
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not serving.done():
            level = logging.DEBUG if stop_signals.is_worker else logging.INFO  # the parent says it once
            logger.log(level, "%s", stopping_text(drain_seconds))
            on_drain()
            await _drain(draining, server, serving, drain_seconds, before_close)
        await serving
        for end in ends:
            await end()
        advising.cancel()


def _config(
    app: App, http: type[asyncio.Protocol], keep_alive_seconds: int, lifespan: Literal["on", "off"]
) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=http,
        ws="none",
        lifespan=lifespan,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=keep_alive_seconds,
        timeout_graceful_shutdown=FINISH_SECONDS_MAX,
        backlog=BACKLOG,
    )


def _begin_further(
    draining: Draining, listener: socket.socket, app: App, clients: ClientRules, keep_alive_seconds: int
) -> Callable[[], Awaitable[None]]:
    async def serve_draining(scope: Scope, receive: Receive, send: Send) -> None:
        await draining.serve(app, scope, receive, send)

    # Probes come without a proxy, so no preamble can be demanded, and they are not limited.
    rules = OPEN if clients.speak_proxy_protocol else ClientRules(clients.proxies)
    return begin_serving(serve_draining, listener, rules, keep_alive_seconds)


def begin_serving(
    app: App,
    listener: socket.socket,
    clients: ClientRules = OPEN,
    keep_alive_seconds: int = limits.keep_alive_seconds,
    finish_seconds_max: int = FINISH_SECONDS_MAX,
) -> Callable[[], Awaitable[None]]:
    """Serve an application beside that of the game, to few clients; return a function that ends it."""
    http = protocol_of(None, FURTHER_CONNECTIONS_MAX, clients)
    config = _config(app, http, keep_alive_seconds, "off")
    config.timeout_graceful_shutdown = finish_seconds_max
    server = _Server(config, lambda: None)
    serving = begin(server.serve([listener]), f"serving of {listener.getsockname()}")

    async def end() -> None:
        server.should_exit = True
        await serving

    return end


def stopping_text(drain_seconds: float) -> str:
    """Return what the log says when a drain begins."""
    serving = f"serving for {drain_seconds:g} s more, then " if drain_seconds else ""
    return f"stopping: {serving}finishing what is in flight (Ctrl-C or SIGTERM again: at once)"


async def _drain(
    draining: Draining,
    server: _Server,
    serving: asyncio.Task[None],
    drain_seconds: float,
    before_close: Callable[[], Awaitable[None]] | None,
) -> None:
    """Serve for `drain_seconds`, then finish; end the process if requests in flight do not end."""
    hurrying = asyncio.create_task(draining.hurried.wait())
    await asyncio.wait({serving, hurrying}, timeout=drain_seconds, return_when=asyncio.FIRST_COMPLETED)
    hurrying.cancel()
    if before_close is not None:
        await before_close()
    server.should_exit = True
    await asyncio.wait({serving}, timeout=FINISH_SECONDS_MAX + SPARE_SECONDS)
    if not serving.done():
        end_at_once(1, "requests in flight do not end")


def _duplicates(listener: socket.socket) -> list[socket.socket]:
    """Return the listener and 15 duplicates of it: the event loop accepts one connection a turn from each.

    With a single descriptor, clients of a server whose loop turns take long waited up to 37 s (measured).
    """
    return [listener, *(listener.dup() for _ in range(_ACCEPTS_AT_ONCE - 1))]


def file_limit() -> int:
    """Return how many files a process may open after it has raised its limit."""
    try:
        import resource  # noqa: PLC0415 - absent on Windows
    except ImportError:
        return 100_000
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return 1_000_000 if hard == resource.RLIM_INFINITY else hard


def connections_of(files: int) -> int:
    """Return how many connections a process accepts that may open so many files."""
    return max(files - SPARE_FILES, files // 2)


def _connections_max() -> int:
    """Compute the connection limit from the file limit of this process."""
    try:
        import resource  # noqa: PLC0415 - absent on Windows
    except ImportError:
        return 100_000
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return 1_000_000 if soft == resource.RLIM_INFINITY else connections_of(soft)


def _raise_file_limit() -> None:
    """Raise the soft limit on open files to the hard limit: each connection takes a descriptor."""
    try:
        import resource  # noqa: PLC0415 - absent on Windows
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
