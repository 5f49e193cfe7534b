"""The image: its size, its labels, its user, its first process, and a stop that is shorter than the drain."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from testkit.ports import quiet_port
from tests.bills import check_bill
from tests.integration.behind_balancer import playing, reaches
from tests.integration.containers import BASE, HOGS, IMAGE, MEMORY, REVISION, VERSION, Engine
from tests.integration.through_balancer import wait_for_turns
from tests.parts import program
from tests.unit.house.sources import ROOT

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]
MEGABYTES_MAX = 120
OPEN = (
    "--network",
    "host",
    "--env",
    "AUTH=none",
    "--env",
    "ALLOW_OPEN=1",
    "--env",
    "DUNGEONFIGHTER_HOST=127.0.0.1",
)
HARDENED = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges:true")
ORPHAN = "import os; os.fork() or os.fork() or os._exit(0)"
"""Leaves a process that nobody but the first one can reap."""
STATES = (
    "import glob; print([open(one).read().rsplit(')')[-1][:3] for one in glob.glob('/proc/[0-9]*/stat')])"
)


@pytest.fixture
def port(docker: Engine) -> Iterator[int]:
    yield quiet_port()
    docker.remove_all()


async def start(docker: Engine, port: int, *words: str) -> str:
    """Start a server in the network of this machine; return its address when it is ready."""
    flags = (*OPEN, *HARDENED, "--env", f"DUNGEONFIGHTER_PORT={port}", *words)
    await asyncio.to_thread(docker.run, "run", "--detach", "--name", "game", *flags, IMAGE)
    await reaches(lambda: docker.health("game") == "healthy")
    return f"http://127.0.0.1:{port}"


def test_the_linter_has_no_objection() -> None:
    words = [program("hadolint", part="hadolint"), "--no-color", "--failure-threshold", "style"]
    done = subprocess.run([*words, str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_image_is_small_labelled_and_listed(docker: Engine) -> None:
    sizes = [int(docker.inspect(name, "{{.Size}}")) for name in (IMAGE, BASE)]
    assert sizes[0] - sizes[1] < MEGABYTES_MAX * 1e6
    labels = json.loads(docker.inspect(IMAGE, "{{json .Config.Labels}}"))
    expected = {"version": VERSION, "revision": REVISION, "licenses": "MIT", "base.name": BASE}
    assert (
        expected.items()
        <= {name.removeprefix("org.opencontainers.image."): text for name, text in labels.items()}.items()
    )
    listed = docker.run(
        "run",
        "--rm",
        "--network",
        "none",
        "--entrypoint",
        "cat",
        IMAGE,
        "/usr/local/lib/dungeonfighter/sbom.cdx.json",
    )
    bill = json.loads(listed)
    check_bill(bill)
    found = {one["name"]: one["version"] for one in bill["components"]}
    pins = [
        line.split(" ")[0]
        for line in (ROOT / "requirements/image.txt").read_text().splitlines()
        if line[0] != " "
    ]
    assert {f"{name}=={found[name]}" for name in ("uvicorn", "redis", "grpcio", "apsw")} <= set(pins)
    assert "libc6" in found
    assert bill["metadata"]["component"]["name"] == "dungeonfighter"


async def test_a_server_runs_without_root_and_writes_to_its_volume_only(docker: Engine, port: int) -> None:
    await start(docker, port, "--volume", "games:/data")
    assert docker.run("exec", "game", "id", "-u").strip() == "10001"
    assert "Read-only" in docker.run("exec", "game", "touch", "/usr/x", is_checked=False)
    assert "dungeonfighter.db" in docker.run("exec", "game", "ls", "/data")
    docker.run("exec", "game", "python3", "-c", ORPHAN)
    await reaches(lambda: "Z" not in docker.run("exec", "game", "python3", "-c", STATES))
    docker.run("stop", "game")
    assert docker.inspect("game", "{{.State.ExitCode}}") == "0"


def test_nobody_plays_on_a_reachable_server_without_a_token(docker: Engine) -> None:
    shown = docker.run("run", "--rm", "--network", "none", "--env", "AUTH=none", IMAGE, is_checked=False)
    assert "AUTH" in shown or "--auth" in shown


async def test_a_stop_shorter_than_the_drain_loses_no_turn(docker: Engine, port: int) -> None:
    url = await start(
        docker, port, "--volume", "games:/data", "--env", "DRAIN_SECONDS=30", "--env", "WORKERS=2"
    )
    async with playing(url, 100) as tally:
        await wait_for_turns(tally, 300)
        await asyncio.to_thread(docker.run, "stop", "--time", "1", "game")
        assert docker.inspect("game", "{{.State.ExitCode}}") == "137"
        await asyncio.to_thread(docker.run, "start", "game")
        await wait_for_turns(tally, tally.turns + 300)


async def test_200_bots_play_on_when_the_memory_limit_killed_the_server(docker: Engine, port: int) -> None:
    url = await start(docker, port, "--volume", "games:/data", "--restart", "unless-stopped")
    async with playing(url, 200) as tally:
        await wait_for_turns(tally, 400)
        docker.run("update", "--memory", MEMORY, "--memory-swap", MEMORY, "game")
        docker.run("exec", "--detach", "game", "python3", "-c", HOGS)
        await reaches(lambda: docker.inspect("game", "{{.RestartCount}}") == "1")
        await reaches(lambda: docker.health("game") == "healthy")
        await wait_for_turns(tally, tally.turns + 600)


async def test_200_bots_play_on_when_a_full_disk_was_freed(docker: Engine, port: int, tmp_path: Path) -> None:
    url = await start(docker, port, "--tmpfs", "/data:size=24m,uid=10001")
    async with playing(url, 200) as tally:
        await wait_for_turns(tally, 400)
        docker.run("exec", "game", "sh", "-c", "cat /dev/zero >/data/filler || true", is_checked=False)
        await reaches(lambda: "unreachable" in readiness(docker, port))
        docker.run("exec", "game", "rm", "/data/filler")
        await reaches(lambda: "unreachable" not in readiness(docker, port))
        await wait_for_turns(tally, tally.turns + 600)


def readiness(docker: Engine, port: int) -> str:
    question = f"import urllib.request as r; print(r.urlopen('http://127.0.0.1:{port}/readyz').read())"
    return docker.run("exec", "game", "python3", "-c", question, is_checked=False)
