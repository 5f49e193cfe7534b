"""Makes the C library return memory to the system after a burst of large requests.

glibc allocates blocks of 128 KB and more directly from the system, until the first of them is freed. From
then on it keeps blocks up to that size, 32 MB at most, in its heap, and small blocks behind them keep the
heap from shrinking. A server that had received 30 bodies of a megabyte stayed 20 MB larger
(`python -m bench.flood`).

Source: mallopt(3), M_MMAP_THRESHOLD: a threshold that is set explicitly does not move.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Final

_M_MMAP_THRESHOLD: Final = -3
_BYTES: Final = 131_072


def return_large_blocks() -> bool:
    """Fix the threshold at its first value of 128 KB; return False if the C library is not glibc."""
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return bool(mallopt is not None and mallopt(_M_MMAP_THRESHOLD, _BYTES))
