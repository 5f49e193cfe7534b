"""Huge pages: the regions that are advised, and the effect where the system supports them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from dungeonfighter.serving import huge_pages
from dungeonfighter.serving.huge_pages import HUGE_BYTES, regions

BEGIN = 100 * HUGE_BYTES
_LINES = "Size: {size} kB\nRss: {rss} kB\nAnonymous: {rss} kB\nAnonHugePages: {huge} kB\nVmFlags: rd wr\n"


def region(begin: int, mib: int, *, used: float = 1.0, huge: float = 0.0, what: str = "", flags: str = "rw-p",
           device: str = "00:00 0") -> str:  # fmt: skip
    """Format a region as /proc/self/smaps does."""
    size = mib * 1024
    head = f"{begin:x}-{begin + mib * 2**20:x} {flags} 00000000 {device}{what}\n"
    return head + _LINES.format(size=size, rss=int(size * used), huge=int(size * huge))


def found(*shown: str) -> list[tuple[int, int]]:
    return list(regions("".join(shown).splitlines(keepends=True)))


def test_a_resident_region_is_cut_to_whole_huge_pages() -> None:
    begin = BEGIN - 2**20
    assert found(region(begin, 6)) == [(BEGIN, BEGIN + 2 * HUGE_BYTES)]


def test_the_heap_is_a_region_too() -> None:
    assert found(region(BEGIN, 2, what="                  [heap]")) == [(BEGIN, BEGIN + HUGE_BYTES)]


@pytest.mark.parametrize(
    "shown",
    [
        region(BEGIN, 8, used=0.5),  # such as a stack: a whole huge page would use more memory
        region(BEGIN, 8, huge=1.0),
        region(BEGIN, 1),
        region(BEGIN, 8, flags="r--p"),
        region(BEGIN, 8, flags="rw-s"),
        region(BEGIN, 8, device="fe:00 77", what="  /usr/lib/libm.so"),
        region(BEGIN, 8, what="  [stack]"),
    ],
    ids=["sparse", "huge already", "small", "read only", "shared", "of a file", "stack"],
)  # fmt: skip
def test_other_regions_are_not_advised(shown: str) -> None:
    assert found(shown) == []
    assert found(shown, region(4 * BEGIN, 2)) == [(4 * BEGIN, 4 * BEGIN + HUGE_BYTES)]


def _is_supported() -> bool:
    switch = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    return sys.platform.startswith("linux") and switch.exists() and "[never]" not in switch.read_text()


@pytest.mark.skipif(not _is_supported(), reason="this system has no transparent huge pages")
def test_advising_does_not_change_the_data() -> None:
    data = [[number, str(number)] for number in range(200_000)]
    advise = huge_pages._madvise()
    assert advise is not None
    collapsed: list[int] = []

    def recording(address: int, length: int, advice: int) -> object:
        if length == HUGE_BYTES:
            collapsed.append(address)
        return advise(address, length, advice)

    advised: set[int] = set()
    while huge_pages.advise_once(recording, advised):
        pass
    assert advised
    assert advised <= set(collapsed)
    assert all(address % HUGE_BYTES == 0 for address in advised)
    assert data == [[number, str(number)] for number in range(200_000)]
