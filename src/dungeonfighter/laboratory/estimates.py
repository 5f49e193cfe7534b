"""Estimates from samples: means with 95 % intervals, paired differences, percentiles, sample sizes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

from dungeonfighter.bots.ladder import margin, mean

APART: Final = 5.0
"""The difference in points for which `seeds_needed` is computed."""
_POWER: Final = 1.96 + 0.84
"""The sum of the normal quantiles of a two-sided test at 5 % and of a power of 80 %."""

_STUDENT: Final = (
    12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23, 2.20, 2.18, 2.16, 2.14, 2.13, 2.12, 2.11,
    2.10, 2.09, 2.09,
)  # fmt: skip
"""The 97.5 % quantiles of Student's t by degrees of freedom, from 1 on."""


class Estimate(NamedTuple):
    """A mean and half the width of its 95 % interval, by Student's t distribution."""

    mean: float
    margin: float
    size: int

    @property
    def low(self) -> float:
        return self.mean - self.margin

    @property
    def high(self) -> float:
        return self.mean + self.margin

    def __str__(self) -> str:
        return f"{self.mean:.2f} +- {self.margin:.2f}"


def estimate(values: Sequence[float]) -> Estimate:
    """Return the estimate of the mean; (0, 0) without values."""
    if not values:
        return Estimate(0.0, 0.0, 0)
    return Estimate(mean(values), margin(values) * _quantile(len(values) - 1) / 1.96, len(values))


def _quantile(freedom: int) -> float:
    """Return the 97.5 % quantile of Student's t; beyond the table by the first term of its expansion."""
    if 1 <= freedom <= len(_STUDENT):
        return _STUDENT[freedom - 1]
    return 1.96 + 2.37 / max(1, freedom)


def share(hits: int, count: int) -> Estimate:
    """Return the estimate of a share from 0 to 1 with Wilson's interval, which is sound near 0 and 1, too.

    The mean is the middle of the interval only for large samples, so `low` and `high` are cut there.
    """
    if not count:
        return Estimate(0.0, 0.0, 0)
    p, z = hits / count, 1.96
    width = z * math.sqrt(p * (1 - p) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return Estimate(p, width, count)


def deviation(values: Sequence[float]) -> float:
    """Return the standard deviation of a sample; 0 for fewer than two values."""
    return margin(values) * math.sqrt(len(values)) / 1.96 if len(values) > 1 else 0.0


def percentile(values: Sequence[float], percent: float) -> float:
    """Return a percentile, linear between the neighbours; 0 without values."""
    if not values:
        return 0.0
    ordered = sorted(values)
    place = (len(ordered) - 1) * percent / 100
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def seeds_needed(differences: Sequence[float], apart: float = APART) -> int:
    """Return the seeds on which a true difference would show in four of five trials, from a sample of it."""
    return math.ceil((_POWER * deviation(differences) / apart) ** 2)
