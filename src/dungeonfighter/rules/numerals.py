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
