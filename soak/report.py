"""The report of a soak as text: what was done, the judgement, plots, and the growth of the tables."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

from soak.judgement import BOUNDS, Judged, Slope, judge
from soak.samples import ACCEPTED, TABLES, Sample, Soak

_PLOT_WIDTH: Final = 64
_PLOT_HEIGHT: Final = 7
_SHOWN: Final = ("memory", "descriptors", "threads", "wal")


def slopes(soak: Soak) -> list[Slope]:
    """Judge every resource of `BOUNDS` that has samples."""
    samples = soak.judged_samples()
    found = []
    for bound in BOUNDS:
        having = [one for one in samples if bound.series in one.values]
        found.append(judge([one.bots for one in having], [one.values[bound.series] for one in having], bound))
    return found


def missed(soak: Soak) -> list[str]:
    """Return a sentence for each thing that is not as it must be."""
    wrong = [
        f"{one.bound.what}: {one.judged}" for one in slopes(soak) if one.judged is not Judged.flat
    ]  # fmt: skip
    accepted = soak.refused.get(ACCEPTED, 0)
    if accepted or not soak.refused:
        wrong.append(f"{accepted} of {sum(soak.refused.values())} calls that must be refused were not")
    if soak.left_open:
        wrong.append(f"{soak.left_open} connections were not closed after their bots hung up")
    if soak.findings:
        wrong.append(f"turns lost, doubled or wrong: {_counted(soak.findings)}")
    if soak.errors:
        wrong.append(f"errors after all repeats: {_counted(soak.errors)}")
    if not soak.verified_turns:
        wrong.append("no turn was verified")
    if soak.came < soak.bots and not soak.interrupted:
        wrong.append(f"{soak.came:,} of {soak.bots:,} bots came: this machine was too slow for the rate")
    return wrong


def text(soak: Soak) -> str:
    """Return the whole report."""
    parts = [*_done(soak), "", *_judged(soak)]
    for name in _SHOWN:
        parts += ["", *plot(name, soak.samples)]
    parts += ["", *_tables(soak)]
    wrong = missed(soak)
    parts += ["", *(f"MISSED: {line}" for line in wrong)] if wrong else ["", "everything is as it must be"]
    return "\n".join(parts)


def _done(soak: Soak) -> Iterator[str]:
    seconds = soak.samples[-1].seconds if soak.samples else 0.0
    state = " (interrupted)" if soak.interrupted else ""
    minutes = f"{seconds / 60:.1f} minutes"
    yield f"{soak.came:,} distinct bots of {soak.bots:,} in {minutes} on {soak.store}{state}"
    yield (
        f"{soak.turns:,} turns acknowledged ({soak.turns / max(seconds, 1):,.0f}/s), {soak.runs:,} runs "
        f"begun, {soak.connections:,} connections; arrivals {soak.late_seconds:.1f} s late at the end"
    )
    yield f"errors {_counted(soak.errors)}; failed attempts before a repeat {_counted(soak.troubles)}"
    yield f"calls that must be refused: {_counted(soak.refused)}"
    found = _counted(soak.findings)
    yield f"verified {soak.verified_bots:,} bots, {soak.verified_turns:,} turns; lost, doubled, wrong {found}"
    yield f"connections that stayed open after all bots hung up: {soak.left_open}"


def _judged(soak: Soak) -> Iterator[str]:
    count = len(soak.judged_samples())
    yield f"Judged by {count} samples after {soak.warm_up_seconds / 60:.1f} minutes; slopes for 1,000 bots:"
    yield f"  {'':46}{'level':>12}{'slope':>12}{'95 % interval':>24}{'bound':>12}  judgement"
    for one in slopes(soak):
        unit, bound = one.bound.unit, one.bound
        interval = f"{_number(1000 * one.low)} to {_number(1000 * one.high)}"
        yield (
            f"  {bound.what:46}{shown(one.level, unit):>12}{_number(1000 * one.slope):>12}{interval:>24}"
            f"{_number(1000 * bound.slope_max):>12}  {one.judged}"
        )


def plot(name: str, samples: Sequence[Sample]) -> list[str]:
    """Return a plot of one series over time, of characters; empty without samples."""
    having = [(one.seconds, one.values[name]) for one in samples if name in one.values]
    if len(having) < 2 or having[-1][0] <= having[0][0]:
        return []
    begin, end = having[0][0], having[-1][0]
    columns: list[list[float]] = [[] for _ in range(_PLOT_WIDTH)]
    for at, value in having:
        columns[min(_PLOT_WIDTH - 1, int((at - begin) / (end - begin) * _PLOT_WIDTH))].append(value)
    low, high = min(value for _, value in having), max(value for _, value in having)
    step = (high - low) / (_PLOT_HEIGHT - 1) or 1.0
    rows = [[" "] * _PLOT_WIDTH for _ in range(_PLOT_HEIGHT)]
    for x, column in enumerate(columns):
        if column:
            rows[round((sum(column) / len(column) - low) / step)][x] = "*"
    unit = "bytes" if name in {"memory", "wal"} else ""
    labels = [shown(low + row * step, unit) for row in range(_PLOT_HEIGHT)]
    lines = [f"{label:>10} |{''.join(row)}" for label, row in zip(labels, rows, strict=True)][::-1]
    return [name, *lines, f"{'':>10} +{'-' * _PLOT_WIDTH}", f"{'':>12}0 to {end / 60:.1f} minutes"]


def _tables(soak: Soak) -> Iterator[str]:
    yield "Growth of the store:"
    first, last = (soak.samples[0], soak.samples[-1]) if soak.samples else (None, None)
    if first is None or last is None:
        return
    heads = ("bytes", "index bytes", "live rows", "dead rows", "autovacuums")
    yield f"  {'':14}" + "".join(f"{head:>22}" for head in heads)
    for table in TABLES:
        cells = []
        for head in heads:
            name, unit = f"{table} {head}", "bytes" if head.endswith("bytes") else ""
            if name in last.values:
                cells.append(f"{shown(first.values.get(name, 0.0), unit)} > {shown(last.values[name], unit)}")
            else:
                cells.append("-")
        yield f"  {table:14}" + "".join(f"{cell:>22}" for cell in cells)
    most = max((one.values.get("games dead rows", 0.0) for one in soak.samples), default=0.0)
    if most:
        yield f"  most dead rows of games at one moment: {most:,.0f}"
    for name in ("wal written", "database bytes", "free bytes"):
        if name in last.values and last.bots > first.bots:
            grown = last.values[name] - first.values.get(name, 0.0)
            each = grown / (last.bots - first.bots)
            yield f"  {name}: {shown(last.values[name], 'bytes')}, {each:,.0f} bytes for each bot"


def shown(value: float, unit: str) -> str:
    """Return a value for people: bytes as MB."""
    if math.isnan(value):
        return "-"
    return f"{value / 1e6:,.1f} MB" if unit == "bytes" else f"{value:,.0f}"


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:,.4g}"


def _counted(kinds: dict[str, int]) -> str:
    return ", ".join(f"{kind} {count:,}" for kind, count in sorted(kinds.items())) or "none"
