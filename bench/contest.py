"""Our server beside the alternatives: each is measured once per repeat, one after the other.

Every server has one core, the load generator the other. Ours plays and commits (SQLite, `synchronous=FULL`);
the others answer a constant from a trivial tool, or no tool at all. The database confirms the turns of our
server: every committed turn raises the version of one row.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from msgspec import Struct, field

from bench import rows
from bench.load import BEGIN, LEGACY, MODERN, LoadResult
from bench.many import BEGUN_SECONDS, Unavailable, step_many
from bench.options import Options, Progress
from bench.peers_env import NoPeers, peers_python
from bench.servers import Command, Failed, Server, load, ours, running
from bench.table import Figure

CONNECTIONS: Final = 64
BOTS: Final = 2000
GOOD_SHARE_MIN: Final = 0.95
"""The least share of good answers; a row with less is void."""

_PEERS: Final = Path(__file__).parent / "peers"
_AROUND_SECONDS: Final = 5.0
"""The time of server start, first runs and warm-up beside each measurement; for the estimate of the rest."""


class Contestant(Struct, frozen=True):
    """A server and the protocol revision of its load; one that `plays` keeps real games."""

    name: str
    era: str
    command: Command
    plays: bool = False


class Repeat(Struct):
    """One repeat of one contestant; `detail` has further figures by name."""

    per_second: float
    share: float
    example: str = ""
    detail: dict[str, float] = field(default_factory=dict)


def wanted(options: Options) -> list[str]:
    """Return the names of the requested figures that this part measures, ours first where it is needed."""
    here = [one.name for one in contestants("")]
    names = [name for name in [*here, rows.STEP_MANY] if name in options.figures]
    # The run of our own server also measures the bytes written.
    return [rows.OURS, *names] if rows.SQLITE_BYTES in options.figures and rows.OURS not in names else names


def seconds(options: Options) -> float:
    return len(wanted(options)) * options.repeats * (options.seconds + _AROUND_SECONDS)


def measure(options: Options, progress: Progress) -> dict[str, Figure]:
    """Measure all requested contestants, interleaved."""
    names = wanted(options)
    peers = [one.name for one in contestants("") if not one.plays and one.name in names]
    python, figures = "", {}
    try:
        python = peers_python(progress.say) if peers else ""
    except NoPeers as error:
        figures = {name: Figure(missing=f"cannot be installed here: {error}") for name in peers}
    once: dict[str, Callable[[], Repeat]] = {
        one.name: partial(_once, one, options.seconds) for one in contestants(python)
    }
    once[rows.STEP_MANY] = partial(_step_many, options.seconds)
    announce = partial(progress.step, seconds=options.seconds + _AROUND_SECONDS)
    figures |= interleave(
        {name: once[name] for name in names if name not in figures}, options.repeats, announce
    )
    if rows.SQLITE_BYTES in options.figures:
        figures[rows.SQLITE_BYTES] = _bytes(figures[rows.OURS])
    return figures


def interleave(
    once: Mapping[str, Callable[[], Repeat]], repeats: int, announce: Callable[[str], None]
) -> dict[str, Figure]:
    """Measure each contestant once, then each a second time, and so on.

    An unavailable contestant is missing, a failing one is void; neither is measured in later repeats.
    """
    figures: dict[str, Figure] = {}
    taken: dict[str, list[Repeat]] = {name: [] for name in once}
    for repeat in range(repeats):
        for name in [name for name in once if name not in figures]:
            announce(f"{repeat + 1}/{repeats} {name}")
            try:
                taken[name].append(once[name]())
            except Unavailable as error:
                figures[name] = Figure(missing=str(error))
            except Failed as error:
                figures[name] = Figure(void=str(error))
    return figures | {name: as_figure(many) for name, many in taken.items() if name not in figures}


def contestants(peers: str) -> Iterator[Contestant]:
    """Yield all contestants; `peers` is the interpreter that runs the servers of other projects."""
    here = sys.executable
    yield Contestant(rows.OURS, MODERN, ours, plays=True)
    yield Contestant(rows.OURS_OLDER, LEGACY, ours, plays=True)
    yield Contestant(rows.OFFICIAL, MODERN, lambda *_: [peers, str(_PEERS / "official.py")])
    yield Contestant(rows.OFFICIAL_OLDER, LEGACY, lambda *_: [peers, str(_PEERS / "official.py")])
    yield Contestant(rows.BARE, MODERN, lambda *_: [peers, str(_PEERS / "bare.py")])
    yield Contestant(rows.FASTMCP, MODERN, lambda *_: [peers, str(_PEERS / "fastmcp_server.py")])
    for name, era in ((rows.LONG_WAY, MODERN), (rows.LONG_WAY_OLDER, LEGACY)):
        yield Contestant(name, era, lambda *_: [here, "-m", "bench.peers.long_way"], plays=True)


def as_figure(many: list[Repeat]) -> Figure:
    """Return the repeats of one contestant as a figure; it is void if one repeat has too few good answers."""
    detail: dict[str, list[float]] = {"share": [one.share for one in many]}
    for one in many:
        for name, value in one.detail.items():
            detail.setdefault(name, []).append(value)
    figure = Figure([one.per_second for one in many], detail=detail)
    figure.note = _note(figure)
    worst = min(many, key=lambda one: one.share)
    if worst.share < GOOD_SHARE_MIN:
        figure.void = (
            f"only {worst.share:.1%} of the answers count, {GOOD_SHARE_MIN:.0%} must: {worst.example}"
        )
    return figure


def _once(one: Contestant, seconds: float) -> Repeat:
    with tempfile.TemporaryDirectory() as folder, running(one.command, Path(folder)) as server:
        if one.plays:
            begun = load(server.port, (0, CONNECTIONS, BOTS, BEGIN))
            if begun.good != BOTS:
                raise Failed(f"{begun.good} of {BOTS} bots could begin: {begun.example}")
        return _loaded(server, one, seconds)


def _loaded(server: Server, one: Contestant, seconds: float) -> Repeat:
    versions = server.versions() if one.plays else 0
    spent, written = server.cpu_seconds(), server.thread_bytes()
    result = load(server.port, (seconds, CONNECTIONS, BOTS, one.era), seconds)
    spent, written = server.cpu_seconds() - spent, server.thread_bytes() - written
    counted = server.versions() - versions if one.plays else result.good
    taken = repeat_of(result, counted, spent)
    if one.plays:
        taken.detail["bytes_per_turn"] = written / max(counted, 1)
    return taken


def repeat_of(result: LoadResult, counted: int, spent: float) -> Repeat:
    """Make a repeat of a load.

    Args:
        result: The result of the load generator.
        counted: The turns in the database. The share of good answers is no larger than these allow.
        spent: CPU seconds of the server.
    """
    cpu_us = 1e6 * spent / max(result.answers, 1)
    return Repeat(
        result.per_second, min(counted, result.good) / max(result.answers, 1), result.example,
        {
            "p50_ms": result.p50_ms, "p99_ms": result.p99_ms, "generator_busy": result.busy,
            "server_cpu_us": cpu_us, "server_busy": cpu_us * result.per_second / 1e6,
            "answers": result.answers, "good": result.good, "counted": counted,
        },
    )  # fmt: skip


def _step_many(seconds: float) -> Repeat:
    with tempfile.TemporaryDirectory() as folder, running(ours, Path(folder)) as server:
        step_many(server.port, BEGUN_SECONDS)
        versions, spent = server.versions(), server.cpu_seconds()
        result = step_many(server.port, seconds)
        turns, counted = result.calls * result.rows, server.versions() - versions
        return Repeat(
            result.turns_per_second, counted / max(turns, 1), result.example,
            {"p99_ms": result.p99_ms, "server_cpu_us": 1e6 * (server.cpu_seconds() - spent) / max(turns, 1)},
        )  # fmt: skip


def _note(figure: Figure) -> str:
    """Return the medians of the other measurements, for the reader of the table."""
    words = {
        "share": "{:.1%} of the answers count",
        "p99_ms": "p99 {:.1f} ms",
        "server_cpu_us": "{:.0f} us of server CPU each",
        "server_busy": "server {:.0%} of its core",
        "generator_busy": "generator {:.0%}",
    }
    return ", ".join(
        text.format(statistics.median(figure.detail[name]))
        for name, text in words.items()
        if name in figure.detail
    )


def _bytes(figure: Figure) -> Figure:
    """Return the bytes that the store's threads wrote for each committed turn of our own run."""
    values = figure.detail.get("bytes_per_turn", [])
    if not values or not values[0]:
        return Figure(missing=figure.missing or "there is no /proc here")
    note = "bytes the store's threads gave to write calls: WAL frames and checkpoints; 64 connections"
    return Figure([value / 1000 for value in values], note, void=figure.void)
