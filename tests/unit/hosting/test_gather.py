"""Concurrent reads share batches; no read joins a batch that was already sent."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from dungeonfighter.errors import StoreUnavailable
from dungeonfighter.hosting.gather import Gather


class Shelf:
    """Fetches the requested keys when the test permits it; each value names the number of its fetch."""

    def __init__(self) -> None:
        self.sent: list[list[str]] = []
        self.gates: list[asyncio.Future[None]] = []

    async def fetch(self, keys: Sequence[str]) -> list[str]:
        number = len(self.sent)
        self.sent.append(list(keys))
        gate: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.gates.append(gate)
        await gate
        return [f"{key} in {number}" for key in keys]

    def let_all(self) -> None:
        for gate in self.gates:
            if not gate.done():
                gate.set_result(None)


async def settled() -> None:
    """Return when no task can continue by itself."""
    for _ in range(5):
        await asyncio.sleep(0)


def ask(gather: Gather[str], keys: Sequence[str]) -> list[asyncio.Task[str]]:
    return [asyncio.create_task(gather.get(key)) for key in keys]


async def test_reads_of_one_moment_are_one_batch_in_order() -> None:
    shelf = Shelf()
    asked = ask(Gather(shelf.fetch), ["c", "a", "b", "a"])
    await settled()
    assert shelf.sent == [["a", "b", "c"]]
    shelf.let_all()
    assert await asyncio.gather(*asked) == ["c in 0", "a in 0", "b in 0", "a in 0"]


async def test_a_read_joins_no_batch_that_was_sent() -> None:
    shelf = Shelf()
    gather = Gather(shelf.fetch)
    (early,) = ask(gather, ["a"])
    await settled()
    (late,) = ask(gather, ["a"])
    await settled()
    assert len(shelf.sent) == 1
    shelf.let_all()
    assert await early == "a in 0"
    await settled()
    shelf.let_all()
    assert await late == "a in 1"


async def test_a_failing_fetch_fails_the_reads_that_wait_for_it_and_no_others() -> None:
    async def fetch(keys: Sequence[str]) -> list[str]:
        if "bad" in keys:
            raise StoreUnavailable("away")
        return list(keys)

    gather = Gather(fetch)
    bad, beside = ask(gather, ["bad", "beside"])
    with pytest.raises(StoreUnavailable):
        await bad
    with pytest.raises(StoreUnavailable):
        await beside
    assert await gather.get("good") == "good"


@pytest.mark.parametrize("answers", [[], ["a", "b", "c"]])
async def test_too_few_or_too_many_answers_fail_every_waiting_read(answers: list[str]) -> None:
    async def fetch(_: Sequence[str]) -> list[str]:
        return answers

    for asking in ask(gather := Gather(fetch), ["a", "b"]):
        with pytest.raises(StoreUnavailable, match=f"answered {len(answers)} of 2"):
            await asyncio.wait_for(asking, 30)
    assert gather.batches == 1


async def test_a_cancelled_fetch_fails_every_waiting_read() -> None:
    shelf = Shelf()
    gather = Gather(shelf.fetch)
    (early,) = ask(gather, ["a"])
    await settled()
    (late,) = ask(gather, ["b"])
    await settled()
    shelf.gates[0].cancel()  # as a driver does with its pending calls when it is closed
    for asking in (early, late):
        with pytest.raises(StoreUnavailable, match="given up"):
            await asyncio.wait_for(asking, 30)
    (next_read,) = ask(gather, ["a"])
    await settled()
    shelf.let_all()
    assert await next_read == "a in 1"
