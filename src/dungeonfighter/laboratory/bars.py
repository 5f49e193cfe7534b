"""The bars that a rule set must hold, judged on measured runs.

A reading is one figure beside its bar. `held` is True or False, or None where the runs are too few to say:
a difference that its own interval does not tell from the bar.

Source: docs/lab.md, "The bars".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

from msgspec import Struct

from dungeonfighter.bots.ladder import mean
from dungeonfighter.laboratory.estimates import Estimate, deviation, estimate, percentile, share
from dungeonfighter.laboratory.exploits import EXPLOITS
from dungeonfighter.laboratory.habits import KINDS
from dungeonfighter.laboratory.measuring import Series, differences
from dungeonfighter.laboratory.players import Player
from dungeonfighter.laboratory.runs import Run
from dungeonfighter.laboratory.standings import CAP

HEURISTIC: Final = "heuristic"
SEARCH: Final = "search"
BANDS: Final = {"random": (0.0, 3.0), "attack": (3.0, 8.0), "auto": (8.0, 14.0), HEURISTIC: (30.0, 45.0)}
"""The least and the greatest mean score of each policy, the weakest first."""
SCORE_MAX: Final = 90.0
LOSS_LEAST: Final = 2.0
"""Points that a kind of decision must be worth to the heuristic."""
ABOVE_MARGINS: Final = 1.7
"""Half intervals by which a player must be ahead of the heuristic to count as above it: some 80 players are
compared with it, so at one half interval two of them would be above by chance."""
CLASSES_APART: Final = 0.15
CAP_MAX: Final = 0.10
INPUTS: Final = (300, 1500)
FIRST_FIGHTS: Final = (5, 12)
DEATH_HEALTH: Final = 0.45
UNANSWERED: Final = 0.05
REGION_TWO: Final = 0.5
DEVIATION_MAX: Final = 11.0
STATE_TYPICAL: Final = 1536
STATE_MAX: Final = 4096
WEAPONS: Final = ("mace", "sword", "dagger", "wand")


class Reading(Struct, frozen=True):
    """One measured figure: its subject, the bar and the figure in words, and the verdict."""

    subject: str
    bar: str
    measured: str
    held: bool | None


class Measured(Struct, frozen=True):
    """The series of one set of seeds, by the name of the player."""

    series: Mapping[str, Series]

    def runs(self, name: str) -> list[Run]:
        return list(self.series[name].runs.values()) if name in self.series else []

    def best(self) -> list[str]:
        """Return the heuristic and, if it was measured, the search."""
        return [name for name in (HEURISTIC, SEARCH) if name in self.series]

    def loss(self, base: str, other: str) -> Estimate:
        """Return the estimate of base less other on their common seeds."""
        if base not in self.series or other not in self.series:
            return estimate([])
        return estimate(differences(self.series[base], self.series[other]))


def readings(found: Measured) -> list[Reading]:
    """Return the readings of all bars; of a player that was not measured there are none."""
    return [reading for judge in _JUDGES for reading in judge(found)]


def _within(subject: str, bar: str, shown: str, held: bool) -> Reading:
    return Reading(subject, bar, shown, held)


def _ladder(found: Measured) -> Iterator[Reading]:
    there = [name for name in BANDS if name in found.series]
    for name in there:
        low, high = BANDS[name]
        score = estimate(found.series[name].scores)
        bar = f"{low:g} to {high:g}" if low else f"under {high:g}"
        yield _within(f"score of {name}", bar, str(score), low <= score.mean <= high)
    if SEARCH in found.series:
        ahead = found.loss(SEARCH, HEURISTIC)
        yield Reading("search less heuristic", "not below 0 (goal 8)", str(ahead), ahead.high >= 0)
    for weaker, stronger in pairwise(there):
        below = estimate(found.series[weaker].scores)
        above = estimate(found.series[stronger].scores)
        gap = above.low - below.high
        yield _within(f"{weaker} and {stronger}", "intervals apart", f"{gap:.2f} between them", gap > 0)
    if found.series:
        best = max(mean(each.scores) for each in found.series.values())
        yield _within("best mean of any player", f"at most {SCORE_MAX:g}", f"{best:.2f}", best <= SCORE_MAX)


def _decisions(found: Measured) -> Iterator[Reading]:
    for kind in KINDS:
        other = Player(HEURISTIC, (kind,)).name
        if other in found.series:
            loss = found.loss(HEURISTIC, other)
            held = loss.mean >= LOSS_LEAST and loss.low > 0
            bar = f"at least {LOSS_LEAST:g}, interval above 0"
            open_still = loss.high >= LOSS_LEAST and loss.low <= LOSS_LEAST and not held
            yield Reading(f"heuristic without {kind}: loss", bar, str(loss), None if open_still else held)


def _exploits(found: Measured) -> Iterator[Reading]:
    for name in EXPLOITS:
        if name in found.series:
            yield _not_above(found, f"exploit {name}", name)


def _always(found: Measured) -> Iterator[Reading]:
    for name in found.series:
        if name.startswith(f"{HEURISTIC} always "):
            yield _not_above(found, name.removeprefix(f"{HEURISTIC} "), name)


def _not_above(found: Measured, subject: str, name: str) -> Reading:
    ahead = found.loss(name, HEURISTIC)
    is_above = ahead.mean - ABOVE_MARGINS * ahead.margin > 0
    held = False if is_above else True if ahead.mean <= 0 else None
    return Reading(f"{subject}: less heuristic", "not above 0", str(ahead), held)


def _classes(found: Measured) -> Iterator[Reading]:
    for policy in (HEURISTIC, "attack"):
        names = [Player(policy, (), (("weapon", weapon),)).name for weapon in WEAPONS]
        if all(name in found.series for name in names):
            means = [mean(found.series[name].scores) for name in names]
            apart = (max(means) - min(means)) / max(0.01, mean(means))
            shown = ", ".join(f"{w} {m:.2f}" for w, m in zip(WEAPONS, means, strict=True))
            yield _within(
                f"classes of {policy}",
                f"within {CLASSES_APART:.0%}",
                f"{apart:.0%}: {shown}",
                apart <= CLASSES_APART,
            )


def _caps(found: Measured) -> Iterator[Reading]:
    for name in found.best():
        runs = found.runs(name)
        at_cap = share(sum(run.result == CAP for run in runs), len(runs))
        yield _within(
            f"{name}: runs at the limit of turns",
            f"under {CAP_MAX:.0%}",
            _percent(at_cap),
            at_cap.mean < CAP_MAX,
        )


def _inputs(found: Measured) -> Iterator[Reading]:
    if runs := found.runs(HEURISTIC):
        low, high = (percentile([run.inputs for run in runs], p) for p in (5, 95))
        held = INPUTS[0] <= low and high <= INPUTS[1]
        yield _within(
            "inputs a run, p5 to p95", f"{INPUTS[0]} to {INPUTS[1]}", f"{low:.0f} to {high:.0f}", held
        )


def _first_fights(found: Measured) -> Iterator[Reading]:
    for name in (HEURISTIC, "attack"):
        fights = [count for run in found.runs(name) for count in run.first_fights]
        if fights:
            low, middle, high = (percentile(fights, p) for p in (10, 50, 90))
            held = FIRST_FIGHTS[0] <= low and high <= FIRST_FIGHTS[1]
            yield _within(
                f"{name}: inputs of a level-1 fight, p10 to p90", f"{FIRST_FIGHTS[0]} to {FIRST_FIGHTS[1]}",
                f"{low:.0f} to {high:.0f}, median {middle:.0f}", held,
            )  # fmt: skip


def _deaths(found: Measured) -> Iterator[Reading]:
    deaths = [run for run in found.runs(HEURISTIC) if run.result == "died"]
    if deaths:
        health = percentile([run.last_health for run in deaths], 50)
        yield _within(
            "median health at the last input of a death", f"under {DEATH_HEALTH:.0%}", f"{health:.0%}",
            health < DEATH_HEALTH,
        )  # fmt: skip
        without = share(sum(bool(run.unanswered) for run in deaths), len(deaths))
        yield _within(
            "deaths that no input could have prevented", f"at most {UNANSWERED:.0%}",
            f"{_percent(without)} of {len(deaths)}", without.mean <= UNANSWERED,
        )  # fmt: skip


def _seen(found: Measured) -> Iterator[Reading]:
    if runs := found.runs(HEURISTIC):
        second = share(sum(run.region >= 1 for run in runs), len(runs))
        yield _within(
            "heuristic reaches region 2",
            f"{REGION_TWO:.0%} of runs",
            _percent(second),
            second.mean >= REGION_TWO,
        )
    everybody = [run for each in found.series.values() for run in each.runs.values()]
    third = sum(run.region >= 2 for run in everybody)
    yield _within("somebody reaches region 3", "one run", f"{third} of {len(everybody)}", third > 0)


def _spread(found: Measured) -> Iterator[Reading]:
    if HEURISTIC in found.series:
        spread = deviation(found.series[HEURISTIC].scores)
        yield _within(
            "standard deviation of the heuristic",
            f"at most {DEVIATION_MAX:g}",
            f"{spread:.1f}",
            spread <= DEVIATION_MAX,
        )


def _states(found: Measured) -> Iterator[Reading]:
    runs = [run for name in BANDS for run in found.runs(name)]
    if runs:
        typical = percentile([run.state_median for run in found.runs(HEURISTIC) or runs], 50)
        most = max(run.state_max for run in runs)
        yield _within(
            "state, typical",
            f"at most {STATE_TYPICAL} bytes",
            f"{typical:.0f} bytes",
            typical <= STATE_TYPICAL,
        )
        yield _within("state, largest", f"at most {STATE_MAX} bytes", f"{most} bytes", most <= STATE_MAX)
    if played := found.runs("random"):
        speed = sum(run.inputs for run in played) / max(0.001, sum(run.cpu_seconds for run in played))
        yield Reading(
            "random: inputs a second of processor time", "within 10 % of before", f"{speed:.0f}", None
        )


def _percent(found: Estimate) -> str:
    return f"{found.mean:.1%} +- {found.margin:.1%}"


_JUDGES: Final[Sequence[Callable[[Measured], Iterator[Reading]]]] = (
    _ladder, _decisions, _exploits, _always, _classes, _caps, _inputs, _first_fights, _deaths, _seen, _spread,
    _states,
)  # fmt: skip
