"""The principal of a call: its fleet, the bots that it may act for, its scopes, and its limits.

A bot pattern is one of three: `*` covers every bot of the fleet; `team-*` (a star at the end, and nowhere
else) covers the ids that begin with `team-`; anything else covers the one bot of that id.
"""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct

from dungeonfighter import limits

Scope = Literal["read", "play", "fleet", "balance", "admin"]
"""`read` looks at games; `play` plays them one call at a time, `fleet` many at once; `balance` measures the
rules; `admin` sees all fleets. None includes another."""
SCOPES: Final[tuple[Scope, ...]] = ("read", "play", "fleet", "balance", "admin")
EVERY_BOT: Final = "*"
DEFAULT_BOT: Final = "hero"


class Limits(Struct, frozen=True, rename="camel", omit_defaults=True):
    """Limits of one principal; None is unlimited. Its JSON is stored with tokens.

    `calls_per_second` is a mean; see `access.rates`.
    """

    calls_per_second: float | None = None


UNLIMITED: Final = Limits()


class Principal(Struct, frozen=True):
    """The party that a call is made for.

    Attributes:
        fleet, bots, scopes, limits: Its fleet, its bot pattern, and what it may do.
        turns_required: Its calls must name turn and episode.
        token: The digest of its access token; empty without one.
        expires_at: The end of its credentials, in seconds since 1970; 0 for none.
        default_bot: The bot of a call that names none, where the pattern covers several.

    Raises:
        ValueError: The fleet or the pattern is malformed, or a limit is not positive.
    """

    fleet: str
    bots: str = EVERY_BOT
    scopes: frozenset[Scope] = frozenset(SCOPES)
    limits: Limits = UNLIMITED
    turns_required: bool = False
    token: bytes = b""
    expires_at: float = 0.0
    default_bot: str = DEFAULT_BOT

    def __post_init__(self) -> None:
        if not limits.fleet_pattern.match(self.fleet):
            raise ValueError(f"a fleet is 1 to 32 of a-z, 0-9 and minus; got {self.fleet!r}")
        beginning = self.bots.removesuffix("*")
        if self.bots != EVERY_BOT and not limits.is_bot_id(beginning):
            raise ValueError(f"a bot pattern is a bot id, the beginning of one and a star, or a star; "
                             f"got {self.bots!r}")  # fmt: skip
        rate = self.limits.calls_per_second
        if rate is not None and not rate > 0:
            raise ValueError(f"calls_per_second must be positive; got {rate}")

    def covers(self, bot: str) -> bool:
        """Return whether the pattern covers the bot of this id."""
        pattern = self.bots
        if pattern.endswith("*"):
            return bot.startswith(pattern[:-1])
        return bot == pattern

    @property
    def own_bot(self) -> str:
        """The bot of a call that names none: the one that the pattern covers, else the default one."""
        return self.default_bot if self.bots.endswith("*") else self.bots


LOCAL: Final = Principal("local")
"""The one principal of a server without access control: it may do everything."""
