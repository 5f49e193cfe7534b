"""The states that a simulation visited: each fault with what the store was doing, each request's outcomes."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from typing import Final

IDLE: Final = "idle"
HEADS: Final = "heads"
ROWS: Final = "rows"
SETTLING: Final = "settling"
BEFORE: Final = "before commit"
AFTER: Final = "after commit"
LATE: Final = "late commit"
OTHER: Final = "other"
PHASES: Final = (IDLE, HEADS, ROWS, SETTLING, BEFORE, AFTER, LATE, OTHER)
"""What the store may be doing when a fault happens; several at once, because there are several hosts.

`heads` and `rows` are reads, `before commit` a batch that was handed over and has no effect yet, `after
commit` a batch whose outcome is on its way back, `late commit` a batch whose caller has got an error and that
will have its effect, `other` saves and lists.
"""

FAULTS: Final = (
    "error before commit", "error after commit", "late commit begins", "read error", "fail-over",
    "lossy fail-over", "rush", "crash", "pause", "request lost", "answer lost", "doubled request",
    "request to two servers", "batch not written", "row refused", "row unsettled",
)  # fmt: skip
REQUESTS: Final = ("input", "inputs", "start", "reset", "save", "load", "fork", "directive", "read")

WIDE_FROM: Final = 1_000_000
"""Seeds from here on have more kinds of faults and of requests; those below mean what they always meant."""


class Sightings:
    """The counts of one simulation; counting draws no random numbers."""

    def __init__(self) -> None:
        self.faults: Counter[str] = Counter()
        self.outcomes: Counter[str] = Counter()
        self._under_way: Counter[str] = Counter()

    @contextlib.contextmanager
    def phase(self, phase: str) -> Iterator[None]:
        """Note that the store does this until the block ends."""
        self._under_way[phase] += 1
        try:
            yield
        finally:
            self._under_way[phase] -= 1

    def fault(self, fault: str) -> None:
        """Count a fault once for each phase that is under way."""
        phases = [phase for phase, count in self._under_way.items() if count > 0]
        for phase in phases or [IDLE]:
            self.faults[f"{fault}: {phase}"] += 1

    def outcome(self, request: str, outcome: str) -> None:
        """Count what became of one request of a client."""
        self.outcomes[f"{request}: {outcome}"] += 1
