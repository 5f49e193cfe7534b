"""The records that a write carries beside its row: chunks of inputs, and the end of a run."""

from __future__ import annotations

from typing import Final

import msgspec

from dungeonfighter.hosting import trail as trails
from dungeonfighter.hosting.answers import NewGame
from dungeonfighter.hosting.ports import EpisodeEnd, InputChunk, Row, RunSummary
from dungeonfighter.rules import Rules, State, category

NO_CHUNKS: Final[tuple[InputChunk, ...]] = ()


def chunks_of(episode: int, turn: int, trail: trails.Trail) -> tuple[InputChunk, ...]:
    """Return the inputs up to `turn` that are in no chunk yet, as one chunk; without such inputs no chunk."""
    first, inputs = trails.unspilled(trail, turn)
    return (InputChunk(episode, first, inputs),) if inputs else NO_CHUNKS


def options_of(trail: trails.Trail, state: State) -> str:
    """Return the options of a run as `EpisodeEnd.options` has them; `state` is any state of the run."""
    if trail.origin not in trails.ORIGINS_WITH_OPTIONS:
        return trail.options
    weapon = msgspec.json.decode(trail.options, type=NewGame).weapon
    chosen = {"name": state.hero.name, "weapon": -1 if weapon is None else weapon}
    return msgspec.json.encode(chosen).decode()


def end_of(row: Row, trail: trails.Trail, rules: Rules, state: State, result: str) -> EpisodeEnd:
    """Return the record of the end of the run in this row."""
    return EpisodeEnd(
        episode=row.episode, rules=row.rules, seed=state.seed, mode=category(state.mode, state.ascension),
        options=options_of(trail, state), parent_episode=trail.parent_episode, first_turn=trail.first_turn,
        last_turn=row.turn, result=result, score=rules.score(state), digest=row.digest, ranked=state.ranked,
        origin=trail.origin, nonce=state.nonce,
    )  # fmt: skip


def summary_of(key: str, ended: EpisodeEnd) -> RunSummary:
    """Return an ended run of a bot for a list of runs."""
    turns = ended.last_turn - ended.first_turn
    return RunSummary(ended.ranked, ended.mode, ended.score, key, ended.episode, turns, ended.result)


def end_of_unreadable(row: Row, trail: trails.Trail, rules: str) -> EpisodeEnd:
    """Return the record of the end of a run whose state this server cannot read, without seed and score."""
    return EpisodeEnd(
        episode=row.episode, rules=rules, seed=0, mode="", options=trail.options,
        parent_episode=trail.parent_episode, first_turn=trail.first_turn, last_turn=row.turn,
        result="abandoned", score=0, digest=row.digest, ranked=False, origin=trail.origin,
    )  # fmt: skip
