"""The record of what the server acknowledged to one bot; the verification compares it with the store."""

from __future__ import annotations

from typing import Final

from msgspec import Struct, field

SECOND_PLAYER: Final = "; does another player, or a second fleet with this prefix, move this bot?"
"""The end of a message about a position that the bot's own journal cannot explain."""


class Run(Struct, gc=False):
    """One run that this load started, with all that is needed to replay it."""

    episode: int
    seed: int
    name: str
    inputs: list[str] = field(default_factory=list)


class Journal(Struct, gc=False):
    """One bot's acknowledged position and its present run.

    Attributes:
        run: The bot's present run; None before the first run began.
        turn: The last acknowledged turn of that run.
        digest: The digest that came with that turn, "" when the view has none.
        unanswered: An input sent at `turn` whose answer never came: the server may be one turn further.
        unanswered_start: A run whose start was sent and never answered: the server may have begun it.
        faults: Answers that do not follow from the answers before: turns that were repeated or skipped.
        turns: All acknowledged turns of all runs.
    """

    bot_id: str
    run: Run | None = None
    turn: int = 0
    digest: str = ""
    unanswered: str | None = None
    unanswered_start: Run | None = None
    faults: list[str] = field(default_factory=list)
    turns: int = 0

    def starting(self, run: Run) -> None:
        self.unanswered_start = run

    def started(self, run: Run, digest: str) -> None:
        self.unanswered_start = None
        self.run = run
        self.turn = 0
        self.digest = digest

    def playing(self, text: str) -> None:
        self.unanswered = text

    def played(self, text: str, episode: int, turn: int, digest: str) -> None:
        """Record an acknowledged input; any turn but the next one of this run is a fault."""
        self.unanswered = None
        assert self.run is not None
        if episode != self.run.episode:
            self.faults.append(f"played {text!r} in e{self.run.episode}, acknowledged in e{episode}")
        elif turn != self.turn + 1:
            self.faults.append(f"after e{episode} t{self.turn} came t{turn} for {text!r}")
        self.run.inputs.append(text)
        self.turn = turn
        self.digest = digest
        self.turns += 1

    def played_up_to(self, text: str, turn: int) -> None:
        """Record the same acknowledged input for each turn up to `turn`, which may be the present one."""
        assert self.run is not None
        more = turn - self.turn
        if more:
            self.run.inputs.extend([text] * more)
            self.turn = turn
            self.turns += more
            self.digest = ""

    def refused(self) -> None:
        """Record that the server refused the last request, which then had no effect."""
        self.unanswered = None
        self.unanswered_start = None
