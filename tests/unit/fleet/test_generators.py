"""Rubbish on the pipes between the processes of a load ends the load instead of hanging it."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from dungeonfighter.fleet.crew import Habits
from dungeonfighter.fleet.generators import Generators
from dungeonfighter.fleet.load import LoadOptions
from dungeonfighter.fleet.through import ThroughQueue

RUBBISH = (sys.executable, "-c", "import sys; print('rubbish', flush=True); sys.stdin.read()")


async def test_rubbish_from_a_generator_ends_the_load(caplog: pytest.LogCaptureFixture) -> None:
    options = LoadOptions(url="http://127.0.0.1:9", bots=1, processes=1)
    async with Generators(options, lambda _: None, RUBBISH) as generators:
        await asyncio.wait_for(generators.play(), 30)
        assert "killed by signal 9" in generators.ended()[0]
    assert "the status of generator process 0 cannot be read: it is killed" in caplog.messages


def test_a_generator_that_reads_rubbish_ends_with_an_error() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "dungeonfighter.fleet.generator"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as generator:  # fmt: skip
        assert generator.stdin is not None
        assert generator.stderr is not None
        generator.stdin.write(b"rubbish\n")
        generator.stdin.flush()
        assert generator.wait(60) == 1  # although its standard input stays open
        assert b"cannot be read" in generator.stderr.read()


async def test_generators_say_that_the_queue_does_not_answer(capfd: pytest.CaptureFixture[str]) -> None:
    queue, habits = ThroughQueue("redis://127.0.0.1:9"), Habits(patience_seconds=0.1)
    options = LoadOptions("http://127.0.0.1:9", bots=1, processes=1, through=queue, habits=habits)
    async with Generators(options, lambda _: None) as generators:
        await asyncio.wait_for(generators.play(), 60)
        (reason,) = generators.ended()
    assert "Redis does not answer" in reason
    assert "Traceback" not in capfd.readouterr().err
