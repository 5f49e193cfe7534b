"""Fleets play through Envoy and nginx, with the files of `deploy`, while servers are drained and killed."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from testkit.certificates import Authority
from testkit.dns_names import NAME, Names
from testkit.postgres_server import PostgresServer
from tests.balancers import envoy, nginx, write_certificate_and_key
from tests.integration.behind_balancer import (
    hot_games,
    kill_at_work,
    playing,
    reaches,
    replicas,
    served_certificate,
    trusting,
)
from tests.integration.through_balancer import wait_for_turns

pytestmark = pytest.mark.long


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Make an authority and a certificate of it for localhost."""
    authority = Authority(tmp_path)
    write_certificate_and_key(authority, tmp_path / "certificates")
    return authority


async def test_300_bots_play_through_envoy(
    tmp_path: Path, postgres: PostgresServer, authority: Authority
) -> None:
    async with replicas(tmp_path, postgres.empty_database("games"), 3) as servers:
        addresses = [server.host for server in servers]
        with Names(tmp_path).serving(addresses) as names:
            front = envoy(
                tmp_path, CERTIFICATES=str(tmp_path / "certificates"), SERVERS_NAME=NAME,
                SERVERS_PORT=str(servers[0].port), DNS_ADDRESS="127.0.0.1", DNS_PORT=str(names.port),
            )  # fmt: skip
            with front, trusting(authority):
                async with playing(front.tls_url, 300) as tally:
                    await reaches(lambda: sum(hot_games(servers)) >= 300)
                    await wait_for_turns(tally, tally.turns + 400)
                    assert sum(hot_games(servers)) == 300, "each bot is at one server"
                    assert min(hot_games(servers)) > 50

                    former = served_certificate(front.tls_port)
                    write_certificate_and_key(authority, tmp_path / "certificates", days=20)
                    await reaches(lambda: served_certificate(front.tls_port) != former)

                    await servers[0].replace()
                    await reaches(lambda: servers[0].figure("mcp_hot_games") > 50)

                    await kill_at_work(servers[1], tally)
                    await wait_for_turns(tally, tally.turns + 200)

                    names.set(addresses[2:])
                    await servers[0].drain()
                    await wait_for_turns(tally, tally.turns + 200)
                assert tally.troubles, "no bot noticed that its server was killed"


async def test_300_bots_play_through_nginx(
    tmp_path: Path, postgres: PostgresServer, authority: Authority
) -> None:
    async with replicas(tmp_path, postgres.empty_database("games"), 3) as servers:
        where = {
            f"SERVER_{name}": f"{server.host}:{server.port}"
            for name, server in zip("ABC", servers, strict=True)
        }
        front = nginx(tmp_path, CERTIFICATES=str(tmp_path / "certificates"), **where)
        with front, trusting(authority):
            async with playing(front.tls_url, 300) as tally:
                await reaches(lambda: sum(hot_games(servers)) >= 300)
                await wait_for_turns(tally, tally.turns + 400)
                assert sum(hot_games(servers)) == 300, "each bot is at one server"
                assert min(hot_games(servers)) > 50

                former = served_certificate(front.tls_port)
                write_certificate_and_key(authority, tmp_path / "certificates", days=20)
                front.signal(signal.SIGHUP)
                await reaches(lambda: served_certificate(front.tls_port) != former)

                await servers[0].replace()
                await reaches(lambda: servers[0].figure("mcp_hot_games") > 50)

                await kill_at_work(servers[1], tally)
                await wait_for_turns(tally, tally.turns + 200)
            assert tally.troubles, "no bot noticed that its server was killed"
