"""What must be true of a bot's history, whatever went wrong on the way.

From the store alone: every run's inputs, in one sequence without a gap or a repeat, replayed by the rules
give the stored digests. Against the client's notes: every acknowledged turn is in that sequence with its
input and its digest.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from dungeonfighter.hosting import trail as trails
from dungeonfighter.hosting.game import NewGame
from dungeonfighter.hosting.ports import EpisodeEnd, Row, Store
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.rules import GameOptions, Rules, State
from tests.simulation.clients import Acknowledged


class Run(Struct):
    """One replayed run: `texts[i]` led to `digests[i + 1]`; the first digest is that of turn `first_turn`."""

    first_turn: int
    texts: list[str]
    digests: list[bytes]
    states: list[bytes]


async def check(
    store: Store, book: ShippedRules, key: str, acknowledged: list[Acknowledged], *, is_lossy: bool = False
) -> int:
    """Check one bot.

    `is_lossy`: a standby that lacked commits took over. Then two things are allowed that are not otherwise: a
    stored input may be another one that led to the same state (a server that remembers the lost lineage can
    not tell the two apart), and a run may go on from a save that was lost.

    Returns:
        The number of turns in its history.

    Raises:
        AssertionError: Something was lost, doubled or is not what its inputs give.
    """
    (row,) = await store.load([key])
    assert row is not None, f"{key} is not in the store"
    runs = await _replayed(store, book, row, is_lossy=is_lossy)
    for seen in acknowledged:
        if seen.episode not in runs and is_lossy:
            continue
        run = runs[seen.episode]
        index, begin = seen.turn - run.first_turn, seen.turn - run.first_turn - len(seen.texts)
        where = f"{key} e{seen.episode} t{seen.turn}"
        assert 0 <= begin < index < len(run.digests), f"{where} was acknowledged and is not in the store"
        assert is_lossy or run.texts[begin:index] == list(seen.texts), (
            f"{where}: stored {run.texts[begin:index]}, acknowledged {seen.texts}"
        )
        assert run.digests[index] == seen.digest, f"{where}: the replay differs from what was acknowledged"
    turns = [(seen.episode, seen.turn - back) for seen in acknowledged for back in range(len(seen.texts))]
    assert len(set(turns)) == len(turns), f"{key}: one turn was acknowledged for two requests"
    return sum(len(run.texts) for run in runs.values())


async def history(store: Store, book: ShippedRules, key: str) -> dict[tuple[int, int], bytes]:
    """The digest of every (episode, turn) that a store knows of a bot; checked like everything else."""
    (row,) = await store.load([key])
    if row is None:
        return {}
    runs = await _replayed(store, book, row, is_lossy=True)
    return {
        (episode, run.first_turn + index): digest
        for episode, run in runs.items()
        for index, digest in enumerate(run.digests)
    }


async def _replayed(store: Store, book: ShippedRules, row: Row, *, is_lossy: bool) -> dict[int, Run]:
    """All runs of a bot by episode."""
    ended = {end.episode: end for end in await store.episodes(row.bot_id)}
    trail = trails.decode(row.trail)
    live = EpisodeEnd(
        row.episode, row.rules, 0, "", trail.options, trail.parent_episode, trail.first_turn, row.turn, "", 0,
        row.digest, ranked=False,
    )  # fmt: skip
    over = ended.get(row.episode)
    assert over is None or over.digest == row.digest, f"{row.bot_id}: the ended run and its row differ"
    runs: dict[int, Run] = {}
    for episode in range(1, row.episode + 1):
        end = live if episode == row.episode else ended.get(episode)
        assert end is not None, f"{row.bot_id}: run {episode} ended without a line in episodes"
        texts = await _texts(store, row, trail, end)
        assert len(texts) == end.last_turn - end.first_turn, (
            f"{row.bot_id} e{episode}: {len(texts)} inputs stored for {end.last_turn - end.first_turn} turns"
        )
        begun = _beginning(book.of(end.rules), end, runs)
        if begun is None:
            assert is_lossy, f"{row.bot_id} e{episode} goes on from a save that never was"
            continue
        runs[episode] = _run(book.of(end.rules), end, texts, begun)
        assert runs[episode].digests[-1] == end.digest, f"{row.bot_id} e{episode}: the replay ends elsewhere"
    return runs


async def _texts(store: Store, row: Row, trail: trails.Trail, end: EpisodeEnd) -> list[str]:
    texts: list[str] = []
    for chunk in await store.inputs(row.bot_id, end.episode):
        assert chunk.first_turn == end.first_turn + len(texts), (
            f"{row.bot_id} e{end.episode}: chunks overlap or gap"
        )
        texts.extend(chunk.inputs.split("\n"))
    missing = end.last_turn - end.first_turn - len(texts)
    if end.episode == row.episode and missing > 0:
        tail = trail.inputs.split("\n")
        assert missing <= len(tail), f"{row.bot_id} e{end.episode}: {missing} inputs are nowhere"
        texts.extend(tail[-missing:])
    return texts


def _run(rules: Rules, end: EpisodeEnd, texts: list[str], state: State) -> Run:
    raw = rules.encode(state)
    run = Run(end.first_turn, texts, [rules.digest(raw)], [raw])
    for text in texts:
        raw = rules.encode(rules.apply(rules.decode(raw), text).state)
        run.digests.append(rules.digest(raw))
        run.states.append(raw)
    return run


def _beginning(rules: Rules, end: EpisodeEnd, earlier: dict[int, Run]) -> State | None:
    """The state a run began from; None: the save it was loaded from is of no run that is known."""
    if end.options.startswith("load "):
        parent, saved = earlier.get(end.parent_episode), bytes.fromhex(end.options.rpartition(" ")[2])
        index = end.first_turn - parent.first_turn if parent is not None else 0
        if parent is None or not index < len(parent.digests) or parent.digests[index] != saved:
            return None
        return rules.decode(parent.states[index])
    asked = msgspec.json.decode(end.options, type=NewGame)
    assert asked.seed is not None
    weapon = -1 if asked.weapon is None else asked.weapon
    return rules.new_game(GameOptions(seed=asked.seed, name=asked.name or "Hero", weapon=weapon))
