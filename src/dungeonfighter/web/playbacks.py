"""Runs that are played back on the watch page, in parts of some turns.

A run is executed once, in short slices between other work, and compared with its stored end. Then its state
at every `CHECKPOINT_TURNS`-th turn is kept for some minutes, so that a part of a long run is rebuilt in
milliseconds. A run that lives is read again after `LIVE_SECONDS`, and only its new turns are executed.

Source: docs/decisions/045-playback.md.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from typing import Final

import msgspec
from msgspec import Struct

from dungeonfighter.errors import BadArgument, BadInput, Corrupt, Overloaded, RateLimited
from dungeonfighter.hosting.ports import Clock
from dungeonfighter.hosting.runs import Runs
from dungeonfighter.replays.execution import execute
from dungeonfighter.replays.replay import Replay
from dungeonfighter.replays.results import LIVE
from dungeonfighter.rules import Rules, State, category
from dungeonfighter.web import figures
from dungeonfighter.web.shared_work import SharedWork

TURNS_AT_ONCE_MAX: Final = 200
"""The number of turns in one part."""
CHECKPOINT_TURNS: Final = 64
RUNS_KEPT_MAX: Final = 32
BYTES_KEPT_MAX: Final = 32 * 1024 * 1024
KEPT_SECONDS: Final = 300.0
LIVE_SECONDS: Final = 2.0
PARTS_AT_ONCE_MAX: Final = 8
"""The number of parts that are rebuilt side by side; further callers are asked to come back."""
TURNS_PER_SECOND: Final = 2000.0
"""The turns that the watchers of one fleet may have executed a second, in the mean."""
BURST_SECONDS: Final = 10.0
FLEETS_MAX: Final = 1000
_TURNS_WITHOUT_TEXT: Final = 4
"""A turn whose text is made costs as much as so many others (measured: 40 us and 10 us)."""
_SLICE_TURNS: Final = 16
"""Rebuilt without a break: less than a millisecond."""
_INPUT_BYTES: Final = 64
"""The memory of one input."""


class Playback(Struct, frozen=True):
    """A run, and the encoded states from which its parts are rebuilt.

    Attributes:
        replay: The run; its inputs are complete.
        rules: Those of the run.
        mode: The name of its mode.
        checkpoints: The states at the first turn and at every `CHECKPOINT_TURNS`-th turn after it.
        read_at: The moment of the clock at which the run was read.
    """

    replay: Replay
    rules: Rules
    mode: str
    checkpoints: tuple[bytes, ...]
    read_at: float

    @property
    def is_live(self) -> bool:
        return self.replay.result.result == LIVE

    @property
    def byte_count(self) -> int:
        """About the memory that it takes."""
        return sum(map(len, self.checkpoints)) + _INPUT_BYTES * len(self.replay.inputs)

    def input_to(self, turn: int) -> str:
        """Return the input that led to a turn, "" for the first one."""
        number = turn - self.replay.first_turn
        return self.replay.inputs[number - 1] if number else ""

    def part(self, first: int, count: int) -> tuple[int, Replay]:
        """Return the run from a checkpoint up to the last of these turns, and the turn of the checkpoint.

        Args:
            first: The first of the turns.
            count: Their number.
        """
        begin = self.replay.first_turn
        number = (first - begin) // CHECKPOINT_TURNS
        at = begin + number * CHECKPOINT_TURNS
        inputs = self.replay.inputs[at - begin : first - begin + count - 1]
        return at, _from_state(self.replay, self.checkpoints[number], at, inputs)


class Playbacks:
    """Makes the parts of runs for all watchers of a server.

    Args:
        runs: Reads and executes the runs.
        clock: Time.
    """

    def __init__(self, runs: Runs, clock: Clock) -> None:
        self._runs = runs
        self._clock = clock
        self._kept: OrderedDict[tuple[str, int], Playback] = OrderedDict()
        self._executing: SharedWork[tuple[str, int], Playback] = SharedWork()
        self._paid_until: dict[str, float] = {}
        self._parts = 0

    async def part(self, key: str, episode: int, first: int | None, count: int, name: str) -> figures.Part:
        """Return some turns of a run.

        Args:
            key: `<fleet>/<botId>`.
            episode: The number of the run.
            first: The first turn; None for the first one of the run. Turns beyond the end are left out.
            count: 1 to `TURNS_AT_ONCE_MAX`.
            name: The name of the bot on the page.

        Raises:
            BadInput: unknown_bot, bad_argument (there is no such run or turn, or its inputs were pruned).
            NotAllowed: The run is ranked and lives, or its seed is that of the present day.
            Corrupt: The run does not end in its stored state.
            Overloaded: The fleet has used up its turns, or too many callers wait.
        """
        self._check_paid(key)
        playback = await self._playback(key, episode)
        replay = playback.replay
        last = replay.result.turn
        first = replay.first_turn if first is None else first
        if not replay.first_turn <= first <= last:
            raise BadArgument(
                f"run {episode} goes from t{replay.first_turn} to t{last}, so it has no t{first}"
            )
        if self._parts >= PARTS_AT_ONCE_MAX:
            raise Overloaded("many runs are being played back now; try again in 1 s", retry_after_seconds=1)
        at, cut = playback.part(first, count)
        self._pay(key, len(cut.inputs) + 1)
        self._parts += 1
        try:
            moments = [
                figures.moment(playback.rules, state, episode, playback.input_to(turn))
                async for turn, state in _states(cut, playback.rules, at)
                if turn >= first
            ]
        finally:
            self._parts -= 1
        return figures.part(replay, playback.mode, name, moments)

    async def close(self) -> None:
        """End the executions under way."""
        await self._executing.close()

    async def _playback(self, key: str, episode: int) -> Playback:
        kept = self._kept.get((key, episode))
        if kept is not None:
            age = self._clock.now() - kept.read_at
            if 0 <= age < (LIVE_SECONDS if kept.is_live else KEPT_SECONDS):
                self._kept.move_to_end((key, episode))
                return kept
        return await self._executing.do((key, episode), lambda: self._execute(key, episode))

    async def _execute(self, key: str, episode: int) -> Playback:
        """Read a run, execute what is not known of it yet, and keep it."""
        self._drop_old()
        now = self._clock.now()
        known = self._kept.get((key, episode))
        replay, rules = await self._runs.shown(key, episode)
        checkpoints = [] if known is None or not _goes_on(known.replay, replay) else [*known.checkpoints]
        rest = replay
        if checkpoints:
            done = (len(checkpoints) - 1) * CHECKPOINT_TURNS
            rest = _from_state(replay, checkpoints.pop(), replay.first_turn + done, replay.inputs[done:])
        self._pay(key, len(rest.inputs) / _TURNS_WITHOUT_TEXT)
        begin = replay.first_turn

        def note(state: State) -> None:
            if (state.turn - begin) % CHECKPOINT_TURNS == 0:
                checkpoints.append(rules.encode(state))

        state = await self._runs.execute(rest, rules, note)
        if rules.digest(rules.encode(state)).hex() != replay.result.digest:
            raise Corrupt(f"run {episode} of {replay.bot} is damaged: it does not end in its stored state")
        mode = category(state.mode, state.ascension)
        playback = Playback(replay, rules, mode, tuple(checkpoints), now)
        self._keep(key, episode, playback)
        return playback

    def _keep(self, key: str, episode: int, playback: Playback) -> None:
        self._kept[key, episode] = playback
        self._kept.move_to_end((key, episode))
        total = sum(one.byte_count for one in self._kept.values())
        while len(self._kept) > RUNS_KEPT_MAX or (total > BYTES_KEPT_MAX and len(self._kept) > 1):
            total -= self._kept.popitem(last=False)[1].byte_count

    def _drop_old(self) -> None:
        now = self._clock.now()
        old = [run for run, one in self._kept.items() if not 0 <= now - one.read_at < KEPT_SECONDS]
        for run in old:
            del self._kept[run]

    def _check_paid(self, key: str) -> None:
        """Refuse a fleet that has used up its turns.

        Raises:
            RateLimited: It has.
        """
        fleet, now = key.partition("/")[0], self._clock.now()
        wait = self._paid_until.get(fleet, now) - now
        if wait > 0:
            what = f"the pages of the fleet {fleet} play back {TURNS_PER_SECOND:g} turns a second"
            seconds = int(wait) + 1
            raise RateLimited(f"{what}; try again in {seconds} s", retry_after_seconds=seconds)

    def _pay(self, key: str, turns: float) -> None:
        """Charge executed turns to a fleet; they may overdraw once."""
        fleet, now = key.partition("/")[0], self._clock.now()
        if len(self._paid_until) >= FLEETS_MAX:
            self._paid_until = {one: until for one, until in self._paid_until.items() if until > now}
        begin = max(self._paid_until.get(fleet, 0.0), now - BURST_SECONDS)
        self._paid_until[fleet] = begin + turns / TURNS_PER_SECOND


def _goes_on(known: Replay, now: Replay) -> bool:
    """Return True if the inputs of a run that was read before are the first ones of the run as it is now."""
    count = len(known.inputs)
    return known.rules == now.rules and now.inputs[:count] == known.inputs


def _from_state(replay: Replay, state: bytes, turn: int, inputs: list[str]) -> Replay:
    return msgspec.structs.replace(replay, options=None, base=state, first_turn=turn, inputs=inputs)


async def _states(replay: Replay, rules: Rules, first: int) -> AsyncIterator[tuple[int, State]]:
    """Yield the states of a part, each with its turn; other work goes on between slices."""
    try:
        for turn, state in enumerate(execute(replay, rules), first):
            yield turn, state
            if turn % _SLICE_TURNS == 0:
                await asyncio.sleep(0)
    except BadInput as error:
        raise Corrupt(f"run {replay.episode} of {replay.bot} is damaged: {error}") from error
