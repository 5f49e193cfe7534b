"""Judges whether a resource stays flat: a fitted slope with its interval against a stated bound.

The samples after the warm-up are cut into blocks of equal length in bots. The medians of the blocks are
fitted by a line, because neighbouring samples depend on each other, and a median ignores a single peak. The
interval of the slope is the one that holds the true slope in 95 of 100 cases (Student's t).

A resource is flat if the whole interval is at or below the bound, and grows if the whole interval is above
it. Otherwise the soak was too short to tell, which does not count as flat.

Source: docs/decisions/058-many-seeds-and-soak.md.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from msgspec import Struct

BLOCKS: Final = 12
_T_95: Final = 2.228
"""The 97.5 % point of Student's t for `BLOCKS` - 2 degrees of freedom."""
_SAMPLES_MIN: Final = 2 * BLOCKS


class Judged(StrEnum):
    """The judgement of one resource."""

    flat = "flat"
    grows = "GROWS"
    undecided = "undecided"
    too_short = "too short"


class Bound(Struct, frozen=True):
    """The bound of one resource.

    Attributes:
        series: The name of its samples.
        what: The name in the report.
        unit: Of the samples.
        slope_max: The greatest slope in `unit` for each bot that ever came.
        why: The reason for this bound.
    """

    series: str
    what: str
    unit: str
    slope_max: float
    why: str


class Slope(Struct, frozen=True):
    """A judged resource.

    Attributes:
        bound: Its bound.
        slope, low, high: The slope and the ends of its interval, in units for each bot; NaN without a fit.
        level: The median after the warm-up.
        judged: The judgement.
    """

    bound: Bound
    slope: float
    low: float
    high: float
    level: float
    judged: Judged


BOUNDS: Final = (
    Bound("memory", "memory (PSS) of the server", "bytes", 32.0,
          "32 bytes for each bot are 32 MB after a million; the name of a bot alone takes 60"),
    Bound("descriptors", "descriptors beside accepted connections", "", 1e-4,
          "one for 10,000 bots and connections; a lost connection would be one for one"),
    Bound("threads", "threads of the server", "", 1e-5, "one for 100,000 bots"),
    Bound("wal", "write-ahead log on the disk", "bytes", 512.0,
          "a twentieth of the log that a bot writes; a log that is never removed grows by all of it"),
)  # fmt: skip


def judge(bots: Sequence[float], values: Sequence[float], bound: Bound) -> Slope:
    """Judge one resource.

    Args:
        bots: For each sample after the warm-up the number of bots that had come, rising.
        values: The samples.
        bound: The bound.
    """
    level = statistics.median(values) if values else math.nan
    blocks = _blocks(bots, values)
    if len(blocks) < BLOCKS:
        return Slope(bound, math.nan, math.nan, math.nan, level, Judged.too_short)
    slope, half = fitted([at for at, _ in blocks], [value for _, value in blocks])
    low, high = slope - half, slope + half
    judged = Judged.undecided
    if high <= bound.slope_max:
        judged = Judged.flat
    elif low > bound.slope_max:
        judged = Judged.grows
    return Slope(bound, slope, low, high, level, judged)


def fitted(x: Sequence[float], y: Sequence[float]) -> tuple[float, float]:
    """Fit a line to `BLOCKS` points by least squares; return its slope and half the width of its interval."""
    mean_x, mean_y = statistics.fmean(x), statistics.fmean(y)
    spread = sum((at - mean_x) ** 2 for at in x)
    slope = sum((at - mean_x) * (value - mean_y) for at, value in zip(x, y, strict=True)) / spread
    rest = sum(
        (value - mean_y - slope * (at - mean_x)) ** 2 for at, value in zip(x, y, strict=True)
    )  # fmt: skip
    return slope, _T_95 * math.sqrt(rest / (len(x) - 2) / spread)


def _blocks(bots: Sequence[float], values: Sequence[float]) -> list[tuple[float, float]]:
    """Return the medians of the blocks; fewer than `BLOCKS` if samples are too few or a block is empty."""
    if len(bots) < _SAMPLES_MIN or bots[-1] <= bots[0]:
        return []
    width = (bots[-1] - bots[0]) / BLOCKS
    parts: list[list[tuple[float, float]]] = [[] for _ in range(BLOCKS)]
    for at, value in zip(bots, values, strict=True):
        parts[min(BLOCKS - 1, int((at - bots[0]) / width))].append((at, value))
    return [
        (statistics.median(at for at, _ in part), statistics.median(value for _, value in part))
        for part in parts
        if part
    ]
