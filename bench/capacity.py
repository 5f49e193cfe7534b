"""The model of `dungeonfighter plan` beside measurements: `python -m bench.capacity`, about 12 minutes.

It runs `bench.eighty` with 8,000, 40,000 and 80,000 bots on this machine, fits the model on the first two,
and compares its prediction for the third with what was measured. All three have the same number of workers
and generators. Servers and generators share the cores, so the utilisation is that of both.

It writes `bench-results/capacity.json` and the table in docs/capacity.md. `--unit-costs FILE` puts the fit
into a file of `python -m bench --unit-costs FILE`. A run that was made with the same words and of the same
build is not made again (`--anew` does), so a repeat after Ctrl-C goes on where it ended.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from bench.machine import Machine, machine
from dungeonfighter.planning import latency, unit_costs

_RESULTS: Final = Path("bench-results")
_DOCUMENT: Final = Path("docs/capacity.md")
_BEGIN, _END = "<!-- bench.capacity writes this table -->", "<!-- end of the table -->"
_PER_PROCESS: Final = 16_000
_RAMP_BOTS_PER_SECOND: Final = 400
_WARM_ROUNDS: Final = 1.5
_VERIFY_BOTS_PER_SECOND: Final = 1500
_ERROR_PERCENT_MAX: Final = 25.0
_WIDTH: Final = 110
"""The longest line of a document."""


class Point(NamedTuple):
    """One measured load: cores in use by servers and generators, and the p99 in milliseconds."""

    bots: int
    turns_per_second: float
    server_cores: float
    generator_cores: float
    p99_ms: float
    missed: list[str]

    def utilisation(self, cores: int) -> float:
        return (self.server_cores + self.generator_cores) / cores


class Prediction(NamedTuple):
    """The fit of two points, and what it says about the third."""

    fit: unit_costs.Fit
    server_cores: float
    utilisation: float
    p99_ms: float


def main() -> int:
    """Run the loads.

    Returns:
        0 when all were made, 1 if one could not be made or the model could not be fitted, 130 after Ctrl-C.
    """
    arguments = _arguments()
    this = machine()
    if this.load_average > this.cores / 4:
        _log(f"this machine is busy (load {this.load_average:.1f}): measure again when it is idle")
    points = []
    try:
        for number, bots in enumerate(arguments.bots):
            left = sum(_seconds(arguments, each) for each in arguments.bots[number:])
            _log(f"{bots:,} bots every {arguments.every:g} s; about {left / 60:.0f} minutes left in all")
            content = _run(arguments, bots, this)
            if content is None:
                return 1
            points.append(_point(content))
    except KeyboardInterrupt:
        _log("ended early: the loads that were measured stay, and a repeat goes on after them")
        return 130
    return _conclude(arguments, points, this)


def predict(low: Point, high: Point, target: Point, every: float, cores: int) -> Prediction:
    """Fit the model on two points and predict a third one from its turns a second alone.

    Raises:
        ValueError: The model cannot be fitted on these.
    """
    rates = low.turns_per_second, high.turns_per_second
    base, per_turn = latency.fitted_line((rates[0], low.server_cores), (rates[1], high.server_cores))
    generators = latency.fitted_line((rates[0], low.generator_cores), (rates[1], high.generator_cores))
    times = latency.fitted((low.utilisation(cores), low.p99_ms), (high.utilisation(cores), high.p99_ms))
    server_cores = base + per_turn * target.turns_per_second
    utilisation = (server_cores + generators[0] + generators[1] * target.turns_per_second) / cores
    p99 = times.p99_ms(utilisation)
    fit = unit_costs.Fit(
        bots=[low.bots, high.bots], every_seconds=every, server_cores_base=base,
        server_us_per_turn=1e6 * per_turn, floor_ms=times.floor_ms, scale_ms=times.scale_ms,
        predicted_bots=target.bots, error_percent_cpu=_error(server_cores, target.server_cores),
        error_percent_p99=_error(p99, target.p99_ms),
    )  # fmt: skip
    return Prediction(fit, server_cores, utilisation, p99)


def table(points: Sequence[Point], prediction: Prediction, every: float, this: Machine) -> str:
    """Return the table for the document, with one sentence below it."""
    target = points[-1]
    head = (
        f"{this.at[:10]}, {this.version}, {this.processor}, {this.cores} cores, {this.python}, load average "
        f"before: {this.load_average:.1f}; a turn every {every:g} s, servers and generators on one machine:"
    )
    rows = [
        "| bots | turns/s | server cores | cores in use | p99 | missed |",
        "|---|---|---|---|---|---|",
        *(
            f"| {one.bots:,} | {one.turns_per_second:,.0f} | {one.server_cores:.2f} | "
            f"{100 * one.utilisation(this.cores):.0f} % | {one.p99_ms:,.1f} ms | {len(one.missed)} |"
            for one in points
        ),
        (
            f"| {target.bots:,}, predicted | {target.turns_per_second:,.0f} | {prediction.server_cores:.2f} "
            f"| {100 * prediction.utilisation:.0f} % | {_ms(prediction.p99_ms)} | |"
        ),
    ]
    fit = prediction.fit
    cpu, p99 = _percent(fit.error_percent_cpu), _percent(fit.error_percent_p99)
    worst = max(fit.error_percent_cpu, fit.error_percent_p99)
    verdict = "Both are" if worst <= _ERROR_PERCENT_MAX else "**The prediction is not"
    end = f"within {_ERROR_PERCENT_MAX:g} %." + ("" if worst <= _ERROR_PERCENT_MAX else "**")
    misses = f"The prediction misses the processor time by {cpu}, the p99 by {p99}. {verdict} {end}"
    return "\n".join([*textwrap.wrap(head, _WIDTH), "", *rows, "", *textwrap.wrap(misses, _WIDTH)])


def _conclude(arguments: argparse.Namespace, points: Sequence[Point], this: Machine) -> int:
    low, high, target = points
    document: dict[str, Any] = {
        "machine": msgspec.to_builtins(this), "every_seconds": arguments.every,
        "points": [one._asdict() for one in points],
    }  # fmt: skip
    try:
        prediction = predict(low, high, target, arguments.every, this.cores)
    except ValueError as error:
        document["unfitted"] = str(error)
        _write(document)
        _log(f"the model cannot be fitted: {error}")
        return 1
    document["prediction"] = _finite(prediction)
    _write(document)
    text = table(points, prediction, arguments.every, this)
    print(text)
    if arguments.document:
        _write_table(text)
    if arguments.unit_costs is not None:
        _put_fit(arguments.unit_costs, prediction.fit)
    return 0


def _run(arguments: argparse.Namespace, bots: int, this: Machine) -> dict[str, Any] | None:
    """Run one load, or return the results of the same run before; None if it wrote none."""
    folder = _RESULTS / "capacity" / str(bots)
    file, mark = folder / "eighty.json", folder / "asked.json"
    processes = max(2, math.ceil(max(arguments.bots) / _PER_PROCESS))
    ramp, warm_up = _ramp(arguments, bots), _ramp(arguments, bots) + _WARM_ROUNDS * arguments.every
    words = [
        "--bots", bots, "--seconds", arguments.seconds, "--every", arguments.every, "--ramp", ramp,
        "--warm-up", warm_up, "--workers", processes, "--generators", processes, "--results", folder,
    ]  # fmt: skip
    asked = json.dumps({"build": this.version, "words": list(map(str, words))})
    if not arguments.anew and file.exists() and mark.exists() and mark.read_text() == asked:
        at = time.strftime("%H:%M", time.localtime(file.stat().st_mtime))
        _log(f"{bots:,} bots: measured before, at {at}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
        running = subprocess.Popen(
            [sys.executable, "-m", "bench.eighty", *map(str, words)], stdout=sys.stderr
        )
        try:
            running.wait()
        except KeyboardInterrupt:
            running.wait()  # Ctrl-C reached it, too: it stops and verifies what was played
            raise
        if not file.exists():
            _log(f"{bots:,} bots: nothing was measured; see above")
            return None
        mark.write_text(asked)
    content: dict[str, Any] = json.loads(file.read_text())
    return content


def _point(content: dict[str, Any]) -> Point:
    rate = float(content["report"]["turns_per_second"])
    figures = content["figures"]
    return Point(
        bots=content["plan"]["bots"], turns_per_second=rate,
        server_cores=rate * figures["server_cpu_us_per_turn"] / 1e6,
        generator_cores=rate * figures["generator_cpu_us_per_turn"] / 1e6,
        p99_ms=float(content["report"]["latency_ms"]["p99"]), missed=content["missed"],
    )  # fmt: skip


def _write(document: dict[str, Any]) -> None:
    _RESULTS.mkdir(exist_ok=True)
    (_RESULTS / "capacity.json").write_text(json.dumps(document, indent=1))


def _write_table(text: str) -> None:
    before, _, rest = _DOCUMENT.read_text().partition(_BEGIN)
    _, found, after = rest.partition(_END)
    if not found:
        _log(f"{_DOCUMENT} has no place for the table")
        return
    _DOCUMENT.write_text(f"{before}{_BEGIN}\n\n{text}\n\n{_END}{after}")


def _put_fit(file: Path, fit: unit_costs.Fit) -> None:
    costs = msgspec.structs.replace(unit_costs.read_unit_costs(file), fit=fit)
    file.write_bytes(msgspec.json.format(msgspec.json.encode(costs), indent=2) + b"\n")
    _log(f"the fit is in {file}")


def _finite(prediction: Prediction) -> dict[str, Any]:
    document = prediction._asdict() | {"fit": msgspec.to_builtins(prediction.fit)}
    if not math.isfinite(prediction.p99_ms):
        document["p99_ms"] = None
    return document


def _error(predicted: float, measured: float) -> float:
    """Return how far a prediction is off, in percent of the measured value; a boundless one is 1,000,000."""
    if not math.isfinite(predicted) or measured <= 0:
        return 1e6
    return round(100 * abs(predicted - measured) / measured, 1)


def _percent(error: float) -> str:
    return "without bound" if error >= 1e6 else f"{error:.0f} %"


def _ms(value: float) -> str:
    return f"{value:,.1f} ms" if math.isfinite(value) else "without bound"


def _ramp(arguments: argparse.Namespace, bots: int) -> float:
    return max(float(arguments.every), bots / _RAMP_BOTS_PER_SECOND)


def _seconds(arguments: argparse.Namespace, bots: int) -> float:
    played = _ramp(arguments, bots) + _WARM_ROUNDS * arguments.every + arguments.seconds
    return float(played + bots / _VERIFY_BOTS_PER_SECOND + 5)


def _log(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.capacity", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--bots", default="8000,40000,80000", help="two numbers to fit on and one to predict")
    parser.add_argument("--every", type=float, default=20.0, help="seconds between two turns of a bot")
    parser.add_argument("--seconds", type=float, default=45.0, help="measured, after ramp and warm-up")
    parser.add_argument("--unit-costs", metavar="FILE", type=Path, help="put the fit into this file")
    parser.add_argument("--no-document", dest="document", action="store_false", help="leave the docs alone")
    parser.add_argument("--anew", action="store_true", help="make every run, also those made before")
    arguments = parser.parse_args()
    try:
        arguments.bots = [int(word) for word in arguments.bots.split(",")]
    except ValueError:
        parser.error("--bots: three whole numbers, such as 8000,40000,80000")
    if len(arguments.bots) != 3 or sorted(set(arguments.bots)) != arguments.bots or arguments.bots[0] < 1:
        parser.error("--bots: three rising numbers, such as 8000,40000,80000")
    if arguments.every <= 0 or arguments.seconds <= 0:
        parser.error("--every and --seconds must be above 0")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
