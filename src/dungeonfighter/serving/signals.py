"""Signals end a process: the first one after a drain, the second one at once, even if the process hangs.

SIGHUP ends a server in a terminal that is closed, like SIGTERM; any other server reads its secrets anew.

The handlers are Python's own, not the event loop's: they also run while the loop is blocked, before it starts
and after it was closed. Ending at once is safe, because an answer leaves only after its commit.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, Final, NoReturn, Self

from dungeonfighter.telemetry.logs import flush_logs

logger = logging.getLogger(__name__)

CLOSE_SECONDS: Final = 5.0
"""The time that closing a store may take on top of the commit timeout."""
HANG_UP: Final[int | None] = getattr(signal, "SIGHUP", None)
"""Absent on Windows."""
_FLUSH_SECONDS: Final = 0.2
_INTERRUPTED: Final = b"stopping; Ctrl-C again ends it at once, nothing that was answered is lost\n"


def end_at_once(code: int, why: str = "") -> NoReturn:
    """End the process without cleaning up; only the log is flushed, for 0.2 s at most."""
    if why:
        logger.error("%s; ended at once: nothing acknowledged is lost", why)
    flush_logs(_FLUSH_SECONDS)
    os._exit(code)


def stop_signals() -> list[int]:
    """Return the signals that stop a server: SIGTERM, SIGINT, and SIGHUP if a terminal started the server.

    A terminal sends SIGHUP when it is closed. Service managers send it to make a server read its files anew,
    and `nohup` starts a server that ignores it.
    """
    numbers: list[int] = [signal.SIGTERM, signal.SIGINT]
    is_interactive = sys.stdin is not None and sys.stdin.isatty()
    if is_interactive and HANG_UP is not None and signal.getsignal(HANG_UP) is not signal.SIG_IGN:
        numbers.append(HANG_UP)
    return numbers


class StopSignals:
    """Handles SIGTERM, SIGINT and SIGHUP while the block runs.

    Before `call_at_first` any signal ends the process at once. After it the first signal calls back, and the
    second one ends the process.

    Args:
        is_worker: Ignore the second signal. A signal to a process group reaches a worker twice: directly, and
            through its parent.
    """

    def __init__(self, *, is_worker: bool = False) -> None:
        self.is_worker = is_worker
        self._on_first: Callable[[], object] | None = None
        self._on_hang_up: Callable[[], object] = lambda: None
        self._was_signalled = False
        self._former: dict[int, Any] = {}

    def __enter__(self) -> Self:
        numbers = stop_signals()
        for number in numbers:
            self._former[number] = signal.signal(number, self._on_signal)
        if HANG_UP is not None and HANG_UP not in numbers:
            self._former[HANG_UP] = signal.signal(HANG_UP, self._handle_hang_up)
        return self

    def __exit__(self, *_: object) -> None:
        for number, former in self._former.items():
            signal.signal(number, former)

    def call_at_first(self, callback: Callable[[], None]) -> None:
        """Arrange that the next signal calls `callback` in the running event loop."""
        loop = asyncio.get_running_loop()
        self._on_first = lambda: loop.call_soon_threadsafe(callback)

    def call_at_hang_up(self, callback: Callable[[], None]) -> None:
        """Arrange that each SIGHUP that does not stop the server calls `callback` in the running loop."""
        loop = asyncio.get_running_loop()
        self._on_hang_up = lambda: loop.call_soon_threadsafe(callback)

    def _handle_hang_up(self, _number: int, _frame: FrameType | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            self._on_hang_up()

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        on_first = self._on_first
        if on_first is None or (self._was_signalled and not self.is_worker):
            end_at_once(128 + number)
        self._was_signalled = True
        try:
            on_first()
        except RuntimeError:  # the loop is closed, so all work is done
            end_at_once(128 + number)


def let_second_interrupt_end() -> None:
    """Let the second SIGINT from now on end the process at once.

    The first SIGINT prints a note about this to standard error and has the same effect as before this call.
    """
    former = signal.getsignal(signal.SIGINT)
    was_interrupted = False

    def on_signal(number: int, frame: FrameType | None) -> None:
        nonlocal was_interrupted
        if was_interrupted or not callable(former):
            end_at_once(128 + number)
        was_interrupted = True
        with contextlib.suppress(OSError):
            os.write(sys.stderr.fileno(), _INTERRUPTED)  # a buffered write in a handler is not reentrant
        former(number, frame)

    signal.signal(signal.SIGINT, on_signal)


@contextlib.contextmanager
def call_at_stdin_end(callback: Callable[[], None]) -> Iterator[None]:
    """Call `callback` when standard input ends, while the block runs.

    Standard input must be a pipe. Its bytes are discarded; it ends when the process at the other end closes
    it or dies.
    """
    loop = asyncio.get_running_loop()
    stdin = sys.stdin.fileno()

    def on_readable() -> None:
        if not os.read(stdin, 4096):
            loop.remove_reader(stdin)
            callback()

    loop.add_reader(stdin, on_readable)
    try:
        yield
    finally:
        loop.remove_reader(stdin)
