"""Converts between the rows of ranked runs in a database and `RankedRun`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import astuple

from dungeonfighter.hosting.ports import EpisodeEnd
from dungeonfighter.hosting.ranked_runs import Check, RankedRun, Selection


def ranked_run(row: Sequence[Any]) -> RankedRun:
    """Return the run of a row; its columns are those of each query in `ranked_runs.sql` that lists runs.

    A text may come as bytes. What of it is no text is replaced, so that one damaged row hides no other.
    """
    key, *ended, ended_at, checked, tries, attestation, inputs_digest = row
    rules, mode, options, result, origin = (_text(ended[place]) for place in (1, 3, 4, 8, 12))
    run = EpisodeEnd(
        ended[0], rules, ended[2], mode, options, ended[5], ended[6], ended[7], result, ended[9], ended[10],
        bool(ended[11]), origin, ended[13],
    )  # fmt: skip
    return RankedRun(_text(key), run, ended_at, checked, tries, attestation, inputs_digest)


def check_values(check: Check) -> tuple[Any, ...]:
    """Return the values of the statement `put_check`."""
    run = check.run
    return (
        check.checked, check.attestation, check.inputs_digest, run.key, *astuple(run.ended), run.tries,
    )  # fmt: skip


def best_query(selection: Selection, count: int) -> tuple[str, tuple[str | int, ...]]:
    """Return the name and the values of the query for the best runs of a selection."""
    name, values = "best_ranked", [selection.mode, selection.rules]
    more: list[str | int] = []
    if selection.seed >= 0:
        name += "_by_seed"
        more.append(selection.seed)
    if selection.fleet:
        name += "_of_fleet"
        more.append(selection.fleet)
    return name, (*values, *more, count)


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode(errors="replace")
