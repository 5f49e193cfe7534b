"""The services of compose.yaml serve a fleet, and its bots play on after faults of containers."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest

from dungeonfighter.fleet.tally import Tally
from tests.integration.behind_balancer import playing, reaches
from tests.integration.containers import HOGS, MEMORY, Engine, Project, small_folder, up
from tests.integration.through_balancer import wait_for_turns

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]
DATA_MEGABYTES = 160


async def test_200_bots_of_a_first_token_play_on_after_each_fault(services: Engine, tmp_path: Path) -> None:
    async with up(services, tmp_path) as project:
        token = await asyncio.to_thread(project.make_token, "team-a")
        first, second = project.container("server-1"), project.container("server-2")
        async with playing(project.url, 200, token=token) as tally:
            await wait_for_turns(tally, 400)

            await asyncio.to_thread(project.run, "restart", "postgres")
            await plays_on(tally)

            services.run("update", "--memory", MEMORY, "--memory-swap", MEMORY, first)
            services.run("exec", "--detach", first, "python3", "-c", HOGS)
            await reaches(lambda: services.inspect(first, "{{.RestartCount}}") == "1")
            await reaches(lambda: project.health("server-1") == "healthy")
            await plays_on(tally)

            services.run("network", "disconnect", "--force", project.network, second)
            await plays_on(tally)
            services.run(
                "network", "connect", "--alias", "game", "--alias", "server-2", project.network, second
            )
            await reaches(lambda: project.health("server-2") == "healthy")
            await plays_on(tally)

            await asyncio.to_thread(
                project.run, "restart", "--timeout", "1", "valkey", "server-1", "server-2"
            )
            await plays_on(tally)


async def test_200_bots_play_on_when_the_full_disk_of_postgresql_was_freed(
    services: Engine, tmp_path: Path
) -> None:
    with small_folder(tmp_path / "data", DATA_MEGABYTES) as folder:
        async with up(services, tmp_path, "tests/images/compose.volume.yaml", DATA=str(folder)) as project:
            token = await asyncio.to_thread(project.make_token, "team-a")
            async with playing(project.url, 200, token=token) as tally:
                await wait_for_turns(tally, 400)
                await asyncio.to_thread(fill, folder / "filler")
                await reaches(lambda: "unreachable" in project.readiness("server-1"))
                (folder / "filler").unlink()
                await plays_on(tally)


def fill(file: Path) -> None:
    """Write to a file until the file system is full."""
    with file.open("wb", buffering=0) as growing, contextlib.suppress(OSError):
        while growing.write(bytes(65_536)):
            pass


async def plays_on(tally: Tally) -> None:
    """Wait for some turns of each bot. A bot that is not answered within 30 s is an error of the load."""
    await wait_for_turns(tally, tally.turns + 600)


async def test_each_server_with_a_prefix_plays_its_bots(services: Engine, tmp_path: Path) -> None:
    async with up(services, tmp_path, "compose.prefix.yaml") as project:
        token = await asyncio.to_thread(project.make_token, "team-a")
        for prefix in ("bot-1-", "bot-2-"):
            async with playing(project.url, 20, token=token, prefix=prefix) as tally:
                await wait_for_turns(tally, 60)


async def test_a_missing_password_is_named_and_no_port_of_the_database_is_open(
    services: Engine, tmp_path: Path
) -> None:
    project = Project(services, tmp_path)
    project.set(DB_PASSWORD="")
    assert "set DB_PASSWORD" in project.run("config", is_checked=False)
    shown = Project(services, tmp_path).run("config")
    assert shown.count("published:") + shown.count(":8080/tcp") == 1
