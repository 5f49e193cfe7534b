"""The times of one sampled call, as plain numbers; `telemetry.span_export` makes spans of them.

Most calls are not sampled, and have no `CallTrace`. Of a sampled one, each part of the server records the
stage that it carries out, and nothing is built before the call has ended.

Source: docs/traces.md; docs/decisions/034-traces.md.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Coroutine, Generator
from functools import partial
from typing import Any, Final, TypeVar

STAGES_MAX: Final = 64
"""A call of 1,000 steps may have many stages; a trace keeps the first ones, and counts the others."""
DECODE: Final = "decode"
ADMIT: Final = "admit"
LOAD: Final = "load"
APPLY: Final = "apply"
COMMIT: Final = "commit"

_Result = TypeVar("_Result")


class Stage:
    """One stage of a call, or several equal ones that followed each other.

    Attributes:
        name: `decode`, `admit`, `load`, `apply` or `commit`.
        began, ended: Seconds of the monotonic clock.
        count: The number of merged stages: in a call of many steps, the steps.
        batch_rows: The rows of the batch of a commit; 0 for other stages.
    """

    __slots__ = ("batch_rows", "began", "count", "ended", "name")

    def __init__(self, name: str, began: float, ended: float, batch_rows: int = 0) -> None:
        self.name = name
        self.began = began
        self.ended = ended
        self.count = 1
        self.batch_rows = batch_rows


class CallTrace:
    """One sampled call. Attributes hold no text that a player wrote.

    Args:
        trace_id: 16 bytes: the caller's, or drawn here.
        span_id: 8 bytes.
        parent_id: The 8 bytes of the caller's span; empty without one.
        now: The monotonic clock.

    Attributes:
        began, ended: Seconds of the monotonic clock; `ended` is 0 until the call has its answer.
        method: The method of MCP; "" if it is none of the protocol's.
        tool: The name of the tool; "" for other methods.
        protocol_version: The revision of MCP; "" if it is not known.
        fleet, bot: The fleet of the caller, and the bot that the call is about; "" if there is none.
        error: The code of the error that was answered; "" for a good answer.
        is_fault: The server, not the caller, caused the error.
        stages: The stages in the order of their ends.
        stages_left_out: The number of stages for which there was no room.
        waiting: The keys of the bots whose writes wait for their batch; see `traced_requests`.
    """

    __slots__ = (
        "began", "bot", "ended", "error", "fleet", "is_fault", "method", "now", "parent_id",
        "protocol_version", "span_id", "stages", "stages_left_out", "tool", "trace_id", "waiting",
    )  # fmt: skip

    def __init__(
        self, trace_id: bytes, span_id: bytes, parent_id: bytes, now: Callable[[], float]
    ) -> None:  # fmt: skip
        self.trace_id = trace_id
        self.span_id = span_id
        self.parent_id = parent_id
        self.now = now
        self.began = now()
        self.ended = 0.0
        self.method = self.tool = self.protocol_version = self.fleet = self.bot = self.error = ""
        self.is_fault = False
        self.stages: list[Stage] = []
        self.stages_left_out = 0
        self.waiting: set[str] = set()

    def add(self, name: str, began: float, ended: float, batch_rows: int = 0) -> None:
        """Record a stage; it extends the last one if that is equal, and no commit of another batch."""
        if self.ended:
            return  # the caller has its answer, or is gone
        last = self.stages[-1] if self.stages and not self.stages_left_out else None
        if last is not None and last.name == name and (name != COMMIT or last.began == began):
            last.began, last.ended = min(last.began, began), max(last.ended, ended)
            last.count += 1
        elif len(self.stages) < STAGES_MAX:
            self.stages.append(Stage(name, began, ended, batch_rows))
        else:
            self.stages_left_out += 1

    def run(self, work: Coroutine[Any, Any, _Result]) -> Coroutine[Any, Any, _Result]:
        """Return a coroutine that does this work as a part of the call: see `CURRENT`."""
        return _running(self, work)


class Current:
    """The sampled call whose code runs at this moment; None between calls and in those of others.

    A context variable would not do: callbacks inherit it, and one callback serves many calls here.
    """

    __slots__ = ("call",)

    def __init__(self) -> None:
        self.call: CallTrace | None = None


CURRENT: Final = Current()


def current_trace_id() -> str:
    """Return the trace id of the call whose code runs now, as 32 hex digits; "" if it is not sampled.

    Its answer and the observation of its response time are parts of the call.
    """
    call = CURRENT.call
    return "" if call is None else call.trace_id.hex()


async def _running(call: CallTrace, work: Coroutine[Any, Any, _Result]) -> _Result:
    return await _stepped(call, work)


@types.coroutine
def _stepped(call: CallTrace, work: Coroutine[Any, Any, _Result]) -> Generator[Any, Any, _Result]:
    """Drive a coroutine, and set `CURRENT` for each of its steps; what it waits for is not its code."""
    step: Callable[[], Any] = partial(work.send, None)
    while True:
        before, CURRENT.call = CURRENT.call, call
        try:
            awaited = step()
        except StopIteration as end:
            result: _Result = end.value
            return result
        finally:
            CURRENT.call = before
        try:
            step = partial(work.send, (yield awaited))
        except BaseException as error:  # noqa: BLE001 (the work decides what a cancellation means)
            step = partial(work.throw, error)
