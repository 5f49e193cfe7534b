"""The policy that always sends input `1`, which is legal in every state of a live run."""

from __future__ import annotations

from collections.abc import Sequence

from dungeonfighter.bots.policy import InputPolicy


class Attack(InputPolicy):
    """The cheapest policy. The load generator plays it to measure the server alone."""

    name = "attack"
    always = "1"

    def choose_inputs(self, legal: Sequence[str]) -> str:
        return "1"

    def choose_text(self, text: str) -> str:
        return "1"
