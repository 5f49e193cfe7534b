"""All policies by name; a new policy needs one file of its own and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from dungeonfighter.bots.attack import Attack
from dungeonfighter.bots.auto import Auto
from dungeonfighter.bots.heuristic import SKILLS, Heuristic
from dungeonfighter.bots.policy import Policy
from dungeonfighter.bots.random import Random
from dungeonfighter.bots.search import BUDGET_MAX, MILLISECONDS_MAX, Search
from dungeonfighter.errors import BadInput

policies: Final[Mapping[str, Callable[[int], Policy]]] = MappingProxyType(
    {
        "random": Random,
        "attack": lambda seed: Attack(),
        "auto": lambda seed: Auto(),
        "heuristic": lambda seed: Heuristic(),
        "search": lambda seed: Search(),
    }
)
"""The makers of policies, the weakest first. Only policies with dice use the seed."""

BUDGETS: Final = "search-N simulates N fights a decision, search-Nms for N milliseconds, not reproducible"
"""The words of the help of commands."""

_WITHOUT: Final = "heuristic-without-"
_SEARCH: Final = "search-"
_MILLISECONDS: Final = "ms"


def make_policy(name: str, seed: int = 0) -> Policy:
    """Make a new policy by name.

    `heuristic-without-<skill>` is the heuristic with that skill switched off, `search-<n>` the search that
    simulates up to n fights a decision, and `search-<n>ms` the one that simulates for n milliseconds.

    Raises:
        BadInput: No policy has that name; the message lists the names.
    """
    skill = name.removeprefix(_WITHOUT)
    if skill != name and skill in SKILLS:
        return Heuristic(frozenset({skill}))
    if name.startswith(_SEARCH):
        text = name.removeprefix(_SEARCH)
        budget = text.removesuffix(_MILLISECONDS)
        most = BUDGET_MAX if budget == text else MILLISECONDS_MAX
        if budget.isdecimal() and len(budget) < 7 and 1 <= int(budget) <= most:
            if budget == text:
                return Search(int(budget))
            return Search(BUDGET_MAX, milliseconds=int(budget))
    try:
        return policies[name](seed)
    except KeyError:
        raise BadInput(f"no policy is called {name!r}; there are {', '.join(policies)}") from None
