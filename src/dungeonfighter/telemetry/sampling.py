"""Decides at the beginning of a call if its times are recorded.

A call without the context of a caller is sampled with a fixed probability. A caller decides about its own
trace, but no caller can make the server trace everything: its `sampled` flag counts up to a rate, and beyond
the rate the call is sampled like one without a context. No decision depends on a trace id, which a caller may
choose.

Source: docs/traces.md, "Which calls are traced".
"""

from __future__ import annotations

import math
import random
import sys
from collections.abc import Callable

from dungeonfighter.telemetry.trace_context import Parent


class Sampler:
    """The decisions of one process.

    Args:
        ratio: The probability for calls without a context, from 0 to 1.
        flagged_per_second: The number of calls whose caller samples its trace, and that are sampled for it.
            The burst is that of one second, at least one call.
        now: Monotonic seconds.
        uniform: Draws from [0, 1).
    """

    def __init__(
        self, ratio: float, flagged_per_second: float, now: Callable[[], float],
        uniform: Callable[[], float] = random.random,
    ) -> None:  # fmt: skip
        self._ratio = ratio
        self._uniform = uniform
        self._rate = flagged_per_second
        self._burst = max(flagged_per_second, 1.0) if flagged_per_second else 0.0
        self._room = self._burst
        self._now = now
        self._filled_at = now()
        self.left = self._gap()
        """The number of calls up to the next sampled one, itself included. Drawing the distance instead of
        each call is the same distribution, and costs one subtraction a call."""

    def draw(self) -> bool:
        """Decide about a call without a context."""
        self.left -= 1
        if self.left > 0:
            return False
        self.left = self._gap()
        return True

    def follows(self, parent: Parent) -> bool:
        """Decide about a call with a context."""
        if not parent.is_sampled:
            return False
        now = self._now()
        self._room = min(self._burst, self._room + (now - self._filled_at) * self._rate)
        self._filled_at = now
        if self._room < 1:
            return self.draw()
        self._room -= 1
        return True

    def _gap(self) -> int:
        if self._ratio <= 0:
            return sys.maxsize
        if self._ratio >= 1:
            return 1
        return 1 + int(math.log(1.0 - self._uniform()) / math.log1p(-self._ratio))
