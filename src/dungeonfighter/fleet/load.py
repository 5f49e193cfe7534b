"""A whole load: its bots, its pace, its end, and a line a second about how it goes."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator

from msgspec import Struct

from dungeonfighter.bots.registry import make_policy
from dungeonfighter.fleet.http import Endpoint
from dungeonfighter.fleet.pace import ClosedLoop, OpenLoop
from dungeonfighter.fleet.player import Habits, Player
from dungeonfighter.fleet.tally import Tally

STOP_GRACE_SECONDS = 5.0


class LoadOptions(Struct, frozen=True):
    """One load.

    Attributes:
        rate: Calls a second in all (open loop); 0 = every bot as fast as it is answered (closed loop).
        seconds: How long; 0 = until stopped.
        turns: Stop after that many acknowledged turns; 0 = no such end.
    """

    url: str
    bots: int
    policy: str = "attack"
    rate: float = 0.0
    seconds: float = 0.0
    turns: int = 0
    seed: int = 0
    prefix: str = "bot"
    in_flight_max: int = 256
    timeout_seconds: float = 15.0
    habits: Habits = Habits()


class Load(Struct):
    """A load that ran: what it counted and its bots with their journals."""

    options: LoadOptions
    endpoint: Endpoint
    tally: Tally
    players: list[Player]
    seconds: float = 0.0


async def run_load(
    options: LoadOptions,
    tell: Callable[[str], None],
    *,
    tally: Tally | None = None,
    stop: asyncio.Event | None = None,
) -> Load:
    """Let the bots play until the time is over, the turns are made, `stop` is set, or Ctrl-C.

    Calls under way get `STOP_GRACE_SECONDS` to be answered; what is unanswered then is noted in the journals.

    Args:
        options: What to do.
        tell: Takes a line about the progress each second.
        tally: Counts here, for one who watches; a fresh one by default.
        stop: Ends the load when set; set here when it ends.
    """
    tally = tally or Tally()
    stop = stop or asyncio.Event()
    endpoint = Endpoint(options.url, timeout_seconds=options.timeout_seconds)
    async with endpoint.watched():
        players = [_player(number, options, endpoint, tally, stop) for number in range(options.bots)]
        pace = OpenLoop(options.bots, options.rate) if options.rate else ClosedLoop(options.in_flight_max)
        began = time.perf_counter()
        with _interrupt_sets(stop):
            tasks = [asyncio.create_task(player.play(pace)) for player in players]
            async with _progress(options, tally, began, stop, tell):
                await _until_over(options, tally, tasks, stop, began)
            seconds = time.perf_counter() - began
            _, late = await asyncio.wait(tasks, timeout=STOP_GRACE_SECONDS)
        for task in late:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result
    return Load(options, endpoint, tally, players, seconds)


def bot_id(prefix: str, number: int) -> str:
    """The name of one bot of a load; a valid id if that of the last bot is one."""
    return f"{prefix}-{number:05d}"


def _player(
    number: int, options: LoadOptions, endpoint: Endpoint, tally: Tally, stop: asyncio.Event
) -> Player:
    seed = options.seed * 1_000_003 + number
    return Player(
        number,
        bot_id(options.prefix, number),
        seed,
        policy=make_policy(options.policy, seed),
        endpoint=endpoint,
        habits=options.habits,
        tally=tally,
        stop=stop,
    )


async def _until_over(
    options: LoadOptions, tally: Tally, tasks: list[asyncio.Task[None]], stop: asyncio.Event, began: float
) -> None:
    """Return, with `stop` set, when the load is over; all bots having given up ends it too."""
    everyone = asyncio.ensure_future(asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION))
    stopped = asyncio.ensure_future(stop.wait())
    try:
        while not stop.is_set() and not everyone.done():
            left = options.seconds - (time.perf_counter() - began) if options.seconds else 60.0
            if left <= 0 or (options.turns and tally.turns >= options.turns):
                break
            wait = min(left, 0.05) if options.turns else left
            await asyncio.wait({everyone, stopped}, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stop.set()
        everyone.cancel()
        stopped.cancel()


@contextlib.asynccontextmanager
async def _progress(
    options: LoadOptions, tally: Tally, began: float, stop: asyncio.Event, tell: Callable[[str], None]
) -> AsyncIterator[None]:
    async def every_second() -> None:
        before = 0
        last = began
        while True:
            await asyncio.sleep(1.0)
            now = time.perf_counter()
            tell(_line(options, tally, now - began, (tally.turns - before) / (now - last)))
            before, last = tally.turns, now
            tally.second.clear()

    task = asyncio.create_task(every_second())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def _line(options: LoadOptions, tally: Tally, seconds: float, turns_per_second: float) -> str:
    p99 = tally.second.percentile(0.99) * 1000
    return (
        f"{seconds:5.0f} s  {options.bots} bots  {tally.turns} turns  {turns_per_second:.0f}/s  "
        f"p99 {p99:.1f} ms  runs {len(tally.scores)}  "
        f"repeated {tally.troubles.total()}  errors {tally.errors.total()}"
    )


@contextlib.contextmanager
def _interrupt_sets(stop: asyncio.Event) -> Iterator[None]:
    """Make Ctrl-C and SIGTERM end the load in good order; a second one ends the program."""
    loop = asyncio.get_running_loop()

    def on_signal(number: int) -> None:
        stop.set()
        loop.remove_signal_handler(number)

    handled = []
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError, ValueError, RuntimeError):  # not in the main thread
            loop.add_signal_handler(number, on_signal, number)
            handled.append(number)
    try:
        yield
    finally:
        for number in handled:
            loop.remove_signal_handler(number)
