"""A large read as several that are done side by side: what waits for the disk a page at a time waits less."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final, TypeVar

_Item = TypeVar("_Item")

_PART_LEAST: Final = 8
"""Below that a part costs more to hand over than it saves."""


def in_parts(items: Sequence[_Item], most: int) -> list[Sequence[_Item]]:
    """At most `most` parts of about the same length, in order, neighbours together; one if there are few."""
    count = max(1, min(most, len(items) // _PART_LEAST))
    bounds = [len(items) * number // count for number in range(count + 1)]
    return [items[begin:end] for begin, end in itertools.pairwise(bounds)]
