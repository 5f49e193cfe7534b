"""The table of a measurement: one row for each player, compared with another one on the same seeds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

from dungeonfighter.bots.ladder import mean
from dungeonfighter.laboratory.estimates import (
    APART,
    Estimate,
    deviation,
    estimate,
    percentile,
    seeds_needed,
)
from dungeonfighter.laboratory.measuring import Series, differences
from dungeonfighter.laboratory.players import Player
from dungeonfighter.laboratory.runs import Run

CAP: Final = "turns"
"""The result of a run that ended at its limit of turns."""


class Standing(Struct, frozen=True):
    """One row.

    Attributes:
        score, difference: Estimates as (mean, half the 95 % interval, number); the difference is the score
            less that of the same policy without habits, or else of the first player, on the same seeds.
        deviation: The standard deviation of the score over seeds.
        seeds_needed: The seeds that would tell a true difference of 5 points.
        at_cap: The share of runs that ended at the limit of turns.
        inputs: The percentiles 5, 50 and 95 of the inputs of a run.
        death_health: The median share of health at the last input of runs that died; -1 if none did.
        unanswered: The share of deaths that no input could have prevented; -1 if none died.
        regions: The share of runs that reached each region, from the second one on.
        forced: Inputs a run that a habit had to replace.
    """

    player: str
    runs: int
    score: Estimate
    difference: Estimate | None
    seeds_needed: int
    deviation: float
    at_cap: float
    inputs: tuple[float, float, float]
    level: float
    death_health: float
    unanswered: float
    regions: tuple[float, ...]
    results: dict[str, int]
    places: dict[str, int]
    forced: float
    cpu_seconds: float


def standings(series: Sequence[Series]) -> list[Standing]:
    """Return a row for each series, compared with its policy without habits, or else with the first one."""
    plain = {each.player: each for each in series}
    return [_standing(each, _base(each, plain.get(Player(each.player.policy)), series[0])) for each in series]


def _base(each: Series, plain: Series | None, first: Series) -> Series | None:
    if plain is not None and plain is not each:
        return plain
    return None if each is first else first


def _standing(series: Series, base: Series | None) -> Standing:
    runs = list(series.runs.values())
    deaths = [run for run in runs if run.result == "died"]
    compared = [] if base is None else differences(series, base)
    return Standing(
        player=series.player.name,
        runs=len(runs),
        score=estimate(series.scores),
        difference=None if base is None else estimate(compared),
        seeds_needed=seeds_needed(compared) if compared else 0,
        deviation=round(deviation(series.scores), 3),
        at_cap=_share(runs, [run for run in runs if run.result == CAP]),
        inputs=_spread(runs),
        level=round(mean([run.level for run in runs]), 2),
        death_health=round(percentile([run.last_health for run in deaths], 50), 4) if deaths else -1.0,
        unanswered=_share(deaths, [run for run in deaths if run.unanswered]) if deaths else -1.0,
        regions=tuple(_share(runs, [run for run in runs if run.region >= region]) for region in (1, 2)),
        results=dict(Counter(run.result for run in runs).most_common()),
        places=dict(Counter(run.unanswered or run.last_place for run in deaths).most_common()),
        forced=round(mean([run.forced for run in runs]), 2),
        cpu_seconds=round(mean([run.cpu_seconds for run in runs]), 3),
    )


def _share(runs: Sequence[Run], some: Sequence[Run]) -> float:
    return round(len(some) / max(1, len(runs)), 4)


def _spread(runs: Sequence[Run]) -> tuple[float, float, float]:
    inputs = [run.inputs for run in runs]
    return percentile(inputs, 5), percentile(inputs, 50), percentile(inputs, 95)


def table(rows: Sequence[Standing]) -> Iterator[str]:
    """Yield the lines of the table as text."""
    width = max((len(row.player) for row in rows), default=6) + 1
    yield (
        f"{'player':<{width}}{'runs':>5}{'score':>15}{'difference':>16}{'seeds':>6}{'sd':>6}{'cap':>5}"
        f"{'inputs p5-p50-p95':>19}{'level':>6}{'region 2, 3':>12}{'dies at':>8}{'no way':>7}{'cpu s':>7}"
    )
    for row in rows:
        second, third = row.regions
        low, middle, high = row.inputs
        yield (
            f"{row.player:<{width}}{row.runs:>5}{row.score!s:>15}{_or_blank(row.difference):>16}"
            f"{row.seeds_needed or '':>6}{row.deviation:>6.1f}{row.at_cap:>5.0%}"
            f"{f'{low:.0f}-{middle:.0f}-{high:.0f}':>19}{row.level:>6.1f}{f'{second:.0%} {third:.0%}':>12}"
            f"{_percent(row.death_health):>8}{_percent(row.unanswered):>7}{row.cpu_seconds:>7.2f}"
        )
    yield "difference: from the same policy without habits, or else the first player; 95 % intervals, by seed"
    yield f"seeds: pairs that tell a true difference of {APART:g} points (two-sided 5 %, power 80 %)"
    yield "dies at: median health at the last input; no way: deaths that no input could have prevented"
    for row in rows:
        if row.forced >= 0.5:
            yield f"{row.player}: {row.forced} inputs a run had to be replaced, so its loss is overstated"


def by_category(found: Mapping[str, Sequence[Standing]]) -> Iterator[str]:
    """Yield a table of the mean scores: one line for each category, one column for each player."""
    names = list(dict.fromkeys(row.player for rows in found.values() for row in rows))
    width = max(16, *(len(name) + 2 for name in names)) if names else 16
    yield f"{'category':<12}" + "".join(f"{name:>{width}}" for name in names)
    for category, rows in found.items():
        scores = {row.player: str(row.score) for row in rows}
        yield f"{category:<12}" + "".join(f"{scores.get(name, ''):>{width}}" for name in names)


def _or_blank(found: Estimate | None) -> str:
    return "" if found is None else str(found)


def _percent(value: float) -> str:
    return "" if value < 0 else f"{value:.0%}"
