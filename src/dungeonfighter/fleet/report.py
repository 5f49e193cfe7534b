"""The result of a load: one value, as a table for people; `report_file` writes it as a page or as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from msgspec import Struct, field

from dungeonfighter.fleet.latency import Histogram
from dungeonfighter.fleet.load import Load
from dungeonfighter.fleet.plurals import several
from dungeonfighter.fleet.report_servers import Servers
from dungeonfighter.fleet.report_timeline import Moment, Recorder
from dungeonfighter.fleet.verify import Verdict

FINDINGS_SHOWN_MAX = 20
_NO_CONNECTION: Final = frozenset({"refused", "unreachable", "timeout"})
"""Kinds of failed attempts without any answer (`http.Unanswered`)."""


class Latency(Struct, frozen=True):
    """Milliseconds from the moment a call was due to its answer, repeats included."""

    p50: float
    p95: float
    p99: float
    p999: float
    max: float


class Report(Struct, frozen=True):
    """One load and its verification.

    Attributes:
        mode: `closed`, or `open` with the requested calls a second in `rate`, or the seconds between the
            calls of a bot in `every`.
        seconds: The measured time; calls, turns, latencies, troubles and errors are of calls due in it. The
            fields named `warm_up` are of the time before; runs and the verification are of both.
        troubles: Failed attempts by kind, before the repeat.
        errors: Failures by kind that remained after all repeats.
        further: Bots whose last, unanswered request had been applied.
        cut_off: Bots whose last request was not answered when the load had to end.
        cpu_us_per_call: CPU time of the load generator itself.
        through: The queue that the inputs went through, whose latencies these are then; empty without one.
        ended: One sentence for each process of the load that ended before it was done.
        verified: False without a verification; `findings` is then empty.
        findings: The number of bots for each kind of finding.
        unread: The number of bots for each reason that prevented their verification.
        tool: The load generator.
        failures: One sentence for each further criterion that the tool did not meet.
        missed_starts: Calls that were due and never begun.
        tokens_per_turn: The tokens that a model pays for an answer to a turn; 0 if nobody counted them.
        moments: The course of the load, second by second.
        servers: Their share, from their metrics.
    """

    url: str
    policy: str
    view: str
    bots: int
    mode: str
    rate: float
    seconds: float
    calls: int
    turns: int
    turns_per_second: float
    latency_ms: Latency
    troubles: dict[str, int]
    errors: dict[str, int]
    error_examples: dict[str, str]
    runs_started: int
    runs_finished: int
    runs_abandoned: int
    mean_score: float | None
    every: float
    processes: int
    warm_up: float
    warm_up_turns: int
    warm_up_troubles: dict[str, int]
    warm_up_errors: dict[str, int]
    cut_off: int
    cpu_us_per_call: float
    ended: list[str]
    verified: bool
    verified_bots: int = 0
    verified_turns: int = 0
    replayed_inputs: int = 0
    not_replayed_runs: int = 0
    further: int = 0
    unread: dict[str, int] = field(default_factory=dict)
    findings: dict[str, int] = field(default_factory=dict)
    finding_examples: list[str] = field(default_factory=list)
    through: str = ""
    tool: str = "fleet"
    failures: list[str] = []
    missed_starts: int = 0
    tokens_per_turn: float = 0.0
    moments: list[Moment] = []
    servers: Servers = Servers()

    @property
    def passed(self) -> bool:
        """No turn was lost or doubled, no error remained, and no bot was left unverified."""
        return not self.failure

    @property
    def failure(self) -> str:
        """The worst failure in words; empty if the load passed."""
        if self.ended:
            return self.ended[0]
        if self.findings:
            return "turns were lost, doubled or wrong"
        if self.unread:
            return f"{several(sum(self.unread.values()), 'bot')} could not be verified"
        if not self.calls and not self.warm_up_turns and not self.runs_started:
            kinds = {**self.warm_up_troubles, **self.troubles}
            if kinds and _NO_CONNECTION.issuperset(kinds):
                return f"{self.url} could not be reached ({', '.join(sorted(kinds))})"
            if kinds and not self.errors and not self.warm_up_errors:
                return f"{self.url} acknowledged no turn ({', '.join(sorted(kinds))})"
        if self.errors:
            return f"{several(sum(self.errors.values()), 'call')} failed after all repeats"
        early = sum(self.warm_up_errors.values())
        if early:
            return f"{several(early, 'call')} of the warm-up failed after all repeats"
        return self.failures[0] if self.failures else ""


def make_report(load: Load, verdict: Verdict | None, recorder: Recorder | None = None) -> Report:
    """Summarise a load; without a verdict the report says that the load was not verified."""
    options, tally, early = load.options, load.tally, load.warm_up
    scores = tally.scores + early.scores
    verified = verdict or Verdict()
    servers = recorder.servers(options.warm_up) if recorder else Servers()
    return Report(
        url=options.url,
        policy=options.policy,
        view=options.habits.view,
        bots=options.bots,
        mode="open" if options.is_open else "closed",
        rate=options.rate,
        seconds=round(load.seconds, 3),
        calls=tally.calls,
        turns=tally.turns,
        turns_per_second=round(tally.turns / load.seconds, 1) if load.seconds else 0.0,
        latency_ms=_latency(tally.latency),
        troubles=dict(tally.troubles),
        errors=dict(tally.errors),
        error_examples={**early.examples, **tally.examples},
        runs_started=tally.started + early.started,
        runs_finished=len(scores),
        runs_abandoned=tally.abandoned + early.abandoned,
        mean_score=round(sum(scores) / len(scores), 2) if scores else None,
        every=options.every,
        processes=options.processes,
        warm_up=options.warm_up,
        warm_up_turns=early.turns,
        warm_up_troubles=dict(early.troubles),
        warm_up_errors=dict(early.errors),
        cut_off=load.cut_off,
        cpu_us_per_call=round(load.cpu_seconds / tally.calls * 1e6, 1) if tally.calls else 0.0,
        ended=load.ended,
        verified=verdict is not None,
        verified_bots=verified.bots,
        verified_turns=verified.turns,
        replayed_inputs=verified.replayed,
        not_replayed_runs=verified.not_replayed,
        further=verified.further,
        unread=dict(verified.unread),
        findings=dict(verified.counts()),
        finding_examples=[
            f"{f.bot_id}: {f.kind}: {f.detail}" for f in verified.findings[:FINDINGS_SHOWN_MAX]
        ],
        through=options.through.place if options.through else "",
        tokens_per_turn=servers.tokens_per_turn,
        moments=recorder.moments() if recorder else [],
        servers=servers,
    )


def _latency(histogram: Histogram) -> Latency:
    def at(share: float) -> float:
        return round(histogram.percentile(share) * 1000, 3)

    return Latency(at(0.5), at(0.95), at(0.99), at(0.999), at(1.0))


def table(report: Report) -> str:
    return "\n".join(f"{name:<22}{value}" if name else value for name, value in rows(report))


def rows(report: Report) -> Iterator[tuple[str, str]]:
    """Yield name and value of each row of the table; a name is empty where a row continues the one before."""
    yield "bots", f"{report.bots}, policy {report.policy}, view {report.view}, {_pace(report)}"
    if report.through:
        yield "inputs through", report.through
    yield "turns", f"{report.turns} in {report.seconds:.1f} s"
    yield "turns/s", f"{report.turns_per_second:.1f}"
    yield "latency ms", _latencies(report)
    if report.tokens_per_turn:
        yield "tokens a turn", f"{report.tokens_per_turn:.1f}"
    yield from _failures(report)
    if report.missed_starts:
        yield "missed starts", f"{several(report.missed_starts, 'call')} were due and never begun"
    for text in report.failures:
        yield "not met", text
    if report.cut_off:
        yield "cut off", f"{several(report.cut_off, 'call')} had no answer yet when the load ended"
    yield (
        "runs",
        f"{report.runs_started} started, {report.runs_finished} finished, {report.runs_abandoned} given up",
    )
    yield "mean score", "-" if report.mean_score is None else f"{report.mean_score:.2f}"
    if report.calls:
        processes = several(report.processes, "process", "processes")
        yield "CPU of the bots", f"{report.cpu_us_per_call:.0f} us a call, {processes}"
    for reason in report.ended:
        yield "ended early", reason
    if report.verified:
        yield from _verification(report)
    else:
        yield "verified", "no"


def _failures(report: Report) -> Iterator[tuple[str, str]]:
    yield "failed attempts", _counted(report.troubles)
    yield "errors", _counted(report.errors, " after all repeats")
    if report.warm_up:
        yield "warm-up", f"{several(report.warm_up_turns, 'turn')} in {report.warm_up:g} s"
        yield "", f"  failed attempts {_counted(report.warm_up_troubles)}"
        yield "", f"  errors {_counted(report.warm_up_errors, ' after all repeats')}"
    for kind, example in report.error_examples.items():
        yield "", f"  {kind}: {example.removeprefix(f'{kind}: ')}"


def _verification(report: Report) -> Iterator[tuple[str, str]]:
    yield (
        "verified",
        f"{several(report.verified_bots, 'bot')}, {several(report.verified_turns, 'acknowledged turn')}",
    )
    for why, bots in report.unread.items():
        yield "not verified", f"{several(bots, 'bot')}: {why}"
    yield "replayed", f"{several(report.replayed_inputs, 'input')} of the current runs, with the local rules"
    if report.not_replayed_runs:
        yield (
            "not replayed",
            f"{several(report.not_replayed_runs, 'run')} under other rules than the local ones",
        )
    if report.further:
        yield "applied unanswered", f"the last call of {several(report.further, 'bot')}"
    yield "lost, doubled, wrong", _counted(report.findings)
    for line in report.finding_examples:
        yield "", f"  {line}"


def _latencies(report: Report) -> str:
    ms = report.latency_ms
    if not report.calls:
        return "-"
    return f"p50 {ms.p50:g}  p95 {ms.p95:g}  p99 {ms.p99:g}  p99.9 {ms.p999:g}  max {ms.max:g}"


def _pace(report: Report) -> str:
    if report.every:
        return f"open loop, a call of each bot every {report.every:g} s"
    return f"open loop, {report.rate:g} calls/s" if report.mode == "open" else "closed loop"


def _counted(kinds: Mapping[str, int], where: str = "") -> str:
    if not kinds:
        return "0"
    total = sum(kinds.values())
    return f"{total}{where} ({', '.join(f'{kind} {count}' for kind, count in sorted(kinds.items()))})"
