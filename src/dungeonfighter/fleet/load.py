"""A whole load: its bots, its pace, its end, and how it goes each second."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Final

from msgspec import Struct

from dungeonfighter.background import every
from dungeonfighter.bots.policy import InputPolicy
from dungeonfighter.bots.registry import make_policy
from dungeonfighter.fleet.crew import Crew, Habits
from dungeonfighter.fleet.http import Endpoint
from dungeonfighter.fleet.pace import JITTER, ClosedLoop, OpenLoop, Pace, Wheel
from dungeonfighter.fleet.player import Player
from dungeonfighter.fleet.progress import MEASURED, RAMP, WARM_UP, Progress, Teller
from dungeonfighter.fleet.tally import Tally
from dungeonfighter.serving.scheduling import Coalescing

logger = logging.getLogger(__name__)

STOP_GRACE_SECONDS = 5.0
_REST_SECONDS_MAX: Final = 0.01
"""Of a generator among others; what it adds to a latency is measured as one."""
_GC_THRESHOLDS: Final = (20_000, 20, 50)
"""Bots live as long as the load and make no cycles: looking at them again and again finds nothing."""


class LoadOptions(Struct, frozen=True):
    """One load.

    Attributes:
        rate: Calls a second in all (open loop).
        every: Seconds from one call of a bot to its next (open loop, give or take a fifth). With neither,
            every bot calls as fast as it is answered (closed loop).
        ramp: Over how many seconds the first calls are spread, with `every`; 0 = over one `every`.
        warm_up: Seconds that are played and checked but not measured; the ramp is best within them.
        seconds: How long to measure; 0 = until stopped.
        turns: Stop after that many acknowledged turns; 0 = no such end.
        sources: How many loopback addresses connections come from; 0 = no particular ones.
        process, processes: Only the bots whose number is `process` modulo `processes` play.
    """

    url: str
    bots: int
    policy: str = "attack"
    rate: float = 0.0
    every: float = 0.0
    ramp: float = 0.0
    warm_up: float = 0.0
    seconds: float = 0.0
    turns: int = 0
    seed: int = 0
    prefix: str = "bot"
    in_flight_max: int = 256
    timeout_seconds: float = 15.0
    sources: int = 0
    process: int = 0
    processes: int = 1
    habits: Habits = Habits()

    @property
    def numbers(self) -> range:
        """Of the bots that play here."""
        return range(self.process, self.bots, self.processes)

    @property
    def is_open(self) -> bool:
        """Whether calls have their moments, whatever the server does."""
        return bool(self.rate or self.every)

    @property
    def spread_seconds(self) -> float:
        """Over how long the first calls are spread, 0 in a closed loop."""
        if self.every:
            return self.ramp or self.every
        return self.bots / self.rate if self.rate else 0.0


class Load(Struct):
    """A load that ran: what it counted and its bots with their journals.

    Attributes:
        seconds: Measured ones.
        warm_up: What was counted before them.
        cut_off: Bots that still waited for an answer when the patience at the end was over.
        cpu_seconds: What this side spent while it measured.
        ended: What is to be said of processes that did not come to a good end.
    """

    options: LoadOptions
    endpoint: Endpoint
    tally: Tally
    players: list[Player]
    seconds: float
    warm_up: Tally
    cut_off: int = 0
    cpu_seconds: float = 0.0
    ended: list[str] = []


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
    stop = stop or asyncio.Event()
    teller = Teller()
    with interrupts(stop.set):
        return await play_load(options, lambda now: tell(teller.line(now)), stop=stop, tally=tally)


async def play_load(
    options: LoadOptions,
    watch: Callable[[Progress], None],
    *,
    stop: asyncio.Event,
    tally: Tally | None = None,
) -> Load:
    """The same without signals, and told in figures."""
    endpoint = Endpoint(options.url, timeout_seconds=options.timeout_seconds, sources=_sources(options))
    policy = make_policy(options.policy)
    always_1 = isinstance(policy, InputPolicy) and policy.always == "1"
    crew = Crew(endpoint, options.habits, tally or Tally(), always_1=always_1)
    defects: list[BaseException] = []
    async with endpoint.watched():
        players = [_player(number, options, crew) for number in options.numbers]
        with _defects_stop(stop, defects), _rare_collections(endpoint.loop, options.spread_seconds):
            clock = _Clock(options)
            crew.count_from = clock.count_from
            crew.begin(players, _pace(options, endpoint.loop))
            async with _each_second(lambda: _progress(clock, crew), watch):
                await _until_over(clock, crew, stop)
                clock.stop()
                crew.stop()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(STOP_GRACE_SECONDS):
                        await crew.everyone_left.wait()
            cut_off = crew.cut_off()
    if defects:
        raise defects[0]
    return Load(
        options, endpoint, crew.tally, players, clock.seconds, crew.warm_up, cut_off, clock.cpu_seconds
    )


def bot_id(prefix: str, number: int) -> str:
    """The name of one bot of a load; a valid id if that of the last bot is one."""
    return f"{prefix}-{number:05d}"


def _sources(options: LoadOptions) -> list[str]:
    return [f"127.0.0.{number + 2}" for number in range(options.sources)]


def _player(number: int, options: LoadOptions, crew: Crew) -> Player:
    seed = options.seed * 1_000_003 + number
    policy = make_policy(options.policy, seed)
    return Player(number, bot_id(options.prefix, number), seed, policy=policy, crew=crew)


def _pace(options: LoadOptions, loop: asyncio.AbstractEventLoop) -> Pace:
    if not options.is_open:
        return ClosedLoop(options.in_flight_max)
    rest = Coalescing(_REST_SECONDS_MAX).rest if options.processes > 1 else None
    return OpenLoop(
        Wheel(loop, rest=rest),
        options.bots,
        spread_seconds=options.spread_seconds,
        step_seconds=options.every or options.bots / options.rate,
        jitter=JITTER if options.every else 0.0,
        seed=options.seed * 1_000_003 + options.process,
    )


class _Clock:
    """When a load began, when it is measured, and what that cost."""

    def __init__(self, options: LoadOptions) -> None:
        self.options = options
        self.began = time.perf_counter()
        self.count_from = self.began + options.warm_up
        self.seconds = 0.0
        self.cpu_seconds = 0.0
        self._cpu_began = time.process_time()

    @property
    def phase(self) -> str:
        """What is going on now."""
        passed = time.perf_counter() - self.began
        if passed >= self.options.warm_up:
            return MEASURED
        return RAMP if self.options.is_open and passed < self.options.spread_seconds else WARM_UP

    def measure(self) -> None:
        """The warm-up is over."""
        self._cpu_began = time.process_time()

    def left(self) -> float:
        """Seconds of the measured time that are left; more than that without an end."""
        end = self.count_from + self.options.seconds if self.options.seconds else float("inf")
        return min(60.0, end - time.perf_counter())

    def stop(self) -> None:
        """The measured time is over, perhaps before it began."""
        self.seconds = max(0.0, time.perf_counter() - self.count_from)
        self.cpu_seconds = time.process_time() - self._cpu_began if self.seconds else 0.0


async def _until_over(clock: _Clock, crew: Crew, stop: asyncio.Event) -> None:
    """Return, with `stop` set, when the load is over; all bots having given up ends it too."""
    turns_max = clock.options.turns
    ends = [asyncio.ensure_future(event.wait()) for event in (stop, crew.everyone_left)]
    try:
        if clock.options.warm_up:
            await asyncio.wait(ends, timeout=clock.options.warm_up, return_when=asyncio.FIRST_COMPLETED)
            clock.measure()
        while not stop.is_set() and not crew.everyone_left.is_set():
            left = clock.left()
            if left <= 0 or (turns_max and crew.tally.turns + crew.warm_up.turns >= turns_max):
                break
            wait = min(left, 0.05) if turns_max else left
            await asyncio.wait(ends, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stop.set()
        for end in ends:
            end.cancel()


def _progress(clock: _Clock, crew: Crew) -> Callable[[], Progress]:
    """What to ask each second."""
    main, early = crew.tally, crew.warm_up
    before = [main.latency.counts[:], early.latency.counts[:]]

    def now() -> Progress:
        fresh = [one.latency.buckets(since) for one, since in zip((main, early), before, strict=True)]
        before[:] = main.latency.counts[:], early.latency.counts[:]
        return Progress(
            time.perf_counter() - clock.began,
            clock.phase,
            len(clock.options.numbers),
            crew.endpoint.connected,
            main.turns + early.turns,
            len(main.scores) + len(early.scores),
            main.troubles.total() + early.troubles.total(),
            main.errors.total() + early.errors.total(),
            fresh[0] + fresh[1],
        )

    return now


@contextlib.asynccontextmanager
async def _each_second(
    begin: Callable[[], Callable[[], Progress]], watch: Callable[[Progress], None]
) -> AsyncIterator[None]:
    async def telling() -> None:
        now = begin()
        await every(1.0, lambda: watch(now()), "the progress", logger)

    task = asyncio.create_task(telling())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@contextlib.contextmanager
def _defects_stop(stop: asyncio.Event, defects: list[BaseException]) -> Iterator[None]:
    """A callback that raises has nobody to raise to: the load ends, and its caller gets the exception."""
    loop = asyncio.get_running_loop()
    former = loop.get_exception_handler()

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if error is None:
            loop.default_exception_handler(context)
        else:
            defects.append(error)
            stop.set()

    loop.set_exception_handler(handle)
    try:
        yield
    finally:
        loop.set_exception_handler(former)


@contextlib.contextmanager
def _rare_collections(loop: asyncio.AbstractEventLoop, after_seconds: float) -> Iterator[None]:
    """Take the bots, and after the ramp their connections too, out of what the collector looks at."""
    former = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
    ramped = loop.call_later(after_seconds + 1, gc.freeze)
    try:
        yield
    finally:
        ramped.cancel()
        gc.set_threshold(*former)
        gc.unfreeze()


@contextlib.contextmanager
def interrupts(stop: Callable[[], None]) -> Iterator[None]:
    """Let the first Ctrl-C or SIGTERM call `stop`, which ends the load in good order; a second one ends the
    program.
    """
    loop = asyncio.get_running_loop()

    def on_signal(number: int) -> None:
        stop()
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
