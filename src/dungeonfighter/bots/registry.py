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
from dungeonfighter.errors import BadInput

policies: Final[Mapping[str, Callable[[int], Policy]]] = MappingProxyType(
    {
        "random": Random,
        "attack": lambda seed: Attack(),
        "auto": lambda seed: Auto(),
        "heuristic": lambda seed: Heuristic(),
    }
)
"""The makers of policies, the weakest first. Only policies with dice use the seed."""

_WITHOUT: Final = "heuristic-without-"


def make_policy(name: str, seed: int = 0) -> Policy:
    """Make a new policy by name; `heuristic-without-<skill>` is the heuristic with that skill switched off.

    Raises:
        BadInput: No policy has that name; the message lists the names.
    """
    skill = name.removeprefix(_WITHOUT)
    if skill != name and skill in SKILLS:
        return Heuristic(frozenset({skill}))
    try:
        return policies[name](seed)
    except KeyError:
        raise BadInput(f"no policy is called {name!r}; there are {', '.join(policies)}") from None
