"""Numbers as text, ready made: a fight tells a dozen a turn, and formatting one takes as long as two calls
(counted).
"""

from __future__ import annotations

from sys import intern
from typing import Final

NUMERALS_MAX: Final = 4096
_BELOW_ZERO: Final = 64
SECONDS_MAX: Final = 20_000

NUMERALS: Final = tuple(map(str, (*range(NUMERALS_MAX), *range(-_BELOW_ZERO, 0))))
"""`NUMERALS[n]` is `str(n)` for -64 <= n < `NUMERALS_MAX`: the negative ones stand where they count from the
end."""

SECONDS: Final = tuple(map(intern, (f"{time / 1000:.1f}" for time in range(SECONDS_MAX))))
"""Game milliseconds, 0 <= time < `SECONDS_MAX`, as seconds; each text is there once."""

_HUNDREDTHS: Final = tuple(f"{rest / 100:g}"[1:] for rest in range(100))


def points(score: int) -> str:
    """A score, 0 to 10,000 hundredths, in points: `f"{score / 100:g}"`, for a third of the work."""
    return f"{NUMERALS[score // 100]}{_HUNDREDTHS[score % 100]}"
