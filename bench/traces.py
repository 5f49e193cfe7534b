"""Turns with traces: none, one call in a hundred sent to a collector, and the same with the collector frozen.

In a closed loop the rate of answers is also their mean latency, so a frozen collector that delayed answers
would show in the rate.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Final

from bench import rows
from bench.contest import BOTS, CONNECTIONS, Repeat, interleave, repeat_of
from bench.load import BEGIN, MODERN
from bench.options import Options, Progress
from bench.servers import Failed, load, ours, running
from bench.table import Figure

_FIGURES: Final = (rows.TRACES_OFF, rows.TRACES_ON, rows.TRACES_FROZEN)
_AROUND_SECONDS: Final = 5.0


def seconds(options: Options) -> float:
    """Return about how long the part takes."""
    return len(_wanted(options)) * options.repeats * (options.seconds + _AROUND_SECONDS)


def measure(options: Options, progress: Progress) -> dict[str, Figure]:
    """Measure all of them, interleaved, each against a new server."""
    wanted = _wanted(options)
    try:
        import testkit.span_receiver  # noqa: F401, PLC0415 (needs the extra `traces`)
    except ImportError as error:
        return {name: Figure(missing=f"the extra `traces` is not installed: {error}") for name in wanted}
    once: dict[str, Callable[[], Repeat]] = {name: partial(_once, name, options.seconds) for name in wanted}
    return interleave(
        once, options.repeats, partial(progress.step, seconds=options.seconds + _AROUND_SECONDS)
    )


def _wanted(options: Options) -> list[str]:
    return [name for name in _FIGURES if name in options.figures]


def _once(name: str, seconds: float) -> Repeat:
    from testkit.span_receiver import receiving  # noqa: PLC0415

    has_traces = name != rows.TRACES_OFF
    with receiving("http/protobuf") if has_traces else nullcontext() as receiver:

        def command(port: int, database: str) -> list[str]:
            traces = [] if receiver is None else ["--otlp-endpoint", receiver.url, "--trace-ratio", "0.01"]
            return [*ours(port, database), *traces]

        with tempfile.TemporaryDirectory() as folder, running(command, Path(folder)) as server:
            begun = load(server.port, (0, CONNECTIONS, BOTS, BEGIN))
            if begun.good != BOTS:
                raise Failed(f"{begun.good} of {BOTS} bots could begin: {begun.example}")
            if receiver is not None:
                receiver.wait_for_roots(1)
                if name == rows.TRACES_FROZEN:
                    receiver.freeze()
            versions, spent = server.versions(), server.cpu_seconds()
            loaded = load(server.port, (seconds, CONNECTIONS, BOTS, MODERN), seconds)
            return repeat_of(loaded, server.versions() - versions, server.cpu_seconds() - spent)
