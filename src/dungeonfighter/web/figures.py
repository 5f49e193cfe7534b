"""The data of the watch page as typed values; their names on the wire are camelCase.

Names of bots are those of `Audience.name_of`. Scores are points with two decimals here; the host counts in
hundredths of a point.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from dungeonfighter.hosting import live_runs
from dungeonfighter.hosting.answers import Present
from dungeonfighter.hosting.ports import RunSummary
from dungeonfighter.rules import Observation, Phase

SCORE_BUCKETS: Final = 34
SCORE_BUCKET_POINTS: Final = 3  # the score of one cleared dungeon level


class Card(Struct, frozen=True, rename="camel"):
    """One bot in the list of bots that played last; `place` is its dungeon, empty at the hub."""

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
    ranked: bool


class LiveRun(Struct, frozen=True, rename="camel"):
    """One live run."""

    bot_id: str
    episode: int
    turn: int
    score: float
    mode: str
    ranked: bool


class Summary(Struct, frozen=True, rename="camel"):
    """The numbers of the whole page at one moment; None for those that the caller may not see.

    `bot_id` is a bot id everywhere; on a page of all fleets it is `<fleet>/<botId>`.
    `scores` is a histogram of the current scores of a sample of runs (`sampled`, at most
    `watch.SAMPLE_MAX`), in buckets of `SCORE_BUCKET_POINTS` points; the last bucket has no upper bound.
    `turns`, `results` and `conflicts` count since `started_at` (seconds since 1970). `top` are the best ended
    runs of all time, ranked ones first and each mode by itself; `live` are the best live runs that the server
    knows, in the same order, a few seconds old. `hazards` are the
    settings with which the store can lose acknowledged turns.
    """

    turns: int | None
    turns_per_second: float | None
    hot_games: int | None
    runs_ended: int | None
    results: dict[str, int]
    conflicts: int | None
    rows_per_batch: float | None
    store_up: bool
    hazards: tuple[str, ...]
    started_at: int
    uptime_seconds: int
    version: str
    sampled: int
    scores: list[int]
    playing: list[Card]
    live: list[LiveRun]
    top: list[Run]
    recent: list[Run]


class Detail(Struct, frozen=True, rename="camel"):
    """One bot: the text view that its agent gets (`text`) and the full observation (`view`)."""

    bot_id: str
    episode: int
    turn: int
    text: str
    view: Observation


def card(game: Present, name: str) -> Card:
    """Make the card of a game from its state alone, which is far cheaper than an observation."""
    state = game.state
    hero = state.hero
    catalogue = game.rules.catalogue
    dungeon = state.dungeon
    return Card(
        bot_id=name,
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
    """Count the cards in each bucket of the score histogram."""
    counts = [0] * SCORE_BUCKETS
    for one in cards:
        counts[min(int(one.score // SCORE_BUCKET_POINTS), SCORE_BUCKETS - 1)] += 1
    return counts


def run(summary: RunSummary, name: str) -> Run:
    """Convert an ended run into the form that the page shows."""
    return Run(
        bot_id=name,
        episode=summary.episode,
        turns=summary.turns,
        score=summary.score / 100,
        result=summary.result,
        mode=summary.mode,
        ranked=summary.ranked,
    )


def live_run(one: live_runs.LiveRun, name: str) -> LiveRun:
    """Convert a live run into the form that the page shows."""
    return LiveRun(name, one.episode, one.turn, one.score / 100, one.mode, one.ranked)


def detail(game: Present, name: str) -> Detail:
    """Make the detail of a game."""
    head = f"e{game.episode} t{game.turn}"
    return Detail(
        bot_id=name,
        episode=game.episode,
        turn=game.turn,
        text=game.rules.text(game.state, head),
        view=game.rules.observe(game.state),
    )
