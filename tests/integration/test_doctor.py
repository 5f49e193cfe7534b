"""`dungeonfighter doctor` with real servers, databases and faults; it changes none of them."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from dungeonfighter.cli import main
from testkit.ports import free_port
from testkit.postgres_server import PostgresServer
from testkit.server_process import ServerProcess
from tests.integration.served import PLAY, Served, until
from tests.integration.test_tokens import make_token

SECRET = "planted-84c1d0"


class Doctor:
    """The outcome of one call of the command."""

    def __init__(self, *words: str, **environ: str) -> None:
        ended = subprocess.run(
            [sys.executable, "-m", "dungeonfighter", "doctor", *words],
            capture_output=True, text=True, check=False, timeout=100,
            env={**{k: v for k, v in os.environ.items() if k != "DB_CONNECTION_STRING"}, **environ},
        )  # fmt: skip
        self.code, self.text, self.errors = ended.returncode, ended.stdout, ended.stderr

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def problems(self) -> list[str]:
        """Return the problems; those of a machine that is busy with other tests are not the server's."""
        found = [problem["text"] for problem in self.json["problems"]]
        assert self.code == (1 if found else 0)
        return [text for text in found if "event loop was blocked" not in text]


def ask(server: ServerProcess, path: str, **headers: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    found = answer.status, answer.read()
    connection.close()
    return found


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.fixture(
    scope="module",
    params=[pytest.param(1, id="one process"), pytest.param(3, id="three workers", marks=pytest.mark.long)],
)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("doctor")
    environ = {"SIGNING_KEY": SECRET * 2, "REDIS_CONNECTION_STRING": f"redis://:{SECRET}@127.0.0.1:9/0"}
    flags = [f"--workers={request.param}", "--rate-per-fleet=1000", f"--db=sqlite:///{folder}/games.db"]
    with ServerProcess(folder, flags=flags, environ=environ) as started:
        served = Served(started)
        assert not served.call("start_new_game", seed=7, weapon="dagger")[1]
        assert not served.call(PLAY, input="1", turn=0)[1]
        until(lambda: "does not answer" in started.log.read_text())
        until(lambda: len(pids(started)) == request.param)
        yield started


def test_a_server_and_its_database_are_seen_whole(
    server: ServerProcess, request: pytest.FixtureRequest
) -> None:
    count: int = request.node.callspec.params["server"]
    doctor = Doctor(server.url, "--db", f"sqlite:///{server.database}", "--json")
    assert doctor.code == 1, "Redis is away"
    assert doctor.problems == ["Redis does not answer, so each server takes its equal part of the rates"]
    (seen,) = doctor.json["servers"]
    report = seen["report"]
    assert len(report["processes"]) == count
    assert len({process["pid"] for process in report["processes"]}) == count
    assert report["silent"] == []
    assert sum(process["connections"] for process in report["processes"]) >= 1
    assert sum(process["gauges"]["mcp_hot_games"] for process in report["processes"]) >= 1
    assert all(process["store_reads"]["count"] > 0 for process in report["processes"])
    assert abs(seen["clock"]["seconds"]) <= seen["clock"]["error_seconds"] + 0.5
    assert seen["metrics"]["mcp_commit_seconds_count"] >= 0
    for database in (report["database"], doctor.json["database"]):
        assert database["troubles"] == []
        assert database["schema"]["found"] == database["schema"]["known"]
        assert database["sqlite"]["journal_mode"] == "wal"
    sources = {one["name"]: (one["value"], one["source"]) for one in report["settings"]}
    assert sources["WORKERS"] == (str(count), "--workers")
    assert sources["SIGNING_KEY"] == ("set", "SIGNING_KEY")
    assert sources["REDIS_CONNECTION_STRING"] == ("127.0.0.1:9", "REDIS_CONNECTION_STRING")
    assert sources["DRAIN_SECONDS"] == ("0", "default")
    logged = [
        trouble["message"]
        for process in [*report["processes"], *([report["parent"]] if report["parent"] else [])]
        for trouble in process["troubles"]
    ]
    assert any("Redis at 127.0.0.1:9 does not answer" in message for message in logged)
    assert SECRET not in doctor.text + doctor.errors


def test_the_text_names_everything_and_no_secret(server: ServerProcess) -> None:
    doctor = Doctor(server.url, DUNGEONFIGHTER_TOKEN=SECRET)
    for words in ("1 problem", "way out:", "Python", "asyncpg=", "kernel", "schema", "reads from the store",
                  "queues", "open files", "last errors", "Redis", "SIGNING_KEY"):  # fmt: skip
        assert words in doctor.text
    assert SECRET not in doctor.text + doctor.errors


def test_no_page_of_another_origin_and_no_proxy_gets_the_report(server: ServerProcess) -> None:
    assert ask(server, "/api/doctor")[0] == 200
    assert ask(server, "/api/doctor", Origin="http://localhost:3000")[0] == 403
    assert ask(server, "/api/doctor", **{"X-Forwarded-For": "10.0.0.1"})[0] == 403
    assert ask(server, "/api/doctor", Host="evil.example.org")[0] == 421


def test_only_a_token_with_the_scope_admin_gets_the_report(tmp_path: Path) -> None:
    database = tmp_path / "games.db"
    admin = make_token(database, "--fleet", "ops", "--scopes", "admin")
    player = make_token(database, "--fleet", "team", "--scopes", "play,fleet,balance")
    file = tmp_path / "token"
    file.write_text(admin)
    with ServerProcess(tmp_path, flags=["--auth=tokens"]) as server:
        assert ask(server, "/api/doctor")[0] == 401
        status, body = ask(server, "/api/doctor", Authorization=f"Bearer {player}")
        assert status == 403
        assert b"processes" not in body
        refused = Doctor(server.url, "--json", DUNGEONFIGHTER_TOKEN=player)
        assert refused.code == 1
        assert "403: the access token lacks the scope admin" in refused.problems[0]
        assert "--scopes admin" in refused.json["problems"][0]["remedy"]
        seen = Doctor(server.url, "--json", "--token-file", str(file))
        assert (seen.code, seen.problems) == (0, [])
        for text in (seen.text, seen.errors, refused.text, refused.errors):
            assert admin not in text
            assert player not in text
        assert "every user of this machine can read a flag" in Doctor(server.url, "--token", "x").errors


@pytest.mark.long
def test_the_second_address_has_the_report(tmp_path: Path) -> None:
    admin = free_port()
    server = ServerProcess(tmp_path, flags=[f"--admin-listen=127.0.0.1:{admin}"])
    game = server.port
    server.launch()
    server.port, game = admin, server.port
    try:
        until(server.is_ready)
        assert Doctor(server.url, "--json").problems == []
        server.port = game
        lost = Doctor(server.url, "--json")
        assert lost.code == 1
        assert lost.problems == ["GET /livez answers 404 instead of 200"]
        assert "--admin-listen" in lost.json["problems"][0]["remedy"]
    finally:
        server.kill()


@pytest.mark.long
def test_workers_that_hang_or_died_are_named(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, flags=["--workers=3"]) as server:
        until(lambda: len(pids(server)) == 3)  # the first worker serves before the parent knows the others
        workers = {one["worker"]: one["pid"] for one in report_of(server)["processes"]}
        os.kill(workers[1], signal.SIGKILL)
        until(lambda: workers[1] not in pids(server) and len(pids(server)) == 3)
        frozen = next(pid for number, pid in workers.items() if number == 2)
        os.kill(frozen, signal.SIGSTOP)
        try:
            found = json_from_another_worker(server)
        finally:
            os.kill(frozen, signal.SIGCONT)
        assert found["silent"] == [2]
        assert found["parent"]["restarts"] == {"1": 1}
        logged = [trouble["message"] for trouble in found["parent"]["troubles"]]
        assert any("worker 1 ended (killed by signal 9)" in message for message in logged)
        until(lambda: len(pids(server)) == 3)
        doctor = Doctor(server.url, "--json")
        assert "the worker ended and was replaced, 1 times since the server began" in doctor.problems


def report_of(server: ServerProcess) -> Any:
    return json.loads(ask(server, "/api/doctor")[1])


def pids(server: ServerProcess) -> set[int]:
    try:
        return {one["pid"] for one in report_of(server)["processes"]}
    except (ConnectionError, http.client.HTTPException):
        return set()


def json_from_another_worker(server: ServerProcess) -> Any:
    """Ask until a connection reaches a worker that runs; a frozen one accepts and does not answer."""
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        try:
            connection.request("GET", "/api/doctor")
            return json.loads(connection.getresponse().read())
        except TimeoutError:
            continue
        finally:
            connection.close()


@pytest.mark.long
@pytest.mark.parametrize("workers", [1, 2])
def test_a_server_that_drains_says_so(tmp_path: Path, workers: int) -> None:
    with ServerProcess(tmp_path, flags=[f"--workers={workers}", "--drain-seconds=60"]) as server:
        server.signal(signal.SIGTERM)
        until(lambda: ask(server, "/readyz")[0] == 503)
        until(lambda: all(one["is_draining"] for one in report_of(server)["processes"]))
        doctor = Doctor(server.url, "--json")
        assert doctor.code == 1
        assert "the server is not ready: it starts, or it drains" in doctor.problems
        assert len(doctor.json["servers"][0]["report"]["processes"]) == workers


def test_a_database_without_a_server_stays_as_it_is(tmp_path: Path) -> None:
    database = tmp_path / "games.db"
    make_token(database, "--fleet", "a")
    before = contents(tmp_path)
    doctor = Doctor(DB_CONNECTION_STRING=f"sqlite:///{database}")
    assert doctor.code == 0, doctor.text
    assert "fits" in doctor.text
    assert contents(tmp_path) == before
    missing = Doctor("--db", f"sqlite:///{tmp_path}/none.db", "--json")
    assert missing.code == 1
    assert "no such file" in missing.problems[0]
    assert contents(tmp_path) == before


def test_an_environment_that_no_server_would_accept_is_a_problem(tmp_path: Path) -> None:
    make_token(tmp_path / "games.db", "--fleet", "a")
    doctor = Doctor("--db", f"sqlite:///{tmp_path}/games.db", "--json", AUTH="jwt", DB_POOL_SIZE="many")
    assert doctor.code == 1
    assert any("JWKS_URL" in text or "--jwks-url" in text for text in doctor.problems)
    assert any("DB_POOL_SIZE" in text for text in doctor.problems)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([], "give the URL of a server, or a database with --db"),
        (["ftp://here:8000"], "URL: write the address of a server"),
        ([f"http://me:{SECRET}@here"], "URL: leave out the sign-in"),
        (["--db", "memory://"], "give the URL of the server"),
        (["--db", f"postgres:/me:{SECRET}@h"], "is no known connection string"),
        (["http://here", "--token-file", "/none"], "--token-file: "),
        ([f"http://h{n}" for n in range(40)], "40 servers are too many"),
    ],
)
def test_wrong_words_end_with_code_2(
    words: list[str], reason: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DB_CONNECTION_STRING", raising=False)
    assert main(["doctor", *words]) == 2
    written = capsys.readouterr()
    assert written.out == ""
    assert reason in written.err
    assert written.err.count("\n") == 1
    assert SECRET not in written.err


async def test_waiting_is_shown_and_ends() -> None:
    """A server that accepts and is silent: the doctor says whom it waits for."""
    connected = asyncio.Event()

    async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        await reader.read()
        writer.close()

    listening = await asyncio.start_server(keep, "127.0.0.1", 0)
    async with listening:
        url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "dungeonfighter", "doctor", url,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        await connected.wait()
        assert process.stderr is not None
        assert f"waiting for {url} (1 s)" in (await process.stderr.readline()).decode()
        listening.close()
        process.kill()
        await process.wait()


@pytest.mark.long
@pytest.mark.parametrize("workers", [1, 3])
def test_postgresql_is_seen_from_the_server_and_from_here(
    tmp_path: Path, postgres: PostgresServer, workers: int
) -> None:
    url = postgres.empty_database("doctor")
    flags = [f"--workers={workers}", "--db-pool-size=4"]
    with ServerProcess(tmp_path, url, flags=flags) as server:
        doctor = Doctor(server.url, "--db", url, "--json")
        assert (doctor.code, doctor.problems) == (0, []), doctor.text
        for database in (doctor.json["servers"][0]["report"]["database"], doctor.json["database"]):
            facts = database["postgres"]
            assert facts["version"].startswith("18")
            assert facts["settings"]["max_connections"] == "60"
            assert facts["connections"]["dungeonfighter"] == 4 * workers
            assert facts["connections_free"] > 0
            assert not facts["is_in_recovery"]
            assert database["schema"]["found"] == database["schema"]["known"]
            assert database["round_trips"]["count"] == 20
            assert abs(database["clock"]["seconds"]) < 1
    with ServerProcess(tmp_path, url, flags=[f"--workers={workers}", "--replicas=20"]) as server:
        doctor = Doctor(server.url, "--json")
        assert any(f"20 servers may open {160 * workers} connections" in text for text in doctor.problems)


@pytest.mark.long
def test_an_empty_postgresql_database_is_not_migrated(postgres: PostgresServer) -> None:
    url = postgres.empty_database("untouched")
    doctor = Doctor("--db", url, "--json")
    assert doctor.problems == ["there is no schema of DungeonFighter in it"]
    assert asyncio.run(tables(url)) == 0
    with filled(url):
        full = Doctor("--db", url.replace("postgres@", "plain@"), "--json")
        assert "no room for another connection" in full.problems[0]
    away = Doctor("--db", url.replace(str(postgres.port), "1"), "--json")
    assert "the database cannot be reached" in away.problems[0]
    unknown = Doctor("--db", f"postgresql://postgres:{SECRET}@127.0.0.1:{postgres.port}/none", "--json")
    assert 'database "none" does not exist' in unknown.problems[0]
    assert SECRET not in unknown.text + unknown.errors


@contextlib.contextmanager
def filled(url: str) -> Iterator[None]:
    """Take all connections that an ordinary role can have, while the block runs."""

    async def fill() -> list[asyncpg.Connection]:
        administrator = await asyncpg.connect(url)
        await administrator.execute("drop role if exists plain; create role plain login")
        taken = [administrator]
        try:
            while True:
                taken.append(await asyncpg.connect(url.replace("postgres@", "plain@")))
        except asyncpg.TooManyConnectionsError:
            return taken

    async def free(taken: list[asyncpg.Connection]) -> None:
        for one in taken:
            await one.close()

    with asyncio.Runner() as runner:
        taken = runner.run(fill())
        yield
        runner.run(free(taken))


async def tables(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        count = await connection.fetchval("select count(*) from pg_tables where schemaname = 'public'")
    finally:
        await connection.close()
    return int(count)


def each_worker_says(server: ServerProcess, store: str) -> bool:
    """Return True if the answers to some connections, which reach different workers, agree."""
    return all(Served(server).ready()["store"] == store for _ in range(30))


@pytest.mark.long
def test_a_server_that_lost_its_database_reports_all_the_same(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    url = postgres.empty_database("lost")
    with ServerProcess(tmp_path, url, flags=["--workers=2"]) as server:
        assert not Served(server).call("start_new_game", seed=7, weapon="dagger")[1]
        postgres.stop("immediate")
        try:
            Served(server).call(PLAY, input="1", turn=0)
            until(lambda: each_worker_says(server, "unreachable"))
            doctor = Doctor(server.url, "--db", url, "--json")
        finally:
            postgres.start()
        assert doctor.code == 1
        texts = " | ".join(doctor.problems)
        assert "the server does not reach its store" in texts
        assert "reads from its store fail" in texts
        assert "the database cannot be reached" in texts
