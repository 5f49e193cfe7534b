"""One drill: bots play, a fault comes, an operator repairs it, and every turn is verified."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

from msgspec import Struct

from drills import texts
from drills.bots import Bots
from drills.fault import Fault
from drills.privileges import way_in
from drills.programs import Prometheus, paths
from drills.stage import Stage
from dungeonfighter.commands.progress_output import ProgressOutput
from testkit.leftovers import Leftovers

_Result = TypeVar("_Result")

_START_TURNS: Final = 3
"""Each bot has made so many turns before the fault."""
_REPAIRED_TURNS: Final = 4
"""Each bot has made so many turns since all else was right, before the fault counts as repaired."""
_SHOW_SECONDS_MAX: Final = 60.0
_QUIET_SECONDS_MAX: Final = 15.0
_PATIENCE_SECONDS: Final = 300.0
_LOOK_SECONDS: Final = 0.5
_LINE_SECONDS: Final = 1.0
_LINE_SECONDS_IN_FILE: Final = 5.0
"""The time between two lines of progress where they do not replace each other."""


class Options(Struct, frozen=True):
    """The options of a drill.

    Attributes:
        folder: Holds its files; one drill at a time.
        linger_seconds: After a repair everything stays for so long, so that the operator can look at it.
        is_named: Show the name of the fault at the beginning.
    """

    folder: Path
    minutes: float = 20.0
    bots: int = 40
    linger_seconds: float = 30.0
    is_named: bool = True


class Drill:
    """One drill; `run` may be called once."""

    def __init__(self, kind: type[Fault], name: str, options: Options, output: ProgressOutput) -> None:
        self._name = name
        self._kind = kind
        self._options = options
        self._output = output
        self._pending: set[asyncio.Future[Any]] = set()
        self._bots: Bots | None = None
        self._is_repaired = False
        self._may_end = asyncio.Event()

    def interrupt(self, task: asyncio.Future[str]) -> None:
        """Give up, or end the look at what was repaired; `task` is that of `run`."""
        if self._is_repaired:
            self._may_end.set()
        else:
            task.cancel()

    async def run(self, leftovers: Leftovers) -> str:
        """Stage the fault, wait for its repair, and remove everything.

        Returns:
            What is still wrong; empty if the fault was repaired.

        Raises:
            asyncio.CancelledError: The operator gave up.
            AssertionError, RuntimeError, OSError: A program did not start.
        """
        stage = Stage(self._options.folder, leftovers)
        try:
            async with stage.services.listening(self._options.folder) as command:
                return await self._stage(self._kind(stage), stage, command)
        finally:
            self._output.clear()
            if self._pending:
                await asyncio.wait(self._pending)
            if self._bots is not None:
                with contextlib.suppress(Exception):  # the result is known, and the removal goes on
                    await self._bots.abandon()
            await asyncio.to_thread(stage.close)

    async def _stage(self, fault: Fault, stage: Stage, command: Path) -> str:
        named = f"drill {self._name}" if self._options.is_named else "a drill"
        self._output.say(f"{named}: starting what it needs")
        url = await self._in_thread(fault.prepare)
        prometheus = await self._in_thread(lambda: Prometheus.found(stage))
        seconds = self._options.minutes * 60
        self._bots = Bots(url, self._options.bots, seconds + _PATIENCE_SECONDS)
        self._bots.begin()
        await self._all_play(self._bots)
        if prometheus is not None:
            await self._until_quiet(prometheus)
        self._output.say(f"{self._options.bots} bots play; now something breaks")
        await self._in_thread(fault.strike)
        await self._until_visible(fault)
        begun = time.monotonic()
        variables = self._variables(fault, stage, command, prometheus)
        file = self._options.folder / "environment"
        file.write_text(texts.environment(variables, paths()), encoding="utf-8")
        hints = (prometheus.hint if prometheus is not None else "", fault.hint, way_in())
        steps = texts.instructions(file, variables, self._options.minutes, hints)
        self._output.say(f"\n{texts.alert(fault)}\n\n{steps}\n")
        wrong = await self._watch(fault, self._bots, begun, begun + seconds)
        needed = time.monotonic() - begun
        self._output.clear()
        if wrong:
            return wrong
        return await self._verified(self._bots, needed)

    async def _verified(self, bots: Bots, needed: float) -> str:
        self._output.say("it works; every turn is verified")
        turns = bots.turns
        failure = await bots.finish()
        self._bots = None
        if failure:
            return failure
        self._output.say(
            f"repaired after {texts.span(needed)}: {bots.count} bots play on, {turns} turns verified, "
            "none lost or doubled"
        )
        await self._linger()
        return ""

    async def _linger(self) -> None:
        seconds = self._options.linger_seconds
        if not seconds:
            return
        self._is_repaired = True
        self._output.say(f"all stays for a look, {seconds:g} s or until Ctrl-C")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._may_end.wait()

    def _variables(
        self, fault: Fault, stage: Stage, command: Path, prometheus: Prometheus | None
    ) -> dict[str, str]:
        variables = {
            "SERVER": fault.server, "DB": fault.database,
            "LOG": str((stage.folder / f"{fault.first_log}.log").resolve()),
            "SERVICE": str(command.resolve()), "NAME": fault.first_log, **fault.variables,
        }  # fmt: skip
        if prometheus is not None:
            variables["PROM"] = prometheus.url
        return variables

    async def _all_play(self, bots: Bots) -> None:
        await self._until(
            lambda: min(bots.turns_of_each(), default=0) >= _START_TURNS, bots, "the bots do not play"
        )

    async def _until_quiet(self, prometheus: Prometheus) -> None:
        """Wait for the first scrapes; alerts that are active nevertheless do not stop a drill."""
        deadline = time.monotonic() + _QUIET_SECONDS_MAX
        while time.monotonic() < deadline:
            if await self._in_thread(prometheus.is_quiet):
                return
            await asyncio.sleep(0.2)

    async def _until_visible(self, fault: Fault) -> None:
        deadline = time.monotonic() + _SHOW_SECONDS_MAX
        while not await self._in_thread(fault.is_visible):
            if time.monotonic() > deadline:
                raise RuntimeError(
                    "the fault cannot be seen; report it with the logs in the folder of the drill"
                )
            await asyncio.sleep(0.2)

    async def _until(self, condition: Callable[[], bool], bots: Bots, complaint: str) -> None:
        deadline = time.monotonic() + _SHOW_SECONDS_MAX
        while not condition():
            bots.check()
            if time.monotonic() > deadline:
                raise RuntimeError(complaint)
            await asyncio.sleep(0.1)

    async def _watch(self, fault: Fault, bots: Bots, begun: float, deadline: float) -> str:
        """Wait for the repair; return what is still wrong at the end."""
        since: list[int] = []
        meter = _Meter(bots, begun)
        while True:
            bots.check()
            wrong = await self._in_thread(fault.wrong)
            each = bots.turns_of_each()
            if wrong or not since:
                since = each
            waiting = sum(now < then + _REPAIRED_TURNS for now, then in zip(each, since, strict=True))
            if not wrong and not waiting:
                return ""
            if time.monotonic() > deadline:
                return texts.still_wrong(wrong, meter.without_turns(), bots.count)
            if meter.is_due(_LINE_SECONDS if sys.stdout.isatty() else _LINE_SECONDS_IN_FILE):
                self._output.progress(texts.progress(meter.moment()))
            await asyncio.sleep(_LOOK_SECONDS)

    async def _in_thread(self, work: Callable[[], _Result]) -> _Result:
        """Run blocking work; if the drill is cancelled meanwhile, `run` waits for the end of the work."""
        future = asyncio.get_running_loop().run_in_executor(None, work)
        self._pending.add(future)
        future.add_done_callback(self._pending.discard)
        return await asyncio.shield(future)


class _Meter:
    """The bots between two lines of progress."""

    def __init__(self, bots: Bots, begun: float) -> None:
        self._bots = bots
        self._begun = begun
        self._at = begun
        self._each = bots.turns_of_each()

    def is_due(self, seconds: float) -> bool:
        return time.monotonic() - self._at >= seconds

    def without_turns(self) -> int:
        """Return the number of bots without an acknowledged turn since the last line."""
        now = self._bots.turns_of_each()
        return sum(one <= before for one, before in zip(now, self._each, strict=True))

    def moment(self) -> texts.Moment:
        """Return the figures since the last line, and begin a new one."""
        now, each = time.monotonic(), self._bots.turns_of_each()
        waiting = self.without_turns()
        rate = (sum(each) - sum(self._each)) / (now - self._at)
        self._at, self._each = now, each
        return texts.Moment(now - self._begun, rate, self._bots.count, waiting, self._bots.failed_attempts)
