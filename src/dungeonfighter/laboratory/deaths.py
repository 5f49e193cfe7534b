"""Deaths without an answer: those that no input of the player could have prevented any more.

Two kinds count: a death by an input that was given before the fight began (a door, a search), and a death in
a fight in which every input of the last two decisions would probably have been fatal at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

from dungeonfighter.rules import Phase, Rules, State, codec
from dungeonfighter.rules.state import Ending

FORKS: Final = 32
"""Forks with fresh dice for each input of a decision."""
BEFORE_FIGHT: Final = "before the fight"
NO_WAY_OUT: Final = "no way out"
LAST: Final = 2
"""The number of decisions before a death at which a way out is looked for."""
_COMBAT: Final = int(Phase.Combat)


class LastDecisions:
    """The last decisions of a run, for the case that the next input is fatal.

    Attributes:
        place: The phase in which the last input was chosen, for example `Combat`.
        health: The share of health at that moment.
    """

    def __init__(self) -> None:
        self.place = ""
        self.health = 1.0
        self._of_fight: deque[State] = deque(maxlen=LAST)

    def note(self, state: State) -> None:
        """Keep the state in which an input is chosen now."""
        if state.phase == _COMBAT:
            self._of_fight.append(codec.copy(state))
        else:
            self._of_fight.clear()
        self.place = Phase(state.phase).name
        self.health = state.hero.health / max(1, state.hero.figures.health_max)

    def unanswered(self, rules: Rules, seed: int) -> str:
        """Return the verdict on a death by the last input; see the function of this name."""
        return unanswered(rules, tuple(self._of_fight), seed)


def unanswered(rules: Rules, last: Sequence[State], seed: int) -> str:
    """Return `BEFORE_FIGHT`, `NO_WAY_OUT`, or "" for a death that an input could have prevented.

    Args:
        rules: The rules of the run.
        last: The states in which the last inputs of the fight were chosen, unchanged; empty if the last
            input of the run was chosen outside of a fight.
        seed: A number from which the dice of the forks follow.
    """
    if not last:
        return BEFORE_FIGHT
    if any(has_way_out(rules, state, seed) for state in reversed(last)):
        return ""
    return NO_WAY_OUT


def has_way_out(rules: Rules, state: State, seed: int, forks: int = FORKS) -> bool:
    """Return True if some input survives in at least half of the forks; `9` (auto) is no input for that."""
    inputs = [c.input for c in rules.legal_inputs(state) if not c.pattern and c.input != "9"]
    return any(2 * _deaths(rules, state, text, seed, forks) <= forks for text in inputs)


def _deaths(rules: Rules, state: State, text: str, seed: int, forks: int) -> int:
    count = 0
    for fork in range(forks):
        twin = codec.copy(state)
        rules.reseed(twin, seed * forks + fork)
        count += is_dead(rules.advance(twin, text).state)
    return count


def is_dead(state: State) -> bool:
    return state.ending == int(Ending.died) or state.phase == int(Phase.Death)
