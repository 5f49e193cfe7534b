"""Fleets play through HAProxy, with the files of `deploy/haproxy`, while servers come, go, change and die."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dungeonfighter import __version__
from testkit.certificates import Authority
from testkit.dns_names import NAME, Names
from testkit.haproxy import Haproxy
from testkit.postgres_server import PostgresServer
from tests.balancers import write_certificate
from tests.integration.behind_balancer import (
    hot_games,
    kill_at_work,
    playing,
    reaches,
    replicas,
    served_certificate,
    trusting,
)
from tests.integration.test_upgrades import next_release
from tests.integration.through_balancer import wait_for_turns

pytestmark = pytest.mark.long


async def test_500_bots_play_through_upgrade_rollback_and_scaling(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    newer = next_release(tmp_path / "0.2.0", oldest=__version__)
    async with replicas(tmp_path, postgres.empty_database("games"), 3) as servers:
        addresses = [server.host for server in servers]
        with (
            Names(tmp_path).serving(addresses) as names,
            Haproxy(
                tmp_path, "servers-by-name.cfg", SERVERS=f"{NAME}:{servers[0].port}", DNS=names.address
            ) as front,
        ):

            def serves(*expected: str) -> bool:
                states = front.states("bots").values()
                return sorted(expected) == sorted(
                    state.partition(":")[0] for state in states if "UP" in state
                )

            await reaches(lambda: serves(*addresses))
            async with playing(front.url, 500, every=2) as tally:
                await wait_for_turns(tally, 500)
                for server in servers:
                    await server.replace(newer)
                    await reaches(lambda: serves(*addresses))
                    await wait_for_turns(tally, tally.turns + 100)

                names.set(addresses[:1])
                await reaches(lambda: serves(*addresses[:1]))
                await asyncio.gather(*(server.drain() for server in servers[1:]))
                await wait_for_turns(tally, tally.turns + 300)

                await asyncio.gather(*(server.start_release() for server in servers[1:]))
                names.set(addresses)
                await reaches(lambda: serves(*addresses))
                await servers[0].replace()
                await reaches(lambda: min(hot_games(servers)) > 50)


async def test_300_bots_stay_at_their_servers_and_only_those_of_a_lost_one_move(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    authority = Authority(tmp_path)
    certificates = tmp_path / "certificates"
    write_certificate(authority, certificates)
    async with replicas(tmp_path, postgres.empty_database("games"), 3) as servers:
        where = {
            f"SERVER_{name}": f"{server.host}:{server.port}"
            for name, server in zip("ABC", servers, strict=True)
        }
        with (
            trusting(authority),
            Haproxy(tmp_path, "servers-by-address.cfg", CERTIFICATES=str(certificates), **where) as front,
        ):
            async with playing(front.tls_url, 300) as tally:
                await reaches(lambda: sum(hot_games(servers)) >= 300)
                await wait_for_turns(tally, tally.turns + 400)
                assert sum(hot_games(servers)) == 300, "each bot is at one server"
                assert min(hot_games(servers)) > 50

                front.order("set server bots/c state drain")
                moved = hot_games(servers)[2]
                await reaches(lambda: sum(hot_games(servers)) >= 300 + moved)
                before = servers[2].figure("mcp_bot_interactions_total")
                await wait_for_turns(tally, tally.turns + 400)
                assert servers[2].figure("mcp_bot_interactions_total") == before
                assert sum(hot_games(servers)) == 300 + moved, "bots of other servers did not move"
                front.order("set server bots/c state ready")

                former = served_certificate(front.tls_port)
                write_certificate(authority, certificates, days=20)
                await asyncio.to_thread(front.reload)
                assert served_certificate(front.tls_port) != former
                await wait_for_turns(tally, tally.turns + 400)
                assert not tally.troubles, "neither a drain nor a reload costs a repeat"

                await kill_at_work(servers[0], tally)
                await wait_for_turns(tally, tally.turns + 300)
                await servers[0].start_in_thread()
                await wait_for_turns(tally, tally.turns + 300)
            assert tally.troubles, "no bot noticed that its server was killed"
