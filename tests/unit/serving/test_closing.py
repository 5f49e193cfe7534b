"""A process ends although its store never answers, or hangs after the first Ctrl-C."""

from __future__ import annotations

import signal
import subprocess
import sys

CLOSE = """
import asyncio
from dungeonfighter.serving.composition import _close_in_time

class Part:
    def __init__(self, hangs):
        self.hangs = hangs

    async def close(self):
        if self.hangs:
            await asyncio.Event().wait()

asyncio.run(_close_in_time(Part({host}), Part({store}), 0.05))
"""


def test_a_host_or_a_store_that_does_not_close_is_abandoned_with_an_error() -> None:
    for host, store in [(True, False), (False, True)]:
        code = CLOSE.format(host=host, store=store)
        ended = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, timeout=60)
        assert ended.returncode == 1
        assert b"the store does not answer; ended at once: nothing acknowledged is lost" in ended.stderr


LEAVE = """
import time
from dungeonfighter.serving.signals import let_second_interrupt_end

let_second_interrupt_end()
try:
    print("begun", flush=True)
    while True:  # `signal.pause` would miss a signal that comes just before it
        time.sleep(0.01)
except KeyboardInterrupt:
    print("leaving", flush=True)
while True:  # hangs after the first interrupt
    time.sleep(0.01)
"""


def test_a_second_interrupt_ends_a_process_that_hangs() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", LEAVE], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as leaving:
        assert leaving.stdout is not None
        assert leaving.stderr is not None
        try:
            assert leaving.stdout.readline() == "begun\n"
            leaving.send_signal(signal.SIGINT)
            assert leaving.stdout.readline() == "leaving\n"
            leaving.send_signal(signal.SIGINT)
            assert leaving.wait(60) == 128 + signal.SIGINT
            assert leaving.stderr.read().startswith("stopping; Ctrl-C again ends it at once")
        finally:
            leaving.kill()
