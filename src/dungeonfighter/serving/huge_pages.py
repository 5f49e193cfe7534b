"""Advises Linux to back the memory of this process with pages of 2 MiB instead of 4 KiB.

The turns of many thousand games touch memory all over the heap. With small pages the processor has to look up
most addresses in page tables, which are in memory too; in a virtual machine it does so twice. Where the
system is set to `madvise` for huge pages, as in several distributions, a process must ask for them; with
`always` little is left to ask for, and with `never` the advice has no effect.

The advice covers only regions that are resident almost everywhere: a huge page is resident as a whole or not
at all, so in other regions it would use more memory.

Source: madvise(2), MADV_HUGEPAGE and MADV_COLLAPSE (Linux 6.1 and later); the gain: docs/performance.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

logger = logging.getLogger(__name__)

HUGE_BYTES: Final = 2 << 20
_MADV_HUGEPAGE: Final = 14
_MADV_COLLAPSE: Final = 25
_RESIDENT_SHARE_MIN: Final = 0.8
"""The share of a region that must be resident already."""
_PAUSE_SECONDS: Final = 10.0
_SHORT_PAUSE_SECONDS: Final = 0.2
_COLLAPSES_MAX: Final = 4
"""The most huge pages of one pass. A pass takes 2 to 20 ms, in which no thread can allocate pages."""

_SMAPS: Final = Path("/proc/self/smaps")
_region: Final = re.compile(r"([0-9a-f]+)-([0-9a-f]+) rw-p \S+ 00:00 0\s*(?:\[heap\])?\n").fullmatch

Advise = Callable[[int, int, int], object]
"""Calls madvise with address, length and advice. The system may refuse; callers ignore the result."""
Pass = Callable[[set[int]], bool]
"""One pass over the memory, like `advise_once` without its first argument."""


async def keep_advising(one_pass: Pass | None = None, pause_seconds: float = _PAUSE_SECONDS) -> None:
    """Repeat the pass in a thread until cancelled, because a heap grows; return if there are no huge pages.

    Args:
        one_pass: The pass; by default `advise_once` with the madvise of this system.
        pause_seconds: The pause after a pass that finished; after an unfinished one it is shorter.
    """
    if one_pass is None:
        advise = _madvise()
        if advise is None:
            return
        one_pass = partial(advise_once, advise)
    advised: set[int] = set()
    loop = asyncio.get_running_loop()
    pause = pause_seconds
    while True:
        await asyncio.sleep(pause)
        try:
            is_unfinished = await loop.run_in_executor(None, one_pass, advised)
        except Exception:
            logger.exception("huge pages are asked for no more")
            return
        pause = min(_SHORT_PAUSE_SECONDS, pause_seconds) if is_unfinished else pause_seconds


def advise_once(advise: Advise, advised: set[int]) -> bool:
    """Advise the system about regions with small pages, for at most 4 huge pages.

    Args:
        advise: The madvise of the system.
        advised: The addresses of huge pages that were advised before; this call adds its own. No address is
            advised twice, whatever the system did.

    Returns:
        Whether memory is left that another pass would advise.
    """
    left = _COLLAPSES_MAX
    with contextlib.suppress(OSError), _SMAPS.open(encoding="ascii", errors="replace") as smaps:
        for begin, end in regions(smaps):
            new = [address for address in range(begin, end, HUGE_BYTES) if address not in advised]
            if new:
                advise(begin, end - begin, _MADV_HUGEPAGE)
            for address in new:
                if not left:
                    return True
                left -= 1
                advised.add(address)
                advise(address, HUGE_BYTES, _MADV_COLLAPSE)
    return False


def regions(smaps: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Yield begin and end of each private, resident region with small pages, cut to whole huge pages."""
    begin = end = resident = 0
    for line in smaps:
        name, _, rest = line.partition(":")
        if name == "Rss":
            resident = 1024 * int(rest.split()[0])
        elif name == "AnonHugePages":
            small = resident - 1024 * int(rest.split()[0])
            if end - begin and resident >= _RESIDENT_SHARE_MIN * (end - begin) and small >= HUGE_BYTES:
                first = -(-begin // HUGE_BYTES) * HUGE_BYTES
                last = end // HUGE_BYTES * HUGE_BYTES
                if last > first:
                    yield first, last
        elif found := _region(line):
            begin, end, resident = int(found[1], 16), int(found[2], 16), 0
        elif "-" in name and " " in name:
            begin = end = 0  # a region of another kind begins


def _madvise() -> Advise | None:
    """Return the madvise of the C library; None if there is none."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        advise = ctypes.CDLL(None).madvise
    except (OSError, AttributeError):
        return None
    advise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    return advise
