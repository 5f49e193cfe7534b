"""Lists of a state with one thing changed: always a new list, because the old one may be shared (`state`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def changed(numbers: Sequence[int], place: int, by: int) -> list[int]:
    """The numbers, the one at `place` more by so much."""
    new = list(numbers)
    new[place] += by
    return new


def replaced(things: Sequence[T], place: int, thing: T) -> list[T]:
    """The things, another one at `place`."""
    new = list(things)
    new[place] = thing
    return new


def without(things: Sequence[T], place: int) -> list[T]:
    """The things but the one at `place`."""
    new = list(things)
    del new[place]
    return new
