"""Tables of numbers as text.

The view of a fight has a dozen numbers, and formatting one takes as long as two calls (counted).
"""

from __future__ import annotations

from sys import intern
from typing import Final

NUMERALS_MAX: Final = 4096
_BELOW_ZERO: Final = 64
SECONDS_MAX: Final = 20_000

NUMERALS: Final = tuple(map(str, (*range(NUMERALS_MAX), *range(-_BELOW_ZERO, 0))))
"""`NUMERALS[n]` is `str(n)` for -64 <= n < `NUMERALS_MAX`.

The negative numbers stand at the end, where a negative index finds them.
"""

SECONDS: Final = tuple(map(intern, (f"{time / 1000:.1f}" for time in range(SECONDS_MAX))))
"""`SECONDS[time]` is the text of game milliseconds in seconds, 0 <= time < `SECONDS_MAX`; equal texts are one
object."""

_HUNDREDTHS: Final = tuple(f"{rest / 100:g}"[1:] for rest in range(100))


def points(score: int) -> str:
    """Return a score of 0 to 10,000 hundredths in points.

    The text is that of `f"{score / 100:g}"`, for a third of the work.
    """
    return f"{NUMERALS[score // 100]}{_HUNDREDTHS[score % 100]}"
