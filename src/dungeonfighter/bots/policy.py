"""What a policy is: something that answers an observation with one legal input.

A policy sees `Observation` values and nothing else, decoded from the json view or made by `rules.observe`,
and decides the same in both cases. Policies that look only at the legal inputs are `InputPolicy`: they play
on the text view too, and directly on `rules.legal_inputs` without an observation being made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from dungeonfighter.bots import textview
from dungeonfighter.rules.views.observation import Observation


class Policy(Protocol):
    """Plays one bot; may keep what it drew or counted, never what it was not shown."""

    name: str

    def choose(self, observation: Observation) -> str:
        """Return one legal input that is no pattern. The observation is of a live run."""


class InputPolicy:
    """A policy that needs only the legal inputs; subclasses say which one they take.

    Attributes:
        always: The input it takes wherever that is legal, if it looks at nothing else.
    """

    name: str
    always: str | None = None

    def choose_inputs(self, legal: Sequence[str]) -> str:
        """Return one of `legal` (not empty, no patterns, in any order)."""
        raise NotImplementedError

    def choose(self, observation: Observation) -> str:
        return self.choose_inputs([c.input for c in observation.available_actions if not c.pattern])

    def choose_text(self, text: str) -> str:
        """The same decision from the text view."""
        return self.choose_inputs(textview.inputs(text))
