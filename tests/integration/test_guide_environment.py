"""The environment of the deployment guide, as it stands: its host names lead to a real PostgreSQL and Redis.

Only the server sees these names: it runs with a hosts file of its own, in a mount namespace.
"""

from __future__ import annotations

import http.client
import json
import random
import shutil
import socket
import subprocess
import textwrap
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from testkit.postgres_server import running_server
from testkit.redis_server import RedisServer, redis_program
from testkit.server_process import ServerProcess
from tests.integration.served import PLAY, WAIT_SECONDS, Served, until
from tests.parts import program

PASSWORD = "pass;word-7c2e"
ENVIRONMENT = {
    "DB_CONNECTION_STRING": f'Host=postgres;Database=dungeonfighter;Username=dfuser;Password="{PASSWORD}"',
    "DB_POOL_SIZE": "100",
    "REDIS_CONNECTION_STRING": "redis://redis:6379",
    "MAX_BOTS_PER_INSTANCE": "800",
    "INSTANCE_ID": "server-1",
    "POD_NAME": "dungeonfighter-0",
    "BOT_ID_PREFIX": "bot-1-",
    "PROMETHEUS_ENDPOINT": "http://prometheus:9090",
}
ACCESS = """
local all all trust
host all postgres all trust
host all all all scram-sha-256
"""
BOTS = [f"bot-1-{number:04}" for number in range(900)]
WITH_HOSTS = 'mount --bind "$0" /etc/hosts && exec "$@"'


class Surroundings(NamedTuple):
    """The neighbours of the server, each at a loopback address of its own and its usual port."""

    wrapper: tuple[str, ...]
    redis: RedisServer
    addresses: dict[str, str]


@pytest.fixture(scope="module")
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Surroundings]:
    folder = tmp_path_factory.mktemp("guide")
    network = f"127.{random.randrange(1, 255)}.{random.randrange(1, 255)}"
    addresses = {
        name: f"{network}.{part}" for part, name in enumerate(("postgres", "redis", "prometheus"), 1)
    }
    hosts = folder / "hosts"
    hosts.write_text("".join(f"{address} {name}\n" for name, address in addresses.items()))
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("this system has no mount namespaces")
    wrapper = (unshare, "--mount", "sh", "-c", WITH_HOSTS, str(hosts))
    if subprocess.run([*wrapper, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("only root may give a process a hosts file of its own")
    with ExitStack() as stack:
        found = redis_program() or program("redis-server", part="redis")
        redis = stack.enter_context(RedisServer(found, folder, addresses["redis"], 6379))
        postgres = stack.enter_context(running_server(host=addresses["postgres"], port=5432, access=ACCESS))
        postgres.order(
            f"create role dfuser login password '{PASSWORD}'", "create database dungeonfighter owner dfuser"
        )
        yield Surroundings(wrapper, redis, addresses)


@pytest.fixture
def server(tmp_path: Path, surroundings: Surroundings) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path, environ=ENVIRONMENT, wrapper=surroundings.wrapper) as server:
        yield server


def metric(server: ServerProcess, name: str) -> float:
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=WAIT_SECONDS)) as connection:
        connection.request("GET", "/metrics")
        lines = connection.getresponse().read().decode().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))


def stepped(server: ServerProcess, **step: Any) -> list[dict[str, Any]]:
    """Return the rows of one step of all bots."""
    message = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "step_many", "arguments": {"steps": [{"botId": bot, **step} for bot in BOTS]}},
    }
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=WAIT_SECONDS)) as connection:
        connection.request("POST", "/mcp?toolset=fleet", json.dumps(message), headers)
        answer = json.loads(connection.getresponse().read())
    rows: list[dict[str, Any]] = answer["result"]["structuredContent"]["results"]
    return rows


def test_the_environment_starts_a_server_that_plays(
    server: ServerProcess, surroundings: Surroundings
) -> None:
    served = Served(server)
    text, is_error = served.call("start_new_game", "bot-1-hero", seed=7, weapon="dagger")
    assert not is_error, text
    assert "e1 t1" in served.call(PLAY, "bot-1-hero", input="1", turn=0)[0]
    assert "not_allowed" in served.call(PLAY, "bot-2-hero", input="1")[0]
    until(lambda: metric(server, "mcp_redis_up") == 1)
    # More bots than MAX_BOTS_PER_INSTANCE: none is refused, and no more stay in memory.
    for step in (
        {"start": {"seed": 7, "weapon": "mace"}},
        {"input": "1", "turn": 0},
        {"input": "1", "turn": 1},
    ):
        rows = stepped(server, **step)
        assert len(rows) == len(BOTS)
        assert not [row for row in rows if "code" in row or row.get("error")]
        assert metric(server, "mcp_hot_games") <= 800
    surroundings.redis.kill()
    try:
        until(lambda: metric(server, "mcp_redis_up") == 0)
        assert "e1 t2" in served.call(PLAY, "bot-1-hero", input="1", turn=1)[0]
        assert served.ready()["status"] == "ready"
    finally:
        surroundings.redis.start()
    log = server.log.read_text()
    assert "DB_POOL_SIZE: 100 counts as 64" in log
    assert "postgresql://postgres:5432/dungeonfighter" in log
    assert "nothing is pushed to http://prometheus:9090" in log
    assert "Redis at redis:6379 does not answer" in log
    assert PASSWORD not in log


@pytest.mark.long
def test_redis_and_prometheus_that_are_away_are_no_reason_not_to_start(
    tmp_path: Path, surroundings: Surroundings
) -> None:
    surroundings.redis.kill()
    try:
        with (
            socket.create_server((surroundings.addresses["prometheus"], 9090)) as prometheus,
            ServerProcess(tmp_path, environ=ENVIRONMENT, wrapper=surroundings.wrapper) as server,
        ):
            text, is_error = Served(server).call("start_new_game", "bot-1-other", seed=7, weapon="dagger")
            assert not is_error, text
            assert metric(server, "mcp_redis_up") == 0
            assert "Redis: redis:6379 does not answer" in server.log.read_text()
            prometheus.setblocking(False)
            with pytest.raises(BlockingIOError):
                prometheus.accept()
    finally:
        surroundings.redis.start()


@pytest.mark.long
def test_a_real_prometheus_takes_the_printed_configuration(
    tmp_path: Path, server: ServerProcess, surroundings: Surroundings
) -> None:
    found = program("prometheus", part="prometheus")
    log = server.log.read_text()
    printed = textwrap.dedent(log[log.index("\n               scrape_configs:") :])
    printed = printed[: printed.index("]") + 1].lstrip()
    configuration = tmp_path / "prometheus.yml"
    configuration.write_text(f"global: {{scrape_interval: 1s}}\n{textwrap.dedent(printed)}\n")
    address = surroundings.addresses["prometheus"]

    def scraped() -> bool:
        with closing(http.client.HTTPConnection(address, 9090, timeout=WAIT_SECONDS)) as connection:
            try:
                connection.request("GET", "/api/v1/query?query=mcp_store_up")
                answer = json.loads(connection.getresponse().read())
            except (ConnectionError, json.JSONDecodeError):
                return False
        return [float(row["value"][1]) for row in answer["data"]["result"]] == [1.0]

    words = [
        found,
        f"--config.file={configuration}",
        f"--web.listen-address={address}:9090",
        f"--storage.tsdb.path={tmp_path / 'tsdb'}",
    ]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as prometheus:
        try:
            until(scraped)
        finally:
            prometheus.kill()
