"""A clock that a test advances."""

from __future__ import annotations

NOW = 1_800_000_000.0


class Hand:
    """Its wall clock begins at `NOW`; `step` is how far somebody set it forward."""

    seconds = 1000.0
    step = 0.0

    def now(self) -> float:
        return self.seconds

    def wall(self) -> float:
        return NOW + self.seconds + self.step

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds
