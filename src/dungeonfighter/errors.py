"""Every failure the game can answer with, as one tree by who is at fault.

    DungeonFighterError
      BadInput       the bot: its request cannot be carried out as it is (answered as isError, never logged)
        BadArgument, IllegalInput, StaleTurn, FutureTurn, RequestConflict, RunOver, UnknownBot, BotExists,
        UnknownSave
      NotAllowed     the caller may not do this
        SlotsTaken
      Overloaded     load: carries when to try again
        Draining, RateLimited
      StoreError     ours: the store is away, or newer than this release
        StoreUnavailable (NotWritten), OutcomeUnknown, NewerRules, SchemaTooNew
      Corrupt        a state or replay that does not check: that game stops, nothing else
      SettingsError  all problems of the configuration at once, at start

Each class has one stable `code` (the public contract). An error has a message saying what is wrong and, where
there is one, a `hint` saying what to do next. Nothing here knows about HTTP or MCP.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar


class DungeonFighterError(Exception):
    """Base of all failures with a stable code.

    Attributes:
        code: One of the codes of the public contract, for example `illegal_input`.
        hint: The next step of the caller; empty when the message names it.
    """

    code: ClassVar[str] = "internal"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class BadInput(DungeonFighterError):
    """The bot's request cannot be carried out as it is; nothing changed."""

    code = "bad_argument"


class BadArgument(BadInput):
    """A value is malformed or out of its range."""


class IllegalInput(BadInput):
    """The game as it stands does not have this input."""

    code = "illegal_input"


class StaleTurn(BadInput):
    """The request names a turn or a run that has passed."""

    code = "stale_turn"


class FutureTurn(BadInput):
    """The request names a turn or a run that has not come yet."""

    code = "future_turn"


class RequestConflict(BadInput):
    """Another request changed the game first, and this kind of request is not applied a second time."""

    code = "conflict"


class RunOver(BadInput):
    """The run has ended."""

    code = "run_over"


class UnknownBot(BadInput):
    """The fleet has no bot of this id."""

    code = "unknown_bot"


class BotExists(BadInput):
    """The fleet already has a bot of this id."""

    code = "bot_exists"


class UnknownSave(BadInput):
    """The bot has no save of this name."""

    code = "unknown_save"


class NotAllowed(DungeonFighterError):
    """The caller may not do this; nothing changed."""

    code = "not_allowed"


class SlotsTaken(NotAllowed):
    """All save slots of a bot are in use."""

    code = "quota_exceeded"


class Overloaded(DungeonFighterError):
    """Too much work right now; nothing changed.

    Attributes:
        retry_after_seconds: The caller may send the request again after so many seconds.
    """

    code = "overloaded"

    def __init__(self, message: str, *, retry_after_seconds: int = 1) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class Draining(Overloaded):
    """This server is going down and takes nothing more."""

    code = "draining"


class RateLimited(Overloaded):
    """The caller sends more than its share."""

    code = "rate_limited"


class StoreError(DungeonFighterError):
    """The store's or this release's trouble, never the bot's."""

    code = "store_unavailable"


class StoreUnavailable(StoreError):
    """The store did not answer; for a write nothing is known about any row until it is settled."""


class NotWritten(StoreUnavailable):
    """A write did not happen and never will: it may be sent again at once, nothing has to be settled."""


class OutcomeUnknown(StoreError):
    """A write may or may not have happened, and the row can no longer tell which."""

    code = "outcome_unknown"


class NewerRules(StoreError):
    """The run began under rules that this release does not ship."""

    code = "newer_rules"


class SchemaTooNew(StoreError):
    """A newer release migrated the database; this release refuses to touch it."""


class Corrupt(DungeonFighterError):
    """A stored state or replay does not check; that one game stops."""

    code = "corrupt_state"


class SettingsError(DungeonFighterError):
    """The configuration cannot work.

    Attributes:
        problems: Every problem with its remedy.
    """

    code = "settings"

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)
