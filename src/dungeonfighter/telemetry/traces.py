"""The tracer of one process: it begins and ends the traces of sampled calls.

Source: docs/traces.md.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from dungeonfighter.hosting.call_trace import CallTrace
from dungeonfighter.hosting.traced_requests import TracedRequests
from dungeonfighter.telemetry.sampling import Sampler
from dungeonfighter.telemetry.trace_context import Parent


class Tracer:
    """Begins and ends traces.

    Args:
        sampler: Decides which calls have one.
        now: Monotonic seconds.
        offer: Takes each trace that has ended, without waiting.
    """

    def __init__(
        self, sampler: Sampler, now: Callable[[], float], offer: Callable[[CallTrace], None]
    ) -> None:
        self.sampler = sampler
        self.requests = TracedRequests()
        self._now = now
        self._offer = offer

    def begin(self, parent: Parent | None) -> CallTrace | None:
        """Begin the trace of a call; return None for a call that is not sampled."""
        if parent is None:
            return self.begin_sampled() if self.sampler.draw() else None
        return self.begin_sampled(parent) if self.sampler.follows(parent) else None

    def begin_sampled(self, parent: Parent | None = None) -> CallTrace:
        """Begin the trace of a call that is sampled."""
        span_id = _drawn(8)
        if parent is None:
            return CallTrace(_drawn(16), span_id, b"", self._now)
        return CallTrace(parent.trace_id, span_id, parent.span_id, self._now)

    def abandon(self, call: CallTrace) -> None:
        """Forget a call that this part of the server does not answer; another part will begin it again."""
        self.requests.forget(call)
        self.sampler.take_back(has_context=bool(call.parent_id))

    def end(self, call: CallTrace) -> None:
        """End a trace, once."""
        call.ended = self._now()
        self.requests.forget(call)
        self._offer(call)


def _drawn(size: int) -> bytes:
    """Return an id: random bytes, not all zero. Nobody gains by foreseeing it."""
    return (random.getrandbits(8 * size) or 1).to_bytes(size, "big")
