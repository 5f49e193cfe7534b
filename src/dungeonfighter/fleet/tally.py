"""What a load counts while it runs: one object that all its bots write to."""

from __future__ import annotations

from collections import Counter

from msgspec import Struct

from dungeonfighter.fleet.latency import Buckets, Histogram


class TallyShare(Struct, frozen=True):
    """What one of several processes counted, on its way to the one that adds up."""

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
        followed: Durations of acknowledged inputs; they are counted when somebody asks. To be added to.
        troubles: Failed attempts by kind, before any repeat.
        errors: What remained an error after the repeats, by kind.
        examples: The first words of each kind of remaining error.
        scores: The scores of the runs that were finished, 0 to 100.
    """

    __slots__ = ("_calls", "_latency", "_turns", "abandoned", "errors", "examples", "followed", "scores",
                 "started", "troubles")  # fmt: skip

    def __init__(self) -> None:
        self.followed: list[float] = []
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
        """Answered calls of any tool."""
        return self._calls + len(self.followed)

    @property
    def turns(self) -> int:
        """Acknowledged inputs."""
        return self._turns + len(self.followed)

    @property
    def latency(self) -> Histogram:
        """From the moment a call was meant to be made to its answer, repeats included."""
        fresh, self.followed = self.followed, []
        self._calls += len(fresh)
        self._turns += len(fresh)
        self._latency.add_all(fresh)
        return self._latency

    def answered(self, seconds: float, *, turns: int = 0) -> None:
        """One call was answered, and acknowledged so many inputs."""
        self._calls += 1
        self._turns += turns
        self._latency.add(seconds)

    def trouble(self, kind: str) -> None:
        """One attempt failed; it will be made again."""
        self.troubles[kind] += 1

    def error(self, kind: str, told: str) -> None:
        """One call failed for good."""
        self.errors[kind] += 1
        self.examples.setdefault(kind, told)

    def share(self) -> TallyShare:
        """All of it, to be sent."""
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
        """Count what another process counted."""
        self._calls += share.calls
        self._turns += share.turns
        self.started += share.started
        self.abandoned += share.abandoned
        self.troubles.update(share.troubles)
        self.errors.update(share.errors)
        for kind, told in share.examples.items():
            self.examples.setdefault(kind, told)
        self.scores.extend(share.scores)
        self._latency.merge(share.buckets, share.max_seconds)
