"""The log of a process: on standard error, or in a file; as text for people, or as JSON lines for machines.

Mistakes of bots and clients are never logged as errors. With a form for machines every line is JSON: also
tracebacks, warnings of Python, and what other code prints to standard error.
"""

from __future__ import annotations

import atexit
import io
import logging
import os
import sys
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final

from dungeonfighter.connection_strings import Problem
from dungeonfighter.errors import SettingsError
from dungeonfighter.hosting.ports import Meter
from dungeonfighter.setting_fields import FIELDS
from dungeonfighter.settings import Settings, instance_name, read_setting
from dungeonfighter.telemetry.log_limits import RateLimit
from dungeonfighter.telemetry.log_lines import EcsFormatter, JsonFormatter, TextFormatter, escaped, type_of
from dungeonfighter.telemetry.log_queue import FLUSH_SECONDS_MAX, LogQueue

_WARNINGS_ONLY: Final = ("uvicorn", "uvicorn.error", "mcp", "asyncio", "httpx", "httpx2", "httpcore2")
_OWN: Final = "dungeonfighter"
_RAW: Final = "stderr"
"""The logger of what other code prints to standard error."""
_RAW_CHARS_MAX: Final = 8192

_queue: LogQueue | None = None


class LogHandler(logging.Handler):
    """Formats a record in the thread that logs it, and queues the line."""

    def __init__(self, queue: LogQueue, formatter: logging.Formatter) -> None:
        super().__init__()
        self._queue = queue
        self.setFormatter(formatter)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._queue.put(self.format(record))
        except Exception as error:  # noqa: BLE001 (a log call must not raise in its caller)
            self._queue.put(self._queue.loss_line(1, f"it cannot be formatted ({type_of(error)})"))


class StandardError(io.TextIOBase):
    """Takes the place of standard error; each line that is printed to it becomes a line of the log.

    Args:
        queue: Gets the lines, for a log of text.
        as_records: Make each line an error of the logger `stderr`, for a log of JSON.
    """

    def __init__(self, queue: LogQueue, *, as_records: bool) -> None:
        self._queue = queue
        self._as_records = as_records
        self._begun = ""
        self._lock = threading.RLock()

    def write(self, text: str) -> int:
        with self._lock:
            *lines, self._begun = (self._begun + text).split("\n")
            if len(self._begun) > _RAW_CHARS_MAX:
                lines.append(self._begun)
                self._begun = ""
        for line in lines:
            self._pass_on(line)
        return len(text)

    def flush(self) -> None:
        with self._lock:
            line, self._begun = self._begun, ""
        if line:
            self._pass_on(line)

    def _pass_on(self, line: str) -> None:
        if not self._as_records:
            self._queue.put(line)
        elif line.strip():
            logging.getLogger(_RAW).error("%s", line)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._queue.descriptor

    def isatty(self) -> bool:
        return os.isatty(self._queue.descriptor)


def flush_logs(seconds: float = FLUSH_SECONDS_MAX) -> None:
    """Wait until the log is written, for `seconds` at most; call it before `os._exit`."""
    if _queue is not None:
        _queue.drain(seconds)


def reopen_log() -> bool:
    """Open the file of the log anew, which was perhaps renamed; return False if there is no file."""
    if _queue is not None:
        _queue.reopen()
    return _queue is not None and bool(_queue.path)


def declare_metric(meter: Meter) -> None:
    """Declare the metric of lost lines."""
    counter = meter.counter(
        "mcp_log_lines_lost_total", "Lines of the log that nobody will read.",
        'The reader of the log is too slow or gone; docs/logs.md, "Bounds". The game goes on.',
    )  # fmt: skip
    if _queue is not None:
        _queue.count_losses_with(counter)


def set_up_logs(settings: Settings, instance: str) -> None:
    """Send all loggers of this process to the log, the loggers of libraries only from warnings on.

    Standard error is replaced, so that no thread waits for its reader; this includes tracebacks and warnings
    that Python itself writes.

    Args:
        settings: The form, the level and the file of the log.
        instance: The name of this process in lines for machines.

    Raises:
        SettingsError: The file cannot be opened.
    """
    formatter = _formatter(settings.log_format, instance)
    rate_limit = RateLimit()
    queue = _opened(settings.log_file)

    def count_lines(at_end: bool) -> list[str]:
        return [formatter.format(record) for record in rate_limit.take_counts(at_end)]

    def loss_line(lost: int, why: str) -> str:
        message = f"{lost} lines of the log are missing here: {why}" if lost else why
        fields = {"name": __name__, "levelno": logging.WARNING, "levelname": "WARNING", "msg": message}
        return formatter.format(logging.makeLogRecord(fields))

    if queue is not None:
        queue.more_lines, queue.loss_line = count_lines, loss_line
        handler: logging.Handler = LogHandler(queue, formatter)
        sys.stderr = StandardError(queue, as_records=settings.log_format != "text")
        atexit.register(sys.stderr.flush)  # runs before the queue is written
    else:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(formatter)
    handler.addFilter(rate_limit)
    level = settings.log_level.upper()
    logging.basicConfig(level=max(logging.getLevelName(level), logging.INFO), handlers=[handler], force=True)
    logging.getLogger(_OWN).setLevel(level)
    for name in _WARNINGS_ONLY:
        logging.getLogger(name).setLevel(logging.WARNING)
    _take_tracebacks()


def set_up_early_logs(flags: Mapping[str, Any], environ: Mapping[str, str]) -> None:
    """Log in the wanted form until the settings are read, so that their problems have this form, too."""
    field = next(field for field in FIELDS if field.attribute == "log_format")
    try:
        log_format = read_setting(field, flags, environ)
    except Problem:
        return
    if log_format not in {None, "text"}:
        settings = Settings(log_format=log_format)
        set_up_logs(settings, instance_name(settings))


def _formatter(log_format: str, instance: str) -> logging.Formatter:
    if log_format == "ecs":
        return EcsFormatter(instance)
    return JsonFormatter(instance) if log_format == "json" else TextFormatter()


def _opened(path: str) -> LogQueue | None:
    """Return the one queue of this process; None if there is neither a file nor standard error."""
    global _queue  # noqa: PLW0603 (a process has one log)
    if _queue is not None and _queue.path == path:
        return _queue
    try:
        descriptor = -1 if path else sys.stderr.fileno()
    except (OSError, AttributeError):  # standard error has no descriptor
        return None
    try:
        _queue = LogQueue(descriptor, path)
    except OSError as error:
        raise SettingsError([f"--log-file: {escaped(path)} cannot be opened: {error.strerror}"]) from error
    return _queue


def _take_tracebacks() -> None:
    """Make records of what Python itself would print: uncaught exceptions and warnings."""
    logger = logging.getLogger(_OWN)

    def on_exception(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            return
        logger.critical("the process ends by an error", exc_info=(kind, error, trace))

    def on_exception_in_thread(given: threading.ExceptHookArgs) -> None:
        error = given.exc_value
        name = given.thread.name if given.thread else "?"
        if error is not None:
            logger.error("the thread %s ended by an error", name, exc_info=error)

    def on_unraisable(given: sys.UnraisableHookArgs) -> None:
        if given.exc_value is not None:
            logger.error("an error could not be raised", exc_info=given.exc_value)

    sys.excepthook, threading.excepthook, sys.unraisablehook = (
        on_exception, on_exception_in_thread, on_unraisable,
    )  # fmt: skip
    logging.captureWarnings(capture=True)
