"""What the watch page is told, as typed values; names on the wire are camelCase.

Scores are points with two decimals here; the host counts in hundredths.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from dungeonfighter.hosting.game import Present
from dungeonfighter.hosting.ports import RunSummary
from dungeonfighter.rules import Observation, Phase

SCORE_BUCKETS: Final = 34
SCORE_BUCKET_POINTS: Final = 3  # what clearing one level gives


class Card(Struct, frozen=True, rename="camel"):
    """One bot in the list of those that played last; `place` is the dungeon it is in, empty at the hub."""

    bot_id: str
    name: str
    kind: str
    level: int
    episode: int
    turn: int
    score: float
    state: str
    place: str
    over: bool


class Run(Struct, frozen=True, rename="camel"):
    """One ended run."""

    bot_id: str
    episode: int
    turns: int
    score: float
    result: str
    mode: str


class Summary(Struct, frozen=True, rename="camel"):
    """The whole page's numbers of one moment.

    `scores` counts the runs being played (those sampled, at most `watch.SAMPLE_MAX`) by their score now, in
    buckets of `SCORE_BUCKET_POINTS` points; the last bucket takes the rest. `results` counts ended runs.
    `hazards` are the settings under which the store can lose acknowledged turns.
    """

    turns: int
    turns_per_second: float
    hot_games: int
    runs_ended: int
    results: dict[str, int]
    conflicts: int
    rows_per_batch: float
    store_up: bool
    hazards: tuple[str, ...]
    uptime_seconds: int
    version: str
    sampled: int
    scores: list[int]
    playing: list[Card]
    top: list[Run]
    recent: list[Run]


class Detail(Struct, frozen=True, rename="camel"):
    """One bot: what its agent sees (`text`) and the full snapshot."""

    bot_id: str
    episode: int
    turn: int
    text: str
    view: Observation


def bot_of(key: str) -> str:
    """`local/hero` is hero's key."""
    return key.partition("/")[2]


def card(game: Present) -> Card:
    """One line of the list; reads the state only, which is far cheaper than a whole observation."""
    state = game.state
    hero = state.hero
    catalogue = game.rules.catalogue
    dungeon = state.dungeon
    return Card(
        bot_id=bot_of(game.key),
        name=hero.name,
        kind=_class_name(hero.kind),
        level=hero.level,
        episode=game.episode,
        turn=game.turn,
        score=game.rules.score(state) / 100,
        state=Phase(state.phase).name,
        place=f"{catalogue.themes[dungeon.theme].name} {dungeon.level}" if dungeon is not None else "",
        over=state.over,
    )


def _class_name(kind: int) -> str:
    return ("Barbarian", "Warrior", "Rogue", "Wizard")[kind] if 0 <= kind < 4 else ""


def score_buckets(cards: Sequence[Card]) -> list[int]:
    """How many of these runs stand in each bucket of score."""
    counts = [0] * SCORE_BUCKETS
    for one in cards:
        counts[min(int(one.score // SCORE_BUCKET_POINTS), SCORE_BUCKETS - 1)] += 1
    return counts


def run(line: RunSummary) -> Run:
    """One line of the feed."""
    return Run(bot_of(line.key), line.episode, line.turns, line.score / 100, line.result, line.mode)


def detail(game: Present) -> Detail:
    """One bot with everything its agent is told."""
    head = f"e{game.episode} t{game.turn}"
    return Detail(
        bot_id=bot_of(game.key),
        episode=game.episode,
        turn=game.turn,
        text=game.rules.text(game.state, head),
        view=game.rules.observe(game.state),
    )
