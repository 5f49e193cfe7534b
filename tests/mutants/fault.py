"""A fault: a replacement of one piece of source text, with the tests that must fail.

The text must occur exactly once in its file. If a change of the code removed it, read the new code and
rewrite the fault so that it removes the same guard.
"""

from __future__ import annotations

from typing import NamedTuple


class Fault(NamedTuple):
    """The removal of one guard.

    Attributes:
        file: A path below `src/dungeonfighter`.
        old: The text with the guard.
        new: The text without the guard.
        tests: Tests that must all fail: a path below `tests` and a name, with or without parameters.
        seeds: At least one of the simulations with seeds 0 to `seeds` - 1 must break; 0 = no simulation.
    """

    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    seeds: int = 0
