"""Has the C library give memory back to the system once a burst of large requests is over.

glibc takes blocks of 128 KB and more from the system one by one, until the first of them is freed: from then
on it keeps blocks up to that size, 32 MB at most, in its heap, and what lies behind them holds it large. A
server that was sent 30 bodies of a megabyte stayed 20 MB larger (`python -m bench.flood`).

Source: mallopt(3), M_MMAP_THRESHOLD: a threshold that is set does not move.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Final

_M_MMAP_THRESHOLD: Final = -3
_BYTES: Final = 131_072


def return_large_blocks() -> bool:
    """Fix the threshold where it begins; False where the C library is another one."""
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return bool(mallopt is not None and mallopt(_M_MMAP_THRESHOLD, _BYTES))
