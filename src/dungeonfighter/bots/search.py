"""The heuristic with a planner: it simulates each input of a fight to the fight's end, and takes the best.

The simulations have dice of their own, which the view decides; those of the run stay unknown.
"""

from __future__ import annotations

from typing import Final

from dungeonfighter.bots.heuristic import Heuristic
from dungeonfighter.bots.imagined import imagine, is_known
from dungeonfighter.bots.rollouts import Rollouts
from dungeonfighter.rules.views.observation import Observation

BUDGET: Final = 240
"""The fights that one decision simulates by default."""
BUDGET_MAX: Final = 300_000
AUTO: Final = "9"
FLEE: Final = "8"


class Search(Heuristic):
    """The policy; `budget` is the number of fights that a decision may simulate."""

    name = "search"

    def __init__(self, budget: int = BUDGET) -> None:
        if not 1 <= budget <= BUDGET_MAX:
            raise ValueError(f"a budget is 1 to {BUDGET_MAX} simulated fights")
        super().__init__()
        self._budget = budget

    def _in_combat(self, o: Observation, legal: frozenset[str]) -> str:
        usual = super()._in_combat(o, legal)
        c = o.combat
        if c is None or not is_known(o, c):
            return usual
        refused = {AUTO, FLEE} if c.rank == "guardian" else {AUTO}
        return Rollouts(imagine(o, c)).best(sorted(legal - refused), usual, self._budget)
