"""A server with exactly the settings of the overlay prod plays, on a PostgreSQL behind TLS."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from dungeonfighter.fleet.load import LoadOptions, run_load
from testkit.certificates import Authority
from testkit.ports import quiet_port
from testkit.postgres_server import PostgresServer, running_server
from testkit.redis_server import RedisServer, redis_program
from testkit.server_process import ServerProcess
from tests.contract.tls_front import tls_front
from tests.manifests import rendered
from tests.parts import program

pytestmark = [pytest.mark.long, pytest.mark.timeout(120)]

PASSWORD: Final = "of-the-operator"
ACCESS: Final = """
host all dungeonfighter all scram-sha-256
host all postgres 127.0.0.1/32 trust
"""
BOTS: Final = 5


class Prod(ServerProcess):
    """A server with the variables of a pod; only addresses and folders are those of the test."""

    def __init__(self, folder: Path, database_port: int, redis: str, authority: Path) -> None:
        self.checks = quiet_port()
        self._key = folder / "signing-key"
        self._key.write_text(64 * "k", "utf-8")
        places = {
            "games-rw:5432": f"localhost:{database_port}",
            "games-ro:5432": f"localhost:{database_port}",
            "/run/secrets/database/ca.crt": str(authority),
            "/run/secrets/signing-key/signing-key": str(self._key),
            "0.0.0.0:9000": f"127.0.0.1:{self.checks}",
            "redis://valkey:6379": redis,
        }
        super().__init__(folder, environ=environ_of_prod(places))

    def is_ready(self) -> bool:
        self.port, game = self.checks, self.port
        try:
            return super().is_ready()
        finally:
            self.port = game

    def metrics(self) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self.checks, timeout=10)
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()


def environ_of_prod(places: dict[str, str]) -> dict[str, str]:
    """Return the variables of a pod of prod, with these texts replaced."""
    overlay = rendered("overlays/prod")
    (container,) = overlay.one("Deployment", "dungeonfighter")["spec"]["template"]["spec"]["containers"]
    environ = overlay.settings()
    for variable in container["env"]:
        unknown = {"DB_PASSWORD": PASSWORD}.get(variable["name"], "pod-1")
        value = variable.get("value", unknown)
        environ[variable["name"]] = re.sub(r"\$\((\w+)\)", lambda found: environ[found[1]], value)
    for former, new in places.items():
        assert any(former in value for value in environ.values()), former
        environ = {name: value.replace(former, new) for name, value in environ.items()}
    return environ


@pytest.fixture
def database() -> Iterator[PostgresServer]:
    with running_server(access=ACCESS) as server:
        server.order(
            f"create role dungeonfighter login password '{PASSWORD}'",
            "create database dungeonfighter owner dungeonfighter",
        )
        yield server


async def test_bots_play_with_a_first_token(tmp_path: Path, database: PostgresServer) -> None:
    authority = Authority(tmp_path)
    redis = redis_program() or program("redis-server", part="redis")
    async with tls_front(database.port, authority.server_context("localhost")) as port:
        with RedisServer(redis, tmp_path) as rates, contextlib.ExitStack() as stack:
            server = Prod(tmp_path, port, rates.url, authority.file)
            stack.callback(server.kill)
            await server.start_in_thread()
            token = await asyncio.to_thread(make_token, database)
            options = LoadOptions(server.url, BOTS, turns=20 * BOTS, token=token)
            report = await run_load(options, lambda _: None)
            assert not report.tally.errors
            assert report.tally.turns >= 20 * BOTS
            metrics = await asyncio.to_thread(server.metrics)
    assert f"\nmcp_active_bots {BOTS}\n" in metrics
    assert "\nmcp_redis_up 1\n" in metrics


def make_token(database: PostgresServer) -> str:
    words = [sys.executable, "-m", "dungeonfighter", "token", "create", "--fleet", "team-a"]
    done = subprocess.run(
        [*words, "--db", database.url("dungeonfighter")], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()
