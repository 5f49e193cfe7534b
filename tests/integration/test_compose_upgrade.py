"""A release comes and is taken back in containers while bots play, by the commands of docs/deployment.md."""

from __future__ import annotations

import asyncio
import shutil
from functools import partial
from pathlib import Path

import pytest

from dungeonfighter import __version__
from dungeonfighter.fleet.tally import Tally
from tests.integration.behind_balancer import playing, reaches
from tests.integration.containers import Engine, Project, up
from tests.integration.test_upgrades import INDEX, NEWEST, next_release
from tests.integration.through_balancer import wait_for_turns
from tests.unit.house.sources import ROOT

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]
CONTEXT = (".dockerignore", "Dockerfile", "LICENSE", "README.md", "compose.yaml", "pyproject.toml")
SCHEMA = "select max(version) from schema_version"


async def test_100_bots_play_through_an_upgrade_and_its_rollback(services: Engine, tmp_path: Path) -> None:
    release = check_out(tmp_path / "0.2.0")
    async with up(services, tmp_path) as project:
        token = await asyncio.to_thread(project.make_token, "team-a")
        async with playing(project.url, 100, token=token) as tally:
            await wait_for_turns(tally, 200)
            assert schema(project) == NEWEST
            project.check_out(release)
            project.set(DUNGEONFIGHTER_TAG="0.2.0")
            await asyncio.to_thread(project.run, "build", "server-1")
            await asyncio.to_thread(project.run, "run", "--rm", "migrate")
            await replace_servers(project, tally)
            assert versions(project) == ["0.2.0", "0.2.0"]
            assert schema(project) == INDEX

            project.set(DUNGEONFIGHTER_TAG="local")
            await replace_servers(project, tally)
            assert versions(project) == [__version__, __version__]
            assert schema(project) == INDEX


def check_out(folder: Path) -> Path:
    """Make a checkout of the next release, whose schema this release can use."""
    folder.mkdir()
    for name in CONTEXT:
        shutil.copy2(ROOT / name, folder)
    for name in ("deploy", "requirements"):
        shutil.copytree(ROOT / name, folder / name)
    next_release(folder / "src", oldest=__version__)
    return folder


async def replace_servers(project: Project, tally: Tally) -> None:
    """Replace one server after the other, and let the bots play in between."""
    for service in ("server-1", "server-2"):
        await asyncio.to_thread(project.run, "up", "--detach", "--no-deps", service)
        await reaches(partial(is_healthy, project, service))
        await wait_for_turns(tally, tally.turns + 200)


def is_healthy(project: Project, service: str) -> bool:
    return project.health(service) == "healthy"


def versions(project: Project) -> list[str]:
    """Return the release of each server."""
    words = ("dungeonfighter", "--version")
    return [project.run("exec", "-T", f"server-{n}", *words).split()[-1] for n in (1, 2)]


def schema(project: Project) -> int:
    """Return the number of the schema."""
    words = ("psql", "-h", "/tmp", "-U", "dfuser", "-d", "dungeonfighter", "-tAc", SCHEMA)
    return int(project.run("exec", "-T", "--user", "postgres", "postgres", *words))
