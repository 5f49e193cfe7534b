"""Types of command-line arguments: a word becomes a number within its range, or argparse refuses it."""

from __future__ import annotations

from argparse import ArgumentTypeError
from typing import Final

AMOUNT_MAX: Final = 1e9


def count(text: str) -> int:
    """Return a whole number of at least 1."""
    return _integer(text, 1)


def whole(text: str) -> int:
    """Return a whole number of at least 0."""
    return _integer(text, 0)


def amount(text: str) -> float:
    """Return a number of at least 0 and less than `AMOUNT_MAX`."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < AMOUNT_MAX:  # also refuses nan
        raise ArgumentTypeError(f"{text[:40]!r} must be a number from 0 to below {AMOUNT_MAX:.0f}")
    return number


def _integer(text: str, low: int) -> int:
    try:
        number = int(text)
    except ValueError:
        number = low - 1
    if number < low:
        raise ArgumentTypeError(f"{text[:40]!r} must be a whole number of at least {low}")
    return number
