"""The primary of a Patroni cluster is killed while a fleet plays, and comes back as a standby."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path

import asyncpg
import pytest

from testkit.haproxy import Haproxy
from tests.integration.behind_balancer import playing, replicas
from tests.integration.patroni import DATABASE, PASSWORD, Cluster, Member, cluster
from tests.integration.served import until
from tests.integration.through_balancer import wait_for_turns

pytestmark = [pytest.mark.long, pytest.mark.timeout(400)]

BOTS = 200
FAILOVER_SECONDS = 90.0
"""ttl, an election, and servers that notice; on a busy machine."""


async def test_no_turn_is_lost_when_the_primary_is_killed(tmp_path: Path) -> None:
    with cluster() as made:
        async with replicas(tmp_path, made.database, 2) as servers:
            places = {
                f"SERVER_{letter}": f"{server.host}:{server.port}"
                for letter, server in zip("ABC", [*servers, servers[0]], strict=True)
            }
            with Haproxy(tmp_path, "servers-by-address.cfg", **places) as balancer:
                async with playing(balancer.url, BOTS, patience_seconds=FAILOVER_SECONDS) as tally:
                    await wait_for_turns(tally, 3 * BOTS)
                    former = made.primary()
                    assert former is not None
                    former.kill()
                    first, last = await times_to_play(made, time.time())
                    print(f"after the kill the first bot played in {first:.1f} s, the last in {last:.1f} s")
                    assert made.primary() is not former
                    former.start()
                    await asyncio.to_thread(
                        until,
                        made.is_complete,
                        "the former primary does not return",
                        seconds=FAILOVER_SECONDS,
                    )
                    await wait_for_turns(tally, tally.turns + BOTS)


async def times_to_play(made: Cluster, killed_at: float) -> tuple[float, float]:
    """Wait until each bot has a turn in the new primary; return the seconds to the first and the last."""
    played, first = 0, 0.0
    async with asyncio.timeout(FAILOVER_SECONDS):
        while played < BOTS:
            await asyncio.sleep(0.1)  # it asks another program
            primary = await asyncio.to_thread(made.primary)
            if primary is None:
                continue
            with contextlib.suppress(OSError, asyncpg.PostgresError):
                played = await _played_since(primary, killed_at)
            if played and not first:
                first = time.time() - killed_at
    return first, time.time() - killed_at


async def _played_since(primary: Member, moment: float) -> int:
    connection = await asyncpg.connect(
        host=primary.address, port=primary.port, database=DATABASE, user="postgres", password=PASSWORD
    )
    try:
        count: int = await connection.fetchval(
            "select count(*) from games where updated_at > to_timestamp($1)", moment
        )
    finally:
        await connection.close()
    return count
