"""The records that a write carries beside its row: chunks of inputs, and the end of a run."""

from __future__ import annotations

from typing import Final

from dungeonfighter.hosting import trail as trails
from dungeonfighter.hosting.ports import EpisodeEnd, InputChunk, Row
from dungeonfighter.rules import Mode, Phase, Rules, State

NO_CHUNKS: Final[tuple[InputChunk, ...]] = ()


def run_result(state: State, *, cut: bool = False) -> str:
    """Return how a run that is over, or is being left, ends: won, died, turns or abandoned."""
    if cut:
        return "turns"
    if state.phase == Phase.Victory or state.world.bosses >= 3:
        return "won"
    return "died" if state.over or state.phase == Phase.Death else "abandoned"


def chunks_of(episode: int, turn: int, trail: trails.Trail) -> tuple[InputChunk, ...]:
    """Return the inputs up to `turn` that no chunk has yet, as one chunk; none if there are none."""
    first, inputs = trails.unspilled(trail, turn)
    return (InputChunk(episode, first, inputs),) if inputs else NO_CHUNKS


def end_of(row: Row, trail: trails.Trail, rules: Rules, state: State, result: str) -> EpisodeEnd:
    """Return the end of the run that the row has."""
    return EpisodeEnd(
        episode=row.episode, rules=row.rules, seed=state.seed, mode=Mode(state.mode).name,
        options=trail.options, parent_episode=trail.parent_episode, first_turn=trail.first_turn,
        last_turn=row.turn, result=result, score=rules.score(state), digest=row.digest, ranked=state.ranked,
    )  # fmt: skip


def end_of_unreadable(row: Row, trail: trails.Trail, rules: str) -> EpisodeEnd:
    """Return the end of a run whose state cannot be read here: its seed and score are not known."""
    return EpisodeEnd(
        episode=row.episode, rules=rules, seed=0, mode="", options=trail.options,
        parent_episode=trail.parent_episode, first_turn=trail.first_turn, last_turn=row.turn,
        result="abandoned", score=0, digest=row.digest, ranked=False,
    )  # fmt: skip
