"""Turns with traces: none, one call in a hundred sent to a collector, and the same with the collector frozen.

The cost is the server's CPU time of a turn. A collector that answers and one that does not are compared in
one server, one after the other. In a closed loop the rate of answers is also their mean latency, so a frozen
collector that delayed answers would show in the rate.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench import rows
from bench.contest import BOTS, CONNECTIONS
from bench.load import BEGIN, MODERN, LoadResult
from bench.options import Options, Progress
from bench.servers import Failed, Server, load, ours, running
from bench.table import Figure

if TYPE_CHECKING:
    from testkit.span_receiver import SpanReceiver

_FIGURES: Final = (rows.TRACES_OFF, rows.TRACES_ON, rows.TRACES_ANSWERED, rows.TRACES_FROZEN)
_AROUND_SECONDS: Final = 8.0


def seconds(options: Options) -> float:
    """Return about how long the part takes."""
    is_wanted = bool(options.figures.intersection(_FIGURES))
    return is_wanted * options.repeats * (3 * options.seconds + 2 * _AROUND_SECONDS)


def measure(options: Options, progress: Progress) -> dict[str, Figure]:
    """Measure a server without traces and one with them, in turn."""
    if not options.figures.intersection(_FIGURES):
        return {}
    try:
        from testkit.span_receiver import receiving  # noqa: PLC0415 (needs the extra `traces`)
    except ImportError as error:
        return {name: Figure(missing=f"the extra `traces` is not installed: {error}") for name in _FIGURES}
    figures = {name: Figure() for name in _FIGURES}
    try:
        for repeat in range(options.repeats):
            progress.step(f"{repeat + 1}/{options.repeats} traces", seconds(options) / options.repeats)
            _measure(figures, None, options.seconds)
            with receiving("http/protobuf") as receiver:
                _measure(figures, receiver, options.seconds)
    except Failed as error:
        return {name: Figure(void=str(error)) for name in _FIGURES}
    return figures


def _measure(figures: dict[str, Figure], receiver: SpanReceiver | None, seconds: float) -> None:
    def command(port: int, database: str) -> list[str]:
        traces = [] if receiver is None else ["--otlp-endpoint", receiver.url, "--trace-ratio", "0.01"]
        return [*ours(port, database), *traces]

    with tempfile.TemporaryDirectory() as folder, running(command, Path(folder)) as server:
        begun = load(server.port, (0, CONNECTIONS, BOTS, BEGIN))
        if begun.good != BOTS:
            raise Failed(f"{begun.good} of {BOTS} bots could begin: {begun.example}")
        spent = server.cpu_seconds()
        loaded = _load(server, seconds)
        cpu_us = 1e6 * (server.cpu_seconds() - spent) / loaded.answers
        if receiver is None:
            figures[rows.TRACES_OFF].repeats.append(cpu_us)
            return
        figures[rows.TRACES_ON].repeats.append(cpu_us)
        figures[rows.TRACES_ANSWERED].repeats.append(loaded.per_second)
        receiver.wait_for_roots(1)
        receiver.freeze()
        figures[rows.TRACES_FROZEN].repeats.append(_load(server, seconds).per_second)


def _load(server: Server, seconds: float) -> LoadResult:
    loaded = load(server.port, (seconds, CONNECTIONS, BOTS, MODERN), seconds)
    if loaded.good != loaded.answers:
        raise Failed(f"{loaded.answers - loaded.good} answers were not good: {loaded.example}")
    return loaded
