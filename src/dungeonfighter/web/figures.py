"""The data of the watch page as typed values; their names on the wire are camelCase.

Names of bots are those of `Audience.name_of`. Scores are points with two decimals here; the host counts in
hundredths of a point.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from dungeonfighter.hosting import live_runs, ports
from dungeonfighter.hosting.answers import Present
from dungeonfighter.hosting.ports import RunSummary
from dungeonfighter.replays.replay import Replay
from dungeonfighter.replays.results import LIVE
from dungeonfighter.rules import Observation, Phase, Rules, State, category

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


class PastRun(Struct, frozen=True, rename="camel"):
    """One run in the list of the runs of a bot; `result` is live for the present one."""

    episode: int
    first_turn: int
    turn: int
    result: str
    score: float
    mode: str
    ranked: bool
    ended_at: float | None


class Moment(Struct, frozen=True, rename="camel"):
    """One turn of a run that is played back; all values but the text are those that the page draws.

    `input` led to this turn, "" at the first one. `place` is "" at the hub, `enemy` outside of fights.
    """

    turn: int
    input: str
    text: str
    score: float
    level: int
    health: int
    health_max: int
    place: str
    room: int
    rooms: int
    enemy: str
    enemy_health: int
    enemy_health_max: int
    over: bool


class Part(Struct, frozen=True, rename="camel"):
    """Some turns of a run. `origin` is new, reset, load, fork or import; `parent_episode` 0 for none."""

    bot_id: str
    episode: int
    mode: str
    ranked: bool
    origin: str
    parent_episode: int
    result: str
    score: float
    first_turn: int
    last_turn: int
    turns: list[Moment]


def card(game: Present, name: str) -> Card:
    """Make the card of a game from its state alone, which is far cheaper than an observation."""
    state = game.state
    hero = state.hero
    return Card(
        bot_id=name,
        name=hero.name,
        kind=_class_name(hero.kind),
        level=hero.level,
        episode=game.episode,
        turn=game.turn,
        score=game.rules.score(state) / 100,
        state=Phase(state.phase).name,
        place=_place(game.rules, state),
        over=state.over,
    )


def _class_name(kind: int) -> str:
    return ("Barbarian", "Warrior", "Rogue", "Wizard")[kind] if 0 <= kind < 4 else ""


def _place(rules: Rules, state: State) -> str:
    dungeon = state.dungeon
    return "" if dungeon is None else f"{rules.catalogue.themes[dungeon.theme].name} {dungeon.level}"


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


def past_run(one: ports.PastRun) -> PastRun:
    """Convert an ended run of a bot into the form that the page shows."""
    return PastRun(
        one.episode, one.first_turn, one.turn, one.result, one.score / 100, one.mode, one.ranked, one.ended_at
    )


def present_run(game: Present) -> PastRun:
    """Make the entry of the live run of a bot; it does not know its first turn, so that is 0."""
    state = game.state
    score, mode = game.rules.score(state) / 100, category(state.mode, state.ascension)
    return PastRun(game.episode, 0, game.turn, LIVE, score, mode, state.ranked, None)


def moment(rules: Rules, state: State, episode: int, text: str) -> Moment:
    """Make one turn of a run from its state, which is far cheaper than an observation.

    Args:
        rules: The rules of the run.
        state: The state.
        episode: The number of the run.
        text: The input that led to the state.
    """
    hero, fight, dungeon = state.hero, state.fight, state.dungeon
    return Moment(
        turn=state.turn,
        input=text,
        text=rules.text(state, f"e{episode} t{state.turn}"),
        score=rules.score(state) / 100,
        level=hero.level,
        health=hero.health,
        health_max=hero.figures.health_max,
        place=_place(rules, state),
        room=0 if dungeon is None else dungeon.room,
        rooms=0 if dungeon is None else dungeon.rooms,
        enemy="" if fight is None else rules.catalogue.enemies[fight.enemy_kind].name,
        enemy_health=0 if fight is None else fight.health,
        enemy_health_max=0 if fight is None else fight.health_max,
        over=state.over,
    )


def part(replay: Replay, mode: str, name: str, moments: list[Moment]) -> Part:
    """Make a part of a run.

    Args:
        replay: The whole run.
        mode: Its mode.
        name: The name of the bot on the page.
        moments: The turns.
    """
    result = replay.result
    return Part(
        name, replay.episode, mode, replay.ranked, replay.origin, replay.parent_episode,
        result.result, result.score, replay.first_turn, result.turn, moments,
    )  # fmt: skip
