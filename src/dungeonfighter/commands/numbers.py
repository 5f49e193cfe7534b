"""Types of command-line arguments: a word becomes a number within its range, or argparse refuses it."""

from __future__ import annotations

from argparse import ArgumentTypeError
from typing import Final

AMOUNT_MAX: Final = 1e9


def count(text: str) -> int:
    """Return a whole number of at least 1."""
    number = int(text)
    if number < 1:
        raise ArgumentTypeError("at least 1")
    return number


def whole(text: str) -> int:
    """Return a whole number of at least 0."""
    number = int(text)
    if number < 0:
        raise ArgumentTypeError("not below 0")
    return number


def amount(text: str) -> float:
    """Return a number of at least 0 and less than `AMOUNT_MAX`."""
    number = float(text)
    if not 0 <= number < AMOUNT_MAX:  # also refuses nan
        raise ArgumentTypeError(f"from 0 to below {AMOUNT_MAX:.0f}")
    return number
