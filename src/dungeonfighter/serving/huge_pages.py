"""Asks Linux to back this process's memory with pages of 2 MiB instead of 4 KiB.

A turn of one of many thousand games touches memory all over the heap. With small pages the processor has to
look most of their addresses up in tables that lie in memory themselves, twice over in a virtual machine.
Where the system has huge pages on `madvise`, as several distributions do, a process must ask; on `always`
there is little left to do here, on `never` nothing happens.

Only regions that are in use nearly everywhere are asked for: a huge page is there as a whole or not at all.

Source: madvise(2), MADV_HUGEPAGE and MADV_COLLAPSE (Linux 6.1 and later); what it saves: docs/performance.md.
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
_IN_USE: Final = 0.8
"""The share of a region that must be in memory already."""
_EVERY_SECONDS: Final = 10.0
_BETWEEN_SECONDS: Final = 0.2
_AT_ONCE: Final = 4
"""How many are made in one go: 2 to 20 ms, in which nobody gets new memory."""

_SMAPS: Final = Path("/proc/self/smaps")
_region: Final = re.compile(r"([0-9a-f]+)-([0-9a-f]+) rw-p \S+ 00:00 0\s*(?:\[heap\])?\n").fullmatch

Advise = Callable[[int, int, int], object]
"""madvise: address, length, advice. It may be refused; nothing follows from that."""
Look = Callable[[set[int]], bool]


async def keep_asking(look: Look | None = None, every_seconds: float = _EVERY_SECONDS) -> None:
    """Ask now and then, beside the event loop, until cancelled: a heap grows.

    Args:
        look: Asks once; by default `ask` of this system, where it has huge pages.
        every_seconds: The pause between two looks that find nothing more to ask for.
    """
    if look is None:
        advise = _madvise()
        if advise is None:
            return
        look = partial(ask, advise)
    asked: set[int] = set()
    loop = asyncio.get_running_loop()
    pause = every_seconds
    while True:
        await asyncio.sleep(pause)
        try:
            more = await loop.run_in_executor(None, look, asked)
        except Exception:
            logger.exception("huge pages are asked for no more")
            return
        pause = min(_BETWEEN_SECONDS, every_seconds) if more else every_seconds


def ask(advise: Advise, asked: set[int]) -> bool:
    """Ask once for what lies in small pages, as far as is done in one go.

    Args:
        advise: The system's.
        asked: Addresses that were asked for before, and now are: each once, whatever came of it.

    Returns:
        Whether there is more to ask for.
    """
    left = _AT_ONCE
    with contextlib.suppress(OSError), _SMAPS.open(encoding="ascii", errors="replace") as smaps:
        for begin, end in regions(smaps):
            new = [address for address in range(begin, end, HUGE_BYTES) if address not in asked]
            if new:
                advise(begin, end - begin, _MADV_HUGEPAGE)
            for address in new:
                if not left:
                    return True
                left -= 1
                asked.add(address)
                advise(address, HUGE_BYTES, _MADV_COLLAPSE)
    return False


def regions(smaps: Iterable[str]) -> Iterator[tuple[int, int]]:
    """The aligned insides of private memory in use that has small pages: begin and end."""
    begin = end = in_use = 0
    for line in smaps:
        name, _, rest = line.partition(":")
        if name == "Rss":
            in_use = 1024 * int(rest.split()[0])
        elif name == "AnonHugePages":
            small = in_use - 1024 * int(rest.split()[0])
            if end - begin and in_use >= _IN_USE * (end - begin) and small >= HUGE_BYTES:
                first = -(-begin // HUGE_BYTES) * HUGE_BYTES
                last = end // HUGE_BYTES * HUGE_BYTES
                if last > first:
                    yield first, last
        elif found := _region(line):
            begin, end, in_use = int(found[1], 16), int(found[2], 16), 0
        elif "-" in name and " " in name:
            begin = end = 0  # another kind of region


def _madvise() -> Advise | None:
    """The system's, where there is one."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        advise = ctypes.CDLL(None).madvise
    except (OSError, AttributeError):
        return None
    advise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    return advise
