"""The last warnings and errors of a process, kept in memory for `dungeonfighter doctor`.

Records from one place in the code count as one trouble, so a flood of them neither pushes out the others nor
costs more than a few of them. Texts are kept as they were logged; whoever shows them hides secrets.
"""

from __future__ import annotations

import logging
import traceback
from collections import OrderedDict
from typing import Any, Final

from msgspec import Struct

TROUBLES_MAX: Final = 30
MESSAGE_CHARS_MAX: Final = 400
_FORMAT_SECONDS: Final = 1.0
"""The text of a repeated trouble is the newest one, at most so much older than its last record."""


class Trouble(Struct):
    """Warnings or errors that one place in the code logged.

    Attributes:
        first_at, at: The times of the first and of the last record, in seconds since 1970.
        level: "warning", "error" or "critical".
        logger: The name of the logger.
        message: The text of a late record, on one line; an exception is named with its place in the code.
        count: The number of records.
    """

    first_at: float
    at: float
    level: str
    logger: str
    message: str
    count: int = 1


class TroubleLog(logging.Handler):
    """A handler that keeps the last `TROUBLES_MAX` troubles."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._troubles: OrderedDict[tuple[Any, ...], Trouble] = OrderedDict()
        self._formatted_at: dict[tuple[Any, ...], float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Count a record; `logging` calls this under the lock of the handler."""
        kind = (record.name, record.pathname, record.lineno, record.exc_info and record.exc_info[0])
        trouble = self._troubles.get(kind)
        if trouble is None:
            self._troubles[kind] = Trouble(
                record.created, record.created, record.levelname.lower(), record.name, _text(record)
            )
            self._formatted_at[kind] = record.created
            if len(self._troubles) > TROUBLES_MAX:
                oldest, _ = self._troubles.popitem(last=False)
                del self._formatted_at[oldest]
            return
        trouble.count += 1
        trouble.at = record.created
        self._troubles.move_to_end(kind)
        if record.created - self._formatted_at[kind] >= _FORMAT_SECONDS:
            self._formatted_at[kind] = record.created
            trouble.message = _text(record)

    def newest(self) -> list[Trouble]:
        """Return copies of the troubles, the one with the newest record first."""
        with self.lock:  # type: ignore[union-attr]  # made by `Handler.__init__`
            return [Trouble(*_fields(one)) for one in reversed(self._troubles.values())]


def remember_troubles() -> TroubleLog:
    """Keep the troubles of all loggers of this process from now on; call it after `set_up_logs`."""
    log = TroubleLog()
    logging.getLogger().addHandler(log)
    return log


def _fields(trouble: Trouble) -> tuple[float, float, str, str, str, int]:
    return (
        trouble.first_at, trouble.at, trouble.level, trouble.logger, trouble.message, trouble.count
    )  # fmt: skip


def _text(record: logging.LogRecord) -> str:
    try:
        text = record.getMessage()
    except Exception:  # noqa: BLE001 (a wrong log call must not raise in its caller)
        text = str(record.msg)
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        frames = traceback.extract_tb(error.__traceback__, limit=-1)
        place = f" at {frames[0].filename.rpartition('/')[2]}:{frames[0].lineno}" if frames else ""
        text = f"{text} ({type(error).__name__}: {error}{place})"
    return " ".join(text.split())[:MESSAGE_CHARS_MAX]
