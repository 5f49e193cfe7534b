"""Compares the parts of each bot in one slice of a store: its row, its ended runs, the inputs of its runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final, NamedTuple

from msgspec import Struct

from dungeonfighter.hosting import trail as trails
from dungeonfighter.hosting.ports import EpisodeEnd, Row
from dungeonfighter.storage.verification.checks import is_of_unreadable, problem_of_inputs, problem_of_run
from dungeonfighter.storage.verification.findings import Damaged, Finding, Report, Source

PAGE_ROWS: Final = 2_000
_FIRST: Final = -(2**31)
"""Below every number of a run and of a turn, and a 32-bit integer as PostgreSQL has them."""


class Standing(NamedTuple):
    """The present run of a sound row: its number, turn and digest, its first turn, and its last inputs."""

    episode: int
    turn: int
    digest: bytes
    first_turn: int
    recalled: int


class Inputs(Struct):
    """All records of inputs of one run, as one span of turns; `is_whole` is False after a gap or a damage."""

    key: str
    episode: int
    first_turn: int
    end_turn: int
    is_whole: bool = True


class Counts(Struct):
    """Rows that were read."""

    bots: int = 0
    runs: int = 0
    inputs: int = 0
    saves: int = 0
    bases: int = 0
    runs_without_inputs: int = 0
    """Ended runs that have turns and no record of inputs: these may have been pruned."""


def standing_of(row: Row) -> Standing | None:
    """Return the present run of a row whose seal is intact; None if it has none."""
    if not row.state:
        return None
    trail = trails.decode(row.trail)
    recalled = len(trails.last_inputs(trail))
    return Standing(row.episode, row.turn, row.digest, trail.first_turn, recalled)


class BotChecks:
    """Checks the runs and inputs of the bots whose keys are above `after` and not above `last`.

    Args:
        source: The store, within a snapshot.
        standings: The present runs of these bots, by key: None for a row without a run, and for one that is
            damaged.
        report: Receives the findings.
        counts: Counts the rows.
    """

    def __init__(
        self, source: Source, standings: dict[str, Standing | None], report: Report, counts: Counts
    ) -> None:
        self._source = source
        self._standings = standings
        self._report = report
        self._counts = counts
        self._unseen = {key for key, standing in standings.items() if standing is not None}
        """Bots whose present run had neither an end nor a record of inputs so far."""

    async def check(self, after: str, last: str) -> None:
        """Walk over the ended runs and the inputs side by side, both in the order of key and run."""
        inputs = self._inputs(after, last)
        waiting = await anext(inputs, None)
        async for key, end in self._runs(after, last):
            while waiting is not None and (waiting.key, waiting.episode) < (key, end.episode):
                self._check_open(waiting)
                waiting = await anext(inputs, None)
            is_its = waiting is not None and (waiting.key, waiting.episode) == (key, end.episode)
            self._check_ended(key, end, waiting if is_its else None)
            if is_its:
                waiting = await anext(inputs, None)
        while waiting is not None:
            self._check_open(waiting)
            waiting = await anext(inputs, None)
        for key in sorted(self._unseen):
            now = self._standings[key]
            if now is not None:
                self._check_span(key, f"run {now.episode}", None, now.first_turn, now.turn, now.recalled)

    def _check_ended(self, key: str, end: EpisodeEnd, inputs: Inputs | None) -> None:
        part = f"run {end.episode}"
        problem = problem_of_run(end)
        if not problem and key not in self._standings:
            problem = "its bot has no row in games"
        now = self._standings.get(key)
        is_present = now is not None and now.episode == end.episode
        if is_present:
            self._unseen.discard(key)
        if not problem and now is not None and end.episode > now.episode:
            problem = f"the row of its bot is older: it stands in run {now.episode}"
        if not problem and is_present and now is not None and now.digest != end.digest:
            problem = "its digest is not that of the row of its bot"
        if problem:
            self._report(Finding(key, part, problem))
        if problem or is_of_unreadable(end):
            return
        if inputs is None and not is_present:
            self._counts.runs_without_inputs += end.last_turn > end.first_turn
            return
        recalled = now.recalled if is_present and now is not None else 0
        self._check_span(key, part, inputs, end.first_turn, end.last_turn, recalled)

    def _check_open(self, inputs: Inputs) -> None:
        """Check inputs of a run that has not ended: it must be the present one."""
        part = f"run {inputs.episode}"
        if inputs.key not in self._standings:
            self._report(Finding(inputs.key, part, "inputs of a bot that has no row in games"))
            return
        now = self._standings[inputs.key]
        if now is None:
            return  # the row is damaged, which was reported, or holds no run
        if now.episode != inputs.episode:
            self._report(Finding(inputs.key, part, "inputs of a run that has no row in episodes"))
            return
        self._unseen.discard(inputs.key)
        self._check_span(inputs.key, part, inputs, now.first_turn, now.turn, now.recalled)

    def _check_span(
        self, key: str, part: str, inputs: Inputs | None, first_turn: int, last_turn: int, recalled: int
    ) -> None:
        """Check that the inputs cover all turns but those that the trail of the row recalls."""
        if inputs is None:
            missing = last_turn - first_turn - recalled
            if missing > 0:
                self._report(Finding(key, part, f"{missing} of its inputs are missing"))
            return
        if not inputs.is_whole:
            return
        if inputs.first_turn != first_turn:
            problem = f"its inputs begin at turn {inputs.first_turn}, the run at {first_turn}"
        elif inputs.end_turn > last_turn:
            problem = f"its inputs end at turn {inputs.end_turn}, the run at {last_turn}"
        elif last_turn - inputs.end_turn > recalled:
            problem = f"its inputs of the turns {inputs.end_turn} to {last_turn} are missing"
        else:
            return
        self._report(Finding(key, part, problem))

    async def _runs(self, after: str, last: str) -> AsyncIterator[tuple[str, EpisodeEnd]]:
        at = (after, 2**31 - 1)
        while True:
            try:
                page = await self._source.select("verify_runs", *at, last, PAGE_ROWS)
            except Damaged as error:
                self._report(Finding(at[0], "runs", f"those after this bot cannot be read: {error}"))
                return
            for key, *values in page:
                self._counts.runs += 1
                yield key, EpisodeEnd(*values)
            if len(page) < PAGE_ROWS:
                return
            before, at = at, page[-1][:2]
            if self._stands_still(before, at, "runs"):
                return

    async def _inputs(self, after: str, last: str) -> AsyncIterator[Inputs]:
        """Yield the inputs of each run as one span."""
        at = (after, 2**31 - 1, 0)
        span: Inputs | None = None
        while True:
            try:
                page = await self._source.select("verify_inputs", *at, last, PAGE_ROWS)
            except Damaged as error:
                self._report(Finding(at[0], "inputs", f"those after this bot cannot be read: {error}"))
                page = []
            for key, episode, first_turn, text in page:
                self._counts.inputs += 1
                if span is not None and (span.key, span.episode) != (key, episode):
                    yield span
                    span = None
                span = self._extended(span, key, episode, first_turn, text)
            before, at = at, page[-1][:3] if page else at
            if len(page) < PAGE_ROWS or self._stands_still(before, at, "inputs"):
                break
        if span is not None:
            yield span

    def _stands_still(self, before: tuple[str | int, ...], at: tuple[str | int, ...], part: str) -> bool:
        """Report a number in a key that is no number, by which the reading would come to no end."""
        if at > before:
            return False
        self._report(Finding(str(at[0]), part, "those after this bot cannot be read: a number is damaged"))
        return True

    def _extended(self, span: Inputs | None, key: str, episode: int, first_turn: int, text: str) -> Inputs:
        problem = problem_of_inputs(first_turn, text)
        if not problem and span is not None and span.is_whole and first_turn != span.end_turn:
            problem = f"it begins at turn {first_turn}, the one before it ends at {span.end_turn}"
        if span is None:
            span = Inputs(key, episode, first_turn, first_turn)
        if problem:
            self._report(Finding(key, f"run {episode}, inputs from turn {first_turn}", problem))
            span.is_whole = False
        else:
            span.end_turn = first_turn + text.count("\n") + 1
        return span
