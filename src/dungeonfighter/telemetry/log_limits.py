"""The bound on repeated warnings: one per second and kind passes, the others are counted."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any, Final

from dungeonfighter.telemetry.log_lines import message_of

QUIET_SECONDS: Final = 1.0
_NEVER_LIMITED: Final = (
    "dungeonfighter.serving.secrets_anew",
    "dungeonfighter.serving.server",
    "dungeonfighter.serving.supervisor",
    "dungeonfighter.serving.worker_channel",
    "dungeonfighter.serving.run",
    "stderr",
)
_HANG_UP_NAMES: Final = ("ClientDisconnect", "ClosedResourceError", "BrokenResourceError")


class RateLimit(logging.Filter):
    """Passes one warning per second and kind and counts the others; shortens tracebacks of client hang-ups.

    A kind is a place in the code, so bytes from clients cannot create kinds. Warnings about processes that
    start or end are never limited.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.RLock()  # a signal handler may log while its thread holds the lock
        self._kinds: dict[tuple[Any, ...], _Kind] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if "pip install" in str(record.msg) and record.name.startswith("uvicorn"):
            return False
        kind = _shorten_hang_up(record)
        if record.levelno < logging.WARNING or record.name in _NEVER_LIMITED:
            return True
        error = record.exc_info[0] if record.exc_info else None
        key = kind or (record.name, record.pathname, record.lineno, error)
        now = time.monotonic()
        with self._lock:
            counted = self._kinds.setdefault(key, _Kind())
            if now < counted.quiet_until:
                counted.repeats += 1
                counted.last = record
                return False
            counted.quiet_until = now + QUIET_SECONDS
            if counted.repeats:
                record.msg, record.args = f"{message_of(record)} ({counted.repeats} more like it)", ()
                counted.repeats = 0
            return True

    def take_counts(self, at_end: bool) -> list[logging.LogRecord]:
        """Return a record with the count for each kind whose second is over, and reset these counts.

        Args:
            at_end: Return the counts of all kinds.
        """
        now = time.monotonic()
        records = []
        with self._lock:
            for counted in self._kinds.values():
                if counted.repeats and counted.last is not None and (at_end or now >= counted.quiet_until):
                    record = counted.last
                    record.msg, record.args = f"{message_of(record)} ({counted.repeats} times)", ()
                    record.exc_info = record.exc_text = None
                    records.append(record)
                    counted.repeats, counted.last, counted.quiet_until = 0, None, now + QUIET_SECONDS
        return records


class _Kind:
    """One kind of warning: the number of repeats, the last of them, and when the next record may pass."""

    __slots__ = ("last", "quiet_until", "repeats")

    def __init__(self) -> None:
        self.repeats = 0
        self.quiet_until = 0.0
        self.last: logging.LogRecord | None = None


def _shorten_hang_up(record: logging.LogRecord) -> tuple[str, ...] | None:
    """Turn the traceback of a client's hang-up into a short warning; return its kind, None for others."""
    error = record.exc_info[1] if record.exc_info else None
    if error is None or record.name.startswith("dungeonfighter") or not _is_hang_up(error):
        return None
    record.msg, record.args, record.exc_info, record.exc_text = "a client hung up", (), None, None
    record.levelno, record.levelname = logging.WARNING, "WARNING"
    return ("hung up",)


def _is_hang_up(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return all(_is_hang_up(one) for one in error.exceptions)
    return isinstance(error, ConnectionError) or type(error).__name__ in _HANG_UP_NAMES
