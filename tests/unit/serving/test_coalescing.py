"""`Coalescing`: rests grow up to a limit while the thread waits for cores, and shrink to none afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import pytest

from dungeonfighter.serving.scheduling import Coalescing

MOST_SECONDS = 0.05


class Machine:
    """A clock, and a thread that spends `share` of its working time waiting for a core."""

    def __init__(self) -> None:
        self.now = 100.0
        self.waited = 3.0
        self.share = 0.0
        self.slept: list[float] = []

    def work(self, seconds: float) -> None:
        self.now += seconds
        self.waited += seconds * self.share

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def coalescing(machine: Machine) -> Coalescing:
    return Coalescing(
        MOST_SECONDS, waited=lambda: machine.waited, now=lambda: machine.now, sleep=machine.sleep
    )


def work_and_rest(machine: Machine, coalescing: Coalescing, share: float, *, times: int = 100) -> None:
    machine.share = share
    for _ in range(times):
        machine.work(0.1)
        coalescing.rest()


def test_without_waiting_there_is_no_rest(machine: Machine, coalescing: Coalescing) -> None:
    work_and_rest(machine, coalescing, 0.02)
    assert machine.slept == []


def test_rests_grow_while_the_thread_waits_up_to_the_limit(machine: Machine, coalescing: Coalescing) -> None:
    work_and_rest(machine, coalescing, 0.5)
    assert machine.slept == sorted(machine.slept)
    assert machine.slept[0] < MOST_SECONDS / 10
    assert machine.slept[-1] == MOST_SECONDS


def test_rests_end_when_the_thread_waits_no_more(machine: Machine, coalescing: Coalescing) -> None:
    work_and_rest(machine, coalescing, 0.5)
    machine.slept.clear()
    work_and_rest(machine, coalescing, 0.0)
    assert machine.slept == sorted(machine.slept, reverse=True)
    assert coalescing.rest_seconds == 0.0


def test_between_both_thresholds_a_rest_keeps_its_length(machine: Machine, coalescing: Coalescing) -> None:
    work_and_rest(machine, coalescing, 0.5, times=10)
    work_and_rest(machine, coalescing, 0.06, times=10)
    before = coalescing.rest_seconds
    assert before
    work_and_rest(machine, coalescing, 0.06)
    assert coalescing.rest_seconds == before


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="only Linux measures how long a thread waits for a core"
)
def test_waiting_of_a_real_thread_is_measured() -> None:
    core = min(os.sched_getaffinity(0))
    spin = f"import os; os.sched_setaffinity(0, [{core}])\nwhile True: pass"
    others = [subprocess.Popen([sys.executable, "-c", spin]) for _ in range(2)]
    rested = threading.Event()

    def busy() -> None:
        os.sched_setaffinity(0, {core})
        coalescing = Coalescing(MOST_SECONDS)
        deadline = time.monotonic() + 30
        while not coalescing.rest_seconds and time.monotonic() < deadline:
            coalescing.rest()
        if coalescing.rest_seconds:
            rested.set()

    try:
        thread = threading.Thread(target=busy)
        thread.start()
        thread.join()
    finally:
        for other in others:
            other.kill()
            other.wait()
    assert rested.is_set()
