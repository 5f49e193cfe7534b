"""The primary of a Patroni cluster is killed while a fleet plays, and comes back as a standby."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from testkit.haproxy import Haproxy
from tests.integration.behind_balancer import playing, replicas
from tests.integration.patroni import cluster
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
                    begun = time.monotonic()
                    former.kill()
                    await wait_for_turns(tally, tally.turns + 1)
                    first = time.monotonic() - begun
                    await wait_for_turns(tally, tally.turns + 3 * BOTS)
                    print(f"the first bot played after {first:.1f} s")
                    assert made.primary() is not former
                    former.start()
                    await asyncio.to_thread(
                        until,
                        made.is_complete,
                        "the former primary does not return",
                        seconds=FAILOVER_SECONDS,
                    )
                    await wait_for_turns(tally, tally.turns + BOTS)
