"""The parent of several worker processes: starts them, replaces those that died, adds up, and stops them.

Each worker is the same command with a hidden flag, in a process group of its own (a Ctrl-C in the terminal
reaches the parent only), with one end of a `worker_channel`. A worker is never ended for being slow: only its
own death, or ours, ends it. The first signal drains all workers; the second one, or any before they serve,
kills them: an answer leaves only after its commit, so this is safe at any moment.

Source: docs/architecture.md, "Processes".
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from dungeonfighter.background import every
from dungeonfighter.serving.signals import end_at_once
from dungeonfighter.serving.supervisor import FINISH_SECONDS_MAX, SPARE_SECONDS, call_at_stdin_end
from dungeonfighter.serving.worker_channel import Drain, Go, Line, Listening, Opened, Report, Tick
from dungeonfighter.telemetry.totals import Ledger

logger = logging.getLogger(__name__)

TICK_SECONDS: Final = 1.0
PAUSE_SECONDS: Final = 0.1
PAUSE_SECONDS_MAX: Final = 10.0
SOUND_SECONDS: Final = 60.0
"""A worker that lived this long is started again without the pauses of those before it."""
ALL_OPEN_SECONDS_MAX: Final = 15.0
"""How long the workers that can serve wait for those that cannot yet."""

Command = Callable[[int, int], Sequence[str]]
"""The command line of a worker, from its number and the descriptor of its end of the channel."""


class Worker:
    """One living process; `got_go` once it may listen."""

    def __init__(self, process: asyncio.subprocess.Process, line: Line) -> None:
        self.process = process
        self.line = line
        self.has_opened = self.got_go = self.is_listening = False


class Workers:
    """Keeps `count` workers alive until a signal. Use once.

    Args:
        command: What to start.
        count: How many.
        drain_seconds: How long workers go on serving after the first signal.
        close_seconds: How long each may take to close its store.
        started: Called once, when the workers accept connections.
        open_seconds: How long those that can serve wait for the others.
    """

    def __init__(
        self,
        command: Command,
        count: int,
        *,
        drain_seconds: float,
        close_seconds: float,
        started: Callable[[], None],
        open_seconds: float = ALL_OPEN_SECONDS_MAX,
    ) -> None:
        self._command = command
        self._count = count
        self._open_seconds = open_seconds
        self.patience_seconds = (
            drain_seconds + FINISH_SECONDS_MAX + SPARE_SECONDS + close_seconds + PAUSE_SECONDS_MAX
        )
        """How long a drain may take: longer than the sum of a worker's own bounds."""
        self._tell_started = started
        self._live: dict[int, Worker] = {}
        self._ledger = Ledger()
        self._stopping = asyncio.Event()
        self._one_opened = asyncio.Event()
        self._all_opened = asyncio.Event()
        self._gate_is_open = False
        self._bad_code = 0

    async def run(self, *, watch_stdin: bool = False) -> int:
        """Serve until a signal, then drain.

        Args:
            watch_stdin: Stop also when standard input ends.

        Returns:
            0; the first worker's exit code if it could not begin; 1 if a worker did not end in good order.
        """
        watching = call_at_stdin_end(self._begin_drain) if watch_stdin else contextlib.nullcontext()
        with self._signals(), watching:
            keepers = [asyncio.create_task(self._keep(0))]
            await self._wait_for(self._one_opened, unless=keepers)  # it alone makes the tables
            if self._one_opened.is_set():
                keepers += [asyncio.create_task(self._keep(number)) for number in range(1, self._count)]
                await self._wait_for(self._all_opened, unless=keepers, seconds=self._open_seconds)
                self._open_gate()
            ticking = asyncio.create_task(every(TICK_SECONDS, self._tell_totals, "the sum", logger))
            await self._wait_for(self._stopping, unless=keepers)
            await self._drain(keepers)
            ticking.cancel()
        for keeper in keepers:
            keeper.result()  # a defect of ours is not hidden
        return self._bad_code

    async def _wait_for(
        self, event: asyncio.Event, *, unless: list[asyncio.Task[None]], seconds: float | None = None
    ) -> None:
        """Wait for an event, or for the end of any of these tasks, or for the signal to stop."""
        waits = [asyncio.create_task(one.wait()) for one in (event, self._stopping)]
        await asyncio.wait([*waits, *unless], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for one in waits:
            one.cancel()

    async def _drain(self, keepers: list[asyncio.Task[None]]) -> None:
        """Wait until all have ended; those that cannot are killed when every patience is over."""
        if self._live and not self._stopping.is_set():
            self._begin_drain()  # a keeper failed
        _, stuck = await asyncio.wait(keepers, timeout=self.patience_seconds)
        if stuck:
            stubborn = ", ".join(map(str, self._live))
            logger.error("not stopped in %g s, killed: worker %s", self.patience_seconds, stubborn)
            self._kill_all()
            await asyncio.wait(stuck)

    # One worker

    async def _keep(self, number: int) -> None:
        """Start it again whenever it ends, until the server stops or it turns out that none can begin."""
        loop = asyncio.get_running_loop()
        pause = PAUSE_SECONDS
        while not self._stopping.is_set():
            began = loop.time()
            code = await self._live_once(number)
            if self._stopping.is_set():
                return
            if not self._one_opened.is_set():
                self._bad_code = code or 1
                return
            if loop.time() - began >= SOUND_SECONDS:
                pause = PAUSE_SECONDS
            logger.warning("worker %d ended (%s); another one starts in %g s", number, _how(code), pause)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)
            pause = min(pause * 2, PAUSE_SECONDS_MAX)

    async def _live_once(self, number: int) -> int:
        """Start one process and wait for its end; its exit code, negative if a signal killed it."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                process = await asyncio.create_subprocess_exec(
                    *self._command(number, theirs.fileno()), stdin=asyncio.subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),), process_group=0,
                )  # fmt: skip
            except OSError as error:
                ours.close()
                logger.warning("worker %d cannot be started: %s", number, error)
                return 1
        worker = self._live[number] = Worker(process, await Line.over(ours))
        if self._stopping.is_set():
            worker.line.tell(Drain())
        hearing = asyncio.create_task(self._hear(number, worker))
        code = await process.wait()
        await hearing  # its end of the channel went with it
        worker.line.close()
        del self._live[number]
        self._ledger.retire(number)
        if code and self._stopping.is_set() and worker.got_go:
            logger.error("worker %d ended while draining (%s)", number, _how(code))
            self._bad_code = 1
        return code

    async def _hear(self, number: int, worker: Worker) -> None:
        """Take what a worker says until its end; one that cannot be understood is replaced."""
        try:
            await self._take(number, worker)
        except Exception:
            logger.exception("what worker %d says cannot be read: it is replaced", number)
            with contextlib.suppress(ProcessLookupError):
                worker.process.kill()

    async def _take(self, number: int, worker: Worker) -> None:
        async for message in worker.line.from_worker():
            if isinstance(message, Report):
                self._ledger.note(number, message.share)
            elif isinstance(message, Opened):
                worker.has_opened = True
                logger.info("worker %d can serve (pid %d)", number, worker.process.pid)
                self._one_opened.set()
                if self._gate_is_open:
                    self._go(worker)
                elif sum(other.has_opened for other in self._live.values()) == self._count:
                    self._all_opened.set()
            elif isinstance(message, Listening):
                worker.is_listening = True
                logger.info("worker %d serves (pid %d)", number, worker.process.pid)
                self._started_if_all()

    # All of them

    def _open_gate(self) -> None:
        """From now on a worker that can serve listens."""
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
                self._go(worker)

    def _go(self, worker: Worker) -> None:
        """Let it listen; it is told the sum first, so that its rates do not begin with a jump."""
        worker.got_go = True
        worker.line.tell(Tick(self._ledger.totals(asyncio.get_running_loop().time())))
        worker.line.tell(Go())

    def _started_if_all(self) -> None:
        if all(worker.is_listening for worker in self._live.values() if worker.got_go):
            tell, self._tell_started = self._tell_started, _nothing
            tell()

    def _tell_totals(self) -> None:
        totals = self._ledger.totals(asyncio.get_running_loop().time())
        for worker in self._live.values():
            if worker.got_go and worker.line.is_idle:
                worker.line.tell(Tick(totals))

    def _stop(self, number: int) -> None:
        """On a signal: drain, or if that has begun, or nobody serves yet, end at once."""
        if self._stopping.is_set() or not self._gate_is_open:
            self._kill_all()
            end_at_once(128 + number)
        self._begin_drain()

    def _begin_drain(self) -> None:
        logger.info("stopping: finishing what is in flight")
        self._stopping.set()
        for worker in self._live.values():
            worker.line.tell(Drain())

    def _kill_all(self) -> None:
        for worker in self._live.values():
            with contextlib.suppress(ProcessLookupError):
                worker.process.kill()

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        numbers = (signal.SIGTERM, signal.SIGINT)
        for number in numbers:
            loop.add_signal_handler(number, self._stop, number)
        try:
            yield
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)


def _nothing() -> None:
    pass


def _how(code: int) -> str:
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}"
