"""The interface of a policy: it answers an observation with one legal input.

A policy sees only `Observation` values, decoded from the JSON view or made by `rules.observe`, and decides
the same in both cases. An `InputPolicy` needs only the legal inputs, so it also plays on the text view, and
directly on `rules.legal_inputs` without an observation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from dungeonfighter.bots import textview
from dungeonfighter.rules.views.observation import Observation


class Policy(Protocol):
    """A policy for one run. It may keep its own dice and counters; it knows only the content of views."""

    name: str

    def choose(self, observation: Observation) -> str:
        """Return one legal input that is no pattern; the observation is of a live run."""


class InputPolicy:
    """A policy that needs only the legal inputs; a subclass chooses among them.

    Attributes:
        always: The one input of a policy that always takes the same, else None.
    """

    name: str
    always: str | None = None

    def choose_inputs(self, legal: Sequence[str]) -> str:
        """Return one of `legal` (not empty, no patterns, in any order)."""
        raise NotImplementedError

    def choose(self, observation: Observation) -> str:
        return self.choose_inputs([c.input for c in observation.available_actions if not c.pattern])

    def choose_text(self, text: str) -> str:
        """Return the same decision from the text view."""
        return self.choose_inputs(textview.inputs(text))
