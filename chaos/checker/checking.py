"""The check of a whole journal against a store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from chaos.checker.calls import BotCalls, Calls
from chaos.checker.digests import OpenAnswers, name_answers, open_answers
from chaos.checker.findings import Findings, Kind, Violation
from chaos.checker.history import BotHistory
from chaos.checker.promotions import Promotion, without_fleets
from chaos.checker.runs import Report, Run, executed, runs_of
from chaos.checker.sights import check_notices, check_sights
from chaos.checker.stored import Rows, StoredBot
from chaos.journal import Event
from dungeonfighter.rules import Rules
from dungeonfighter.rules.releases import shipped_rules

Show = Callable[[str], None]


def check(
    journal: Iterable[Event],
    rows: Rows,
    promotions: Sequence[Promotion] = (),
    *,
    show: Show = lambda text: None,
) -> Findings:
    """Check that a store holds exactly what the clients of a journal were answered.

    Args:
        journal: The events of all clients, in order; a `JournalReader`, for example.
        rows: All rows of the fleet, read after the last client ended; see `reading.load`.
        promotions: The fail-overs that lost commits.
        show: Receives texts about the progress, however often.

    Returns:
        The violations, and counts. A journal reader has its incomplete last line in `torn`.

    Raises:
        JournalError: The events are not those of a journal.
        OSError: The journal cannot be read.
    """
    calls = Calls()
    calls.add_all(journal)
    check = _Check(calls, rows, without_fleets(promotions), show)
    check.run()
    check.findings.torn = getattr(journal, "torn", "")
    return check.findings


class _Check:
    def __init__(self, calls: Calls, rows: Rows, promotions: Sequence[Promotion], show: Show) -> None:
        self.findings = Findings(
            events=calls.events, first_errors=calls.first_errors, repeated_errors=calls.repeated_errors,
            last_errors=calls.last_errors,
        )  # fmt: skip
        self._calls = calls
        self._rows = rows
        self._promotions = promotions
        self._show = show
        self._rules: dict[str, Rules] = {rules.identity: rules for rules in shipped_rules()}
        self._open: list[OpenAnswers] = []

    def run(self) -> None:
        bots = sorted({*self._calls.bots, *self._rows})
        self.findings.bots = len(bots)
        for number, bot in enumerate(bots):
            self._show(
                f"checking: {number:,} of {len(bots):,} bots, {self.findings.stored:,} inputs executed"
            )
            self._check_bot(bot)
        if self._open:
            self._name_open_answers()
        self._count_playing()
        kinds = self.findings.kinds
        self.findings.doubled = kinds[Kind.DOUBLED] + kinds[Kind.BEGUN_TWICE]

    def _report(self, bot: str, kind: Kind, detail: str) -> None:
        self.findings.violations.append(Violation(kind, bot, detail))

    def _check_bot(self, bot: str) -> None:
        report = partial(self._report, bot)
        calls = self._calls.bots.get(bot) or BotCalls()
        stored = self._rows.get(bot)
        runs = self._executed(stored, report) if stored is not None else {}
        history = BotHistory(bot, calls, runs, self._promotions, report)
        history.compare()
        check_sights(history)
        check_notices(history)
        if stored is not None:
            _check_version(stored, runs, history, report)
        self._count(history)
        if history.strange:
            self._open.append(open_answers(bot, runs, history.by_place, history.strange))

    def _executed(self, stored: StoredBot, report: Report) -> dict[int, Run]:
        """Return the runs of a bot, all executed."""
        row = stored.row
        if row is not None and row.state and self._digest(row.rules, row.state) not in {"", row.digest.hex()}:
            report(Kind.OTHER_STATE, f"the digest of the stored state is not {row.digest.hex()}")
        runs = runs_of(stored, report)
        for run in runs.values():
            rules = self._rules.get(run.rules)
            if rules is None:
                report(Kind.DAMAGED, f"run {run.episode} has the rules {run.rules}, which are not known here")
                continue
            executed(run, rules, report)
            self.findings.stored += len(run.inputs)
        return runs

    def _digest(self, identity: str, state: bytes) -> str:
        rules = self._rules.get(identity)
        return rules.digest(state).hex() if rules is not None else ""

    def _count(self, history: BotHistory) -> None:
        findings = self.findings
        for call in history.calls.calls:
            if call.is_ok:
                findings.acknowledged += 1
                findings.begun += call.options is not None
            elif call.open_attempts:
                findings.open += 1
            else:
                findings.refused += 1
        findings.lost += history.lost
        findings.lacking += history.lacking
        findings.unnoticed += history.is_unnoticed
        findings.applied += history.applied

    def _name_open_answers(self) -> None:
        """Execute all runs once more to find the owners of strange digests, then name the answers."""
        wanted = {strange.digest for one in self._open for strange, _ in one.strange}
        owners: dict[str, str] = {}
        for bot, stored in self._rows.items():
            self._show(f"looking for {len(wanted):,} digests among the states of {len(self._rows):,} bots")
            runs = _Silent().runs(stored, self._rules)
            owners.update((digest, bot) for run in runs for digest in wanted.intersection(run.digests))
        for one in self._open:
            name_answers(one, owners, self._rules, partial(self._report, one.bot))

    def _count_playing(self) -> None:
        end, bots = self._calls.fault_end, self._calls.bots
        if end is None:
            return
        times = [bot.played_at - end for bot in bots.values() if bot.played_at is not None]
        self.findings.silent = sorted(name for name, bot in bots.items() if bot.played_at is None)
        if times:
            self.findings.first_seconds, self.findings.last_seconds = min(times), max(times)


class _Silent:
    """Executes runs whose violations are reported already."""

    def runs(self, stored: StoredBot, rules: dict[str, Rules]) -> list[Run]:
        found = [run for run in runs_of(stored, self._drop).values() if run.rules in rules]
        for run in found:
            executed(run, rules[run.rules], self._drop)
        return found

    def _drop(self, kind: Kind, detail: str) -> None:
        pass


def _check_version(stored: StoredBot, runs: dict[int, Run], history: BotHistory, report: Report) -> None:
    """Compare the version of a row with the number of its writes, if the journal knows the first of them."""
    row = stored.row
    if row is None or history.first_episode > 1 or len(runs) != row.episode:
        return
    if row.directive or row.tokens_today:
        return  # there may be further writes
    if any(len(run.inputs) != run.last_turn - run.first_turn for run in runs.values()):
        return  # reported already
    writes = len(runs) + sum(len(run.inputs) for run in runs.values())
    if row.version != writes:
        report(Kind.VERSION, f"version {row.version} after {writes} stored starts and inputs")
