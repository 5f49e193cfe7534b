"""The service manager of a drill: orders from another process start and stop what it knows."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from drills.services import Service, Services


class Program:
    def __init__(self) -> None:
        self.log: list[str] = []
        self.is_running = False
        self.is_broken = False

    def start(self) -> None:
        if self.is_broken:
            raise RuntimeError("no room")
        self.log.append("start")
        self.is_running = True

    def stop(self) -> None:
        self.log.append("stop")
        self.is_running = False

    def as_service(self) -> Service:
        return Service(self.start, self.stop, lambda: self.is_running)


@pytest.fixture
def program() -> Program:
    return Program()


@pytest.fixture
def services(program: Program) -> Services:
    made = Services()
    made.add("server-1", program.as_service())
    return made


def test_orders_are_obeyed_once(services: Services, program: Program) -> None:
    assert services.obey(["start", "server-1"]) == (True, "server-1 runs")
    assert services.obey(["start", "server-1"]) == (True, "server-1 runs")
    assert services.obey(["restart", "server-1"]) == (True, "server-1 runs")
    assert services.obey(["stop", "server-1"]) == (True, "server-1 is stopped")
    assert services.obey(["stop", "server-1"]) == (True, "server-1 is stopped")
    assert program.log == ["start", "stop", "start", "stop"]


@pytest.mark.parametrize("words", [[], ["start"], ["begin", "server-1"], ["start", "server-2"]])
def test_other_words_are_refused_with_the_known_ones(services: Services, words: list[str]) -> None:
    assert services.obey(words) == (False, "write: start, stop or restart, and one of server-1")


def test_a_failure_is_named(services: Services, program: Program) -> None:
    program.is_broken = True
    assert services.obey(["start", "server-1"]) == (False, "server-1 did not start: no room")


async def run(command: Path, *words: str) -> tuple[int | None, str, str]:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(str(command), *words, stdout=pipe, stderr=pipe)
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_the_command_reaches_the_drill_and_fails_without_it(
    services: Services, program: Program, tmp_path: Path
) -> None:
    async with services.listening(tmp_path) as command:
        assert await run(command, "start", "server-1") == (0, "server-1 runs\n", "")
        code, out, err = await run(command, "burn", "server-1")
        assert (code, out) == (1, "")
        assert err.startswith("write: start, stop or restart")
    assert program.is_running
    code, out, err = await run(command, "stop", "server-1")
    assert (code, out) == (1, "")
    assert err.startswith("the drill does not run: ")
