"""The requests of sampled calls: they record when they were planned, and when their batch was committed.

`BotHost.traced` gives each request of a sampled call to `TracedRequests`; other calls do not come here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dungeonfighter.hosting.attempts import Pending
from dungeonfighter.hosting.call_trace import APPLY, COMMIT, CURRENT, CallTrace
from dungeonfighter.hosting.ports import Row, Write
from dungeonfighter.hosting.requests import Planned, Request, Wrapper
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.hosting.verdicts import Verdict


class TracedRequests:
    """The requests of sampled calls that are under way in one process."""

    def __init__(self) -> None:
        self._waiting: dict[str, CallTrace] = {}
        """The calls whose writes wait for a batch, by the key of the bot, which has one request at a time."""

    def __len__(self) -> int:
        return len(self._waiting)

    def watching(self, submit: Callable[[str, Pending], None]) -> Callable[[str, Pending], None]:
        """Return a function that submits requests of sampled calls."""
        current, waiting = CURRENT, self._waiting

        def submit_watched(key: str, pending: Pending) -> None:
            if current.call is not None:  # else its call has ended, or waited for the size of its fleet
                pending.request = Traced(pending.request, current.call, waiting)
            submit(key, pending)

        return submit_watched

    def note_batch(self, writes: Sequence[Write], began: float, ended: float) -> None:
        """Record the commit of one batch in the traces of its writes."""
        waiting = self._waiting
        if not waiting:
            return
        for write in writes:
            call = waiting.pop(write.row.bot_id, None)
            if call is not None:
                call.waiting.discard(write.row.bot_id)
                call.add(COMMIT, began, ended, len(writes))

    def forget(self, call: CallTrace) -> None:
        """Expect no commits of a call that has ended."""
        for key in call.waiting:
            if self._waiting.get(key) is call:
                del self._waiting[key]
        call.waiting.clear()


def trace_ids(pending: Pending) -> tuple[str, str] | None:
    """Return the trace and span ids of a request in hex, for its lines in the log; None without a trace."""
    call = pending.request.call
    return None if call is None else (call.trace_id.hex(), call.span_id.hex())


class Traced(Wrapper):
    """A request of a sampled call.

    Args:
        request: The request.
        call: The call.
        waiting: Gets the call when the request has planned a write.
    """

    def __init__(self, request: Request, call: CallTrace, waiting: dict[str, CallTrace]) -> None:
        super().__init__(request)
        self.call = call
        self._waiting = waiting

    @property
    def op(self) -> bytes:  # type: ignore[override]
        """The operation id of the request, which may change when it is planned."""
        return self._request.op

    def plan(self, row: Row, book: ShippedRules) -> Planned | Verdict:
        """Plan the request, and record the time that took."""
        call = self.call
        assert call is not None
        began = call.now()
        plan = self._request.plan(row, book)
        call.add(APPLY, began, call.now())
        if type(plan) is Planned and not call.ended:
            call.waiting.add(row.bot_id)
            self._waiting[row.bot_id] = call
        return plan
