"""Splits a large read into parts that run in parallel, because each part waits for the disk page by page."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final, TypeVar

_Item = TypeVar("_Item")

_PART_LEAST: Final = 8
"""A part of fewer items costs more to start than it saves."""


def in_parts(items: Sequence[_Item], most: int) -> list[Sequence[_Item]]:
    """Split `items` in order into at most `most` parts of about the same length; few items stay one part."""
    count = max(1, min(most, len(items) // _PART_LEAST))
    bounds = [len(items) * number // count for number in range(count + 1)]
    return [items[begin:end] for begin, end in itertools.pairwise(bounds)]
