"""Runs one scenario: starts its stage and its bots, lets faults come and go, and judges what was played."""

from __future__ import annotations

import contextlib
import random
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from subprocess import SubprocessError
from typing import Final

import asyncpg

from chaos.balancer import URL
from chaos.faults import FAULTS
from chaos.faults.fault import Fault, FaultError
from chaos.interruption import Interruption, TooLate
from chaos.journal import JournalWriter
from chaos.judge import judge
from chaos.players import Habits, Players
from chaos.result import Outcome, Result, Verdict, clock
from chaos.scenario import Begin, Play, Scenario, drawn
from chaos.stage import Stage
from dungeonfighter.commands.progress_output import ProgressOutput
from testkit.leftovers import Leftovers

JOURNAL: Final = "journal.jsonl"
_FIRST_CALLS: Final = 3
"""Each bot has so many acknowledged calls before the first step."""
_FIRST_SECONDS_MAX: Final = 30.0
_LOOK_SECONDS: Final = 0.1
_LINE_SECONDS: Final = 1.0
_LINE_SECONDS_IN_FILE: Final = 5.0
"""The time between two lines of progress where they do not replace each other."""
_STAGING_ERRORS: Final = (
    AssertionError, RuntimeError, OSError, SubprocessError, asyncpg.PostgresError, asyncpg.InterfaceError,
)  # fmt: skip
"""What programs raise that do not start, `PartMissing`, `TooLate` and `FaultError` among them."""


class Run:
    """One scenario with one seed; `go` may be called once.

    Args:
        scenario: The scenario.
        seed: Decides everything that is drawn.
        folder: Gets its logs and its journal; one run at a time.
        leftovers: Gets what would outlive a killed run.
        interruption: Ends the run.
        output: Gets progress.
    """

    def __init__(
        self,
        scenario: Scenario,
        seed: int,
        folder: Path,
        leftovers: Leftovers,
        interruption: Interruption,
        output: ProgressOutput,
    ) -> None:
        self._scenario = scenario
        self._seed = seed
        self._folder = folder.resolve() / scenario.name
        self._leftovers = leftovers
        self._interruption = interruption
        self._output = output
        self._draws = random.Random(f"{seed}/{scenario.name}")
        self._stage = Stage(scenario.plan, self._folder, leftovers, interruption)
        self._faults: dict[int, Fault] = {}
        self._open: list[tuple[str, Fault]] = []
        self._ended_at = 0.0
        self._begun_at = time.monotonic()

    def go(self) -> Result:
        """Run it, and remove everything but the folder.

        Raises:
            Interrupted: The run was to end.
        """
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        self._output.progress(f"{self._scenario.name}, seed {self._seed}: starting what it needs")
        try:
            with self._shown(lambda: "starting what it needs"):
                self._start()
            return self._play()
        except _STAGING_ERRORS as error:
            self._interruption.check()
            return self._result(Outcome.NOT_STAGED, [str(error)])
        finally:
            self._output.clear()
            self._stage.close()
            self._leftovers.remove_all()

    def _start(self) -> None:
        stage = self._stage
        stage.build()
        for number, step in enumerate(self._scenario.steps):
            if isinstance(step, Begin):
                draws = random.Random(f"{self._seed}/{self._scenario.name}/{number}")
                fault = self._faults[number] = FAULTS[step.begin](stage, step.options, draws)
                fault.prepare()
        stage.start()

    def _play(self) -> Result:
        scenario = self._scenario
        habits = Habits(scenario.bots, scenario.every_seconds, scenario.answer_seconds_max, self._seed)
        with JournalWriter(self._folder / JOURNAL) as journal:
            players = Players(self._stage.hosts["balancer"], URL, habits, journal)
            try:
                players.begin()
                broken = self._steps(players, journal)
            finally:
                players.finish()
        if broken:
            return self._result(Outcome.VIOLATED, [broken])
        evidence, without = self._evidence()
        verdict = judge(scenario, self._stage, self._folder / JOURNAL)
        if verdict.problems:
            return self._result(Outcome.VIOLATED, verdict.problems, evidence, verdict)
        return self._result(Outcome.NOT_STAGED if without else Outcome.HELD, without, evidence, verdict)

    def _evidence(self) -> tuple[list[str], list[str]]:
        """Return a fact about each fault that took effect, and a sentence about each that did not."""
        facts, without = [], []
        for fault in self._faults.values():
            try:
                facts.append(f"{fault.name}: {fault.evidence()}")
            except FaultError as error:
                without.append(f"{fault.name} had no effect: {error}")
        return facts, without

    def _steps(self, players: Players, journal: JournalWriter) -> str:
        """Do all steps, and play on until each bot has played; return what did not end as it must."""
        if not self._watch(players, _FIRST_SECONDS_MAX, lambda: min(players.acknowledged) >= _FIRST_CALLS):
            raise TooLate("the bots do not play")
        for number, step in enumerate(self._scenario.steps):
            if isinstance(step, Play):
                self._watch(players, drawn(step.play, self._draws))
            elif isinstance(step, Begin):
                fault = self._faults[number]
                self._say(f"begin {step.begin}")
                journal.fault(step.begin, "begin")
                with self._shown(_Meter(players).text):
                    fault.begin()
                self._open.append((step.begin, fault))
            else:
                with self._shown(_Meter(players).text):
                    problem = self._end(step.end)
                if problem:
                    return problem
                self._ended_at = time.monotonic()
                journal.fault(step.end, "end")
                self._say(f"end {step.end}")
        self._watch(players, self._scenario.expect.all_play_within, lambda: self._all_play(players))
        return ""

    def _end(self, name: str) -> str:
        """End the fault of this name that began last; return a problem, or an empty text."""
        at = max(place for place, (one, _) in enumerate(self._open) if one == name)
        _, fault = self._open.pop(at)
        try:
            fault.end()
        except _STAGING_ERRORS as error:
            self._interruption.check()
            return f"after {name} the system did not come back: {error}"
        return ""

    def _all_play(self, players: Players) -> bool:
        return players.playing_since(self._ended_at) == self._scenario.bots

    def _watch(self, players: Players, seconds: float, condition: Callable[[], bool] = lambda: False) -> bool:
        """Let the bots play for so long, or until a condition holds; return True if it does."""
        deadline = time.monotonic() + seconds
        meter = _Meter(players)
        while not (holds := condition()) and (left := deadline - time.monotonic()) > 0:
            players.check()
            self._interruption.wait(min(_LOOK_SECONDS, left))
            if meter.is_due():
                self._show(meter.text())
        return holds

    @contextlib.contextmanager
    def _shown(self, text: Callable[[], str]) -> Iterator[None]:
        """Show progress from another thread, while a block keeps this one busy."""
        is_over = threading.Event()

        def show() -> None:
            while not is_over.wait(_line_seconds()):
                self._show(text())

        showing = threading.Thread(target=show, name="progress")
        showing.start()
        try:
            yield
        finally:
            is_over.set()
            showing.join()

    def _show(self, text: str) -> None:
        self._output.progress(f"{self._scenario.name} {clock(time.monotonic() - self._begun_at)}  {text}")

    def _say(self, text: str) -> None:
        self._output.say(f"{self._scenario.name} {clock(time.monotonic() - self._begun_at)}  {text}")

    def _result(
        self,
        outcome: Outcome,
        problems: Sequence[str],
        evidence: Sequence[str] = (),
        verdict: Verdict | None = None,
    ) -> Result:
        seconds = time.monotonic() - self._begun_at
        word, seed = self._scenario.word, self._seed
        return Result(word, seed, outcome, tuple(problems), tuple(evidence), seconds, verdict)


class _Meter:
    """Counts the calls of bots between two lines of progress."""

    def __init__(self, players: Players) -> None:
        self._players = players
        self._at = time.monotonic()
        self._calls = sum(players.acknowledged)

    def is_due(self) -> bool:
        return time.monotonic() - self._at >= _line_seconds()

    def text(self) -> str:
        """Return the figures since the last line, and begin a new one."""
        now, each = time.monotonic(), self._players.acknowledged
        calls, playing = sum(each), self._players.answered_since(self._at)
        rate = (calls - self._calls) / (now - self._at)
        self._at, self._calls = now, calls
        return f"{rate:.0f} calls/s, {playing} of {len(each)} bots play"


def _line_seconds() -> float:
    return _LINE_SECONDS if sys.stdout.isatty() else _LINE_SECONDS_IN_FILE
