"""The way out of a store that never answers has an end."""

from __future__ import annotations

import subprocess
import sys

CLOSE = """
import asyncio
from dungeonfighter.composition import _close_in_time

class Part:
    def __init__(self, hangs):
        self.hangs = hangs

    async def close(self):
        if self.hangs:
            await asyncio.Event().wait()

asyncio.run(_close_in_time(Part({host}), Part({store}), 0.05))
"""


def test_a_host_or_a_store_that_does_not_close_is_left_with_a_word() -> None:
    for host, store in [(True, False), (False, True)]:
        code = CLOSE.format(host=host, store=store)
        ended = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, timeout=60)
        assert ended.returncode == 1
        assert b"the store does not answer; ended at once: nothing acknowledged is lost" in ended.stderr
