"""Ranked runs for the tests of stores."""

from __future__ import annotations

from typing import Final

import msgspec

from dungeonfighter.hosting.ports import EpisodeEnd
from dungeonfighter.hosting.ranked_runs import AS_STORED, Check, RankingStore, Selection
from tests.contract.rows import after, end, first

RULES: Final = ["1-abc"]
LEASE: Final = 3600.0
IRONMAN: Final = Selection(mode="ironman", rules="1-abc")


def ranked_end(episode: int = 1, score: int = 1234, **changes: object) -> EpisodeEnd:
    plain = msgspec.structs.replace(
        end(episode), ranked=True, mode="ironman", score=score, origin="new", nonce=b"n" * 16
    )
    return msgspec.structs.replace(plain, **changes)


async def put(store: RankingStore, bot: str, *ends: EpisodeEnd) -> None:
    write = first(bot)
    await store.commit([write])
    for ended in ends:
        write = after(write, b"after %d" % ended.episode, ended=ended)
        await store.commit([write])


async def pass_all(store: RankingStore) -> None:
    runs = await store.ranked.claim_runs(RULES, 100, LEASE)
    done = await store.ranked.put_checks([Check(run, AS_STORED, b"fits", b"inputs") for run in runs])
    assert all(done)
