"""The leaderboard: the ranked runs that were executed again, each checked against its attestation.

A row whose attestation does not fit its content is not shown and becomes pending: it is executed again, and
then is as stored or false. So nothing that is written into the database by hand reaches the board.

Source: docs/leaderboard.md.
"""

from __future__ import annotations

import asyncio
import calendar
import logging
import math
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from statistics import fmean, stdev
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from dungeonfighter.errors import BadArgument, Corrupt
from dungeonfighter.hosting.daily_seeds import DailySeeds
from dungeonfighter.hosting.fleets import fleet_of
from dungeonfighter.hosting.patience import Patience
from dungeonfighter.hosting.ports import Clock
from dungeonfighter.hosting.ranked_runs import AS_STORED, RankedRun, RankedRuns, Selection
from dungeonfighter.hosting.run_claims import claim_of_run, shown_run
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.replays.attestations import Attestations, signature_of
from dungeonfighter.replays.replay import Replay
from dungeonfighter.rules import Mode, category

logger = logging.getLogger(__name__)

ROWS_MAX: Final = 100
LAST_RUNS_MAX: Final = 100
FLEETS_MAX: Final = 10
PENDING_MAX: Final = 10_000
_SLICE_RUNS: Final = 8
"""Attestations checked without a break: about a millisecond."""
_READS_MAX: Final = 20
"""A list is read again after runs on it were doubted, this often at most."""
_STUDENT: Final = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
"""Student's t for 95 % by degrees of freedom, from 1 on; beyond them `_student` approximates it."""


class Asked(Struct, frozen=True):
    """The board that a caller wants.

    Attributes:
        fleet: The fleet of the caller.
        covers: Returns True for the bots of the fleet that the caller may see, by id.
        mode: ironman, short or daily.
        ascension: Only its runs; 0 for runs without one.
        rules: The identity of the rules; empty for those of new runs.
        day: Of a daily board: YYYY-MM-DD; empty for today (UTC).
        is_deployment: Show the runs of all fleets.
        count: The number of rows, 1 to `ROWS_MAX`.
        last: The number of last runs that the row of a fleet is made of, 2 to `LAST_RUNS_MAX`.
    """

    fleet: str
    covers: Callable[[str], bool]
    mode: str = Mode.ironman.name
    ascension: int = 0
    rules: str = ""
    day: str = ""
    is_deployment: bool = False
    count: int = 10
    last: int = 10


class BoardRow(Struct, frozen=True, rename="camel", omit_defaults=True):
    """One run. `bot_id` and `episode` are those of a bot that the caller may see; else `fleet` is a name."""

    score: float
    turns: int
    result: str
    bot_id: str = ""
    episode: int = 0
    fleet: str = ""


class FleetRow(Struct, frozen=True, rename="camel", omit_defaults=True):
    """The last runs of one fleet: their number, the mean of their scores, and its 95 % interval.

    `fleet` is its public name; `own` marks the fleet of the caller. Of one run there is no interval.
    """

    fleet: str
    runs: int
    mean: float
    low: float | None = None
    high: float | None = None
    own: bool = False


class Board(Struct, frozen=True, rename="camel", omit_defaults=True):
    """The answer; `pending` is the number of runs that were not executed again yet."""

    mode: str
    rules: str
    rows: list[BoardRow]
    fleets: list[FleetRow]
    pending: int
    day: str = ""
    ascension: int = 0


class Leaderboard:
    """The leaderboard of one host.

    Args:
        runs: The ranked runs of the store.
        attestations: Checks the rows.
        book, patience, clock, daily_seeds: Those of the host.
    """

    def __init__(
        self, *, runs: RankedRuns, attestations: Attestations, book: ShippedRules, patience: Patience,
        clock: Clock, daily_seeds: DailySeeds,
    ) -> None:  # fmt: skip
        self._runs = runs
        self._attestations = attestations
        self._book = book
        self._patience = patience
        self._clock = clock
        self._daily_seeds = daily_seeds

    async def board(self, asked: Asked) -> Board:
        """Return a board.

        Raises:
            BadArgument: The day is no day, or lies in the future.
            StoreError: The store does not answer.
        """
        selection, day = self._selection(asked)
        found = await self._sound(lambda count: self._runs.best(selection, count), asked.count)
        if asked.is_deployment:
            fleets = list(dict.fromkeys(fleet_of(run.key) for run in found))[:FLEETS_MAX]
        else:
            fleets = [asked.fleet]
        names = await self._patience.ask(
            lambda: self._runs.fleet_names(list({fleet_of(run.key) for run in found} | set(fleets)))
        )
        pending = await self._patience.ask(lambda: self._runs.count_pending(selection, PENDING_MAX))
        lasts = [await self._fleet_row(selection, asked, fleet, _name(names, fleet)) for fleet in fleets]
        return Board(
            asked.mode, selection.rules,
            rows=[_row(run, asked, _name(names, fleet_of(run.key))) for run in found],
            fleets=sorted((row for row in lasts if row.runs), key=lambda row: -row.mean),
            pending=pending, day=day, ascension=asked.ascension,
        )  # fmt: skip

    async def with_proof(self, key: str, replay: Replay) -> Replay:
        """Return the replay of a ranked run with its signature, if the run was executed again and signed."""
        proof = replay.proof
        if proof is None:
            return replay
        run = await self._patience.ask(lambda: self._runs.ranked_run(key, replay.episode))
        if run is None or run.checked != AS_STORED or not (await self._holding([run]))[0]:
            return replay
        signed = signature_of(run.attestation)
        if signed is None:
            return replay
        return replace(replay, proof=replace(proof, key_id=signed[0], signature=signed[1].hex()))

    async def public_keys(self) -> str:
        """Return the public keys that signatures are checked with, in PEM; empty without `SIGNING_KEY`."""
        await self._prepare()
        return self._attestations.public_pem()

    def _selection(self, asked: Asked) -> tuple[Selection, str]:
        """Return the runs of a board, and its day."""
        rules = asked.rules or self._book.current.identity
        fleet = "" if asked.is_deployment else asked.fleet
        if asked.mode != Mode.daily.name:
            if asked.day:
                raise BadArgument("only the daily board has a day; write mode=daily or leave day out")
            return Selection(category(Mode[asked.mode], asked.ascension), rules, fleet), ""
        if asked.ascension:
            raise BadArgument("a daily run has no ascension; write mode=ironman or leave ascension out")
        now = self._clock.wall()
        day = asked.day or time.strftime("%Y-%m-%d", time.gmtime(now))
        noon = _noon_of(day)
        if day > time.strftime("%Y-%m-%d", time.gmtime(now)):
            raise BadArgument(f"the day {day} has not begun (UTC)")
        return Selection(asked.mode, rules, fleet, self._daily_seeds.at(noon).seed), day

    async def _fleet_row(self, selection: Selection, asked: Asked, fleet: str, name: str) -> FleetRow:
        of_fleet = replace(selection, fleet=fleet)
        runs = await self._sound(lambda count: self._runs.last(of_fleet, count), asked.last)
        mean, low, high = mean_and_interval([run.ended.score / 100 for run in runs])
        return FleetRow(name, len(runs), mean, low, high, own=fleet == asked.fleet)

    async def _sound(
        self, read: Callable[[int], Coroutine[Any, Any, list[RankedRun]]], count: int
    ) -> list[RankedRun]:
        """Return the first `count` runs of a list whose attestations hold; doubt the others."""
        wanted, sound = count, list[RankedRun]()
        for _ in range(_READS_MAX):
            found = await self._patience.ask(partial(read, wanted))
            held = await self._holding(found)
            sound = [run for run, holds in zip(found, held, strict=True) if holds]
            doubted = [run for run, holds in zip(found, held, strict=True) if not holds]
            if not doubted:
                break
            for run in doubted:
                logger.warning(
                    "the attestation of %s does not fit its row: it is executed again", shown_run(run)
                )
            await self._patience.ask(partial(self._runs.doubt_runs, doubted))
            wanted = max(count, ROWS_MAX)
        return sound[:count]

    async def _holding(self, runs: Sequence[RankedRun]) -> list[bool]:
        """Return for each run whether its attestation holds; other work runs between slices of them."""
        await self._prepare()
        held = []
        for number, run in enumerate(runs, 1):
            try:
                held.append(self._attestations.holds(claim_of_run(run), run.attestation))
            except Corrupt:
                held.append(False)
            if number % _SLICE_RUNS == 0:
                await asyncio.sleep(0)
        return held

    async def _prepare(self) -> None:
        if not self._attestations.is_prepared:
            await asyncio.to_thread(self._attestations.prepare)


def mean_and_interval(scores: Sequence[float]) -> tuple[float, float | None, float | None]:
    """Return the mean of scores and its 95 % interval by Student's t, both rounded to two decimals."""
    if not scores:
        return 0.0, None, None
    mean = fmean(scores)
    if len(scores) == 1:
        return round(mean, 2), None, None
    margin = _student(len(scores) - 1) * stdev(scores) / math.sqrt(len(scores))
    return round(mean, 2), round(mean - margin, 2), round(mean + margin, 2)


def _student(freedom: int) -> float:
    """Return Student's t for 95 %; beyond the table by two terms of its expansion, within 0.002."""
    if freedom <= len(_STUDENT):
        return _STUDENT[freedom - 1]
    normal = 1.959964
    return normal + (normal**3 + normal) / (4 * freedom)


def _noon_of(day: str) -> float:
    try:
        return calendar.timegm(time.strptime(day, "%Y-%m-%d")) + 43_200.0
    except ValueError:
        raise BadArgument(f"{day[:20]!r} is no day like 2026-11-29") from None


def _name(names: Mapping[str, str], fleet: str) -> str:
    return names.get(fleet, "a fleet")


def _row(run: RankedRun, asked: Asked, fleet_name: str) -> BoardRow:
    ended, (fleet, _, bot) = run.ended, run.key.partition("/")
    score, turns = ended.score / 100, ended.last_turn - ended.first_turn
    if fleet == asked.fleet and asked.covers(bot):
        return BoardRow(score, turns, ended.result, bot, ended.episode)
    return BoardRow(score, turns, ended.result, fleet=fleet_name)
