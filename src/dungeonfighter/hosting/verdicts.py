"""A verdict: an answer or an error that changes nothing."""

from __future__ import annotations

from msgspec import Struct

from dungeonfighter.errors import DungeonFighterError
from dungeonfighter.hosting.answers import Answer


class Verdict(Struct):
    """An answer or an error that changes nothing; it is valid while the row behind it is the newest."""

    answer: Answer | None = None
    error: Exception | None = None

    def answer_or_raise(self) -> Answer:
        """Return the answer, or raise the error."""
        if self.answer is None:
            raise self.error or DungeonFighterError("a verdict without an answer")
        return self.answer
