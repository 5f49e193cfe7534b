"""The counts of a running load: one object that all its bots write to."""

from __future__ import annotations

from collections import Counter

from msgspec import Struct

from dungeonfighter.fleet.latency import Buckets, Histogram


class TallyShare(Struct, frozen=True):
    """The counts of one of several processes, as they are sent to the parent."""

    calls: int
    turns: int
    started: int
    abandoned: int
    troubles: dict[str, int]
    errors: dict[str, int]
    examples: dict[str, str]
    scores: list[float]
    buckets: Buckets
    max_seconds: float


class Tally:
    """Counts of one load.

    Attributes:
        uncounted: Durations of acknowledged inputs; callers append to it, and the properties count them.
        troubles: Failed attempts by kind, before any repeat.
        errors: Failures by kind that remained after all repeats.
        examples: The first error message of each kind.
        scores: The scores of the finished runs, 0 to 100.
    """

    __slots__ = ("_calls", "_latency", "_turns", "abandoned", "errors", "examples", "scores", "started",
                 "troubles", "uncounted")  # fmt: skip

    def __init__(self) -> None:
        self.uncounted: list[float] = []
        self._calls = 0
        self._turns = 0
        self._latency = Histogram()
        self.started = 0
        self.abandoned = 0
        self.troubles: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.examples: dict[str, str] = {}
        self.scores: list[float] = []

    @property
    def calls(self) -> int:
        """The answered calls of any tool."""
        return self._calls + len(self.uncounted)

    @property
    def turns(self) -> int:
        """The acknowledged inputs."""
        return self._turns + len(self.uncounted)

    @property
    def latency(self) -> Histogram:
        """The times from the moment a call was due to its answer, repeats included."""
        fresh, self.uncounted = self.uncounted, []
        self._calls += len(fresh)
        self._turns += len(fresh)
        self._latency.add_all(fresh)
        return self._latency

    def answered(self, seconds: float, *, turns: int = 0) -> None:
        self._calls += 1
        self._turns += turns
        self._latency.add(seconds)

    def trouble(self, kind: str) -> None:
        self.troubles[kind] += 1

    def error(self, kind: str, detail: str) -> None:
        self.errors[kind] += 1
        self.examples.setdefault(kind, detail)

    def share(self) -> TallyShare:
        return TallyShare(
            self.calls,
            self.turns,
            self.started,
            self.abandoned,
            dict(self.troubles),
            dict(self.errors),
            self.examples,
            self.scores,
            self.latency.buckets(),
            self.latency.max_seconds,
        )

    def merge(self, share: TallyShare) -> None:
        self._calls += share.calls
        self._turns += share.turns
        self.started += share.started
        self.abandoned += share.abandoned
        self.troubles.update(share.troubles)
        self.errors.update(share.errors)
        for kind, detail in share.examples.items():
            self.examples.setdefault(kind, detail)
        self.scores.extend(share.scores)
        self._latency.merge(share.buckets, share.max_seconds)
