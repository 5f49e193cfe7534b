"""Turns a result of Locust or k6 into the report of `fleet`: `python -m load.report RESULT.json -o out.html`.

RESULT.json is what `--result` of `load/locustfile.py` or `RESULT` of `load/k6.js` wrote. A file that does not
end with `.html` becomes JSON with the same contents as `fleet --report` has.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from dungeonfighter.fleet.report import Latency, Report
from dungeonfighter.fleet.report_file import write_report
from dungeonfighter.fleet.report_servers import Servers


class Result(Struct, frozen=True):
    """The figures that both tools write.

    Attributes:
        warm_up: Seconds before the measured ones, in which each bot begins its run.
        turns: Turns of the measured time; `acknowledged` counts those of the warm-up, too.
        missed_starts: Calls that were due and never begun.
        answer_ms: `p50`, `p95`, `p99`, `p999`, `max`.
        measured_at: The beginning of the measured time, in seconds since 1970.
        failures: One sentence for each criterion that was not met.
        busy: The part of its cores that the generator used; 0 if the tool does not measure it.
    """

    tool: str
    url: str
    bots: int
    rate: float
    warm_up: float
    seconds: float
    turns: int
    turns_per_second: float
    acknowledged: int
    runs_begun: int
    calls_failed: int
    missed_starts: int
    tokens_per_turn: float
    answer_ms: Latency
    failures: list[str]
    measured_at: float = 0.0
    errors: dict[str, int] = field(default_factory=dict)
    error_examples: dict[str, str] = field(default_factory=dict)
    processes: int = 1
    busy: float = 0.0
    cpu_us_per_call: float = 0.0


def read_result(file: Path) -> Result:
    """Read a result.

    Raises:
        OSError, msgspec.MsgspecError: The file is not there, or is no result.
    """
    return msgspec.json.decode(file.read_bytes(), type=Result, strict=False)


def report_of(result: Result, servers: Servers | None = None) -> Report:
    """Return the report of a result.

    Args:
        result: From a tool.
        servers: Their share, where the caller has read their metrics.
    """
    errors = result.errors or ({"calls failed": result.calls_failed} if result.calls_failed else {})
    return Report(
        tool=result.tool, url=result.url, policy="attack", view="text", bots=result.bots, mode="open",
        rate=result.rate, seconds=result.seconds, calls=result.turns, turns=result.turns,
        turns_per_second=round(result.turns_per_second, 1), latency_ms=result.answer_ms, troubles={},
        errors=errors, error_examples=result.error_examples, runs_started=result.runs_begun, runs_finished=0,
        runs_abandoned=0, mean_score=None, every=0.0, processes=result.processes, warm_up=result.warm_up,
        warm_up_turns=max(0, result.acknowledged - result.turns), warm_up_troubles={}, warm_up_errors={},
        cut_off=0, cpu_us_per_call=result.cpu_us_per_call, ended=[], verified=False,
        failures=result.failures, missed_starts=result.missed_starts,
        tokens_per_turn=round(result.tokens_per_turn, 2), servers=servers or Servers(),
    )  # fmt: skip


def verified(report: Report, stored: int) -> Report:
    """Return the report with the number of turns that the store holds of its bots.

    A call without an answer may have been applied: the store may hold as many turns more as calls failed.
    """
    acknowledged, failed = report.turns + report.warm_up_turns, sum(report.errors.values())
    kind = "lost" if stored < acknowledged else "doubled" if stored > acknowledged + failed else ""
    return replace(
        report,
        verified=True,
        verified_bots=report.bots,
        verified_turns=acknowledged,
        findings={kind: 1} if kind else {},
        finding_examples=[f"{acknowledged} acknowledged, {failed} failed, {stored} stored"] if kind else [],
    )


def main() -> int:
    """Write the report; return 0, or 2 for a file that is no result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("result", type=Path, metavar="RESULT.json")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE")
    arguments = parser.parse_args()
    try:
        write_report(report_of(read_result(arguments.result)), arguments.output)
    except (OSError, msgspec.MsgspecError) as error:
        print(f"{arguments.result}: {error}; give the file that the tool wrote", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
