"""The services of compose.yaml serve a fleet, and its bots play on after faults of containers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from dungeonfighter.fleet.tally import Tally
from tests.integration.behind_balancer import playing, reaches
from tests.integration.containers import IMAGE, Engine, Project, engine
from tests.integration.through_balancer import wait_for_turns
from tests.unit.house.sources import ROOT

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]
MEMORY = "400m"
HOGS = "import os, time; [os.fork() for _ in range(4)]; kept = b'x' * 40_000_000; time.sleep(60)"
"""Sixteen processes that take memory. Each is smaller than the server, so the limit kills the server."""


@pytest.fixture(scope="module")
def docker() -> Iterator[Engine]:
    with engine() as running:
        running.import_base()
        running.import_stand_ins()
        running.build(ROOT, IMAGE)
        yield running


@asynccontextmanager
async def up(docker: Engine, folder: Path, *files: str) -> AsyncIterator[Project]:
    project = Project(docker, folder, ("compose.yaml", *files))
    try:
        await asyncio.to_thread(project.run, "up", "--detach")
        await reaches(lambda: project.health("haproxy") == "healthy")
        yield project
    except BaseException:
        print(project.run("logs", "--tail", "200", "--no-color", is_checked=False))
        raise
    finally:
        await asyncio.to_thread(project.run, "down", "--volumes", "--timeout", "1", is_checked=False)


async def test_200_bots_of_a_first_token_play_on_after_each_fault(docker: Engine, tmp_path: Path) -> None:
    async with up(docker, tmp_path) as project:
        token = await asyncio.to_thread(project.make_token, "team-a")
        first, second = project.container("server-1"), project.container("server-2")
        async with playing(project.url, 200, token=token) as tally:
            await wait_for_turns(tally, 400)

            await asyncio.to_thread(project.run, "restart", "postgres")
            await plays_on(tally)

            docker.run("update", "--memory", MEMORY, "--memory-swap", MEMORY, first)
            docker.run("exec", "--detach", first, "python3", "-c", HOGS)
            await reaches(lambda: docker.inspect(first, "{{.RestartCount}}") == "1")
            await reaches(lambda: project.health("server-1") == "healthy")
            await plays_on(tally)

            docker.run("network", "disconnect", "--force", project.network, second)
            await plays_on(tally)
            docker.run(
                "network", "connect", "--alias", "game", "--alias", "server-2", project.network, second
            )
            await reaches(lambda: project.health("server-2") == "healthy")
            await plays_on(tally)

            await asyncio.to_thread(
                project.run, "restart", "--timeout", "1", "valkey", "server-1", "server-2"
            )
            await plays_on(tally)


async def plays_on(tally: Tally) -> None:
    """Wait for some turns of each bot. A bot that is not answered within 30 s is an error of the load."""
    await wait_for_turns(tally, tally.turns + 600)


async def test_each_server_with_a_prefix_plays_its_bots(docker: Engine, tmp_path: Path) -> None:
    async with up(docker, tmp_path, "compose.prefix.yaml") as project:
        token = await asyncio.to_thread(project.make_token, "team-a")
        for prefix in ("bot-1-", "bot-2-"):
            async with playing(project.url, 20, token=token, prefix=prefix) as tally:
                await wait_for_turns(tally, 60)


async def test_a_missing_password_is_named_and_no_port_of_the_database_is_open(
    docker: Engine, tmp_path: Path
) -> None:
    project = Project(docker, tmp_path)
    (tmp_path / "environ").write_text("DB_PASSWORD=\n")
    assert "set DB_PASSWORD" in project.run("config", is_checked=False)
    shown = Project(docker, tmp_path).run("config")
    assert shown.count("published:") + shown.count(":8080/tcp") == 1
