"""The policy that draws any legal input evenly; every other policy must score far above it."""

from __future__ import annotations

import random
from collections.abc import Sequence

from dungeonfighter.bots.policy import InputPolicy


class Random(InputPolicy):
    """The random policy. It has its own seed, so the same seed on the same run plays the same game."""

    name = "random"

    def __init__(self, seed: int = 0) -> None:
        self._dice = random.Random(seed)

    def choose_inputs(self, legal: Sequence[str]) -> str:
        ordered = sorted(legal)  # views show the same inputs in different orders
        return ordered[int(self._dice.random() * len(ordered))]
