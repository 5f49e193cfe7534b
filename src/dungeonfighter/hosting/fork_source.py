"""The state that forks begin from."""

from __future__ import annotations

from msgspec import Struct

_EXACT = " exact"


class ForkSource(Struct, frozen=True):
    """A state of a run, and its place.

    Attributes:
        bot: The bot whose run it is, without its fleet.
        rules: The identity of the rules of the run.
        state: The encoded state.
        is_exact: The forks keep the dice.
    """

    bot: str
    episode: int
    turn: int
    rules: str
    state: bytes
    is_exact: bool

    @property
    def text(self) -> str:
        """The options of a forked run: `fork BOT EPISODE TURN`, and ` exact` where it keeps the dice."""
        return f"fork {self.bot} {self.episode} {self.turn}{_EXACT if self.is_exact else ''}"

    def is_asked_for(self, options: str, turn: int | None, episode: int | None) -> bool:
        """Return True if the options are those of a fork that this request asks for.

        The source of a request that names no turn moves on, so a copy of it may name another place.
        """
        place = options.removesuffix(_EXACT)
        if (place != options) != self.is_exact or place.count(" ") != 3:
            return False
        word, bot, forked_episode, forked_turn = place.split(" ")
        return (
            (word, bot) == ("fork", self.bot)
            and episode in (None, int(forked_episode))
            and turn in (None, int(forked_turn))
        )
