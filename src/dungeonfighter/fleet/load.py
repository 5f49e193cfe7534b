"""A whole load: its bots, its pace, its end, and its progress each second."""

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

from dungeonfighter.bots.policy import InputPolicy
from dungeonfighter.bots.registry import make_policy
from dungeonfighter.fleet.crew import Crew, Habits
from dungeonfighter.fleet.fast_player import FastPlayer
from dungeonfighter.fleet.http import Endpoint
from dungeonfighter.fleet.pace import JITTER, ClosedLoop, OpenLoop, Pace, Wheel
from dungeonfighter.fleet.player import Player
from dungeonfighter.fleet.progress import MEASURED, RAMP, WARM_UP, Progress, ProgressFormatter
from dungeonfighter.fleet.tally import Tally
from dungeonfighter.fleet.through import QueueGate, QueuePlayer, ThroughQueue
from dungeonfighter.serving.background import every
from dungeonfighter.serving.scheduling import Coalescing
from dungeonfighter.task_ending import beside

logger = logging.getLogger(__name__)

STOP_GRACE_SECONDS = 5.0
_REST_SECONDS_MAX: Final = 0.01
"""The longest rest of one generator among several; it counts as latency."""
_GC_THRESHOLDS: Final = (20_000, 20, 50)
"""Bots live as long as the load and make no cycles, so frequent collections find no garbage."""


class LoadOptions(Struct, frozen=True):
    """The options of one load.

    Attributes:
        rate: Calls a second of all bots together (open loop).
        every: Seconds from one call of a bot to its next (open loop, give or take a fifth). Without `rate`
            and `every` each bot calls as fast as it is answered (closed loop).
        ramp: Seconds over which the first calls are spread, with `every`; 0 = one `every`.
        warm_up: Seconds that are played and verified but not measured; should include the ramp.
        seconds: The length of the measurement; 0 = until stopped.
        turns: The load stops after that many acknowledged turns; 0 = no such end.
        sources: The number of loopback addresses to connect from; 0 leaves the choice to the system.
        token: The access token of the calls; empty without one.
        through: The queue that the inputs go through; None without one.
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
    token: str = ""
    through: ThroughQueue | None = None

    def __repr__(self) -> str:
        """Return the load without its token, because texts about failures may show it."""
        return f"LoadOptions({self.url}, {self.bots} bots, process {self.process} of {self.processes})"

    @property
    def numbers(self) -> range:
        return range(self.process, self.bots, self.processes)

    @property
    def is_open(self) -> bool:
        """Calls have fixed moments that do not depend on the server."""
        return bool(self.rate or self.every)

    @property
    def spread_seconds(self) -> float:
        """The time over which the first calls are spread; 0 in a closed loop."""
        if self.every:
            return self.ramp or self.every
        return self.bots / self.rate if self.rate else 0.0


class Load(Struct):
    """A load that ran: its counts, and its bots with their journals.

    Attributes:
        seconds: The measured time.
        warm_up: The counts before it.
        cut_off: Bots that still waited for an answer when the grace time at the end was over.
        cpu_seconds: CPU time of the load itself during the measured time.
        ended: One sentence for each process that ended before it was done.
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
    show: Callable[[str], None],
    *,
    tally: Tally | None = None,
    stop: asyncio.Event | None = None,
    meet: Callable[[list[Player]], None] = lambda _: None,
    record: Callable[[Progress], None] = lambda _: None,
) -> Load:
    """Let the bots play until the time is over, the turns are made, `stop` is set, or Ctrl-C.

    Calls under way get `STOP_GRACE_SECONDS` to be answered; the journals note the requests without an answer.

    Args:
        options: The load.
        show: Receives one line of progress each second.
        tally: Receives the counts, so that the caller can watch them; a fresh one by default.
        stop: Ends the load when set; the load sets it when it ends for another reason.
        meet: Receives the bots before they begin; their journals grow while they play.
        record: Receives the progress each second.
    """
    stop = stop or asyncio.Event()
    formatter = ProgressFormatter()

    def watch(progress: Progress) -> None:
        record(progress)
        show(formatter.line(progress))

    with interrupts(stop.set):
        return await play_load(options, watch, stop=stop, tally=tally, meet=meet)


async def play_load(
    options: LoadOptions,
    watch: Callable[[Progress], None],
    *,
    stop: asyncio.Event,
    tally: Tally | None = None,
    meet: Callable[[list[Player]], None] = lambda _: None,
) -> Load:
    """Run a load like `run_load`, without handling signals; `watch` receives the progress each second."""
    endpoint = Endpoint(
        options.url, timeout_seconds=options.timeout_seconds, sources=_sources(options), token=options.token
    )
    policy = make_policy(options.policy)
    always_1 = isinstance(policy, InputPolicy) and policy.always == "1"
    crew = Crew(endpoint, options.habits, tally or Tally(), always_1=always_1)
    defects: list[BaseException] = []
    async with endpoint.watched(), _gate(options, crew) as gate:
        players = [_player(number, options, crew, gate) for number in options.numbers]
        meet(players)
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
    """Return the id of one bot of a load; all ids are valid if the id of the last bot is."""
    return f"{prefix}-{number:05d}"


def _sources(options: LoadOptions) -> list[str]:
    return [f"127.0.0.{number + 2}" for number in range(options.sources)]


def _gate(options: LoadOptions, crew: Crew) -> contextlib.AbstractAsyncContextManager[QueueGate | None]:
    if options.through is None:
        return contextlib.nullcontext()
    return QueueGate(
        options.through, in_flight_max=len(options.numbers), patience_seconds=options.habits.patience_seconds,
        view="json" if options.habits.view == "json" else "text", tally=crew.tally,
    )  # fmt: skip


def _player(number: int, options: LoadOptions, crew: Crew, gate: QueueGate | None) -> Player:
    seed = options.seed * 1_000_003 + number
    policy = make_policy(options.policy, seed)
    name = bot_id(options.prefix, number)
    if gate is not None:
        return QueuePlayer(number, name, seed, policy=policy, crew=crew, gate=gate)
    kind = FastPlayer if crew.always_1 else Player
    return kind(number, name, seed, policy=policy, crew=crew)


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
    """The clock of a load: its start, its measured time, and the CPU time used in the measured time."""

    def __init__(self, options: LoadOptions) -> None:
        self.options = options
        self.began = time.perf_counter()
        self.count_from = self.began + options.warm_up
        self.seconds = 0.0
        self.cpu_seconds = 0.0
        self._cpu_began = time.process_time()

    @property
    def phase(self) -> str:
        passed = time.perf_counter() - self.began
        if passed >= self.options.warm_up:
            return MEASURED
        return RAMP if self.options.is_open and passed < self.options.spread_seconds else WARM_UP

    def measure(self) -> None:
        self._cpu_began = time.process_time()

    def left(self) -> float:
        """Return the seconds left of the measured time, at most 60."""
        end = self.count_from + self.options.seconds if self.options.seconds else float("inf")
        return min(60.0, end - time.perf_counter())

    def stop(self) -> None:
        """End the measured time; it is 0 if the warm-up is not over."""
        self.seconds = max(0.0, time.perf_counter() - self.count_from)
        self.cpu_seconds = time.process_time() - self._cpu_began if self.seconds else 0.0


async def _until_over(clock: _Clock, crew: Crew, stop: asyncio.Event) -> None:
    """Wait until the load is over or all bots have given up, then set `stop`."""
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
    """Return a function that returns the progress; each call gives the latencies since the last one."""
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
    async def watching() -> None:
        now = begin()
        await every(1.0, lambda: watch(now()), "the progress", logger)

    async with beside(watching()):
        yield


@contextlib.contextmanager
def _defects_stop(stop: asyncio.Event, defects: list[BaseException]) -> Iterator[None]:
    """Stop the load when a callback raises, and keep the exception for the caller of the load.

    An exception of a callback would otherwise reach the loop's exception handler only.
    """
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
    """Hide the bots, and after the ramp their connections, from the garbage collector."""
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
    """Call `stop` at the first Ctrl-C or SIGTERM; a second one ends the program at once."""
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
