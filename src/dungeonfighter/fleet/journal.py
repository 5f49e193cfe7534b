"""What the server acknowledged to one bot: the witness that the verification holds against the store."""

from __future__ import annotations

from typing import Final

from msgspec import Struct, field

SOMEBODY_ELSE: Final = "; does another player, or a second fleet with this prefix, move this bot?"
"""Added to what a bot's own journal cannot explain."""


class Run(Struct, gc=False):
    """One run this load started itself: what it takes to execute it again."""

    episode: int
    seed: int
    name: str
    inputs: list[str] = field(default_factory=list)


class Journal(Struct, gc=False):
    """One bot's acknowledged position and its present run.

    Attributes:
        run: The run the bot is in; None before the first one began.
        turn: The last acknowledged turn of it.
        digest: The digest that came with it, "" when the view does not carry one.
        unanswered: An input sent at `turn` whose answer never came: the server may be one turn further.
        unanswered_start: The run whose start was sent and never answered: the server may have begun it.
        faults: What did not follow from what went before: turns given twice or left out.
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
        """A start is on its way."""
        self.unanswered_start = run

    def started(self, run: Run, digest: str) -> None:
        """The start was acknowledged."""
        self.unanswered_start = None
        self.run = run
        self.turn = 0
        self.digest = digest

    def playing(self, text: str) -> None:
        """An input is on its way."""
        self.unanswered = text

    def played(self, text: str, episode: int, turn: int, digest: str) -> None:
        """The input was acknowledged as that turn; anything but the next turn of this run is a fault."""
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

    def followed(self, text: str, turn: int) -> None:
        """The same input was acknowledged for each turn up to that one, which may be the present one."""
        assert self.run is not None
        more = turn - self.turn
        if more:
            self.run.inputs.extend([text] * more)
            self.turn = turn
            self.turns += more
            self.digest = ""

    def refused(self) -> None:
        """The server said clearly that nothing happened."""
        self.unanswered = None
        self.unanswered_start = None
