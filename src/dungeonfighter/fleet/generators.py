"""A load over several generator processes: starts them, adds up their counts, and stops them together.

Each generator has its share of the bots (every n-th one), its own event loop and its own connections. All
begin at one order, and each verifies its own bots after all have played. A generator that ends early fails
the load, because the journals of its bots are lost. The other generators are still stopped and verified.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import Callable, Sequence
from typing import Final

from msgspec.structs import replace

from dungeonfighter.fleet.http import Endpoint
from dungeonfighter.fleet.load import Load, LoadOptions, interrupts
from dungeonfighter.fleet.messages import (
    LINE_BYTES_MAX,
    Begin,
    Failed,
    Go,
    Order,
    Played,
    Playing,
    Ready,
    Status,
    Stop,
    Verified,
    Verify,
    Verifying,
    line_of,
    statuses,
)
from dungeonfighter.fleet.plurals import several
from dungeonfighter.fleet.progress import Progress, ProgressFormatter, sum_of
from dungeonfighter.fleet.tally import Tally
from dungeonfighter.fleet.verify import Verdict, progress_line
from dungeonfighter.serving.background import every, running

logger = logging.getLogger(__name__)

END_SECONDS_MAX: Final = 10.0
_GENERATOR: Final = (sys.executable, "-m", "dungeonfighter.fleet.generator")


class _Generator:
    """One process and the last status of each kind."""

    def __init__(self, process: asyncio.subprocess.Process, options: LoadOptions) -> None:
        self.process = process
        self.options = options
        self.is_ready = False
        self.progress: Progress | None = None
        self.played: Played | None = None
        self.verifying: Verifying | None = None
        self.verified: Verified | None = None
        self.failed: Failed | None = None
        self.exit_code: int | None = None

    def note(self, status: Status) -> None:
        match status:
            case Ready():
                self.is_ready = True
            case Playing(progress):
                self.progress = progress
            case Played():
                self.played = status
            case Verifying():
                self.verifying = status
            case Verified():
                self.verified = status
            case Failed():
                self.failed = status

    def send(self, order: Order) -> None:
        """Send an order to the process, if it still lives."""
        if self.exit_code is None and self.process.stdin is not None:
            with contextlib.suppress(ConnectionError):
                self.process.stdin.write(line_of(order))


class Generators:
    """The processes of one load: a context manager for one use that ends every process at its exit.

    Args:
        options: The whole load; `processes` is their number.
        show: Receives one line of progress each second.
        command: The command line of each process.
        record: Receives the progress of all processes each second.
    """

    def __init__(
        self,
        options: LoadOptions,
        show: Callable[[str], None],
        command: Sequence[str] = _GENERATOR,
        record: Callable[[Progress], None] = lambda _: None,
    ) -> None:
        self._command = command
        self._options = options
        self._show = show
        self._record = record
        self._all: list[_Generator] = []
        self._listeners: list[asyncio.Task[None]] = []
        self._news = asyncio.Event()
        self._stopping = False

    async def __aenter__(self) -> Generators:
        try:
            for number in range(self._options.processes):
                await self._start(number)
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._end()

    @property
    def process_ids(self) -> list[int]:
        return [one.process.pid for one in self._all]

    async def play(self) -> Load:
        """Let all processes play until the load is over or Ctrl-C ends it; see `load.run_load`."""
        with interrupts(self._stop):
            await self._until(lambda one: one.is_ready)
            self._send_all(Go())
            if self._stopping:
                self._send_all(Stop())
            async with running(every(1.0, self._progress_shower(), "the progress", logger), "progress"):
                await self._until(lambda one: one.played is not None)
        return self._sum()

    async def verify(self) -> Verdict:
        """Let each process verify its own bots against the store."""
        self._send_all(Verify())
        async with running(every(2.0, self._show_verifying, "the progress", logger), "progress"):
            await self._until(lambda one: one.verified is not None)
        verdict = Verdict()
        for one in self._all:
            if one.verified is not None:
                verdict.merge(one.verified.verdict)
        return verdict

    def ended(self) -> list[str]:
        """Return one sentence for each process that ended before it was done."""
        return [
            f"generator process {one.options.process} ended ({_how(one)}): "
            f"its {several(len(one.options.numbers), 'bot')} cannot be counted or verified"
            for one in self._all
            if one.exit_code is not None
        ]

    # One process

    async def _start(self, number: int) -> None:
        options = self._share(number)
        process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=LINE_BYTES_MAX,
        )  # fmt: skip
        one = _Generator(process, options)
        self._all.append(one)
        self._listeners.append(asyncio.create_task(self._listen(one)))
        one.send(Begin(options))

    def _share(self, number: int) -> LoadOptions:
        whole = self._options
        processes = whole.processes
        return replace(
            whole,
            process=number,
            turns=-(-whole.turns // processes),
            in_flight_max=max(1, whole.in_flight_max // processes),
        )

    async def _listen(self, one: _Generator) -> None:
        assert one.process.stdout is not None
        try:
            async for status in statuses(one.process.stdout):
                one.note(status)
                self._news.set()
        except Exception:
            logger.exception(
                "the status of generator process %s cannot be read: it is killed", one.options.process
            )
            with contextlib.suppress(ProcessLookupError):
                one.process.kill()
        one.exit_code = await one.process.wait()
        self._news.set()

    # All of them

    def _send_all(self, order: Order) -> None:
        for one in self._all:
            one.send(order)

    async def _until(self, is_done: Callable[[_Generator], bool]) -> None:
        """Wait until each process is done or has ended; stop the load if one has ended."""
        while not all(is_done(one) or one.exit_code is not None for one in self._all):
            await self._news.wait()
            self._news.clear()
            if any(one.exit_code is not None for one in self._all):
                self._stop()

    def _stop(self) -> None:
        if not self._stopping:
            self._stopping = True
            self._send_all(Stop())

    def _progress_shower(self) -> Callable[[], None]:
        formatter = ProgressFormatter()

        def show() -> None:
            parts = [one.progress for one in self._all if one.progress is not None]
            if len(parts) == len(self._all):
                whole = sum_of(parts)
                self._record(whole)
                self._show(formatter.line(whole))

        return show

    def _show_verifying(self) -> None:
        parts = [one.verifying for one in self._all if one.verifying is not None]
        if len(parts) == len(self._all):
            self._show(progress_line(sum(part.done for part in parts), sum(part.bots for part in parts)))

    def _sum(self) -> Load:
        parts = [one.played for one in self._all if one.played is not None]
        tally, warm_up = Tally(), Tally()
        for part in parts:
            tally.merge(part.tally)
            warm_up.merge(part.warm_up)
        return Load(
            self._options,
            Endpoint(self._options.url),
            tally,
            [],
            max((part.seconds for part in parts), default=0.0),
            warm_up,
            sum(part.cut_off for part in parts),
            sum(part.cpu_seconds for part in parts),
        )

    async def _end(self) -> None:
        """Close each standard input, which ends the process; kill the processes that do not end in time."""
        for one in self._all:
            if one.process.stdin is not None:
                one.process.stdin.close()
        if self._listeners:
            _, stuck = await asyncio.wait(self._listeners, timeout=END_SECONDS_MAX)
            for one in self._all:
                if stuck and one.exit_code is None:
                    with contextlib.suppress(ProcessLookupError):
                        one.process.kill()
            await asyncio.wait(self._listeners)


def _how(one: _Generator) -> str:
    code = one.exit_code
    if one.failed is not None:
        return one.failed.reason
    if code is None:
        return "it lives"
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}"
