"""How signals end a process: the first one in good order, the second one at once, whatever hangs.

The handlers are Python's own, not the event loop's: they also run while the loop is held up, while it
starts and after it was closed. To end at once is safe: an answer leaves only after its commit.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, Final, NoReturn, Self

from dungeonfighter.telemetry.logs import flush_logs

logger = logging.getLogger(__name__)

CLOSE_SECONDS: Final = 5.0
"""How much longer than a commit may take to close a store."""
_LAST_WORDS_SECONDS: Final = 0.2
_ASKED: Final = b"stopping; Ctrl-C again ends it at once, nothing that was answered is lost\n"


def end_at_once(code: int, why: str = "") -> NoReturn:
    """End the process without waiting for anything but, shortly, the log."""
    if why:
        logger.error("%s; ended at once: nothing acknowledged is lost", why)
    flush_logs(_LAST_WORDS_SECONDS)
    os._exit(code)


class Ending:
    """Owns SIGTERM and SIGINT while the block runs.

    Before `first` was called any signal ends the process; after it the first one begins the end in good
    order and the second one ends the process.

    Args:
        is_worker: A second signal does nothing: whoever signals a group of processes reaches a worker twice,
            through its parent too.
    """

    def __init__(self, *, is_worker: bool = False) -> None:
        self._is_worker = is_worker
        self._begin: Callable[[], object] | None = None
        self._was_asked = False
        self._former: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGTERM, signal.SIGINT):
            self._former[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        for number, former in self._former.items():
            signal.signal(number, former)

    def first(self, begin: Callable[[], None]) -> None:
        """Let the first signal from now on call `begin` in the running event loop."""
        loop = asyncio.get_running_loop()
        self._begin = lambda: loop.call_soon_threadsafe(begin)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        begin = self._begin
        if begin is None or (self._was_asked and not self._is_worker):
            end_at_once(128 + number)
        self._was_asked = True
        try:
            begin()
        except RuntimeError:  # the loop is closed: everything is done
            end_at_once(128 + number)


def let_second_interrupt_end() -> None:
    """From now on the second SIGINT ends the process at once; the first says so and does what it did."""
    former = signal.getsignal(signal.SIGINT)
    was_asked = False

    def on_signal(number: int, frame: FrameType | None) -> None:
        nonlocal was_asked
        if was_asked or not callable(former):
            end_at_once(128 + number)
        was_asked = True
        with contextlib.suppress(OSError):
            os.write(sys.stderr.fileno(), _ASKED)  # a handler must not use a buffer that may be in use
        former(number, frame)

    signal.signal(signal.SIGINT, on_signal)
