"""Our server beside what people would use instead, one after the other, again and again.

Every server has one core, the load generator the other. Ours plays and commits (SQLite, `synchronous=FULL`);
the others answer a constant from a trivial tool, or no tool at all. Whether ours did what it said is asked of
its database: every committed turn raises the version of one row.
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
from bench.asked import Asked, Progress
from bench.load import BEGIN, LEGACY, MODERN, Loaded
from bench.many import BEGUN_SECONDS, NotThere, step_many
from bench.peers_env import NoPeers, peers_python
from bench.servers import Command, Failed, Server, load, ours, running
from bench.table import Figure

CONNECTIONS: Final = 64
BOTS: Final = 2000
GOOD_SHARE_MIN: Final = 0.95
"""Of the answers; with less a row is void."""

_PEERS: Final = Path(__file__).parent / "peers"
_AROUND_SECONDS: Final = 5.0
"""What starting a server, beginning runs and warming up add to a measurement; for the time that is left."""


class Contestant(Struct, frozen=True):
    """A server and the era it is spoken to in; `plays`: it keeps real games."""

    name: str
    era: str
    command: Command
    plays: bool = False


class Taken(Struct):
    """One repeat of one contestant; further figures by name in `detail`."""

    per_second: float
    share: float
    example: str = ""
    detail: dict[str, float] = field(default_factory=dict)


def wanted(asked: Asked) -> list[str]:
    """Those of the figures asked for that are measured here."""
    here = [one.name for one in contestants("")]
    names = [name for name in [*here, rows.STEP_MANY] if name in asked.figures]
    # The bytes are those of our own run.
    return [rows.OURS, *names] if rows.SQLITE_BYTES in asked.figures and rows.OURS not in names else names


def seconds(asked: Asked) -> float:
    """About how long it takes."""
    return len(wanted(asked)) * asked.repeats * (asked.seconds + _AROUND_SECONDS)


def measure(asked: Asked, progress: Progress) -> dict[str, Figure]:
    """All contestants that are wanted, interleaved."""
    names = wanted(asked)
    peers = [one.name for one in contestants("") if not one.plays and one.name in names]
    python, figures = "", {}
    try:
        python = peers_python(progress.say) if peers else ""
    except NoPeers as error:
        figures = {name: Figure(missing=f"cannot be installed here: {error}") for name in peers}
    once: dict[str, Callable[[], Taken]] = {
        one.name: partial(_once, one, asked.seconds) for one in contestants(python)
    }
    once[rows.STEP_MANY] = partial(_step_many, asked.seconds)
    told = partial(progress.step, seconds=asked.seconds + _AROUND_SECONDS)
    figures |= in_turns({name: once[name] for name in names if name not in figures}, asked.repeats, told)
    if rows.SQLITE_BYTES in asked.figures:
        figures[rows.SQLITE_BYTES] = _bytes(figures[rows.OURS])
    return figures


def in_turns(
    once: Mapping[str, Callable[[], Taken]], repeats: int, told: Callable[[str], None]
) -> dict[str, Figure]:
    """Measure each once, then each again; who is not there is left out, who fails is void, others go on."""
    figures: dict[str, Figure] = {}
    taken: dict[str, list[Taken]] = {name: [] for name in once}
    for repeat in range(repeats):
        for name in [name for name in once if name not in figures]:
            told(f"{repeat + 1}/{repeats} {name}")
            try:
                taken[name].append(once[name]())
            except NotThere as error:
                figures[name] = Figure(missing=str(error))
            except Failed as error:
                figures[name] = Figure(void=str(error))
    return figures | {name: as_figure(many) for name, many in taken.items() if name not in figures}


def contestants(peers: str) -> Iterator[Contestant]:
    """All of them; `peers` is the interpreter of the others."""
    here = sys.executable
    yield Contestant(rows.OURS, MODERN, ours, plays=True)
    yield Contestant(rows.OURS_OLDER, LEGACY, ours, plays=True)
    yield Contestant(rows.OFFICIAL, MODERN, lambda *_: [peers, str(_PEERS / "official.py")])
    yield Contestant(rows.OFFICIAL_OLDER, LEGACY, lambda *_: [peers, str(_PEERS / "official.py")])
    yield Contestant(rows.BARE, MODERN, lambda *_: [peers, str(_PEERS / "bare.py")])
    yield Contestant(rows.FASTMCP, MODERN, lambda *_: [peers, str(_PEERS / "fastmcp_server.py")])
    for name, era in ((rows.LONG_WAY, MODERN), (rows.LONG_WAY_OLDER, LEGACY)):
        yield Contestant(name, era, lambda *_: [here, "-m", "bench.peers.long_way"], plays=True)


def as_figure(many: list[Taken]) -> Figure:
    """The repeats of one contestant; void when one of them was not what it should be."""
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


def _once(one: Contestant, seconds: float) -> Taken:
    with tempfile.TemporaryDirectory() as folder, running(one.command, Path(folder)) as server:
        if one.plays:
            begun = load(server.port, (0, CONNECTIONS, BOTS, BEGIN))
            if begun.good != BOTS:
                raise Failed(f"{begun.good} of {BOTS} bots could begin: {begun.example}")
        return _loaded(server, one, seconds)


def _loaded(server: Server, one: Contestant, seconds: float) -> Taken:
    versions = server.versions() if one.plays else 0
    spent, written = server.cpu_seconds(), server.thread_bytes()
    told = load(server.port, (seconds, CONNECTIONS, BOTS, one.era), seconds)
    spent, written = server.cpu_seconds() - spent, server.thread_bytes() - written
    counted = server.versions() - versions if one.plays else told.good
    taken = taken_of(told, counted, spent)
    if one.plays:
        taken.detail["bytes_per_turn"] = written / max(counted, 1)
    return taken


def taken_of(told: Loaded, counted: int, spent: float) -> Taken:
    """`counted` are the answers that did what they said: no more of them count than said they did."""
    cpu_us = 1e6 * spent / max(told.answers, 1)
    return Taken(
        told.per_second, min(counted, told.good) / max(told.answers, 1), told.example,
        {
            "p50_ms": told.p50_ms, "p99_ms": told.p99_ms, "generator_busy": told.busy,
            "server_cpu_us": cpu_us, "server_busy": cpu_us * told.per_second / 1e6,
            "answers": told.answers, "good": told.good, "counted": counted,
        },
    )  # fmt: skip


def _step_many(seconds: float) -> Taken:
    with tempfile.TemporaryDirectory() as folder, running(ours, Path(folder)) as server:
        step_many(server.port, BEGUN_SECONDS)
        versions, spent = server.versions(), server.cpu_seconds()
        told = step_many(server.port, seconds)
        turns, counted = told.calls * told.rows, server.versions() - versions
        return Taken(
            told.turns_per_second, counted / max(turns, 1), told.example,
            {"p99_ms": told.p99_ms, "server_cpu_us": 1e6 * (server.cpu_seconds() - spent) / max(turns, 1)},
        )  # fmt: skip


def _note(figure: Figure) -> str:
    """For the reader of the table: medians of what was measured beside the rate."""
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
    """What the store's threads wrote for each committed turn of our own run."""
    values = figure.detail.get("bytes_per_turn", [])
    if not values or not values[0]:
        return Figure(missing=figure.missing or "there is no /proc here")
    note = "bytes the store's threads gave to write calls: WAL frames and checkpoints; 64 connections"
    return Figure([value / 1000 for value in values], note, void=figure.void)
