"""Measuring: the runs of many players on the same seeds, from the file of results or played now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from msgspec import Struct

from dungeonfighter.laboratory.figures import Figures
from dungeonfighter.laboratory.players import Player
from dungeonfighter.laboratory.processes import perform_all
from dungeonfighter.laboratory.results import Results
from dungeonfighter.laboratory.runs import Run, RunJob
from dungeonfighter.rules import Mode


class Series(Struct, frozen=True):
    """The runs of one player on some seeds, by seed."""

    player: Player
    runs: dict[int, Run]

    @property
    def scores(self) -> list[float]:
        return [run.score for _, run in sorted(self.runs.items())]


def jobs_of(
    players: Iterable[Player], seeds: Iterable[int], *, inputs_max: int, counts_options: bool = False,
    category: str = Mode.ironman.name,
) -> list[RunJob]:  # fmt: skip
    """Return the jobs, seed by seed, so that an interrupted measurement has pairs."""
    listed = list(dict.fromkeys(players))
    return [RunJob(player, seed, inputs_max, counts_options, category) for seed in seeds for player in listed]


def measure(
    jobs: Sequence[RunJob],
    results: Results | None,
    *,
    processes: int,
    figures: Figures | None = None,
) -> Iterator[Run]:
    """Yield the run of each job: first those that the results hold, then those that are played now.

    All jobs are of one category, because a run does not say its own.
    A played run is in the file of results before it is yielded, so whoever stops early loses none.
    """
    left = []
    for job in jobs:
        if results is not None and (known := results.find(job)) is not None:
            yield known
        else:
            left.append(job)
    by_run = {(job.player.name, job.seed): job for job in left}
    for run in perform_all(left, processes, figures):
        if results is not None:
            results.add(by_run[run.player, run.seed], run)
        yield run


def series_of(players: Iterable[Player], found: Iterable[Run]) -> list[Series]:
    """Return one series for each player that has runs."""
    by_player: dict[str, dict[int, Run]] = {}
    for run in found:
        by_player.setdefault(run.player, {})[run.seed] = run
    return [Series(player, by_player[player.name]) for player in players if player.name in by_player]


def differences(
    base: Series, other: Series, of: Callable[[Run], float] = lambda run: run.score
) -> list[float]:
    """Return base minus other for each seed that both have, in the order of the seeds."""
    return [
        of(base.runs[seed]) - of(other.runs[seed]) for seed in sorted(base.runs.keys() & other.runs.keys())
    ]
