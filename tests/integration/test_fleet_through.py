"""`fleet --through`: bots play through a real queue and a real ingress, and every turn is verified."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from testkit.ingress_process import IngressProcess
from testkit.rabbitmq_server import RabbitMQServer
from testkit.redis_server import RedisServer, redis_program
from testkit.server_process import ROOT, ServerProcess
from tests.integration.test_tokens import Client, make_token
from tests.parts import program


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(redis_program() or program("redis-server", part="redis"), tmp_path) as started:
        yield started


def fleet(url: str, *words: str, **environ: str) -> tuple[int, str, str]:
    """Run `fleet` to its end; return exit code, output and progress."""
    done = subprocess.run(
        [sys.executable, "-m", "dungeonfighter", "fleet", url, *words],
        capture_output=True, text=True, check=False, timeout=100,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), **environ},
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


def check(report: Path, code: int, progress: str) -> dict[str, Any]:
    """Check that a fleet verified everything that it was answered through a queue."""
    figures: dict[str, Any] = json.loads(report.read_text())
    assert code == 0, progress
    assert figures["turns"] >= 200
    assert figures["verified_turns"] == figures["calls"] == figures["turns"]
    assert figures["errors"] == figures["findings"] == figures["unread"] == {}
    assert figures["latency_ms"]["p99"] > 0
    return figures


async def test_a_fleet_plays_through_redis(redis: RedisServer, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    with ServerProcess(tmp_path) as server:
        async with IngressProcess(tmp_path, redis.url, f"sqlite:///{server.database}") as ingress:
            words = ("--bots", "20", "--turns", "200", "--report", str(report))
            code, shown, progress = fleet(server.url, *words, "--through", redis.url)
            figures = check(report, code, progress)
            assert figures["through"] == f"Redis at 127.0.0.1:{redis.port}"
            assert f"inputs through        Redis at 127.0.0.1:{redis.port}" in shown
            assert ingress.metric('mcp_ingress_messages_total{outcome="ok"}') >= figures["turns"]


@pytest.mark.long
async def test_a_fleet_in_two_processes_plays_through_rabbitmq(
    rabbitmq_server: RabbitMQServer, tmp_path: Path
) -> None:
    report = tmp_path / "report.json"
    with ServerProcess(tmp_path) as server:
        async with IngressProcess(tmp_path, rabbitmq_server.url, f"sqlite:///{server.database}"):
            words = ("--bots", "20", "--turns", "200", "--policy", "heuristic", "--processes", "2")
            code, shown, progress = fleet(
                server.url, *words, "--report", str(report), DUNGEONFIGHTER_QUEUE=rabbitmq_server.url
            )
            figures = check(report, code, progress)
            assert figures["view"] == "json"
            assert "guest" not in shown + progress + report.read_text()


@pytest.mark.long
async def test_a_fleet_with_a_token_plays_through_the_ingress_of_its_fleet(
    redis: RedisServer, tmp_path: Path
) -> None:
    report = tmp_path / "report.json"
    with ServerProcess(tmp_path, flags=("--auth", "tokens")) as server:
        token = make_token(server.database, "--fleet", "team-a")
        Client(server).await_status(token, 200)
        ingress = IngressProcess(
            tmp_path, redis.url, f"sqlite:///{server.database}", ("--auth", "tokens"),
            {"INGRESS_TOKEN": token},
        )  # fmt: skip
        async with ingress:
            words = ("--bots", "20", "--turns", "200", "--report", str(report), "--through", redis.url)
            code, _, progress = fleet(server.url, *words, "--fleet", "team-a", DUNGEONFIGHTER_TOKEN=token)
            check(report, code, progress)
            # A fleet that the ingress does not play for gets no replies, and says so.
            words = ("--bots", "2", "--seconds", "30", "--through", redis.url, "--patience", "1")
            code, shown, progress = fleet(server.url, *words, DUNGEONFIGHTER_TOKEN=token)
            assert code == 1
            assert "no_reply" in shown
            assert "--fleet" in progress


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--through", "http://127.0.0.1:1"), 2, "this must be like redis://"),
        (("--through", "redis://127.0.0.1:1/0", "--fleet", "A_B"), 2, "--fleet:"),
        (("--through", "redis://127.0.0.1:1/0", "--patience", "0.2"), 1, "--through: Redis does not answer"),
        pytest.param(
            ("--through", "amqp://u:planted@127.0.0.1:1/", "--patience", "0.2"),
            1,
            "RabbitMQ does not answer",
            marks=pytest.mark.long,
        ),
    ],
)
def test_a_queue_of_no_use_is_explained(words: tuple[str, ...], code: int, said: str) -> None:
    got, shown, progress = fleet("http://127.0.0.1:9", "--bots", "1", "--seconds", "1", *words)
    assert got == code
    assert said in progress
    assert "planted" not in shown + progress
