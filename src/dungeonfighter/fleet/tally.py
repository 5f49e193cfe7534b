"""What a load counts while it runs: one object that all its bots write to."""

from __future__ import annotations

from collections import Counter

from dungeonfighter.fleet.latency import Histogram


class Tally:
    """Counts of one load.

    Attributes:
        calls: Answered calls of any tool; `turns`: acknowledged inputs.
        troubles: Failed attempts by kind, before any repeat.
        errors: What remained an error after the repeats, by kind.
        examples: The first words of each kind of remaining error.
        scores: The scores of the runs that were finished, 0 to 100.
        latency: From the moment a call was meant to be made to its answer, repeats included; `second`: the
            same for the present second.
    """

    __slots__ = ("abandoned", "calls", "errors", "examples", "latency", "scores", "second", "started",
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
        self.second = Histogram()

    def answered(self, seconds: float) -> None:
        self.calls += 1
        self.latency.add(seconds)
        self.second.add(seconds)

    def trouble(self, kind: str) -> None:
        """One attempt failed; it will be made again."""
        self.troubles[kind] += 1

    def error(self, kind: str, told: str) -> None:
        """One call failed for good."""
        self.errors[kind] += 1
        self.examples.setdefault(kind, told)
