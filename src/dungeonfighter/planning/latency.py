"""The p99 of a turn from the utilisation of the machine: a queue that is served in batches.

A store commits one batch while the next one forms. With r seconds for each turn and f seconds for each batch,
a batch that serves the turns of its own length lasts f / (1 - rate * r) = f / (1 - utilisation). A turn waits
for the batch before its own, and for its own. So its p99 has the form floor + scale / (1 - utilisation).

Source: docs/capacity.md, "The model".
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

SATURATED: Final = 1.0
"""From this utilisation on a queue grows without end."""
_BATCHES_WAITED: Final = 2.0


class Latency(Struct, frozen=True):
    """The two constants of the formula, in milliseconds."""

    floor_ms: float
    scale_ms: float

    def p99_ms(self, utilisation: float) -> float:
        """Return the p99; infinity for a machine that has more to do than it can."""
        if utilisation >= SATURATED:
            return float("inf")
        return self.floor_ms + self.scale_ms / (1.0 - utilisation)


def unfitted(batch_ms: float) -> Latency:
    """Return the formula for a batch of known length on an idle machine."""
    return Latency(0.0, _BATCHES_WAITED * batch_ms)


def fitted(low: tuple[float, float], high: tuple[float, float]) -> Latency:
    """Return the formula through two measurements, each a utilisation and a p99 in milliseconds.

    Neither constant is below zero: if the p99 fell with the utilisation, it counts as constant; if it rose
    faster than the formula can, the formula goes through the higher measurement alone.

    Raises:
        ValueError: The two have the same utilisation, or one is saturated.
    """
    (rho_low, p99_low), (rho_high, p99_high) = sorted((low, high))
    if not 0 <= rho_low < rho_high < SATURATED:
        raise ValueError("a fit needs two different utilisations below 1")
    factor_low, factor_high = 1 / (1 - rho_low), 1 / (1 - rho_high)
    scale = (p99_high - p99_low) / (factor_high - factor_low)
    floor = p99_low - scale * factor_low
    if scale < 0:
        return Latency((p99_low + p99_high) / 2, 0.0)
    if floor < 0:
        return Latency(0.0, p99_high / factor_high)
    return Latency(floor, scale)


def fitted_line(low: tuple[float, float], high: tuple[float, float]) -> tuple[float, float]:
    """Return base and slope of the line through two points; a base below zero becomes a line through 0.

    Raises:
        ValueError: The two have the same first coordinate.
    """
    (x_low, y_low), (x_high, y_high) = sorted((low, high))
    if x_low == x_high:
        raise ValueError("a fit needs two different loads")
    slope = (y_high - y_low) / (x_high - x_low)
    base = y_low - slope * x_low
    return (base, slope) if base >= 0 and slope >= 0 else (0.0, y_high / x_high)
