"""The runs of a host as data: replays and forks.

A replay is executed before it is shown, and a fork from an earlier turn is executed up to that turn. That
happens in the event loop, in short slices between other work, one run at a time.

Source: docs/replays.md.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from dungeonfighter import limits
from dungeonfighter.errors import BadArgument, BadInput, Corrupt, NotAllowed, RunOver
from dungeonfighter.hosting.answers import Answer
from dungeonfighter.hosting.attempts import Pending
from dungeonfighter.hosting.daily_seeds import DailySeeds
from dungeonfighter.hosting.fleet_sizes import FleetSizes
from dungeonfighter.hosting.fork_source import ForkSource
from dungeonfighter.hosting.game_errors import without_frames
from dungeonfighter.hosting.new_runs import Fork
from dungeonfighter.hosting.patience import Patience
from dungeonfighter.hosting.ports import Chance, Clock, PastRun, Row, Store
from dungeonfighter.hosting.recorded_runs import recorded_run
from dungeonfighter.hosting.rows import present, unknown_bot
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.replays.execution import execute
from dungeonfighter.replays.replay import DIGEST_CHARS, Replay
from dungeonfighter.replays.results import LIVE
from dungeonfighter.rules import Rules, State

_SLICE_TURNS: Final = 32
"""Executed without a break: half a millisecond."""
_WAITING_MAX: Final = 16


class Forked(Struct, frozen=True):
    """The result for one id of a fork.

    Attributes:
        bot: The new bot, without its fleet.
        episode, turn, digest: The first state of its run, if it has one.
        repeated: An earlier copy of the request made the fork.
        error: The error, if there is no fork.
    """

    bot: str
    episode: int = 0
    turn: int = 0
    digest: bytes = b""
    repeated: bool = False
    error: Exception | None = None


class Runs:
    """Replays and forks.

    Args:
        store, book, patience, chance, clock, daily_seeds: Those of the host.
        fresh_row: `Resolver.fresh_row`.
        submit: Queues a request of a bot.
        fleet_sizes: Counts the new bots; None if fleets have no bound.
    """

    def __init__(
        self, *, store: Store, book: ShippedRules, patience: Patience, chance: Chance, clock: Clock,
        daily_seeds: DailySeeds, fresh_row: Callable[[str], Awaitable[Row]],
        submit: Callable[[str, Pending], None], fleet_sizes: FleetSizes | None,
    ) -> None:  # fmt: skip
        self._store = store
        self._book = book
        self._patience = patience
        self._chance = chance
        self._clock = clock
        self._daily_seeds = daily_seeds
        self._fresh_row = fresh_row
        self._submit = submit
        self._fleet_sizes = fleet_sizes
        self._executing = asyncio.Lock()
        self._waiting = 0

    async def replay(self, key: str, episode: int | None = None) -> Replay:
        """Return the replay of a run, by default the present one, after executing it.

        Args:
            key: `<fleet>/<botId>`.
            episode: The number of the run.

        Raises:
            BadInput: unknown_bot, bad_argument (there is no such run, its inputs were pruned, or it is longer
                than `limits.reexecuted_inputs_max`).
            NotAllowed: The run is ranked and lives, or its seed is that of the present day.
            Corrupt: The execution does not end in the stored state.
            Overloaded: Too many callers wait for an execution.
        """
        recorded, rules = await self.shown(key, episode)
        digests: list[str] = []
        last = ""

        def note(state: State) -> None:
            nonlocal last
            last = rules.digest(rules.encode(state)).hex()
            digests.append(last[:DIGEST_CHARS])

        await self.execute(recorded, rules, note)
        if last != recorded.result.digest:
            raise Corrupt(f"run {recorded.episode} of {recorded.bot} does not end in its stored state")
        return msgspec.structs.replace(recorded, digests="".join(digests))

    async def shown(self, key: str, episode: int | None = None) -> tuple[Replay, Rules]:
        """Return a run that may be shown as it is stored, without executing it, and its rules.

        Args:
            key, episode: As `replay`.

        Raises:
            BadInput, NotAllowed: As `replay`.
            NewerRules: This release does not ship the rules of the run.
        """
        recorded = await self._recorded(await self._fresh_row(key), episode)
        if recorded.ranked and recorded.result.result == LIVE:
            raise NotAllowed("a ranked run shows its replay when it is over")
        if self._daily_seeds.is_run_of_day(recorded, self._clock.wall()):
            raise NotAllowed("the run of the day shows its replay when its day (UTC) is over")
        return recorded, self._book.of(recorded.rules)

    async def past(self, key: str, before: int, count: int) -> list[PastRun]:
        """List the last `count` ended runs of a bot whose episode is below `before`, the last one first."""
        return await self._patience.ask(lambda: self._store.past_runs(key, before, count))

    async def fork(
        self, key: str, bots: Sequence[str], *, turn: int | None = None, episode: int | None = None,
        is_exact: bool = False,
    ) -> list[Forked]:  # fmt: skip
        """Begin a run of each new bot from a state of a run; return the results in the order of `bots`.

        Each result is durable by itself. A copy of the request gets the same results, as long as the new bots
        are in their forked runs.

        Args:
            key: `<fleet>/<botId>` of the parent.
            bots: 1 to `limits.forks_at_once_max` different ids, without the fleet.
            turn: The turn to fork from; by default the present one, or the last one of an earlier run.
            episode: The run to fork from; by default the present one.
            is_exact: Keep the dice, so that the same inputs lead to the same states.

        Raises:
            BadInput: unknown_bot, bad_argument (there is no such run or turn, or its inputs were pruned),
                run_over (the run cannot go on from that turn).
            NotAllowed: `is_exact`, and the run is ranked.
        """
        source = await self._source(key, turn, episode, is_exact=is_exact)
        fleet = key.partition("/")[0]
        if self._fleet_sizes is not None and not self._fleet_sizes.is_known(fleet):
            await self._fleet_sizes.learn(fleet)
        forks = _Forks(len(bots))
        deadline, draw = self._patience.deadline(), self._chance.op
        for number, bot in enumerate(bots):
            request = Fork(draw(), source, _seed(draw()), (turn, episode), self._fleet_sizes)
            try:
                self._submit(f"{fleet}/{bot}", Pending(request, deadline, forks, number))
            except Exception as error:  # noqa: BLE001 (each fork fails by itself)
                forks.deliver(number, without_frames(error))
        results = await forks.all_done
        return [await self._forked(fleet, bot, result) for bot, result in zip(bots, results, strict=True)]

    async def _forked(self, fleet: str, bot: str, result: Answer | Exception) -> Forked:
        if isinstance(result, Exception):
            return Forked(bot, error=result)
        game = result.game
        if not result.repeated:
            return Forked(bot, game.episode, game.turn, game.digest)
        try:
            first = await self._patience.ask(lambda: self._store.stored_run(f"{fleet}/{bot}", game.episode))
        except Exception as error:  # noqa: BLE001 (each fork fails by itself)
            return Forked(bot, error=error)
        state = game.rules.decode(first.base)
        return Forked(bot, game.episode, state.turn, game.rules.digest(first.base), repeated=True)

    async def _source(self, key: str, turn: int | None, episode: int | None, *, is_exact: bool) -> ForkSource:
        """Return the state that forks begin from."""
        row = await self._fresh_row(key)
        if not row.state and episode is None:
            raise unknown_bot(key)
        bot = key.partition("/")[2]
        if episode in (None, row.episode) and turn in (None, row.turn) and row.state:
            standing = present(row, self._book)
            self._check_source(standing.state, is_exact=is_exact)
            return ForkSource(bot, row.episode, row.turn, row.rules, row.state, is_exact)
        recorded = await self._recorded(row, row.episode if episode is None else episode)
        last = recorded.result.turn
        at = last if turn is None else turn
        if not recorded.first_turn <= at <= last:
            span = f"from t{recorded.first_turn} to t{last}"
            raise BadArgument(f"run {recorded.episode} of {bot} goes {span}, so it has no t{at}")
        if is_exact and recorded.ranked:
            raise _exact_refused()
        rules, until = self._book.of(recorded.rules), at - recorded.first_turn
        cut = msgspec.structs.replace(recorded, inputs=recorded.inputs[:until])
        state = await self.execute(cut, rules)
        self._check_source(state, is_exact=is_exact)
        return ForkSource(bot, recorded.episode, at, recorded.rules, rules.encode(state), is_exact)

    def _check_source(self, state: State, *, is_exact: bool) -> None:
        if state.over:
            raise RunOver("this run is over, there is nothing to go on from; name an earlier turn")
        if is_exact and state.ranked:
            raise _exact_refused()

    async def _recorded(self, row: Row, episode: int | None) -> Replay:
        number = row.episode if episode is None else episode
        stored = await self._patience.ask(lambda: self._store.stored_run(row.bot_id, number))
        return recorded_run(row, stored, number, self._book)

    async def execute(
        self, replay: Replay, rules: Rules, visit: Callable[[State], None] | None = None
    ) -> State:
        """Execute a run in short slices; call `visit` with each state, and return the last one.

        Raises:
            BadInput: The run is longer than `limits.reexecuted_inputs_max`.
            Corrupt: The run cannot be executed.
            Overloaded: Too many callers wait for an execution.
        """
        count = len(replay.inputs)
        if count > limits.reexecuted_inputs_max:
            what = (
                f"this run has {count} inputs, and a server executes {limits.reexecuted_inputs_max} at most"
            )
            raise BadArgument(f"{what}; `dungeonfighter replay` executes longer ones from the database")
        if self._waiting >= _WAITING_MAX:
            raise self._patience.overloaded(f"{self._waiting} callers already wait for an execution")
        self._waiting += 1
        try:
            async with self._executing:
                for number, state in enumerate(_states(replay, rules)):
                    if visit is not None:
                        visit(state)
                    if number % _SLICE_TURNS == 0:
                        await asyncio.sleep(0)
                return state
        finally:
            self._waiting -= 1


def _states(replay: Replay, rules: Rules) -> Iterator[State]:
    """Yield the states of a stored run; if it cannot be executed, it is damaged."""
    try:
        yield from execute(replay, rules)
    except BadInput as error:
        raise Corrupt(f"run {replay.episode} of {replay.bot} cannot be executed: {error}") from error


def _seed(drawn: bytes) -> int:
    """Return a seed from as many random bytes as an operation id has, which cost no system call each."""
    return int.from_bytes(drawn, "big") & limits.seed_max


def _exact_refused() -> NotAllowed:
    return NotAllowed("the dice of a ranked run are its own; fork it without exact")


class _Forks:
    """The responder of the forks of one call; a fork's tag is its number."""

    def __init__(self, count: int) -> None:
        self._results: list[Answer | Exception | None] = [None] * count
        self._open = count
        self.all_done: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()

    def render(self, tag: int, answer: Answer) -> Answer:
        return answer

    def deliver(self, tag: int, rendered: Answer | Exception) -> None:
        self._results[tag] = rendered
        self._open -= 1
        if not self._open and not self.all_done.done():
            self.all_done.set_result(self._results)
