"""Large blocks go back to the system as soon as they are freed."""

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

if sys.argv[1] == "asked" and not heap.return_large_blocks():
    sys.exit(3)
del_first = bytearray(20_000_000)
del del_first  # now glibc keeps blocks of this size in its heap
before = resident()
bodies = [bytearray(1_000_000) for _ in range(40)]
small = [bytearray(100_000) for _ in range(40)]  # behind them
del bodies
print(resident() - before - 40 * 100_000 < 8_000_000)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="of glibc")
@pytest.mark.parametrize(("asked", "gives_back"), [("asked", "True"), ("not asked", "False")])
def test_freed_bodies_do_not_hold_the_heap_large(asked: str, gives_back: str) -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT, asked], check=False, capture_output=True, text=True)
    if done.returncode == 3:
        pytest.skip("another C library than glibc")
    assert done.stdout.strip() == gives_back, done.stderr
