"""The programs on the hosts of a stage, as faults see them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple


class Service(NamedTuple):
    """A program on a host; `start` and `kill` (SIGKILL) block, and `pid` needs one that runs."""

    start: Callable[[], None]
    kill: Callable[[], None]
    runs: Callable[[], bool]
    pid: Callable[[], int]
