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
        calls: Answered calls of any tool; `turns`: acknowledged inputs.
        troubles: Failed attempts by kind, before any repeat.
        errors: What remained an error after the repeats, by kind.
        examples: The first words of each kind of remaining error.
        scores: The scores of the runs that were finished, 0 to 100.
        latency: From the moment a call was meant to be made to its answer, repeats included.
    """

    __slots__ = ("abandoned", "calls", "errors", "examples", "latency", "scores", "started",
                 "troubles", "turns")  # fmt: skip

    def __init__(self) -> None:
        self.calls = 0
        self.turns = 0
        self.started = 0
        self.abandoned = 0
        self.troubles: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.examples: dict[str, str] = {}
        self.scores: list[float] = []
        self.latency = Histogram()

    def answered(self, seconds: float) -> None:
        self.calls += 1
        self.latency.add(seconds)

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
        self.calls += share.calls
        self.turns += share.turns
        self.started += share.started
        self.abandoned += share.abandoned
        self.troubles.update(share.troubles)
        self.errors.update(share.errors)
        for kind, told in share.examples.items():
            self.examples.setdefault(kind, told)
        self.scores.extend(share.scores)
        self.latency.merge(share.buckets, share.max_seconds)
