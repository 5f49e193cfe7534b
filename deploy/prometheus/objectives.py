"""Writes the rules of the objectives into rules.yml: how fast the budget of failed and of slow answers burns.

    python3 deploy/prometheus/objectives.py --availability 99.9 --latency 99 --seconds 0.25

The factor of a window is (share of the budget) x (period) / (window), never a number from a table: a window
of 1 h that may use 2 % of the budget of 30 days burns 14.4 times as fast as the budget allows.

Needs only Python. Source: docs/decisions/047-alerts.md; "The Site Reliability Workbook", chapter 5.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

RULES: Final = Path(__file__).with_name("rules.yml")
BEGIN: Final = "# Objectives: objectives.py writes from here\n"
END: Final = "# to here.\n"
BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""The buckets of `mcp_response_time_seconds`; no other bound can be asked for."""
OUR_CODES: Final = "store_unavailable|outcome_unknown|overloaded|internal|corrupt_state|newer_rules"
"""The errors for which the service is to blame; all others are mistakes or limits of the caller."""
SINGLE_TURNS: Final = 'tool!~"other|step_many|handle_inputs|fork_game|get_replay|get_leaderboard"'
"""The calls whose time is promised: those that play or read one bot once."""
JOB: Final = 'job="dungeonfighter"'
SUM: Final = "sum by (namespace, job)"


class Window(NamedTuple):
    """A pair of windows; the short one ends the alert soon after the trouble.

    Attributes:
        budget: The share of the budget of the period that is used up when the alert fires.
    """

    alert: str
    long: str
    short: str
    budget: float
    severity: str
    wait: str


WINDOWS: Final = (
    Window("BurnsFast", "1h", "5m", 0.02, "page", "1m"),
    Window("BurnsFast", "6h", "30m", 0.05, "page", "1m"),
    Window("BurnsSlowly", "3d", "6h", 0.1, "ticket", "5m"),
)
HOURS: Final = {"5m": 5 / 60, "30m": 0.5, "1h": 1, "6h": 6, "3d": 72}


class Objective(NamedTuple):
    """One objective.

    Attributes:
        bad, all: The level-less names of the recorded rates of the bad answers and of all answers.
        percent: The share of good answers, in percent.
        least: The number of bad answers in the long window below which no alert fires.
    """

    name: str
    bad: str
    all: str
    percent: float
    least: int
    summary: str
    description: str


def factor(window: Window, days: float) -> float:
    """Return how many times as fast as allowed the budget burns when a window fires."""
    return window.budget * days * 24 / HOURS[window.long]


def problems(percent: float, days: float) -> Iterator[str]:
    """Name the windows of an objective that could never fire, because they ask for over 100 % bad answers."""
    budget = 1 - percent / 100
    for window in WINDOWS:
        share = factor(window, days) * budget
        if not 0 < share < 1:
            yield (
                f"with {percent:g} % in {days:g} days the window of {window.long} fires at {share:.0%} bad "
                "answers, which is never; choose an objective nearer to 100 %, or a shorter period"
            )


def objectives(availability: float, latency: float, seconds: float) -> tuple[Objective, Objective]:
    return (
        Objective(
            "Availability", "mcp_answers_failed", "mcp_answers", availability, 10,
            "answers fail by our fault",
            "failed by our fault",
        ),
        Objective(
            "Latency", "mcp_answers_slow", "mcp_answers_timed", latency, 50,
            f"answers take over {seconds:g} s",
            f"took over {seconds:g} s",
        ),
    )  # fmt: skip


def spelled(seconds: float) -> str:
    """Return a pattern for a bound as Prometheus 2 and 3 write it: 3 writes 1 as 1.0."""
    return f"{seconds:g}|{seconds:.1f}".replace(".", r"\\.") if seconds == int(seconds) else f"{seconds:g}"


def records(seconds: float) -> Iterator[tuple[str, str]]:
    """Yield names and expressions of the recording rules under the objectives, in the order of evaluation."""
    time, bound = "mcp_response_time_seconds", spelled(seconds)
    failed = f'mcp_errors_total{{{JOB},\n  code=~"{OUR_CODES}"}}'
    timed = f"{time}_count{{{JOB},\n  {SINGLE_TURNS}}}"
    quick = f'{time}_bucket{{{JOB},\n  le=~"{bound}",{SINGLE_TURNS}}}'
    answers = "namespace_job:mcp_answers:rate5m"
    yield answers, f"{SUM} (rate(mcp_bot_interactions_total{{{JOB}}}[5m]))"
    for name, window, function in (("rate5m", "5m", "rate"), ("increase1h", "1h", "increase")):
        all_timed = f"namespace_job:mcp_answers_timed:{name}"
        yield (
            f"namespace_job:mcp_answers_failed:{name}",
            f"{SUM} ({function}({failed}[{window}]))\nor 0 * {answers}",
        )
        yield all_timed, f"{SUM} ({function}({timed}[{window}]))"
        yield (
            f"namespace_job:mcp_answers_slow:{name}",
            f"clamp_min({all_timed}\n- {SUM} ({function}({quick}[{window}])), 0)",
        )


def ratios(both: Sequence[Objective]) -> Iterator[tuple[str, str]]:
    """Yield the shares of bad answers: the sum of the bad ones by the sum of all, never a mean of shares."""
    for one in both:
        for window in HOURS:
            bad, total = f"namespace_job:{one.bad}:rate5m", f"namespace_job:{one.all}:rate5m"
            if window != "5m":
                bad, total = f"avg_over_time({bad}[{window}])", f"avg_over_time({total}[{window}])"
            yield f"namespace_job:{one.bad}:ratio_rate{window}", f"{bad}\n/ {total}"


def alert(one: Objective, window: Window, days: float) -> str:
    """Return one alert as YAML: over the share in both windows, and enough bad answers in the long one."""
    times, budget = factor(window, days), 1 - one.percent / 100
    ratio, limit = f"namespace_job:{one.bad}:ratio_rate", f"{times:g} * {budget:.6g}"
    count = f"namespace_job:{one.bad}:increase1h"
    if window.long != "1h":
        count = f"sum_over_time({count}[{window.long}:1h])"
    keep = "\n        keep_firing_for: 5m" if window.severity == "page" else ""
    name = one.name + window.alert
    return f"""\
      - alert: {name}
        expr: |
          {ratio}{window.long} > {limit}
          and {ratio}{window.short} > {limit}
          and {count} >= {one.least}
        for: {window.wait}{keep}
        labels:
          severity: {window.severity}
          window: {window.long}
        annotations:
          summary: {one.summary}
          description: >-
            {{{{ $value | humanizePercentage }}}} of the answers within {window.long} {one.description}; the
            objective allows {100 * budget:.4g} % in {days:g} days.
          runbook_url: '{{{{ $externalLabels.runbook_base }}}}docs/runbook.md#{name.lower()}'
"""


def record(name: str, expression: str) -> str:
    lines = "".join(f"          {line}\n" for line in expression.splitlines())
    return f"      - record: {name}\n        expr: |\n{lines}"


def written(availability: float, latency: float, seconds: float, days: float) -> str:
    """Return the groups of the objectives as YAML."""
    both = objectives(availability, latency, seconds)
    quick = f"{latency:g} % take at most {seconds:g} s"
    parts = [
        f"# {availability:g} % of the answers do not fail by our fault, {quick}; {days:g} days.\n",
        "  - name: dungeonfighter-objectives\n    interval: 30s\n    rules:\n",
        *(record(*one) for one in (*records(seconds), *ratios(both))),
        *(alert(one, window, days) for one in both for window in WINDOWS),
    ]
    return "".join(parts)


def replaced(rules: str, groups: str) -> str:
    """Return a text of rules with other groups of objectives."""
    head, _, rest = rules.partition(BEGIN)
    return head + BEGIN + groups + END + rest.partition(END)[2]


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--availability", type=float, default=99.9, help="percent; default %(default)s")
    parser.add_argument("--latency", type=float, default=99.0, help="percent; default %(default)s")
    parser.add_argument("--seconds", type=float, default=0.25, choices=BOUNDS, help="default %(default)s")
    parser.add_argument("--days", type=float, default=30.0, help="the period; default %(default)s")
    parser.add_argument("file", type=Path, nargs="?", default=RULES, help="default: rules.yml beside this")
    given = parser.parse_args(words)
    found = [*problems(given.availability, given.days), *problems(given.latency, given.days)]
    for problem in found:
        sys.stderr.write(f"objectives.py: {problem}\n")
    if found:
        return 2
    groups = written(given.availability, given.latency, given.seconds, given.days)
    given.file.write_text(replaced(given.file.read_text("utf-8"), groups), "utf-8")
    sys.stdout.write(f"wrote {given.file}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
