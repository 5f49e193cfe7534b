"""An answer is rendered while the new state is at hand, and delivered only after the commit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from dungeonfighter.hosting.answers import Answer
from dungeonfighter.hosting.ports import Outcome, Unsettled, Write
from dungeonfighter.storage.memory import MemoryStore
from tests.unit.hosting.hosts import KEY, MACE, Futures, replica


class Watched(MemoryStore):
    """Records when a commit arrives; a commit can be written although its outcome stays unknown."""

    def __init__(self) -> None:
        super().__init__()
        self.happened: list[str] = []
        self.is_silent = False

    async def commit(self, batch: Sequence[Write]) -> list[Outcome]:
        self.happened.append("committed")
        outcomes = await super().commit(batch)
        return [Unsettled("nobody knows")] * len(batch) if self.is_silent else outcomes

    def render(self, answer: Answer) -> str:
        self.happened.append("shown")
        return f"turn {answer.game.turn}"


async def _played(store: Watched, render: Callable[[Answer], str], *, is_silent: bool = False) -> Any:
    """Return the delivered results of the first input of a run."""
    host = replica(store)
    await host.start(KEY, MACE)
    store.happened.clear()
    store.is_silent = is_silent
    delivered: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    host.begin_play(KEY, "1", None, None, Futures(render), delivered)
    return await delivered


async def test_an_answer_is_rendered_before_its_commit_and_delivered_after_it() -> None:
    store = Watched()
    assert await _played(store, store.render) == "turn 1"
    assert store.happened == ["shown", "committed"]


async def test_an_attempt_that_had_won_after_all_is_delivered_as_it_was_rendered() -> None:
    store = Watched()
    assert await _played(store, store.render, is_silent=True) == "turn 1"
    assert store.happened == ["shown", "committed"]


async def test_what_cannot_be_shown_is_not_applied() -> None:
    def broken(answer: Answer) -> str:
        raise ZeroDivisionError

    store = Watched()
    assert isinstance(await _played(store, broken), ZeroDivisionError)
    assert store.happened == []
    (row,) = await store.load([KEY])
    assert row is not None
    assert row.turn == 0
