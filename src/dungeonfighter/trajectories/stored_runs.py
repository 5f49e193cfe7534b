"""The runs of a database, read beside its servers: with an inspection, which only reads."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Any, Final, Self, TypeVar

import msgspec

from dungeonfighter.errors import BadArgument, BadInput, Corrupt, NewerRules
from dungeonfighter.hosting.daily_seeds import SECRET_NAME, DailySeeds
from dungeonfighter.hosting.ports import EpisodeEnd, Row, StoredRun
from dungeonfighter.hosting.recorded_runs import recorded_run
from dungeonfighter.hosting.rows import absent, checked
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.replays.replay import Replay
from dungeonfighter.replays.results import LIVE
from dungeonfighter.storage.inspection import Inspection, RunPlace
from dungeonfighter.trajectories.candidates import Candidate, Reason, WrittenRun

_Result = TypeVar("_Result")
_PLACES: Final = 500


class StoredRuns:
    """The runs of a database.

    Args:
        opening: Opens the inspection.
        book: The rules of this release.
        wall: Returns the seconds since 1970.
    """

    def __init__(
        self, opening: Callable[[], Awaitable[Inspection]], book: ShippedRules, wall: Callable[[], float]
    ) -> None:
        self._opening = opening
        self._book = book
        self._wall = wall
        self._runner = asyncio.Runner()
        self._inspection: Inspection
        self._daily: DailySeeds | None = None

    def __enter__(self) -> Self:
        """Open the database.

        Raises:
            StoreError: It cannot be read.
        """

        async def begin() -> None:
            self._inspection = await self._opening()
            secret = await self._inspection.secret(SECRET_NAME)
            self._daily = DailySeeds(secret) if secret else None

        try:
            self._run(begin())
        except BaseException:
            self._runner.close()
            raise
        return self

    def __exit__(self, *failure: object) -> None:
        self._run(self._inspection.close())
        self._runner.close()

    def one(self, key: str, episode: int | None) -> Replay:
        """Return a run as it is stored, by default the last one of the bot.

        Raises:
            BadInput: There is no such bot or run, or its inputs were pruned.
            Corrupt, NewerRules: See `recorded_run`.
            StoreError: The database did not answer.
        """
        number = episode
        if number is None:
            row = self._run(self._inspection.row(key))
            if row is None or not row.episode:
                raise BadArgument("there is no such bot; `bots list` shows all")
            number = row.episode
        return self._recorded(key, number)

    def each(self, prefix: str, episode: int | None, after: WrittenRun | None) -> Iterator[Candidate]:
        """Yield the runs of bots whose key begins so, in the order of keys and runs.

        Args:
            prefix: `<fleet>/`, the whole key of one bot, or "" for all bots.
            episode: Only runs of this number.
            after: Only runs beyond this one.

        Raises:
            StoreError: The database did not answer.
        """
        last: RunPlace = (f"{after.fleet}/{after.bot}", after.episode) if after is not None else ("", 0)
        is_one_bot = bool(prefix) and not prefix.endswith("/")
        while places := self._run(self._inspection.runs_after(prefix, last, _PLACES)):
            for key, number in places:
                if (episode is None or number == episode) and (not is_one_bot or key == prefix):
                    yield self._candidate(key, number)
            last = places[-1]
            if is_one_bot and last[0] != prefix:
                return

    def reason_to_hide(self, replay: Replay) -> Reason | None:
        """Return why no player may see this run yet."""
        if replay.ranked and replay.result.result == LIVE:
            return Reason.ranked
        if self._daily is not None and self._daily.is_run_of_day(replay, self._wall()):
            return Reason.today
        return None

    def _candidate(self, key: str, episode: int) -> Candidate:
        name = f"{key} e{episode}"
        try:
            replay = self._recorded(key, episode)
            hidden = self.reason_to_hide(replay)
        except NewerRules as error:
            return Candidate(name, reason=Reason.rules, problem=str(error))
        except BadInput as error:
            return Candidate(name, reason=Reason.pruned, problem=str(error))
        except Corrupt as error:
            return Candidate(name, reason=Reason.damaged, problem=str(error))
        if hidden is not None:
            return Candidate(name, reason=hidden)
        return Candidate(name, key.partition("/")[0], replay, is_trusted=True)

    def _recorded(self, key: str, episode: int) -> Replay:
        stored = self._run(self._inspection.stored_run(key, episode))
        if stored.ended is not None:
            return _recorded(absent(key), stored, episode, self._book)
        row = checked(key, self._run(self._inspection.row(key)), self._book)
        stored = self._run(self._inspection.stored_run(key, episode))  # read after the row
        return _recorded(row, stored, episode, self._book)

    def _run(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        return self._runner.run(work)


def _recorded(row: Row, stored: StoredRun, episode: int, book: ShippedRules) -> Replay:
    if stored.ended is not None:
        try:  # SQLite may return a value of any type
            msgspec.convert(msgspec.structs.asdict(stored.ended), EpisodeEnd)
        except msgspec.ValidationError as error:
            raise Corrupt(f"the record of its end is damaged: {error}") from error
    try:
        return recorded_run(row, stored, episode, book)
    except BadArgument:
        raise
    except (TypeError, ValueError, AttributeError) as error:
        raise Corrupt(f"its records are damaged: {error!r}") from error
