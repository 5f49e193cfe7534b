"""The arguments that choose the category of the runs that a command plays, and a set of seeds by its name."""

from __future__ import annotations

import argparse
from typing import Final

from dungeonfighter import limits

PUBLIC_SET: Final = "public"
PRIVATE_SET: Final = "private"
MODES: Final = ("ironman", "short")


def add_category(parser: argparse.ArgumentParser, *, several: bool = False) -> None:
    """Declare the mode and the ascension of the runs.

    Args:
        parser: Gets the arguments `mode` and `ascension`.
        several: The ascension is a tuple of numbers instead of one.
    """
    add = parser.add_argument
    add("--mode", choices=MODES, default=MODES[0],
        help="short: the ranked mode for few tokens (default: %(default)s)")  # fmt: skip
    if several:
        add("--ascension", type=ascensions, default=(0,), metavar="A-B",
            help="the ascension of the runs, or several: 0-10, 0,5,10 (default: 0)")  # fmt: skip
    else:
        add("--ascension", type=ascension, default=0, metavar="N",
            help=f"ascension of the runs, 0 to {limits.ascensions_max} (default: %(default)s)")  # fmt: skip


def ascensions(text: str) -> tuple[int, ...]:
    """Parse ascensions: `3`, `0-10`, or several of these with commas."""
    found: dict[int, None] = {}
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        low = ascension(first)
        high = ascension(last) if dash else low
        if low > high:
            raise argparse.ArgumentTypeError(f"{part[:40]!r}: the first ascension is the lower one")
        found.update(dict.fromkeys(range(low, high + 1)))
    return tuple(found)


def ascension(text: str) -> int:
    """Parse one ascension."""
    if text.isdecimal() and len(text) < 4 and int(text) <= limits.ascensions_max:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text[:40]!r} is no ascension: 0 to {limits.ascensions_max}")
