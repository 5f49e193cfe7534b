"""The log on standard error: text lines for people, or JSON lines for machines.

Mistakes of bots and clients are never logged as errors.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import threading
import time
from typing import Any, Final

from dungeonfighter.telemetry.log_queue import FLUSH_SECONDS_MAX, QueuedStream

_WARNINGS_ONLY: Final = ("uvicorn", "uvicorn.error", "mcp", "asyncio", "httpx", "httpx2", "httpcore2")
QUIET_SECONDS: Final = 1.0
_NEVER_LIMITED: Final = (
    "dungeonfighter.serving.announcement",
    "dungeonfighter.serving.metrics_push",
    "dungeonfighter.serving.opening",
    "dungeonfighter.serving.secrets_anew",
    "dungeonfighter.serving.server",
    "dungeonfighter.serving.service_manager",
    "dungeonfighter.serving.supervisor",
    "dungeonfighter.serving.worker_channel",
)
_HANG_UP_NAMES: Final = ("ClientDisconnect", "ClosedResourceError", "BrokenResourceError")


class JsonFormatter(logging.Formatter):
    """Formats a record as a line of JSON: `time` (UTC), `level`, `logger`, `message`, `instance`, `error`."""

    def __init__(self, instance: str) -> None:
        super().__init__()
        self._instance = instance

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
            + f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "instance": self._instance,
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


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
                record.msg, record.args = f"{_message(record)} ({counted.repeats} more like it)", ()
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
                    record.msg, record.args = f"{_message(record)} ({counted.repeats} times)", ()
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


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 (a wrong log call must not raise in its caller)
        return str(record.msg)


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


def flush_logs(seconds: float = FLUSH_SECONDS_MAX) -> None:
    """Wait until the log is written, for `seconds` at most; call it before `os._exit`."""
    if isinstance(sys.stderr, QueuedStream):
        sys.stderr.drain(seconds)


def set_up_logs(log_format: str, instance: str) -> None:
    """Send all loggers of this process to standard error, the loggers of libraries only from warnings on.

    A `QueuedStream` replaces `sys.stderr`, so that no thread waits for the reader of standard error; this
    includes tracebacks and warnings that Python itself writes.

    Args:
        log_format: "text" or "json".
        instance: The name of this process in each JSON line.
    """
    rate_limit = RateLimit()

    def format_counts(at_end: bool) -> list[str]:
        return [handler.format(record) + "\n" for record in rate_limit.take_counts(at_end)]

    stream = sys.stderr
    if not isinstance(stream, QueuedStream):
        with contextlib.suppress(OSError, AttributeError):  # standard error has no descriptor
            stream = sys.stderr = QueuedStream(sys.stderr.fileno())
    if isinstance(stream, QueuedStream):
        stream.more_lines = format_counts
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(rate_limit)
    if log_format == "json":
        handler.setFormatter(JsonFormatter(instance))
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in _WARNINGS_ONLY:
        logging.getLogger(name).setLevel(logging.WARNING)
