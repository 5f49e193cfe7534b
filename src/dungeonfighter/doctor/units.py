"""Numbers and foreign texts for people. Texts of servers may hold anything, so they are made harmless."""

from __future__ import annotations

import math
import time
from typing import Final

from dungeonfighter.telemetry.log_lines import escaped

TEXT_CHARS_MAX: Final = 1000
_SIZES: Final = ("B", "KB", "MB", "GB", "TB")


def plain(text: str) -> str:
    """Return a text on one line without control characters, which could steer a terminal."""
    if len(text) > TEXT_CHARS_MAX:
        text = f"{text[:TEXT_CHARS_MAX]}..."
    return escaped(text)


def size(count: float) -> str:
    """Return a number of bytes, for example 1.5 MB."""
    for unit in _SIZES:
        if abs(count) < 1024 or unit == _SIZES[-1]:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    raise AssertionError("the last unit has no bound")


def number(value: float) -> str:
    """Return a number without an exponent if it is large, for example 1795950123 or 0.25."""
    return f"{value:.0f}" if 1e5 <= abs(value) < 1e15 else f"{value:g}"


def span(seconds: float) -> str:
    """Return a duration, for example 250 us, 1.5 ms, 12.0 s, 3 h or 2 d."""
    if not math.isfinite(seconds):
        return "unknown"
    if abs(seconds) < 0.001:
        return f"{seconds * 1e6:.0f} us"
    if abs(seconds) < 1:
        return f"{seconds * 1e3:.1f} ms"
    if abs(seconds) < 120:
        return f"{seconds:.1f} s"
    for unit, length in (("min", 60), ("h", 3600)):
        if abs(seconds) < 120 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds / 86_400:.0f} d"


def moment(seconds: float) -> str:
    """Return a time of day in UTC; `seconds` are since 1970 and may be any number."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(seconds))
    except (OverflowError, OSError, ValueError):
        return "at an impossible time"
