"""The heuristic with a planner: it plans several actions ahead in fights with elites, guardians and bosses.

Its dice are those of the planner's model, never those of the run.
"""

from __future__ import annotations

from typing import Final

from dungeonfighter.bots.heuristic import Heuristic
from dungeonfighter.bots.planner import Planner
from dungeonfighter.rules.views.observation import Observation

BUDGET: Final = 200
"""The outcomes that one decision simulates by default: two own actions ahead."""
BUDGET_MAX: Final = 300_000
PLANNED: Final = frozenset(("elite", "guardian", "boss"))
_STANCES: Final = frozenset("1234")
"""The inputs that the planner may replace; when to drink or throw is judged better by the whole fight."""


class Search(Heuristic):
    """The policy; `budget` is the number of outcomes that a decision may simulate."""

    name = "search"

    def __init__(self, budget: int = BUDGET) -> None:
        if not 1 <= budget <= BUDGET_MAX:
            raise ValueError(f"a budget is 1 to {BUDGET_MAX} simulated outcomes")
        super().__init__()
        self._budget = budget

    def _in_combat(self, o: Observation, legal: frozenset[str]) -> str:
        usual = super()._in_combat(o, legal)
        c = o.combat
        if c is None or c.rank not in PLANNED or usual not in _STANCES or c.intent == "flee":
            return usual
        return Planner(o, c).better_than(usual, _STANCES & legal, self._budget)
