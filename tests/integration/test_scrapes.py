"""Scrapes of three workers: whichever worker answers, and whichever was killed, no counter steps down."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from dungeonfighter.fleet.load import LoadOptions, run_load
from dungeonfighter.fleet.tally import Tally
from dungeonfighter.serving.clients import protocol_of
from dungeonfighter.serving.draining import Draining
from testkit.server_process import ServerProcess
from tests.integration.test_http_bounds import echo
from tests.unit.telemetry.exposition import Labels, Metric, parse

TURNS = 1500
BOTS = 30
Counts = dict[tuple[str, Labels], float]


def get(server: ServerProcess, path: str) -> tuple[int, bytes]:
    """Ask over a new connection, which the kernel gives to any worker."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    with contextlib.closing(connection):
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()


def scrape(server: ServerProcess) -> dict[str, Metric] | None:
    """Return the metrics; None if a worker died with the connection."""
    try:
        status, body = get(server, "/metrics")
    except (ConnectionError, http.client.HTTPException):
        return None
    assert status == 200
    return parse(body)


def counts(metrics: dict[str, Metric]) -> Counts:
    """Return every series that may not step down."""
    return {
        series: value
        for one in metrics.values()
        if one.kind != "gauge"
        for series, value in one.series.items()
    }


def worker_pids(server: ServerProcess) -> dict[int, int]:
    found: dict[int, int] = {}
    while len(found) < 3:
        with contextlib.suppress(ConnectionError, http.client.HTTPException):
            answer = json.loads(get(server, "/readyz")[1])
            found[answer["worker"]] = answer["pid"]
    return found


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path, flags=("--workers", "3")) as started:
        yield started


async def test_no_counter_steps_down_from_scrape_to_scrape(server: ServerProcess) -> None:
    pids = worker_pids(server)
    tally = Tally()
    options = LoadOptions(url=server.url, bots=BOTS, turns=TURNS)
    playing = asyncio.create_task(run_load(options, lambda _: None, tally=tally))
    before: Counts = {}
    scrapes, is_killed = 0, False
    while not playing.done() or worker_pids(server)[1] == pids[1]:
        metrics = await asyncio.to_thread(scrape, server)
        if metrics is not None:
            scrapes += 1
            now = counts(metrics)
            assert {series for series, value in before.items() if now[series] < value} == set()
            before = now
        if tally.turns > TURNS / 3 and not is_killed:
            is_killed = True
            os.kill(pids[1], signal.SIGKILL)
    await playing
    assert scrapes > 20
    restarts = before["mcp_worker_restarts_total", ()]
    assert restarts == 1


async def test_a_connection_beyond_the_limit_of_files_is_counted() -> None:
    reasons: list[str] = []
    protocol = protocol_of(Draining(echo, reject=reasons.append), 2)
    config = uvicorn.Config(echo, http=protocol, ws="none", lifespan="off", log_config=None, port=0)
    server = uvicorn.Server(config)
    running = asyncio.create_task(server._serve())
    while not server.started:  # noqa: ASYNC110 (uvicorn has no event for it)
        await asyncio.sleep(0)
    port = server.servers[0].sockets[0].getsockname()[1]
    links = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
    answers = [asyncio.create_task(reader.read()) for reader, _ in links]
    done, waiting = await asyncio.wait(answers, return_when=asyncio.FIRST_COMPLETED)
    assert [one.result().split(b"\r\n")[0] for one in done] == [b"HTTP/1.1 503 Service Unavailable"]
    assert len(waiting) == 2
    assert reasons == ["too_many_connections"]
    for _, writer in links:
        writer.close()
    server.should_exit = True
    await running
    await asyncio.wait(answers)


@pytest.mark.long
async def test_a_scrape_fails_while_the_parent_is_stopped_and_the_game_goes_on(server: ServerProcess) -> None:
    worker_pids(server)
    os.kill(server.process_id, signal.SIGSTOP)
    try:
        status, body = await asyncio.to_thread(get, server, "/metrics")
        assert status == 503
        assert b"the parent of the workers does not answer" in body
        report = await run_load(LoadOptions(url=server.url, bots=3, turns=30), lambda _: None)
        assert not report.tally.errors
    finally:
        os.kill(server.process_id, signal.SIGCONT)
    assert (await asyncio.to_thread(get, server, "/metrics"))[0] == 200
