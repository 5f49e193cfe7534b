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
from dungeonfighter.bots.search import BUDGET_MAX, Search
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

_WITHOUT: Final = "heuristic-without-"
_SEARCH: Final = "search-"


def make_policy(name: str, seed: int = 0) -> Policy:
    """Make a new policy by name.

    `heuristic-without-<skill>` is the heuristic with that skill switched off, and `search-<n>` the search
    that simulates up to n fights a decision.

    Raises:
        BadInput: No policy has that name; the message lists the names.
    """
    skill = name.removeprefix(_WITHOUT)
    if skill != name and skill in SKILLS:
        return Heuristic(frozenset({skill}))
    budget = name.removeprefix(_SEARCH)
    if budget != name and budget.isdigit() and len(budget) < 7 and 1 <= int(budget) <= BUDGET_MAX:
        return Search(int(budget))
    try:
        return policies[name](seed)
    except KeyError:
        raise BadInput(f"no policy is called {name!r}; there are {', '.join(policies)}") from None
