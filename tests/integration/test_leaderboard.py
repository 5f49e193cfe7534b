"""The leaderboard of real servers: played, executed again by the verifier, forged, killed, rotated."""

from __future__ import annotations

import asyncio
import http.client
import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import apsw
import pytest

from dungeonfighter.connection_strings import parse_database
from dungeonfighter.hosting.ranked_runs import AS_STORED, PENDING, RankedRun, RankingStore
from dungeonfighter.hosting.run_claims import Finding
from dungeonfighter.serving.composition import make_store
from dungeonfighter.settings import Settings
from testkit.postgres_server import PostgresServer
from testkit.server_process import ServerProcess
from tests.integration.served import until
from tests.unit.hosting.ranked import host_of, play, verification_of

KEYS = ["the first key of the tests", "the second key of the tests"]
COMMAND = [sys.executable, "-m", "dungeonfighter"]

needs_proc = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")


def answer_of(server: ServerProcess, tool: str, **arguments: Any) -> dict[str, Any]:
    """Return the structure of an answer."""
    body = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": tool, "arguments": arguments},
    }
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request(
        "POST", "/mcp?toolset=fleet", json.dumps(body),
        {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"},
    )  # fmt: skip
    result: dict[str, Any] = json.loads(connection.getresponse().read())["result"]
    connection.close()
    assert not result["isError"], result
    structured: dict[str, Any] = result["structuredContent"]
    return structured


def play_over_http(server: ServerProcess, bot: str) -> None:
    """Play a ranked run and leave it after 20 inputs."""
    answer_of(server, "start_new_game", botId=bot, mode="ironman", weapon="sword", view="json")
    answer_of(server, "handle_inputs", botId=bot, inputs=["1"] * 20, view="json")
    answer_of(server, "start_new_game", botId=bot, view="json")


def bots_on_board(server: ServerProcess) -> list[str]:
    return sorted(row["botId"] for row in answer_of(server, "get_leaderboard")["rows"])


def verifiers_of(server: ServerProcess) -> list[int]:
    children = Path(f"/proc/{server.process_id}/task/{server.process_id}/children").read_text().split()
    return [int(pid) for pid in children if "--verifier" in Path(f"/proc/{pid}/cmdline").read_text()]


def is_running(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def metric(server: ServerProcess, name: str) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    assert found, name
    return float(found[1])


@needs_proc
def test_a_forged_row_is_gone_at_once_and_named_by_the_verifier(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text(KEYS[0])
    with ServerProcess(tmp_path, environ={"SIGNING_KEY_FILE": str(key)}) as server:
        for bot in ("ada", "bob"):
            play_over_http(server, bot)
        until(lambda: bots_on_board(server) == ["ada", "bob"], "no run was executed again")
        (verifier,) = verifiers_of(server)
        assert os.getpriority(os.PRIO_PROCESS, verifier) == 19
        check_export(server, tmp_path, key)
        connection = apsw.Connection(str(server.database))
        connection.set_busy_timeout(60_000)
        connection.execute("update episodes set score = 9999 where bot_id = 'local/ada'")
        connection.close()
        assert bots_on_board(server) == ["bob"]
        until(lambda: metric(server, 'mcp_run_checks_total{result="false"}') == 1, "the row was not named")
        assert "run 1 of local/ada is false: the score is" in server.log.read_text()
        assert metric(server, 'mcp_run_checks_total{result="as_stored"}') == 2
        assert metric(server, "mcp_runs_pending") == 0
        os.kill(verifier, signal.SIGKILL)
        until(lambda: any(pid != verifier for pid in verifiers_of(server)), "no verifier was started again")
        play_over_http(server, "cid")
        until(lambda: bots_on_board(server) == ["bob", "cid"], "the new verifier does not work")
        assert metric(server, "mcp_verifier_restarts_total") == 1
        (verifier,) = verifiers_of(server)
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        until(lambda: not is_running(verifier), "the verifier did not end with its server")


def check_export(server: ServerProcess, folder: Path, key: Path) -> None:
    """Verify the exported run offline, as it is and changed, with the keys that the operator shows."""
    run, keys = folder / "run.json", folder / "keys.pem"
    file = answer_of(server, "get_replay", botId="ada", episode=1)
    run.write_text(json.dumps(file))
    environ = os.environ | {"SIGNING_KEY_FILE": str(key)}
    shown = subprocess.run(
        [*COMMAND, "verify-run", "--show-key"], env=environ, capture_output=True, check=True
    )
    keys.write_bytes(shown.stdout)

    def verify() -> subprocess.CompletedProcess[str]:
        words = [*COMMAND, "verify-run", str(run), "--key", str(keys)]
        return subprocess.run(words, capture_output=True, text=True, check=False)

    good = verify()
    assert (good.returncode, good.stderr) == (0, "")
    assert f"signed by the key {file['proof']['keyId']}" in good.stdout
    run.write_text(json.dumps({**file, "inputs": ["2", *file["inputs"][1:]]}))
    bad = verify()
    assert bad.returncode == 1
    assert "run 1 of ada: execution: t" in bad.stderr
    assert "run 1 of ada: signature: " in bad.stderr


@pytest.mark.long
@needs_proc
def test_a_verifier_does_not_outlive_a_killed_server(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        until(lambda: bool(verifiers_of(server)), "no verifier was started")
        (verifier,) = verifiers_of(server)
        server.kill()
        until(lambda: not is_running(verifier), "the verifier outlived its server")


@pytest.mark.long
@needs_proc
@pytest.mark.parametrize("workers", ["1", "2"])
def test_servers_on_one_postgres_check_each_run_once(
    tmp_path: Path, postgres: PostgresServer, workers: str
) -> None:
    url = postgres.empty_database("games")
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    one, two = (
        ServerProcess(folder, url, ["--workers", workers], environ={"SIGNING_KEY": KEYS[0]})
        for folder in folders
    )
    with one, two:
        bots = [f"bot-{number:02}" for number in range(20)]
        for number, bot in enumerate(bots):
            play_over_http((one, two)[number % 2], bot)

        def checked() -> float:
            return sum(metric(server, 'mcp_run_checks_total{result="as_stored"}') for server in (one, two))

        until(lambda: checked() == 20, "not every run was executed again")
        until(lambda: answer_of(two, "get_leaderboard", count=100)["pending"] == 0)
        rows = answer_of(two, "get_leaderboard", count=100)["rows"]
        assert sorted(row["botId"] for row in rows) == bots
        assert checked() == 20
        for server in (one, two):
            assert metric(server, 'mcp_run_checks_total{result="false"}') == 0
            assert metric(server, 'mcp_run_checks_total{result="set_aside"}') == 0


@pytest.mark.long
@needs_proc
def test_a_key_is_rotated_without_a_restart(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text(KEYS[0])
    with ServerProcess(tmp_path, flags=["--workers", "2"], environ={"SIGNING_KEY_FILE": str(key)}) as server:
        play_over_http(server, "ada")
        until(lambda: bots_on_board(server) == ["ada"])
        old = answer_of(server, "get_replay", botId="ada", episode=1)["proof"]["keyId"]
        key.write_text(f"{KEYS[1]}\n{KEYS[0]}\n")
        server.signal(signal.SIGHUP)
        until(lambda: server.log.read_text().count("changed: SIGNING_KEY_FILE") >= 3, "not read by all")
        play_over_http(server, "bob")
        until(lambda: bots_on_board(server) == ["ada", "bob"])
        assert answer_of(server, "get_replay", botId="ada", episode=1)["proof"]["keyId"] == old
        new = answer_of(server, "get_replay", botId="bob", episode=1)["proof"]["keyId"]
        assert new != old
        key.write_text(KEYS[1])
        server.signal(signal.SIGHUP)
        until(lambda: server.log.read_text().count("changed: SIGNING_KEY_FILE") >= 6, "not read by all")

        def signer() -> str:
            bots_on_board(server)  # which makes the run pending whose key is gone
            key_id: str = answer_of(server, "get_replay", botId="ada", episode=1)["proof"]["keyId"]
            return key_id

        until(lambda: signer() == new, "the run was not signed by the new key")


def kill_in_check(database: str) -> None:
    """Claim a run and be killed while it is checked; runs in a process of its own."""

    async def claim_and_die() -> None:
        store = open_store(database)
        await store.open()
        verification = verification_of(store, host_of(store), lease_seconds=1.0)

        async def die(run: RankedRun) -> Finding:
            del run
            os.kill(os.getpid(), signal.SIGKILL)
            raise AssertionError

        verification._find = die  # type: ignore[method-assign]
        await verification.check_some()

    asyncio.run(claim_and_die())


def open_store(database: str) -> RankingStore:
    return make_store(Settings(database=parse_database(database)))


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.long)])
async def test_a_run_whose_verifier_is_killed_stays_pending_and_is_checked_by_the_next(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    database = f"sqlite:///{tmp_path / 'games.db'}"
    if kind == "postgres":
        database = request.getfixturevalue("postgres").empty_database("games")
    store = open_store(database)
    await store.open()
    host = host_of(store)
    await play(host, "local/ada", inputs=5)
    dying = multiprocessing.get_context("spawn").Process(target=kill_in_check, args=(database,))
    dying.start()
    await asyncio.to_thread(dying.join)
    assert dying.exitcode == -signal.SIGKILL
    run = await store.ranked.ranked_run("local/ada", 1)
    assert run is not None
    assert (run.checked, run.tries) == (PENDING, 1)
    verification = verification_of(store, host)
    while not await verification.check_some():  # noqa: ASYNC110 (the lease ends by the clock of the store)
        await asyncio.sleep(0.1)
    run = await store.ranked.ranked_run("local/ada", 1)
    assert run is not None
    assert (run.checked, run.tries) == (AS_STORED, 2)
    await host.close()
    await store.close()
