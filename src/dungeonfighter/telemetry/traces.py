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
        take: Takes each trace that has ended, without waiting.
    """

    def __init__(self, sampler: Sampler, now: Callable[[], float], take: Callable[[CallTrace], None]) -> None:
        self.sampler = sampler
        self.requests = TracedRequests()
        self._now = now
        self._take = take

    def begin(self, parent: Parent | None) -> CallTrace | None:
        """Begin the trace of a call; return None if the call is not sampled."""
        if parent is None:
            return CallTrace(_drawn(16), _drawn(8), b"", self._now) if self.sampler.draw() else None
        if not self.sampler.follows(parent):
            return None
        return CallTrace(parent.trace_id, _drawn(8), parent.span_id, self._now)

    def end(self, call: CallTrace) -> None:
        """End a trace, once."""
        call.ended = self._now()
        self.requests.forget(call)
        self._take(call)


def _drawn(size: int) -> bytes:
    """Return an id: random bytes, not all zero. Nobody gains by foreseeing it."""
    return (random.getrandbits(8 * size) or 1).to_bytes(size, "big")
