"""The bots that a caller may see on the watch page: those of one fleet, some of these, or all bots."""

from __future__ import annotations

from msgspec import Struct

from dungeonfighter import limits
from dungeonfighter.access.principals import EVERY_BOT, Principal
from dungeonfighter.errors import BadInput

BAD_ID = f"a bot id is {limits.bot_id_rule}"


class Audience(Struct, frozen=True):
    """The bots that a page shows.

    Attributes:
        fleet: The fleet; None for all fleets.
        bots: A bot pattern, see `access.principals`.
    """

    fleet: str | None
    bots: str = EVERY_BOT

    @classmethod
    def of(cls, principal: Principal) -> Audience:
        """Return what a principal may see on a server that may have several fleets."""
        if "admin" in principal.scopes:
            return ALL_FLEETS
        return cls(principal.fleet, principal.bots)

    @property
    def is_whole_fleet(self) -> bool:
        """True for every bot of one fleet."""
        return self.fleet is not None and self.bots == EVERY_BOT

    @property
    def prefix(self) -> str:
        """The text that the keys of these bots begin with; keys of others may, too, if there is no star."""
        return "" if self.fleet is None else f"{self.fleet}/{self.bots.removesuffix('*')}"

    def covers(self, key: str) -> bool:
        """Return True if the bot with this key is one of these."""
        return key.startswith(self.prefix) if self.bots.endswith("*") else key == self.prefix

    def name_of(self, key: str) -> str:
        """Return the name of a bot on the page: its id, or its key where there are several fleets."""
        return key if self.fleet is None else key.partition("/")[2]

    def key_of(self, name: str) -> str:
        """Return the key of a bot by its name on the page.

        Raises:
            BadInput: It is no such name.
        """
        fleet, bot = name.partition("/")[::2] if self.fleet is None else (self.fleet, name)
        if not limits.is_bot_id(bot) or not limits.fleet_pattern.match(fleet):
            raise BadInput(BAD_ID if self.fleet is not None else f"write FLEET/BOT; {BAD_ID}")
        return f"{fleet}/{bot}"


ALL_FLEETS = Audience(None)
