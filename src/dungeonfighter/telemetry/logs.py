"""The log on standard error: lines for people, or JSON for machines; bots' mistakes are no errors there."""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import threading
import time
from typing import Any, Final

from dungeonfighter.telemetry.log_queue import FLUSH_SECONDS_MAX, QueuedStream

_LOUD: Final = ("uvicorn", "uvicorn.error", "mcp", "asyncio", "httpx")
QUIET_SECONDS: Final = 1.0
_ONE_BY_ONE: Final = (
    "dungeonfighter.serving.server",
    "dungeonfighter.serving.supervisor",
    "dungeonfighter.serving.worker_channel",
)
_GONE: Final = ("ClientDisconnect", "ClosedResourceError", "BrokenResourceError")


class JsonLines(logging.Formatter):
    """One JSON object a line: `time` (UTC), `level`, `logger`, `message`, `instance`, and `error`."""

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


class Summed(logging.Filter):
    """Passes one warning a second and kind, and counts the others; strips what clients that hang up cause.

    A kind is a place in the code, so foreign bytes cannot make new ones. Processes that end or begin are
    told one by one.
    """

    def __init__(self) -> None:
        super().__init__()
        self._guard = threading.RLock()  # a signal handler may log while it is held
        self._kinds: dict[tuple[Any, ...], _Kind] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if "pip install" in str(record.msg) and record.name.startswith("uvicorn"):
            return False
        kind = _of_hang_up(record)
        if record.levelno < logging.WARNING or record.name in _ONE_BY_ONE:
            return True
        error = record.exc_info[0] if record.exc_info else None
        key = kind or (record.name, record.pathname, record.lineno, error)
        now = time.monotonic()
        with self._guard:
            known = self._kinds.setdefault(key, _Kind())
            if now < known.quiet_until:
                known.more += 1
                known.last = record
                return False
            known.quiet_until = now + QUIET_SECONDS
            if known.more:
                record.msg, record.args = f"{_message(record)} ({known.more} more like it)", ()
                known.more = 0
            return True

    def overdue(self, everything: bool) -> list[logging.LogRecord]:
        """The sums whose second is over, each as a record; they are told only once."""
        now = time.monotonic()
        records = []
        with self._guard:
            for known in self._kinds.values():
                if known.more and known.last is not None and (everything or now >= known.quiet_until):
                    record = known.last
                    record.msg, record.args = f"{_message(record)} ({known.more} times)", ()
                    record.exc_info = record.exc_text = None
                    records.append(record)
                    known.more, known.last, known.quiet_until = 0, None, now + QUIET_SECONDS
        return records


class _Kind:
    """What is known about one kind of warning."""

    __slots__ = ("last", "more", "quiet_until")

    def __init__(self) -> None:
        self.more = 0
        self.quiet_until = 0.0
        self.last: logging.LogRecord | None = None


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001 (a wrong call of the log must not break who made it)
        return str(record.msg)


def _of_hang_up(record: logging.LogRecord) -> tuple[str, ...] | None:
    """Makes one quiet line of a traceback that a client causes by going away."""
    error = record.exc_info[1] if record.exc_info else None
    if error is None or record.name.startswith("dungeonfighter") or not _is_hang_up(error):
        return None
    record.msg, record.args, record.exc_info, record.exc_text = "a client hung up", (), None, None
    record.levelno, record.levelname = logging.WARNING, "WARNING"
    return ("hung up",)


def _is_hang_up(error: BaseException) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return all(_is_hang_up(one) for one in error.exceptions)
    return isinstance(error, ConnectionError) or type(error).__name__ in _GONE


def flush_logs(seconds: float = FLUSH_SECONDS_MAX) -> None:
    """Wait, at most so long, until standard error has what was written: before `os._exit`."""
    if isinstance(sys.stderr, QueuedStream):
        sys.stderr.drain(seconds)


def set_up_logs(log_format: str, instance: str) -> None:
    """Send every logger of this process to standard error; libraries only from warnings on.

    `sys.stderr` is replaced by a queue with a thread of its own: nobody who writes there waits for its
    reader, tracebacks and warnings of Python included.

    Args:
        log_format: text | json.
        instance: Named in each JSON line.
    """
    summed = Summed()

    def sums(at_end: bool) -> list[str]:
        return [handler.format(record) + "\n" for record in summed.overdue(at_end)]

    stream = sys.stderr
    if not isinstance(stream, QueuedStream):
        with contextlib.suppress(OSError, AttributeError):  # there is no such descriptor
            stream = sys.stderr = QueuedStream(sys.stderr.fileno())
    if isinstance(stream, QueuedStream):
        stream.idle = sums
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(summed)
    if log_format == "json":
        handler.setFormatter(JsonLines(instance))
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in _LOUD:
        logging.getLogger(name).setLevel(logging.WARNING)
