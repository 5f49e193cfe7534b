"""Checks the history of a bot after a simulation.

The store alone: the inputs of every run form one sequence without a gap or a repeat, and their replay by the
rules gives the stored digests. The store against the client: every turn that the client saw acknowledged is
in that sequence, with its input and its digest.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from dungeonfighter.hosting import trail as trails
from dungeonfighter.hosting.ports import EpisodeEnd, Row, Store
from dungeonfighter.hosting.run_ends import end_of
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.rules import GameOptions, Rules, State
from tests.simulation.clients import Acknowledged


class Run(Struct):
    """One replayed run: `texts[i]` led to `digests[i + 1]`, and `digests[0]` belongs to turn `first_turn`."""

    first_turn: int
    texts: list[str]
    digests: list[bytes]
    states: list[bytes]


async def check(
    store: Store, book: ShippedRules, key: str, acknowledged: list[Acknowledged], *, is_lossy: bool = False
) -> int:
    """Check one bot.

    `is_lossy` means that a standby without the last commits took over. Then, and only then, a stored input
    may differ from the acknowledged one if both led to the same state (a server that remembers the lost
    lineage cannot distinguish them), and a run may begin from a save that was lost.

    Returns:
        The number of turns in the history.

    Raises:
        AssertionError: A turn was lost or doubled, or a state is not the result of its inputs.
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


async def check_forks(store: Store, forks: dict[str, bytes]) -> None:
    """Check that each acknowledged fork stands in the store.

    Args:
        store: The store.
        forks: The digest of the first state of each fork, by the key of its bot.

    Raises:
        AssertionError: A fork is missing or has another state.
    """
    keys = sorted(forks)
    for key, row in zip(keys, await store.load(keys), strict=True):
        assert row is not None, f"the fork {key} was acknowledged and is not in the store"
        assert row.digest == forks[key], f"the fork {key} is not what was acknowledged"
        base = (await store.stored_run(key, 1)).base
        assert base == row.state, f"the fork {key} has another base than its first state"


async def forks_in(store: Store, forks: dict[str, bytes]) -> dict[str, bytes]:
    """Return those of some forks that the store has."""
    keys = sorted(forks)
    rows = await store.load(keys)
    return {key: forks[key] for key, row in zip(keys, rows, strict=True) if row is not None}


async def history(store: Store, book: ShippedRules, key: str) -> dict[tuple[int, int], bytes]:
    """Check the stored runs of a bot and return the digest of every (episode, turn) among them."""
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
    """Replay and check all stored runs of a bot; return them by episode."""
    ended = {end.episode: end for end in await store.episodes(row.bot_id)}
    trail = trails.decode(row.trail)
    rules = book.of(row.rules)
    live = end_of(row, trail, rules, rules.decode(row.state), "live")
    over = ended.get(row.episode)
    assert over is None or over.digest == row.digest, f"{row.bot_id}: the ended run and its row differ"
    runs: dict[int, Run] = {}
    for episode in range(1, row.episode + 1):
        end = live if episode == row.episode else ended.get(episode)
        assert end is not None, f"{row.bot_id}: run {episode} ended without a row in episodes"
        texts = await _texts(store, row, trail, end)
        assert len(texts) == end.last_turn - end.first_turn, (
            f"{row.bot_id} e{episode}: {len(texts)} inputs stored for {end.last_turn - end.first_turn} turns"
        )
        rules = book.of(end.rules)
        begun = _beginning(rules, end, (await store.stored_run(row.bot_id, episode)).base)
        if end.origin == trails.ORIGIN_LOAD and not _is_from_save(rules, end, begun, runs):
            assert is_lossy, f"{row.bot_id} e{episode} begins from a save of no stored run"
            continue
        runs[episode] = _run(rules, end, texts, begun)
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


def _beginning(rules: Rules, end: EpisodeEnd, base: bytes) -> State:
    """Return the first state of a run: the stored one, or that of its seed and options."""
    if end.origin not in trails.ORIGINS_WITH_OPTIONS:
        assert base, f"run {end.episode} has no base"
        return rules.decode(base)
    options = msgspec.json.decode(end.options)
    return rules.new_game(GameOptions(seed=end.seed, name=options["name"], weapon=options["weapon"]))


def _is_from_save(rules: Rules, end: EpisodeEnd, begun: State, earlier: dict[int, Run]) -> bool:
    """Check that a loaded run begins from its save, apart from the dice; return False if the save is gone."""
    parent, saved = earlier.get(end.parent_episode), bytes.fromhex(end.options.rpartition(" ")[2])
    index = end.first_turn - parent.first_turn if parent is not None else 0
    if parent is None or not index < len(parent.digests) or parent.digests[index] != saved:
        return False
    state = rules.decode(parent.states[index])
    rules.branch(state, begun.seed)
    assert rules.encode(state) == rules.encode(begun), f"run {end.episode} does not begin from its save"
    return True
