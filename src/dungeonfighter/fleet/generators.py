"""A load over several generator processes: starts them, adds up what they count, and stops them together.

Each has its share of the bots (every n-th one), its own event loop and its own connections; they begin on one
word, and verify their own bots when all have played. A generator that ends early is a failure of the load:
what its bots were acknowledged can no longer be checked. The others are stopped and verified all the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import Callable, Sequence
from typing import Final

from msgspec.structs import replace

from dungeonfighter.background import every
from dungeonfighter.fleet.http import Endpoint
from dungeonfighter.fleet.load import Load, LoadOptions, interrupts
from dungeonfighter.fleet.messages import (
    LINE_BYTES_MAX,
    Begin,
    Go,
    Order,
    Played,
    Playing,
    Ready,
    Stop,
    Told,
    Verified,
    Verify,
    Verifying,
    line_of,
    tellings,
)
from dungeonfighter.fleet.progress import Progress, Teller, sum_of
from dungeonfighter.fleet.tally import Tally
from dungeonfighter.fleet.verify import Verdict, told

logger = logging.getLogger(__name__)

END_SECONDS_MAX: Final = 10.0
_GENERATOR: Final = (sys.executable, "-m", "dungeonfighter.fleet.generator")


class _Generator:
    """One process and what it has told so far."""

    def __init__(self, process: asyncio.subprocess.Process, options: LoadOptions) -> None:
        self.process = process
        self.options = options
        self.is_ready = False
        self.progress: Progress | None = None
        self.played: Played | None = None
        self.verifying: Verifying | None = None
        self.verified: Verified | None = None
        self.exit_code: int | None = None

    def note(self, message: Told) -> None:
        match message:
            case Ready():
                self.is_ready = True
            case Playing(progress):
                self.progress = progress
            case Played():
                self.played = message
            case Verifying():
                self.verifying = message
            case Verified():
                self.verified = message

    def say(self, order: Order) -> None:
        """Tell the process, if it still lives."""
        if self.exit_code is None and self.process.stdin is not None:
            with contextlib.suppress(ConnectionError):
                self.process.stdin.write(line_of(order))


class Generators:
    """The processes of one load. Use once, as a context manager: on the way out none is left.

    Args:
        options: The whole load; `processes` says how many there are.
        tell: Takes a line about the progress each second.
        command: What each process runs.
    """

    def __init__(
        self, options: LoadOptions, tell: Callable[[str], None], command: Sequence[str] = _GENERATOR
    ) -> None:
        self._command = command
        self._options = options
        self._tell = tell
        self._all: list[_Generator] = []
        self._hearing: list[asyncio.Task[None]] = []
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
        """Of all that were started."""
        return [one.process.pid for one in self._all]

    async def play(self) -> Load:
        """Let them all play, until the load is over or Ctrl-C; see `load.run_load`."""
        with interrupts(self._stop):
            await self._until(lambda one: one.is_ready)
            self._say(Go())
            if self._stopping:
                self._say(Stop())
            telling = asyncio.create_task(every(1.0, self._progress(), "the progress", logger))
            try:
                await self._until(lambda one: one.played is not None)
            finally:
                telling.cancel()
        return self._sum()

    async def verify(self) -> Verdict:
        """Let each check its own bots against the store."""
        self._say(Verify())
        telling = asyncio.create_task(every(2.0, self._tell_verifying, "the progress", logger))
        try:
            await self._until(lambda one: one.verified is not None)
        finally:
            telling.cancel()
        verdict = Verdict()
        for one in self._all:
            if one.verified is not None:
                verdict.merge(one.verified.verdict)
        return verdict

    def ended(self) -> list[str]:
        """What is to be said of those that ended before they were done."""
        return [
            f"generator process {one.options.process} ended ({_how(one.exit_code)}): "
            f"its {len(one.options.numbers)} bots cannot be counted or verified"
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
        self._hearing.append(asyncio.create_task(self._hear(one)))
        one.say(Begin(options))

    def _share(self, number: int) -> LoadOptions:
        whole = self._options
        processes = whole.processes
        return replace(
            whole,
            process=number,
            turns=-(-whole.turns // processes),
            in_flight_max=max(1, whole.in_flight_max // processes),
        )

    async def _hear(self, one: _Generator) -> None:
        assert one.process.stdout is not None
        try:
            async for message in tellings(one.process.stdout):
                one.note(message)
                self._news.set()
        except Exception:
            logger.exception(
                "what generator process %s says cannot be read: it is killed", one.options.process
            )
            with contextlib.suppress(ProcessLookupError):
                one.process.kill()
        one.exit_code = await one.process.wait()
        self._news.set()

    # All of them

    def _say(self, order: Order) -> None:
        for one in self._all:
            one.say(order)

    async def _until(self, is_done: Callable[[_Generator], bool]) -> None:
        """Wait until it is true of each that lives; the end of one ends the load of the others."""
        while not all(is_done(one) or one.exit_code is not None for one in self._all):
            await self._news.wait()
            self._news.clear()
            if any(one.exit_code is not None for one in self._all):
                self._stop()

    def _stop(self) -> None:
        if not self._stopping:
            self._stopping = True
            self._say(Stop())

    def _progress(self) -> Callable[[], None]:
        teller = Teller()

        def tell() -> None:
            parts = [one.progress for one in self._all if one.progress is not None]
            if len(parts) == len(self._all):
                self._tell(teller.line(sum_of(parts)))

        return tell

    def _tell_verifying(self) -> None:
        parts = [one.verifying for one in self._all if one.verifying is not None]
        if len(parts) == len(self._all):
            self._tell(told(sum(part.done for part in parts), sum(part.bots for part in parts)))

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
        """They end by themselves when their standard input does; who does not in time is killed."""
        for one in self._all:
            if one.process.stdin is not None:
                one.process.stdin.close()
        if self._hearing:
            _, stuck = await asyncio.wait(self._hearing, timeout=END_SECONDS_MAX)
            for one in self._all:
                if stuck and one.exit_code is None:
                    with contextlib.suppress(ProcessLookupError):
                        one.process.kill()
            await asyncio.wait(self._hearing)


def _how(code: int | None) -> str:
    if code is None:
        return "it lives"
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}"
