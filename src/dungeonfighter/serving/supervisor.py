"""The supervisor of several worker processes: it starts, replaces and stops them, and adds up their counters.

Each worker is the same command with a hidden flag, in a process group of its own (so a Ctrl-C in the terminal
reaches only the supervisor), with one end of a `worker_channel`. The supervisor does not kill slow workers.
The first signal drains all workers. The second signal, or any signal before the workers serve, kills them;
this is safe at any moment, because an answer leaves only after its commit.

Source: docs/architecture.md, "Processes".
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec

from dungeonfighter.access.leases import Leases
from dungeonfighter.hosting.ports import Meter
from dungeonfighter.serving.background import every, running
from dungeonfighter.serving.inquiries import Inquiry, InquiryRelay, SelfReport
from dungeonfighter.serving.server import FINISH_SECONDS_MAX, SPARE_SECONDS, stopping_text
from dungeonfighter.serving.service_manager import ServiceManager
from dungeonfighter.serving.shared_losses import SharedLosses
from dungeonfighter.serving.shared_rates import SharedRates, leasing
from dungeonfighter.serving.signals import HANG_UP, call_at_stdin_end, end_at_once, stop_signals
from dungeonfighter.serving.starting import Starting
from dungeonfighter.serving.worker_channel import (
    Ask,
    Channel,
    Demand,
    Drain,
    Go,
    HangUp,
    Listening,
    Losses,
    Opened,
    Report,
    Shares,
    Sum,
    Tick,
    Waiting,
)
from dungeonfighter.telemetry.meter import MeterRegistry
from dungeonfighter.telemetry.process_metrics import (
    PARENT,
    RESTARTS,
    RESTARTS_ADVICE,
    RESTARTS_PURPOSE,
    declare_process_metrics,
)
from dungeonfighter.telemetry.totals import Ledger

if TYPE_CHECKING:
    from dungeonfighter.serving.metrics_push import MetricsPush
    from dungeonfighter.serving.redis_leases import RedisLeases  # needs the extra `redis`

logger = logging.getLogger(__name__)

TICK_SECONDS: Final = 1.0
SUM_SECONDS: Final = 0.05
PAUSE_SECONDS: Final = 0.1
PAUSE_SECONDS_MAX: Final = 10.0
STABLE_SECONDS: Final = 60.0
"""After a worker has lived this long, its successor starts without the longer pauses of quick failures."""
ALL_OPEN_SECONDS_MAX: Final = 15.0
"""The longest time that workers which can serve wait for the other workers."""

Command = Callable[[int, int], Sequence[str]]
"""Makes the command line of a worker from its number and the descriptor of its end of the channel."""


class Worker:
    """One running worker process; `may_listen` is True once it was sent `Go`."""

    def __init__(self, process: asyncio.subprocess.Process, channel: Channel) -> None:
        self.process = process
        self.channel = channel
        self.losses = SharedLosses(lambda some: channel.send(Losses(some)), lambda: channel.is_idle)
        self.watched: list[str] = []
        self.has_opened = self.may_listen = self.is_listening = self.is_asking = False
        self.heard_at = asyncio.get_running_loop().time()


class Supervisor:
    """Keeps `count` workers running until a signal; an instance runs once.

    Args:
        command: Makes the command line of a worker.
        count: The number of workers.
        drain_seconds: The time that workers still serve after the first signal.
        close_seconds: The longest time that a worker may take to close its store.
        on_listening: Called once, when the workers accept connections.
        open_seconds: The longest time that workers which can serve wait for the other workers.
        leases: Divides the limits on calls among the workers.
        redis: Divides them among the replicas.
        on_hang_up: Called at SIGHUP, besides passing it on to the workers.
        environ: The environment of the workers; by default that of this process.
        push: Pushes the sums of the metrics.
        service: Gets reports.
        starting: Answers while the first worker waits for its store.
        inquiries: Passes the inquiries of the workers on.
        declare: Declares further metrics of this process.
    """

    def __init__(
        self,
        command: Command,
        count: int,
        *,
        drain_seconds: float,
        close_seconds: float,
        on_listening: Callable[[], None],
        open_seconds: float = ALL_OPEN_SECONDS_MAX,
        leases: Leases | None = None,
        redis: RedisLeases | None = None,
        push: MetricsPush | None = None,
        on_hang_up: Callable[[], None] = lambda: None,
        environ: Mapping[str, str] | None = None,
        service: ServiceManager | None = None,
        starting: Starting | None = None,
        inquiries: InquiryRelay | None = None,
        declare: Callable[[Meter], None] = lambda _: None,
    ) -> None:
        self._command = command
        self._count = count
        self._open_seconds = open_seconds
        self._drain_seconds = drain_seconds
        self._environ = environ
        self.patience_seconds = (
            drain_seconds + FINISH_SECONDS_MAX + SPARE_SECONDS + close_seconds + PAUSE_SECONDS_MAX
        )
        """The longest time of a drain; it exceeds the sum of the time limits of a worker."""
        self._on_listening = on_listening
        self._live: dict[int, Worker] = {}
        own = MeterRegistry()
        declare_process_metrics(own, PARENT)
        declare(own)
        self._restarts = own.counter(RESTARTS, RESTARTS_PURPOSE, RESTARTS_ADVICE)
        self._ledger = Ledger(time.monotonic(), own)
        self._newest = (float("-inf"), self._ledger.totals(0.0))
        self._rates = SharedRates(leases or Leases(count), self._send_shares)
        self._redis = redis
        self._push = push
        self._on_hang_up = on_hang_up
        self._service = service or ServiceManager({})
        self._starting = starting or Starting(list)
        self._inquiries = inquiries or InquiryRelay()
        self._stopping = asyncio.Event()
        self._one_opened = asyncio.Event()
        self._all_opened = asyncio.Event()
        self._gate_is_open = False
        self._bad_code = 0

    async def run(self, *, watch_stdin: bool = False) -> int:
        """Run the workers until a signal, then drain them.

        Args:
            watch_stdin: Also drain when standard input ends.

        Returns:
            The exit code: 0; that of the first worker if it could not start; 1 if a worker failed to drain.
        """
        watching = call_at_stdin_end(self._begin_drain) if watch_stdin else contextlib.nullcontext()
        with self._signals(), watching:
            push = self._push
            pushes = None if push is None else push.keep(lambda: self._tick().totals.counted)
            async with self._service.reporting(self.stuck), running(pushes, "pushes of the metrics"):
                await self._run_workers()
        return self._bad_code

    async def _run_workers(self) -> None:
        keepers = [asyncio.create_task(self._keep_running(0))]
        # The first worker starts alone, so that only one creates the tables.
        await self._wait_for(self._one_opened, unless=keepers)
        if self._one_opened.is_set():
            keepers += [asyncio.create_task(self._keep_running(number)) for number in range(1, self._count)]
            await self._wait_for(self._all_opened, unless=keepers, seconds=self._open_seconds)
            await self._starting.end()
            self._open_gate()
        ticking = asyncio.create_task(every(TICK_SECONDS, self._send_totals, "sending the totals", logger))
        async with leasing(self._redis, self._rates):
            await self._wait_for(self._stopping, unless=keepers)
            await self._drain(keepers)
        ticking.cancel()
        self._rates.close()
        for keeper in keepers:
            keeper.result()  # raises the exception of a keeper that failed

    def stuck(self, seconds: float) -> str:
        """Return a sentence about serving workers that sent no message for so long; empty without any."""
        now = asyncio.get_running_loop().time()
        serving = {number: worker for number, worker in self._live.items() if worker.may_listen}
        silent = [str(number) for number, worker in serving.items() if now - worker.heard_at > seconds]
        if silent:
            return f"worker {', '.join(silent)} has shown no sign of life for {seconds:g} s"
        return "" if serving or self._stopping.is_set() else "no worker serves"

    async def _wait_for(
        self, event: asyncio.Event, *, unless: list[asyncio.Task[None]], seconds: float | None = None
    ) -> None:
        """Wait for the event, the end of any task in `unless`, the start of the drain, or the timeout."""
        waits = [asyncio.create_task(one.wait()) for one in (event, self._stopping)]
        await asyncio.wait([*waits, *unless], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for one in waits:
            one.cancel()

    async def _drain(self, keepers: list[asyncio.Task[None]]) -> None:
        """Wait until all workers have ended; after `patience_seconds` kill the rest."""
        if self._live and not self._stopping.is_set():
            self._begin_drain()  # a keeper failed
        _, stuck = await asyncio.wait(keepers, timeout=self.patience_seconds)
        if stuck:
            stubborn = ", ".join(map(str, self._live))
            logger.error("not stopped in %g s, killed: worker %s", self.patience_seconds, stubborn)
            self._kill_all()
            await asyncio.wait(stuck)

    # One worker

    async def _keep_running(self, number: int) -> None:
        """Start a worker, and a new one whenever it ends, until the drain.

        Also return if a worker ends before any worker has opened its store: a retry would fail, too.
        """
        loop = asyncio.get_running_loop()
        pause = PAUSE_SECONDS
        while not self._stopping.is_set():
            began = loop.time()
            code = await self._run_once(number)
            if self._stopping.is_set():
                return
            if not self._one_opened.is_set():
                self._bad_code = code or 1
                return
            if loop.time() - began >= STABLE_SECONDS:
                pause = PAUSE_SECONDS
            self._restarts.add()
            self._inquiries.note_restart(number)
            logger.warning(
                "worker %d ended (%s); another one starts in %g s", number, _describe_exit(code), pause
            )
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)
            pause = min(pause * 2, PAUSE_SECONDS_MAX)

    async def _run_once(self, number: int) -> int:
        """Start one process and wait for its end; return its exit code, negative if a signal killed it."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                process = await asyncio.create_subprocess_exec(
                    *self._command(number, theirs.fileno()), stdin=asyncio.subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),), process_group=0, env=self._environ,
                )  # fmt: skip
            except OSError as error:
                ours.close()
                logger.warning("worker %d cannot be started: %s", number, error)
                return 1
        worker = self._live[number] = Worker(process, await Channel.over(ours))
        if self._stopping.is_set():
            worker.channel.send(Drain())
        receiving = asyncio.create_task(self._receive(number, worker))
        code = await process.wait()
        await receiving  # its end of the channel is closed now
        worker.losses.close()
        worker.channel.close()
        del self._live[number]
        self._ledger.retire(number)
        self._rates.retire(number)
        if code and self._stopping.is_set() and worker.may_listen:
            logger.error("worker %d ended while draining (%s)", number, _describe_exit(code))
            self._bad_code = 1
        return code

    async def _receive(self, number: int, worker: Worker) -> None:
        """Handle the messages of a worker until it ends; kill the worker if a message cannot be decoded."""
        try:
            await self._handle_messages(number, worker)
        except Exception:
            logger.exception("worker %d sent a message that cannot be decoded: it is replaced", number)
            with contextlib.suppress(ProcessLookupError):
                worker.process.kill()

    async def _handle_messages(self, number: int, worker: Worker) -> None:
        async for message in worker.channel.from_worker():
            worker.heard_at = asyncio.get_running_loop().time()
            if isinstance(message, Report):
                self._ledger.note(number, message.share)
                worker.watched = message.watched
            elif isinstance(message, Losses):
                for other in self._live.values():
                    if other is not worker and other.may_listen:
                        other.losses.add(message.losses)
            elif isinstance(message, Ask):
                worker.is_asking = True
                self._answer(worker)
            elif isinstance(message, Demand):
                self._rates.note(number, message.calls, message.seconds)
            elif isinstance(message, Inquiry | SelfReport):
                serving = {key: one.channel for key, one in self._live.items() if one.is_listening}
                starting = [key for key in range(self._count) if key not in serving]
                self._inquiries.take(number, message, serving, starting)
            elif isinstance(message, Waiting):
                self._wait_for_store()
            elif isinstance(message, Opened):
                worker.has_opened = True
                logger.info("worker %d can serve (pid %d)", number, worker.process.pid)
                self._one_opened.set()
                if self._gate_is_open:
                    self._let_listen(worker)
                elif sum(other.has_opened for other in self._live.values()) == self._count:
                    self._all_opened.set()
            elif isinstance(message, Listening):
                worker.is_listening = True
                logger.info("worker %d serves (pid %d)", number, worker.process.pid)
                self._call_if_all_listen()

    # All of them

    def _open_gate(self) -> None:
        """Let every worker listen as soon as it can serve."""
        self._gate_is_open = True
        late = [
            str(number)
            for number in range(self._count)
            if number not in self._live or not self._live[number].has_opened
        ]
        if late and not self._stopping.is_set():
            logger.warning(
                "worker %s cannot serve after %g s: the others begin", ", ".join(late), self._open_seconds
            )
        for worker in self._live.values():
            if worker.has_opened:
                self._let_listen(worker)

    def _let_listen(self, worker: Worker) -> None:
        """Send the sum of all metrics and then `Go`, so that the worker's rates do not begin with a jump."""
        worker.may_listen = True
        worker.channel.send(self._tick())
        worker.channel.send(Go())

    def _call_if_all_listen(self) -> None:
        if all(worker.is_listening for worker in self._live.values() if worker.may_listen):
            callback, self._on_listening = self._on_listening, _no_op
            callback()

    def _send_totals(self) -> None:
        tick = self._tick()
        for worker in self._live.values():
            self._answer(worker)
            if worker.may_listen and worker.channel.is_idle:
                fleets = self._ledger.fleets(worker.watched)
                totals = msgspec.structs.replace(tick.totals, fleets=fleets)
                worker.channel.send(msgspec.structs.replace(tick, totals=totals))

    def _answer(self, worker: Worker) -> None:
        """Send the sum to a worker that asked for it, if its channel is idle; else the next tick does."""
        if worker.is_asking and worker.channel.is_idle:
            worker.is_asking = False
            worker.channel.send(Sum(self._tick().totals.counted))

    def _tick(self) -> Tick:
        """Return the sum of all metrics; many scrapes share one that is not older than `SUM_SECONDS`."""
        now = asyncio.get_running_loop().time()
        if now - self._newest[0] >= SUM_SECONDS:
            self._newest = (now, self._ledger.totals(now))
        return Tick(
            self._newest[1],
            redis_up=self._redis is not None and self._redis.is_up,
            push_up=self._push is not None and self._push.is_up,
        )

    def _send_shares(self, number: int, shares: dict[str, float]) -> bool:
        worker = self._live.get(number)
        if worker is None or not worker.may_listen or not worker.channel.is_idle:
            return False
        worker.channel.send(Shares(shares))
        return True

    def _stop(self, number: int) -> None:
        """Drain on the first signal; kill all on the second, or on a signal before the workers serve."""
        if self._stopping.is_set() or not self._gate_is_open:
            self._kill_all()
            end_at_once(128 + number)
        self._begin_drain()

    def _wait_for_store(self) -> None:
        if not self._gate_is_open:
            self._service.waiting("the store")
            self._starting.begin()

    def _begin_drain(self) -> None:
        logger.info("%s", stopping_text(self._drain_seconds))
        self._service.stopping()
        self._stopping.set()
        for worker in self._live.values():
            worker.channel.send(Drain())

    def _pass_hang_up_on(self) -> None:
        self._service.reload(self._on_hang_up)
        for worker in self._live.values():
            worker.channel.send(HangUp())

    def _kill_all(self) -> None:
        for worker in self._live.values():
            with contextlib.suppress(ProcessLookupError):
                worker.process.kill()

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        handlers: dict[int, Callable[[], object]] = {
            number: partial(self._stop, number) for number in stop_signals()
        }
        if HANG_UP is not None:
            handlers.setdefault(HANG_UP, self._pass_hang_up_on)
        for number, handler in handlers.items():
            loop.add_signal_handler(number, handler)
        try:
            yield
        finally:
            for number in handlers:
                loop.remove_signal_handler(number)


def _no_op() -> None:
    pass


def _describe_exit(code: int) -> str:
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}"
