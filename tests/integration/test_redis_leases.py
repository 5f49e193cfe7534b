"""Replicas divide the rate of a fleet through a real Redis, which is killed, frozen and emptied meanwhile."""

from __future__ import annotations

import asyncio
import http.client
import json
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import randrange

import pytest
from redis.asyncio import Redis

from dungeonfighter.access.leases import Leases
from dungeonfighter.serving import redis_leases
from dungeonfighter.serving.background import begin
from dungeonfighter.serving.redis_leases import RedisLeases
from testkit.redis_server import RedisServer, redis_program
from testkit.server_process import ServerProcess
from tests.parts import program

FLEET = "fleet local"
PREFIX = "test:"


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    found = redis_program() or program("redis-server", part="redis")
    with RedisServer(found, tmp_path) as started:
        yield started


class Replica:
    """One replica whose calls the test makes up."""

    def __init__(self, name: str, url: str, replicas: int = 2) -> None:
        self.leases = Leases(1, 1 / replicas)
        self.redis = RedisLeases(url, prefix=PREFIX, replica=name, replicas=replicas, place="test")
        self.calls = 0.0
        self.share = 0.0

    def round(self) -> None:
        """Count the calls of 0.1 s, as a server does, and learn the shares."""
        self.leases.note(0, {FLEET: self.calls / 10} if self.calls else {}, 0.1)
        for shares in self.leases.changes().values():
            self.share = shares.get(FLEET, self.share)

    async def run(self) -> None:
        keeping = begin(self.redis.keep(self.leases, lambda: None), "leases")
        try:
            while True:
                self.round()
                await asyncio.sleep(0.1)
        finally:
            keeping.cancel()
            await asyncio.wait({keeping})


@asynccontextmanager
async def running(*replicas: Replica) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        for replica in replicas:
            task = asyncio.create_task(replica.run())
            stack.callback(task.cancel)
        yield


async def until_shares(replicas: Sequence[Replica], shares: Sequence[float]) -> None:
    """Wait until each replica has about this share; the timeout of the test is the deadline."""
    pairs = list(zip(replicas, shares, strict=True))
    while any(abs(one.share - share) > 0.03 for one, share in pairs):  # noqa: ASYNC110 - no event shows it
        await asyncio.sleep(0.05)


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_leases, "PERIOD_SECONDS", 0.3)
    monkeypatch.setattr(redis_leases, "ANSWER_SECONDS_MAX", 0.5)


async def test_the_rate_follows_the_demand_of_the_replicas(redis: RedisServer) -> None:
    one, other = replicas = Replica("one", redis.url), Replica("other", redis.url)
    one.calls = 300
    async with running(*replicas):
        await until_shares([one], [1.0])
        other.calls = 100
        await until_shares(replicas, [0.75, 0.25])
        one.calls = 0
        await until_shares([other], [1.0])


async def test_a_replica_that_ended_leaves_its_part(redis: RedisServer) -> None:
    one, other = Replica("one", redis.url), Replica("other", redis.url)
    one.calls = other.calls = 100
    async with running(one):
        async with running(other):
            await until_shares([one, other], [0.5, 0.5])
        await until_shares([one], [1.0])


@pytest.mark.parametrize("trouble", ["killed", "frozen", "emptied"])
async def test_without_redis_each_replica_has_its_equal_part_and_it_heals(
    redis: RedisServer, trouble: str
) -> None:
    one, other = replicas = Replica("one", redis.url), Replica("other", redis.url)
    one.calls, other.calls = 300, 100
    async with running(*replicas):
        await until_shares(replicas, [0.75, 0.25])
        if trouble == "emptied":  # as after a fail-over: no keys, no scripts
            async with Redis.from_url(redis.url) as client:
                await client.flushall()
                await client.script_flush()
            one.calls = 100
            await until_shares(replicas, [0.5, 0.5])
        else:
            if trouble == "killed":
                redis.kill()
            else:
                redis.freeze()
            await until_shares(replicas, [0.5, 0.5])
            assert not one.redis.is_up
            if trouble == "killed":
                redis.start()
            else:
                redis.thaw()
            await until_shares(replicas, [0.75, 0.25])
        assert one.redis.is_up


async def test_an_answer_that_comes_late_is_not_taken_for_the_next(redis: RedisServer) -> None:
    one = Replica("one", redis.url)
    one.calls = 100
    async with running(one):
        await until_shares([one], [1.0])
        for _ in range(3):
            redis.freeze()
            await until_shares([one], [0.5])
            redis.thaw()
            await until_shares([one], [1.0])


async def test_every_key_has_the_prefix_and_an_end(redis: RedisServer) -> None:
    one = Replica("one", redis.url)
    one.calls = 100
    async with running(one):
        await until_shares([one], [1.0])
        async with Redis.from_url(redis.url, decode_responses=True) as client:
            keys = [key async for key in client.scan_iter()]
            assert set(keys) == {f"{PREFIX}{{rates}}:replicas", f"{PREFIX}{{rates}}:{FLEET}"}
            assert all([0 < await client.pttl(key) <= 6000 for key in keys])


async def test_no_more_names_are_divided_than_fit_into_one_call(redis: RedisServer) -> None:
    one = Replica("one", redis.url)
    one.calls = 10_000_000
    async with running(one):
        await until_shares([one], [0.5])
        one.leases.note(0, {f"token {number}": 10.0 + number for number in range(3000)}, 0.1)
        await until_shares([one], [1.0])
        async with Redis.from_url(redis.url) as client:
            assert await client.dbsize() <= redis_leases.NAMES_MAX + 1


class Game:
    """A server, and calls to it."""

    def __init__(self, server: ServerProcess) -> None:
        self._server = server

    async def metric(self, name: str) -> float | None:
        return await asyncio.to_thread(self._metric, name)

    async def call(self) -> int:
        return await asyncio.to_thread(self._call)

    def _metric(self, name: str) -> float | None:
        connection = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=60)
        connection.request("GET", "/metrics")
        lines = connection.getresponse().read().decode().splitlines()
        connection.close()
        found = [line for line in lines if line.startswith(f"{name} ")]
        return float(found[0].split()[1]) if found else None

    def _call(self) -> int:
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "list_bots"}}
        connection = http.client.HTTPConnection("127.0.0.1", self._server.port, timeout=60)
        headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
        connection.request("POST", "/mcp", json.dumps(message), headers)
        status = connection.getresponse().status
        connection.close()
        return status


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.long)])
async def test_a_server_plays_on_while_redis_is_frozen(
    redis: RedisServer, tmp_path: Path, workers: int
) -> None:
    flags = [
        f"--workers={workers}", "--rate-per-fleet=1000", f"--redis={redis.url}", "--replicas=2",
        f"--redis-key-prefix={PREFIX}",
    ]  # fmt: skip
    with ServerProcess(tmp_path, flags=flags) as server:
        game = Game(server)
        while await game.metric("mcp_redis_up") != 1:
            await game.call()
        redis.freeze()
        while await game.metric("mcp_redis_up") != 0:
            assert await game.call() == 200
        redis.thaw()
        while await game.metric("mcp_redis_up") != 1:
            assert await game.call() == 200
        log = server.log.read_text()
        assert "does not answer" in log
        assert "Traceback" not in log


async def test_a_server_starts_without_redis(tmp_path: Path) -> None:
    flags = ["--rate-per-fleet=1000", "--redis=redis://user:s3cret@127.0.0.1:1/0"]
    with ServerProcess(tmp_path, flags=flags) as server:
        game = Game(server)
        assert await game.call() == 200
        while "does not answer" not in server.log.read_text():  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.05)
        assert await game.metric("mcp_redis_up") == 0
        assert "s3cret" not in server.log.read_text()


WITH_NAMES = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'


@pytest.mark.long
async def test_a_name_server_that_is_silent_leaves_no_traceback_in_the_log(tmp_path: Path) -> None:
    address = f"127.{randrange(1, 255)}.{randrange(1, 255)}.53"
    wrapper = ("unshare", "--mount", "sh", "-c", WITH_NAMES, str(tmp_path / "resolv.conf"))
    (tmp_path / "resolv.conf").write_text(f"nameserver {address}\noptions timeout:1 attempts:1\n")
    if await (await asyncio.create_subprocess_exec(*wrapper, "true")).wait() != 0:
        pytest.skip("only root may give a process a name server of its own")
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind((address, 53))
        silent.setblocking(False)
        flags = ("--redis=redis://redis.test/0", "--rate-per-fleet=100")
        server = ServerProcess(tmp_path, flags=flags, wrapper=wrapper)
        try:
            starting = asyncio.create_task(server.start_in_thread())
            for _ in range(12):  # two for each lookup, so the first ones have failed
                await loop.sock_recvfrom(silent, 512)
            await starting
            log = server.log.read_text()
        finally:
            server.kill()
    assert "does not answer" in log
    assert "Traceback" not in log
    assert "never retrieved" not in log


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate of the test's own for 127.0.0.1, which signs itself, and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("there is no openssl here")
    paths = tmp_path / "certificate.pem", tmp_path / "key.pem"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test",
         "-addext", "subjectAltName=IP:127.0.0.1", "-out", paths[0], "-keyout", paths[1]],
        check=True, capture_output=True,
    )  # fmt: skip
    return paths


async def test_redis_behind_tls(redis: RedisServer, certificate: tuple[Path, Path]) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)

    async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(65_536):
                target.write(data)
        finally:
            target.close()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", redis.port)
        await asyncio.gather(pump(reader, there_writer), pump(there_reader, writer), return_exceptions=True)

    async with await asyncio.start_server(pass_on, "127.0.0.1", 0, ssl=context) as proxy:
        port = proxy.sockets[0].getsockname()[1]
        trusting = Replica("one", f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={certificate[0]}")
        doubting = Replica("other", f"rediss://127.0.0.1:{port}/0")
        trusting.calls = doubting.calls = 100
        async with running(trusting, doubting):
            await until_shares([trusting], [1.0])
            assert not doubting.redis.is_up
            assert doubting.share == 0.5
