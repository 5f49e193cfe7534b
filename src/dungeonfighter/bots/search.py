"""The heuristic with a planner: it simulates each input of a fight to the fight's end, and takes the best.

The simulations have dice of their own, which the view decides; those of the run stay unknown.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Final

from dungeonfighter.bots.heuristic import Heuristic
from dungeonfighter.bots.imagined import imagine, is_known
from dungeonfighter.bots.rollouts import Rollouts
from dungeonfighter.rules.views.observation import Observation

BUDGET: Final = 240
"""The fights that one decision simulates by default."""
BUDGET_MAX: Final = 300_000
MILLISECONDS_MAX: Final = 60_000
AUTO: Final = "9"
FLEE: Final = "8"


class Search(Heuristic):
    """The policy.

    Args:
        budget: The number of fights that a decision may simulate.
        milliseconds: The time after which a decision begins no further round of simulations, which may be
            exceeded by one round; 0 for no limit. The same seed then gives other runs on another machine.
        clock: Returns the time in seconds.
    """

    name = "search"

    def __init__(
        self, budget: int = BUDGET, *, milliseconds: int = 0, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        if not 1 <= budget <= BUDGET_MAX:
            raise ValueError(f"a budget is 1 to {BUDGET_MAX} simulated fights")
        if not 0 <= milliseconds <= MILLISECONDS_MAX:
            raise ValueError(f"a budget is 1 to {MILLISECONDS_MAX} milliseconds")
        super().__init__()
        self._budget = budget
        self._seconds = milliseconds / 1000
        self._clock = clock

    def _in_combat(self, o: Observation, legal: frozenset[str]) -> str:
        usual = super()._in_combat(o, legal)
        c = o.combat
        if c is None or not is_known(o, c):
            return usual
        refused = {AUTO, FLEE} if c.rank == "guardian" else {AUTO}
        end = self._clock() + self._seconds if self._seconds else math.inf
        rollouts = Rollouts(imagine(o, c))
        return rollouts.best(sorted(legal - refused), usual, self._budget, lambda: self._clock() >= end)
