"""All errors that the game can answer with, as one tree by the party at fault.

    DungeonFighterError
      BadInput       the bot: its request cannot be carried out as it is (answered as isError, never logged)
        BadArgument, IllegalInput, StaleTurn, FutureTurn, RequestConflict, RunOver, UnknownBot, BotExists,
        UnknownSave
      NotAllowed     the caller may not do this
        QuotaExceeded (SlotsTaken), Unauthenticated, ScopeMissing
      Overloaded     load: the error carries the pause before a retry
        Draining, RateLimited, AccessUnknown
      StoreError     ours: the store is unavailable, or newer than this release
        StoreUnavailable (NotWritten, StoreNotReady), OutcomeUnknown, NewerRules, SchemaTooNew
      Corrupt        a state or replay that fails its checks: only that game stops
      SettingsError  all problems of the configuration at once, at start

Each class has one stable `code` (the public contract). The message of an error says what is wrong; its
`hint`, if it has one, says what the caller can do next. No class here depends on HTTP or MCP.
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
    """The input is not legal in the present state of the game."""

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


class QuotaExceeded(NotAllowed):
    """The caller has used up what it may have; the message says of what, and until when."""

    code = "quota_exceeded"


class SlotsTaken(QuotaExceeded):
    """All save slots of a bot are in use."""


class Unauthenticated(NotAllowed):
    """The caller shows no credentials, or none that are valid now.

    Attributes:
        challenge: The way to credentials, in the form of RFC 9110, section 11.6.1.
    """

    def __init__(self, message: str, *, challenge: str = "Bearer") -> None:
        super().__init__(message)
        self.challenge = challenge


class ScopeMissing(NotAllowed):
    """The caller's credentials lack a scope that it can ask its identity provider for.

    Attributes:
        challenge: As in `Unauthenticated`; it names all scopes that the call needs.
    """

    def __init__(self, message: str, *, challenge: str) -> None:
        super().__init__(message)
        self.challenge = challenge


class Overloaded(DungeonFighterError):
    """The server has too much work now; nothing changed.

    Attributes:
        retry_after_seconds: The caller may send the request again after so many seconds.
    """

    code = "overloaded"

    def __init__(self, message: str, *, retry_after_seconds: int = 1) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class Draining(Overloaded):
    """This server is shutting down and accepts no more requests."""

    code = "draining"


class RateLimited(Overloaded):
    """The caller sends more than its share."""

    code = "rate_limited"


class AccessUnknown(Overloaded):
    """The server cannot tell now who may play: the store or the identity provider does not answer."""

    code = "store_unavailable"


class StoreError(DungeonFighterError):
    """The store or this release is at fault, never the bot."""

    code = "store_unavailable"


class StoreUnavailable(StoreError):
    """The store did not answer; the outcome of a write is unknown for every row until the host settles it."""


class NotWritten(StoreUnavailable):
    """A write did not happen and never will: the host may retry it at once, without settling."""


class StoreNotReady(StoreUnavailable):
    """The store cannot be opened now; a later attempt may succeed without a change of settings."""


class OutcomeUnknown(StoreError):
    """A write may or may not have happened, and the row no longer shows which."""

    code = "outcome_unknown"


class NewerRules(StoreError):
    """The run began under rules that this release does not ship."""

    code = "newer_rules"


class SchemaTooNew(StoreError):
    """A newer release migrated the database; this release refuses to touch it."""


class Corrupt(DungeonFighterError):
    """A stored state or replay fails its checks; only that game stops."""

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
