"""Each answer of the API that asks for patience says for how long.

Source: RFC 9110, section 10.2.3.
"""

from __future__ import annotations

import pytest

from dungeonfighter.errors import Draining, StoreUnavailable
from dungeonfighter.storage.memory import MemoryStore
from tests.doors import TOO_MANY, Doorkeeper
from tests.rows import follow_up
from tests.unit.web.watching import Site, filled


@pytest.mark.parametrize(
    ("error", "status"),
    [(StoreUnavailable("no answer"), 503), (Draining("going down"), 503), (TOO_MANY, 429)],
)
async def test_each_path_says_when_to_come_back(error: Exception, status: int) -> None:
    keeper = Doorkeeper()
    site = Site(keeper)
    await site.start("ada")
    keeper.refusal = error
    for path in site.app.api:
        reply = await site.get(filled(path, "ada"))
        assert reply.status == status
        assert int(reply.headers["retry-after"]) > 0


async def test_a_run_of_newer_rules_is_503() -> None:
    store = MemoryStore()
    site = Site(store=store)
    await Site(store=store).start("ada")
    (row,) = await store.load(["local/ada"])
    assert row is not None
    await store.commit([follow_up(row, rules="9-ffffffff")])
    reply = await site.get("/api/bots/ada")
    assert (reply.status, reply.json["error"]["code"]) == (503, "newer_rules")
    assert int(reply.headers["retry-after"]) > 0
