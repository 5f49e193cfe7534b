"""`serve --workers 2` on one SQLite file: the tests kill, stop and drain its processes."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dungeonfighter.fleet.load import LoadOptions, run_load
from dungeonfighter.fleet.report import Report, make_report
from dungeonfighter.fleet.tally import Tally
from dungeonfighter.fleet.verify import verify_load
from dungeonfighter.rules import load_rules
from testkit.server_process import ROOT, ServerProcess

TURNS = 2000
OK = "mcp_turns_total"
STARTS = 'mcp_response_time_seconds_count{tool="start_new_game"}'
PLAYED = 'mcp_response_time_seconds_count{tool="handle_input"}'
OTHERS = 'mcp_response_time_seconds_count{tool="other"}'
COMMITS = "mcp_commit_seconds_count"


class Server(ServerProcess):
    """A server of two workers; each request opens a new connection, which decides which worker answers."""

    def __init__(self, folder: Path, *flags: str) -> None:
        super().__init__(folder, flags=("--workers", "2", *flags))

    def get(self, path: str) -> tuple[http.client.HTTPResponse, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer, answer.read()

    def pids(self, status: int = 200) -> dict[int, int]:
        """Wait until both workers have answered `/readyz` with this status; return their pids by number."""
        found: dict[int, int] = {}
        while len(found) < 2:
            try:
                answer, body = self.get("/readyz")
            except ConnectionError:  # the killed worker had not accepted this connection
                continue
            if answer.status == status:
                answer_json = json.loads(body)
                found[answer_json["worker"]] = answer_json["pid"]
        return found

    def connected_to(self, worker: int) -> http.client.HTTPConnection:
        """Return a connection that this worker serves."""
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            connection.request("GET", "/readyz")
            if json.load(connection.getresponse())["worker"] == worker:
                return connection
            connection.close()

    def metric(self, series: str, worker: int) -> int:
        """Return a value of `/metrics` as this worker reports it."""
        with contextlib.closing(self.connected_to(worker)) as connection:
            connection.request("GET", "/metrics")
            lines = connection.getresponse().read().decode().splitlines()
        return int(dict(line.rsplit(" ", 1) for line in lines if line[0] != "#")[series])


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path) as started:
        yield started


async def until(is_so: Callable[[], bool]) -> None:
    while not is_so():  # noqa: ASYNC110 - another process cannot set an event here
        await asyncio.sleep(0.02)


def is_running(pid: int) -> bool:
    """Return True if the process runs; a zombie does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return not Path("/proc/self").exists()


async def play(server: Server, tally: Tally) -> Report:
    options = LoadOptions(url=server.url, bots=40, turns=TURNS)
    load = await run_load(options, lambda _: None, tally=tally)
    return make_report(load, await verify_load(load, load_rules(), lambda _: None))


@pytest.mark.long
async def test_both_workers_play_and_each_reports_the_sum_of_their_counters(server: Server) -> None:
    assert set(server.pids()) == {0, 1}
    report = await play(server, Tally())
    assert report.passed, (report.errors, report.findings)
    for worker in (0, 1):
        await until(lambda worker=worker: server.metric(OK, worker) >= report.turns)  # type: ignore[misc]
    assert server.metric("mcp_hot_games", 0) >= 40
    await until(lambda: json.loads(server.get("/api/summary")[1])["turns"] >= report.turns)


async def test_a_killed_worker_loses_no_turn_and_is_replaced(server: Server) -> None:
    before = server.pids()
    tally = Tally()
    playing = asyncio.create_task(play(server, tally))
    await until(lambda: tally.turns > TURNS / 4 or playing.done())
    os.kill(before[1], signal.SIGKILL)
    report = await playing
    assert report.troubles, "no bot was connected to the killed worker"
    assert report.passed, (report.errors, report.findings)
    after = await asyncio.to_thread(server.pids)
    assert after[0] == before[0]
    assert after[1] != before[1]
    assert not is_running(before[1])


@pytest.mark.long
async def test_each_worker_shows_the_best_live_runs_of_both(server: Server) -> None:
    started: list[int] = []
    for worker in (0, 1):
        with contextlib.closing(server.connected_to(worker)) as connection:
            assert "e1 t0" in ask(connection, "start_new_game", f"of-{worker}")
    for worker in (0, 1):
        with contextlib.closing(server.connected_to(worker)) as connection:
            while True:
                connection.request("GET", "/api/summary")
                summary = json.load(connection.getresponse())
                if {run["botId"] for run in summary["live"]} == {"of-0", "of-1"}:
                    break
                await asyncio.sleep(0.05)
        assert not summary["top"]
        started.append(summary["startedAt"])
    assert abs(started[0] - started[1]) <= 1  # the seconds of one moment, rounded by each worker


@pytest.mark.long
async def test_a_worker_that_gets_sigterm_drains_and_is_replaced(server: Server) -> None:
    before = server.pids()
    tally = Tally()
    playing = asyncio.create_task(play(server, tally))
    await until(lambda: tally.turns > TURNS / 4 or playing.done())
    os.kill(before[0], signal.SIGTERM)
    report = await playing
    assert report.passed, (report.errors, report.findings)
    await until(lambda: server.pids()[0] != before[0])


async def test_a_stopped_worker_is_not_replaced_and_its_late_answers_do_no_harm(server: Server) -> None:
    before = server.pids()
    with contextlib.closing(server.connected_to(0)) as connection:
        connection.request("GET", "/api/events")
        events = connection.getresponse()
        tally = Tally()
        playing = asyncio.create_task(play(server, tally))
        await until(lambda: tally.turns > TURNS / 4 or playing.done())
        os.kill(before[1], signal.SIGSTOP)
        for _ in range(4 * 3):  # an event has three lines, and the server sends one a second
            await asyncio.to_thread(events.readline)
        os.kill(before[1], signal.SIGCONT)
    report = await playing
    assert report.passed, (report.errors, report.findings)
    assert server.pids() == before


@pytest.mark.long
async def test_the_sum_keeps_the_counters_of_a_killed_worker(server: Server) -> None:
    pids = server.pids()
    report = await play(server, Tally())
    await until(lambda: server.metric(OK, 0) >= report.turns)
    counted = {series: server.metric(series, 0) for series in (OK, PLAYED, COMMITS)}
    os.kill(pids[1], signal.SIGKILL)
    await until(lambda: server.pids()[1] != pids[1])
    for series, count in counted.items():
        assert server.metric(series, 1) >= count  # the new worker gets the sum before it listens


async def test_each_worker_times_every_request_on_both_ways(server: Server) -> None:
    for worker in (0, 1):
        with contextlib.closing(server.connected_to(worker)) as connection:
            for number in range(3):
                assert "e1 t0" in ask(connection, "start_new_game", f"b{worker}-{number}")
    for worker in (0, 1):
        await until(lambda worker=worker: server.metric(STARTS, worker) == 6)  # type: ignore[misc]
        with contextlib.closing(server.connected_to(worker)) as connection:
            for _ in range(2):
                assert "handle_input" in ask(connection, "", "")
    for worker in (0, 1):
        await until(lambda worker=worker: server.metric(STARTS, worker) == 6)  # type: ignore[misc]
        await until(lambda worker=worker: server.metric(OTHERS, worker) == 4)  # type: ignore[misc]
        assert 1 <= server.metric(COMMITS, worker) <= 6


def ask(connection: http.client.HTTPConnection, tool: str, bot: str) -> str:
    """Call a tool of one bot (the short way answers it) or, without one, list the tools (the SDK does)."""
    call = {"name": tool, "arguments": {"weapon": "mace", "mode": "casual", "seed": 1}}
    method = {"method": "tools/call", "params": call} if tool else {"method": "tools/list"}
    body = {"jsonrpc": "2.0", "id": 1, **method}
    headers = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
    connection.request("POST", f"/bots/{bot}/mcp" if bot else "/mcp", json.dumps(body), headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    assert answer.status == 200, text
    return text


def test_sigterm_ends_all_processes_with_0_in_spite_of_an_open_event_stream(server: Server) -> None:
    pids = server.pids()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("GET", "/api/events")
    events = connection.getresponse()
    assert events.readline().startswith(b"event:")
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    assert events.read().endswith(b"\n\n")
    assert not any(is_running(pid) for pid in pids.values())


@pytest.mark.long
async def test_a_drain_under_load_ends_with_0_and_no_turn_is_lost(server: Server) -> None:
    tally = Tally()
    playing = asyncio.create_task(play(server, tally))
    await until(lambda: tally.turns > TURNS / 4 or playing.done())
    server.signal(signal.SIGTERM)
    assert await asyncio.to_thread(server.wait) == 0
    server.kill()
    await server.start_in_thread()
    report = await playing
    assert report.passed, (report.errors, report.findings)


@pytest.mark.long
async def test_while_draining_each_request_may_go_to_another_worker(tmp_path: Path) -> None:
    with Server(tmp_path, "--drain-seconds", "600") as server:
        pids = server.pids()
        server.signal(signal.SIGTERM)
        assert server.pids(status=503) == pids
        report = await play(server, Tally())  # each request has a new connection, to any worker
        assert report.passed, (report.errors, report.findings)
        answer, _ = server.get("/api/summary")
        assert (answer.status, answer.getheader("connection")) == (200, "close")
        server.signal(signal.SIGTERM)
        assert server.wait() == 128 + signal.SIGTERM


async def test_no_worker_outlives_a_killed_supervisor(tmp_path: Path) -> None:
    with Server(tmp_path, "--drain-seconds", "600") as server:
        pids = server.pids()
        server.kill()
        await until(lambda: not any(is_running(pid) for pid in pids.values()))


def refused(folder: Path, *flags: str, code: int = 2) -> str:
    command = [sys.executable, "-m", "dungeonfighter", "serve", "--workers", "2", *flags]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == code
    assert len(done.stderr.splitlines()) == 1
    return done.stderr


def test_a_start_that_fails_prints_one_line_with_a_remedy(server: Server, tmp_path: Path) -> None:
    assert "in use" in refused(tmp_path, "--port", str(server.port))
    assert "--db" in refused(tmp_path, "--port", "0", "--db", "sqlite:///no/such/folder/a.db", code=1)
    assert "--workers" in refused(tmp_path, "--port", "0", "--db", "memory://")


def test_a_connection_beyond_the_limit_is_answered_503(tmp_path: Path) -> None:
    files = 520
    with contextlib.ExitStack() as stack:
        script = f'ulimit -n {files}; exec "$@"'
        command = ["sh", "-c", script, "sh", sys.executable, "-m", "dungeonfighter", "serve", "--port", "0"]
        serving = subprocess.Popen(
            command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT / "src")}, text=True,
            stderr=subprocess.PIPE,
        )  # fmt: skip
        stack.callback(serving.communicate)
        stack.callback(serving.kill)
        assert serving.stderr is not None
        page = next(line for line in serving.stderr if "watch page" in line)
        port = int(page.rpartition(":")[2].rstrip("/\n"))
        for _ in range(files // 2):
            kept = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            stack.callback(kept.close)
            kept.request("GET", "/livez")
            answer = kept.getresponse()
            assert (answer.status, answer.read() != b"") == (200, True)
        last = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
        answer = http.client.HTTPResponse(last)
        answer.begin()
        assert answer.status == 503
        assert json.loads(answer.read())["error"]["data"]["code"] == "overloaded"
