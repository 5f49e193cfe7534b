"""SIGHUP makes every process read secrets, access tokens and the keys of an identity provider anew."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis

from dungeonfighter.access import token_book
from dungeonfighter.errors import Unauthenticated
from dungeonfighter.serving.composition import admitting, make_rates, open_host
from dungeonfighter.serving.secrets_anew import Secrets
from dungeonfighter.settings import read_settings
from testkit.redis_server import RedisServer, redis_program
from testkit.server_process import ServerProcess
from tests.integration.served import until
from tests.integration.test_jwt import Served
from tests.integration.test_redis_leases import Game
from tests.integration.test_tokens import make_token
from tests.parts import program
from tests.provider import Key, Provider

ONE_AND_THREE = pytest.mark.parametrize("workers", [1, 3], ids=["one process", "three workers"])


@pytest.mark.long
@ONE_AND_THREE
def test_a_key_that_the_provider_withdrew_ends_its_tokens_at_once(tmp_path: Path, workers: int) -> None:
    with Provider() as provider:
        served = Served(tmp_path, provider, f"--workers={workers}")
        served.server.add_flags(f"--db=sqlite:///{tmp_path}/games.db")
        with served.server as server:
            former = served.token()

            def statuses() -> set[int]:
                return {served.call(former, "list_bots", {})[0] for _ in range(12)}

            assert statuses() == {200}
            provider.keys = [Key("second")]
            server.signal(signal.SIGHUP)
            until(lambda: statuses() == {401})
            assert served.call(served.token(), "list_bots", {})[0] == 200


async def test_access_tokens_are_read_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_book, "REFRESH_SECONDS", 3600.0)
    database = tmp_path / "games.db"
    settings = read_settings({"database": f"sqlite:///{database}", "auth": "tokens"}, {})
    secrets = Secrets(settings, {}, {})
    async with (
        open_host(settings, secrets) as host,
        admitting(settings, host, make_rates(settings), secrets) as admission,
    ):
        header = f"Bearer {make_token(database, '--fleet', 'a')}".encode()
        with pytest.raises(Unauthenticated):
            admission.identify(header)
        secrets.read_anew()
        while True:
            try:
                assert admission.identify(header).fleet == "a"
                break
            except Unauthenticated:
                await host.tokens_after(0)  # a question to the store after that of the admission


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    found = redis_program() or program("redis-server", part="redis")
    with RedisServer(found, tmp_path) as started:
        yield started


def users(administrator: Redis) -> set[str]:
    """Return the users of the connections that have asked for the rates."""
    clients: Any = administrator.client_list()
    return {client["user"] for client in clients} - {"default"}


def questions(administrator: Redis) -> int:
    statistics: Any = administrator.info("commandstats")
    return int(statistics["cmdstat_evalsha"]["calls"])


@pytest.mark.long
@ONE_AND_THREE
async def test_redis_is_asked_by_another_user_without_a_gap(
    tmp_path: Path, redis: RedisServer, workers: int
) -> None:
    file = tmp_path / "redis"
    with Redis(host="127.0.0.1", port=redis.port, decode_responses=True) as administrator:
        for name in ("first", "second"):
            administrator.execute_command("ACL", "SETUSER", name, "on", f">{name}-pw", "~*", "+@all")
        file.write_text(f"redis://first:first-pw@127.0.0.1:{redis.port}/0\n")
        environ = {"REDIS_CONNECTION_STRING_FILE": str(file), "RATE_PER_FLEET": "1000"}
        with ServerProcess(tmp_path, flags=[f"--workers={workers}"], environ=environ) as server:
            game = Game(server)
            while await game.metric("mcp_redis_up") != 1:
                pass
            assert users(administrator) == {"first"}
            file.write_text(f"redis://second:second-pw@127.0.0.1:{redis.port}/0\n")
            server.signal(signal.SIGHUP)
            until(lambda: users(administrator) == {"second"})
            administrator.acl_deluser("first")
            before = questions(administrator)
            until(lambda: questions(administrator) >= before + 3)
            assert await game.metric("mcp_redis_up") == 1
            log = server.log.read_text()
        processes = 1 if workers == 1 else 1 + workers  # each exchanges notices of changed bots
        assert log.count("changed: REDIS_CONNECTION_STRING_FILE") == processes
        assert "Redis: 127.0.0.1" in log
        assert "does not answer" not in log
        assert "-pw" not in log
