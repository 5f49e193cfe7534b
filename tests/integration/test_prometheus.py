"""A real Prometheus scrapes three workers on each store, while one of them is killed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dungeonfighter.fleet.load import LoadOptions, run_load
from testkit.redis_server import RedisServer, redis_program
from testkit.server_process import ServerProcess
from tests.integration.prometheus_server import JOB, Prometheus
from tests.integration.test_scrapes import counts, get, scrape, worker_pids
from tests.metrics_document import declare_all
from tests.parts import program

pytestmark = [pytest.mark.long, pytest.mark.timeout(240)]

BOTS = 20
TURNS = 'sum(mcp_bot_interactions_total{tool="handle_input",outcome="ok"})'
OF_FILES = {"mcp_store_disk_bytes", "mcp_store_free_bytes", "mcp_wal_bytes"}
NOT_CONFIGURED = {
    "mcp_metrics_push_up",
    "mcp_spans_dropped_total",
    "mcp_spans_sent_total",
    "mcp_traces_waiting",
}


@pytest.fixture
def server(tmp_path: Path, database: str) -> Iterator[ServerProcess]:
    found = redis_program() or program("redis-server", part="redis")
    with RedisServer(found, tmp_path) as redis:
        flags = ("--workers", "3", "--redis", redis.url)
        with ServerProcess(tmp_path, database, flags) as started:
            yield started


@pytest.fixture
def prometheus(tmp_path: Path, server: ServerProcess) -> Iterator[Prometheus]:
    with Prometheus(tmp_path, {JOB: [server.port]}) as started:
        yield started


async def play(server: ServerProcess, turns: int, first: int = 0, rate: float = 0) -> int:
    """Let bots play, so many calls a second if a rate is given; return the number of acknowledged turns."""
    options = LoadOptions(url=server.url, bots=BOTS, turns=turns, prefix=f"p{first}-", rate=rate)
    report = await run_load(options, lambda _: None)
    assert not report.tally.errors
    return report.tally.turns


def test_every_metric_is_there_from_the_first_scrape(server: ServerProcess, database: str) -> None:
    names = {one.name for one in declare_all().declared()} - NOT_CONFIGURED
    names = {name for name in names if not name.startswith("mcp_ingress_")}  # another process serves these
    if database.startswith("postgresql"):
        names -= OF_FILES
    _, body = get(server, "/metrics")
    checked = subprocess.run(
        [program("promtool", part="prometheus"), "check", "metrics"],
        input=body,
        capture_output=True,
        check=False,
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
    metrics = scrape(server)
    assert metrics is not None
    assert set(metrics) == names
    assert {name for (name, _), value in counts(metrics).items() if value} <= {"process_cpu_seconds_total"}
    workers = {dict(labels)["worker"] for _, labels in metrics["process_cpu_seconds_total"].series}
    assert workers == {"0", "1", "2", "parent"}


async def test_sums_are_right_and_no_counter_steps_back_when_a_worker_is_killed(
    server: ServerProcess, prometheus: Prometheus
) -> None:
    pids = worker_pids(server)
    await asyncio.to_thread(prometheus.until, TURNS, 0)
    played = await play(server, 600)
    await asyncio.to_thread(prometheus.until, TURNS, played)
    assert prometheus.value("mcp_active_bots") == BOTS
    os.kill(pids[1], signal.SIGKILL)  # all that it counted is reported
    await asyncio.to_thread(prometheus.until, "mcp_worker_restarts_total", 1)
    assert prometheus.value(TURNS) == played
    while worker_pids(server)[1] == pids[1]:  # noqa: ASYNC110 (another process)
        await asyncio.sleep(0.1)
    played += await play(server, 600, 1)
    await asyncio.to_thread(prometheus.until, TURNS, played)

    playing = asyncio.create_task(play(server, 1500, 2, rate=500))  # the kill comes in its first half
    begun = played + 300
    while (prometheus.value(TURNS) or 0) < begun and not playing.done():  # noqa: ASYNC110 (as above)
        await asyncio.sleep(0.1)
    os.kill(worker_pids(server)[0], signal.SIGKILL)  # in the midst of it: at most its last second is missing
    await playing
    await asyncio.to_thread(prometheus.until, "mcp_worker_restarts_total", 2)
    shown = prometheus.value(TURNS)
    assert shown is not None
    assert shown > begun

    names = [one.name for one in declare_all().declared() if one.family.kind != "gauge"]
    for name in names:
        for suffix in ("",) if name.endswith("_total") else ("_bucket", "_sum", "_count"):
            stepped_back = prometheus.query(f"resets({name}{suffix}[10m]) > 0")
            assert not stepped_back
    assert prometheus.value("min_over_time(up[10m])") == 1
    assert prometheus.ask("targets")["activeTargets"][0]["lastError"] == ""
