"""One worker asks all processes of its server for their reports, through the parent.

```
worker A     Inquiry
parent                ParentReport (to A)  Inquiry (to B and C)              SelfReport of each (to A)
worker B, C                                                      SelfReport
```

The parent only passes messages on and keeps no state of an inquiry. It skips a worker that does not read its
messages; that worker is missing from the answer.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from dungeonfighter.serving.background import begin
from dungeonfighter.serving.self_report import ParentState, ProcessReport
from dungeonfighter.telemetry.shown_settings import ShownSetting
from dungeonfighter.telemetry.troubles import TroubleLog


class Inquiry(Struct, frozen=True, tag=True):
    """A worker asks for all reports; `worker` is its number, which the parent fills in."""

    number: int
    worker: int = -1


class SelfReport(Struct, frozen=True, tag=True):
    """The answer of one process to the inquiry `number` of `worker`."""

    number: int
    worker: int
    report: ProcessReport


class ParentReport(Struct, frozen=True, tag=True):
    """The answer of the parent to an inquiry.

    Attributes:
        workers: The other workers that serve; each of them answers by itself.
        settings, notes: Those of the whole server, as the parent got them.
    """

    number: int
    workers: list[int]
    state: ParentState
    settings: list[ShownSetting]
    notes: list[str]


class Gathered(Struct):
    """The answers to one inquiry; `silent` are the workers that did not answer in time."""

    parent: ParentReport | None = None
    reports: list[ProcessReport] = []
    silent: list[int] = []


class Inquiries:
    """The inquiries of one worker, one at a time, and its answers to those of others.

    Args:
        send: Sends a message to the parent.
    """

    def __init__(self, send: Callable[[Inquiry | SelfReport], None]) -> None:
        self._send = send
        self.describe: Callable[[], Awaitable[ProcessReport]] | None = None
        """Makes the report of this worker; without it inquiries are not answered."""
        self._number = 0
        self._gathered = Gathered()
        self._changed = asyncio.Event()
        self._answering: asyncio.Task[None] | None = None

    async def ask_all(self, seconds_max: float) -> Gathered:
        """Ask the parent and all other workers; return the answers that came in time."""
        self._number += 1
        gathered = self._gathered = Gathered(reports=[])
        self._send(Inquiry(self._number))
        try:
            async with asyncio.timeout(seconds_max):
                while gathered.parent is None or _missing(gathered):
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            gathered.silent = _missing(gathered)
        self._gathered = Gathered()
        return gathered

    def take(self, message: Inquiry | SelfReport | ParentReport) -> None:
        """Handle a message of the parent; ignore a late answer to an earlier inquiry."""
        if isinstance(message, Inquiry):
            # One at a time: a worker that is asked faster than it answers skips inquiries.
            if self.describe is not None and (self._answering is None or self._answering.done()):
                self._answering = begin(self._answer(message), "answer to an inquiry")
            return
        if message.number != self._number:
            return
        if isinstance(message, ParentReport):
            self._gathered.parent = message
        else:
            self._gathered.reports.append(message.report)
        self._changed.set()

    async def _answer(self, inquiry: Inquiry) -> None:
        assert self.describe is not None
        self._send(SelfReport(inquiry.number, inquiry.worker, await self.describe()))


def _missing(gathered: Gathered) -> list[int]:
    if gathered.parent is None:
        return []
    answered = {report.worker for report in gathered.reports}
    return [worker for worker in gathered.parent.workers if worker not in answered]


class Recipient(Protocol):
    """The parent's end of the channel to a worker; see `worker_channel.Channel`."""

    def send(self, message: Inquiry | SelfReport | ParentReport) -> None: ...

    @property
    def is_idle(self) -> bool: ...


class InquiryRelay:
    """The parent's part: passes inquiries and answers on, and reports about the parent.

    Args:
        settings, notes: See `ParentReport`.
        troubles: The warnings and errors of the parent.
    """

    def __init__(
        self,
        settings: Sequence[ShownSetting] = (),
        notes: Sequence[str] = (),
        troubles: TroubleLog | None = None,
    ) -> None:
        self._settings = list(settings)
        self._notes = list(notes)
        self._troubles = troubles
        self._started_at = time.time()
        self._restarts: Counter[int] = Counter()

    def note_restart(self, worker: int) -> None:
        """Count a worker that ended and is replaced."""
        self._restarts[worker] += 1

    def take(
        self, sender: int, message: Inquiry | SelfReport, serving: Mapping[int, Recipient],
        starting: Sequence[int],
    ) -> None:  # fmt: skip
        """Handle a message of a worker.

        Args:
            sender: The number of that worker.
            message: The message.
            serving: The workers that serve.
            starting: The others.
        """
        if isinstance(message, SelfReport):
            recipient = serving.get(message.worker)
            if recipient is not None:
                recipient.send(message)
            return
        others = {number: one for number, one in serving.items() if number != sender}
        if sender in serving:
            state = ParentState(
                os.getpid(), self._started_at, dict(self._restarts), list(starting),
                [] if self._troubles is None else self._troubles.newest(),
            )  # fmt: skip
            serving[sender].send(
                ParentReport(message.number, sorted(others), state, self._settings, self._notes)
            )  # fmt: skip
        for other in others.values():
            if other.is_idle:
                other.send(Inquiry(message.number, sender))
