"""Choices: how often each option was offered and taken, and the score that was gained afterwards.

The gain after an option is no effect of it: who rests is hurt. `regret` measures effects.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct

from dungeonfighter.laboratory.estimates import Estimate, estimate
from dungeonfighter.laboratory.runs import Counted, Run


class Choice(Struct, frozen=True):
    """One option over all runs.

    Attributes:
        offered, taken: Times a run.
        runs: The share of runs in which it was offered at least once.
        after_taken, after_skipped: The mean score gained until the end of the run after it was taken or
            skipped; the interval takes each run as one observation.
    """

    option: str
    offered: float
    taken: float
    runs: float
    after_taken: Estimate
    after_skipped: Estimate


def choices_of(runs: Sequence[Run]) -> list[Choice]:
    """Return all options of these runs by group, the most offered first."""
    names = {name for run in runs for name in run.options}
    found = [_choice(name, runs) for name in names]
    return sorted(found, key=lambda choice: (choice.option.partition(":")[0], -choice.offered, choice.option))


def _choice(name: str, runs: Sequence[Run]) -> Choice:
    counted = [run.options[name] for run in runs if name in run.options]
    return Choice(
        option=name,
        offered=round(sum(one.offered for one in counted) / len(runs), 3),
        taken=round(sum(one.taken for one in counted) / len(runs), 3),
        runs=round(len(counted) / len(runs), 3),
        after_taken=estimate([one.after_taken / one.taken for one in counted if one.taken]),
        after_skipped=estimate([one.after_skipped / _skipped(one) for one in counted if _skipped(one)]),
    )


def _skipped(one: Counted) -> int:
    return one.offered - one.taken


def table(choices: Sequence[Choice]) -> Iterator[str]:
    """Yield the lines of the table as text."""
    width = max((len(choice.option) for choice in choices), default=6) + 1
    yield (
        f"{'option':<{width}}{'offered':>9}{'taken':>9}{'share':>7}{'in runs':>9}"
        f"{'after taken':>17}{'after skipped':>17}"
    )
    for one in choices:
        yield (
            f"{one.option:<{width}}{one.offered:>9.2f}{one.taken:>9.2f}{one.taken / one.offered:>7.0%}"
            f"{one.runs:>9.0%}{_shown(one.after_taken):>17}{_shown(one.after_skipped):>17}"
        )
    yield "offered and taken: times a run; after: mean score gained from then to the end of the run"


def _shown(found: Estimate) -> str:
    return str(found) if found.size else ""
