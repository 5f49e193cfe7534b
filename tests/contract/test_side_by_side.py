"""Hypothesis sends the same requests to memory, SQLite and PostgreSQL, and their answers must be equal."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from dungeonfighter.hosting.ports import Conflict, Head, InputChunk, PastRun, Row, Save, Store, Won, Write
from dungeonfighter.storage.memory import MemoryStore
from dungeonfighter.storage.postgres import PostgresStore
from dungeonfighter.storage.sqlite import SqliteStore
from testkit.postgres_server import PostgresServer
from tests.contract.rows import digest_of, end, save

BOTS = [
    f"{fleet}/{bot}"
    for fleet in ("local", "other")
    for bot in ("a", "B", "b", "b.1", "b-2", "\u00e9".encode().hex())
]
STATES = st.sampled_from([b"", b"\x00one", b"two", b"three" * 300])
SLOTS = st.sampled_from(["main", "a-1", "zz"])
HEADS = st.sampled_from(
    ["the head", "the head", "the head", "older", "newer", "another lineage", "another trail", "none"]
)


@st.composite
def asked_write(draw: st.DrawFn) -> tuple[str, bytes, int, bool]:
    """Draw the head that a write starts from, its state, its number of chunks, and whether it ends a run."""
    return draw(HEADS), draw(STATES), draw(st.integers(0, 3)), draw(st.booleans())


class Stores(RuleBasedStateMachine):
    """The three stores, and the expected row of each bot."""

    folder: Path
    postgres: PostgresServer

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        Stores.folder.mkdir(exist_ok=True)
        for file in Stores.folder.glob("games.db*"):
            file.unlink()
        url = Stores.postgres.empty_database("side_by_side")
        self.stores: list[Store] = [
            MemoryStore(), SqliteStore(Stores.folder / "games.db"), PostgresStore(url, pool_size=2),
        ]  # fmt: skip
        self.heads: dict[str, Row] = {}
        for store in self.stores:
            self.wait(store.open())

    def teardown(self) -> None:
        for store in self.stores:
            self.wait(store.close())
        self.loop.close()

    def wait(self, asked: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(asked)

    def ask(self, name: str, *given: Any) -> Any:
        """Return the answer of all three stores, which must be equal."""
        answers = [_timeless(self.wait(getattr(store, name)(*given))) for store in self.stores]
        assert answers[1] == answers[0], f"sqlite: {name}{given}"
        assert answers[2] == answers[0], f"postgres: {name}{given}"
        return answers[0]

    def write_of(self, bot_id: str, asked: tuple[str, bytes, int, bool]) -> Write:
        kind, state, chunks_count, with_end = asked
        head = self.heads.get(bot_id)
        version, digest, tail = (0, b"", b"")
        if head is not None and kind != "none":
            version, digest, tail = head.version, head.digest, head.tail
        version = max(0, version + {"older": -1, "newer": 1}.get(kind, 0))
        if kind == "another lineage" and version:
            digest = digest_of(b"elsewhere")
        if kind == "another trail" and version:
            tail = b"elsewhere"[-len(tail) :]
        if version == 0:
            digest = tail = b""
        episode = version // 3 + 1
        row = Row(
            bot_id,
            version + 1,
            digest_of(state),
            episode,
            version % 3,
            "1-abc",
            state,
            b"trail of %d" % len(state),
            "note",
            2**40,
        )
        chunks = tuple(
            InputChunk(episode, 64 * (version % 2 + number), f"1\nequip {number}")
            for number in range(chunks_count)
        )
        return Write(row, version, digest, tail, chunks, end(episode) if with_end else None)

    @rule(asked=st.dictionaries(st.sampled_from(BOTS), asked_write(), min_size=1))
    def commit(self, asked: dict[str, tuple[str, bytes, int, bool]]) -> None:
        batch = [self.write_of(bot_id, asked[bot_id]) for bot_id in sorted(asked)]
        outcomes = self.ask("commit", batch)
        for write, outcome in zip(batch, outcomes, strict=True):
            head = self.heads.get(write.row.bot_id)
            stored = (head.version, head.digest, head.tail) if head is not None else (0, b"", b"")
            if stored == (write.from_version, write.from_digest, write.from_tail):
                assert outcome == Won()
                self.heads[write.row.bot_id] = write.row
            else:
                assert outcome == Conflict(*stored[:2])

    @rule(bots=st.lists(st.sampled_from(BOTS), min_size=1, unique=True))
    def look(self, bots: list[str]) -> None:
        expected = [self.heads.get(bot) for bot in bots]
        assert self.ask("load", bots) == expected
        assert self.ask("settle", sorted(bots)) == [self.heads.get(bot) for bot in sorted(bots)]
        heads = [Head(row.version, row.digest, row.tail) if row is not None else None for row in expected]
        assert self.ask("heads", bots) == heads

    @precondition(lambda self: self.heads)
    @rule(bot=st.sampled_from(BOTS), episode=st.integers(1, 4))
    def look_at_runs(self, bot: str, episode: int) -> None:
        self.ask("inputs", bot, episode)
        self.ask("episodes", bot)
        self.ask("past_runs", bot, episode, 2)
        self.ask("best_runs", bot.partition("/")[0] + "/", episode)

    @rule(bot=st.sampled_from(BOTS), slot=SLOTS, state=STATES)
    def put_save(self, bot: str, slot: str, state: bytes) -> None:
        self.ask("put_save", save(bot, slot, state))

    @rule(bot=st.sampled_from(BOTS), slot=SLOTS)
    def delete_save(self, bot: str, slot: str) -> None:
        self.ask("delete_save", bot, slot)

    @rule(bot=st.sampled_from(BOTS), slot=SLOTS)
    def look_at_saves(self, bot: str, slot: str) -> None:
        self.ask("get_save", bot, slot)
        self.ask("list_saves", bot)

    @rule(
        fleet=st.sampled_from(["local/", "other/"]),
        after=st.sampled_from(["", *BOTS]),
        count=st.integers(1, 9),
    )
    def list_bots(self, fleet: str, after: str, count: int) -> None:
        self.ask("list_bots", fleet, after, count)


def _timeless(answer: Any) -> Any:
    """Remove the times of an answer, which differ between stores."""
    if isinstance(answer, list):
        return [_timeless(one) for one in answer]
    if isinstance(answer, Row | Save) or hasattr(answer, "updated_at"):
        return msgspec.structs.replace(answer, updated_at=0.0)
    if isinstance(answer, PastRun):
        return msgspec.structs.replace(answer, ended_at=0.0)
    return answer


def test_all_stores_answer_alike(postgres_server: PostgresServer, tmp_path: Path) -> None:
    Stores.folder, Stores.postgres = tmp_path, postgres_server
    run_state_machine_as_test(
        Stores,
        settings=settings(
            max_examples=25, stateful_step_count=40, deadline=None, derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
