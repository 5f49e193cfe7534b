"""With a fixed threshold glibc returns large blocks to the system when they are freed."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import sys
from pathlib import Path
from dungeonfighter.serving import heap

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

if sys.argv[1] == "fixed" and not heap.return_large_blocks():
    sys.exit(3)
del_first = bytearray(20_000_000)
del del_first  # without the fixed threshold glibc now keeps blocks of this size in its heap
before = resident()
bodies = [bytearray(1_000_000) for _ in range(40)]
small = [bytearray(100_000) for _ in range(40)]  # small blocks behind the large ones
del bodies
print(resident() - before - 40 * 100_000 < 8_000_000)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc has this threshold")
@pytest.mark.parametrize(("mode", "returns_memory"), [("fixed", "True"), ("not fixed", "False")])
def test_the_heap_shrinks_after_large_bodies_are_freed(mode: str, returns_memory: str) -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT, mode], check=False, capture_output=True, text=True)
    if done.returncode == 3:
        pytest.skip("the C library is not glibc")
    assert done.stdout.strip() == returns_memory, done.stderr
