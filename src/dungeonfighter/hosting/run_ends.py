"""The records that a write carries beside its row: chunks of inputs, and the end of a run."""

from __future__ import annotations

from typing import Final

from dungeonfighter.hosting import trail as trails
from dungeonfighter.hosting.ports import EpisodeEnd, InputChunk, Row
from dungeonfighter.rules import Mode, Phase, Rules, State

NO_CHUNKS: Final[tuple[InputChunk, ...]] = ()


def run_result(state: State, *, cut: bool = False) -> str:
    """Return the result of a run that is over or that a new run replaces: won, died, turns or abandoned."""
    if cut:
        return "turns"
    if state.phase == Phase.Victory or state.world.bosses >= 3:
        return "won"
    return "died" if state.over or state.phase == Phase.Death else "abandoned"


def chunks_of(episode: int, turn: int, trail: trails.Trail) -> tuple[InputChunk, ...]:
    """Return the inputs up to `turn` that are in no chunk yet, as one chunk; without such inputs no chunk."""
    first, inputs = trails.unspilled(trail, turn)
    return (InputChunk(episode, first, inputs),) if inputs else NO_CHUNKS


def end_of(row: Row, trail: trails.Trail, rules: Rules, state: State, result: str) -> EpisodeEnd:
    """Return the record of the end of the run in this row."""
    return EpisodeEnd(
        episode=row.episode, rules=row.rules, seed=state.seed, mode=Mode(state.mode).name,
        options=trail.options, parent_episode=trail.parent_episode, first_turn=trail.first_turn,
        last_turn=row.turn, result=result, score=rules.score(state), digest=row.digest, ranked=state.ranked,
    )  # fmt: skip


def end_of_unreadable(row: Row, trail: trails.Trail, rules: str) -> EpisodeEnd:
    """Return the record of the end of a run whose state this server cannot read, without seed and score."""
    return EpisodeEnd(
        episode=row.episode, rules=rules, seed=0, mode="", options=trail.options,
        parent_episode=trail.parent_episode, first_turn=trail.first_turn, last_turn=row.turn,
        result="abandoned", score=0, digest=row.digest, ranked=False,
    )  # fmt: skip
