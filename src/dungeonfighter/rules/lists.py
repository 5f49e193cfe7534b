"""Changes of a state's lists. Each function returns a new list, because states may share the old one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def changed(numbers: Sequence[int], place: int, by: int) -> list[int]:
    """Return the numbers with `by` added to the one at `place`."""
    new = list(numbers)
    new[place] += by
    return new


def replaced(things: Sequence[T], place: int, thing: T) -> list[T]:
    new = list(things)
    new[place] = thing
    return new


def without(things: Sequence[T], place: int) -> list[T]:
    new = list(things)
    del new[place]
    return new
