"""Every failure the game can answer with, as one tree by who is at fault.

    DungeonFighterError
      BadInput       the bot: malformed, illegal, stale, run over (answered as isError, never logged)
      NotAllowed     the caller may not do this
      Overloaded     load: carries when to try again
      StoreError     ours: the store is away, or newer than this release
      Corrupt        a state or replay that does not check: that game stops, nothing else
      SettingsError  all problems of the configuration at once, at start

Each error carries a stable `code` (the public contract), a message saying what is wrong and, where there is
one, a `hint` saying what to do next. Nothing here knows about HTTP or MCP.
"""

from __future__ import annotations

from collections.abc import Sequence


class DungeonFighterError(Exception):
    """Base of all failures with a stable code.

    Attributes:
        code: One of the codes of the public contract, for example `illegal_input`.
        hint: What the caller can do next; empty when the message says it already.
        present: The game as it stands, when the answer must show it (`hosting` sets it); None otherwise.
    """

    code = "internal"

    def __init__(
        self, message: str, *, code: str | None = None, hint: str = "", present: object | None = None
    ) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code
        self.hint = hint
        self.present = present


class BadInput(DungeonFighterError):
    """The bot asked for something that cannot be; nothing changed.

    Codes: bad_argument, illegal_input, stale_turn, future_turn, conflict, run_over, unknown_bot, bot_exists,
    unknown_save.
    """

    code = "bad_argument"


class NotAllowed(DungeonFighterError):
    """The caller may not do this; nothing changed."""

    code = "not_allowed"


class Overloaded(DungeonFighterError):
    """Too much work right now; nothing changed.

    Codes: rate_limited, quota_exceeded, overloaded, draining.
    """

    code = "overloaded"

    def __init__(self, message: str, *, retry_after_seconds: int = 1, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.retry_after_seconds = retry_after_seconds


class StoreError(DungeonFighterError):
    """The store's or this release's trouble, never the bot's.

    Codes: store_unavailable, outcome_unknown, newer_rules.
    """

    code = "store_unavailable"


class StoreUnavailable(StoreError):
    """The store did not answer; for a write nothing is known about any row until it is settled."""


class NotWritten(StoreUnavailable):
    """A write did not happen and never will: it may be sent again at once, nothing has to be settled."""


class OutcomeUnknown(StoreError):
    """A write may or may not have happened and the row can no longer tell."""

    code = "outcome_unknown"


class NewerRules(StoreError):
    """The run was begun under rules this release does not ship."""

    code = "newer_rules"


class SchemaTooNew(StoreError):
    """The database was migrated by a newer release; this one refuses to touch it."""


class Corrupt(DungeonFighterError):
    """A stored state or replay does not check; that one game stops."""

    code = "corrupt_state"


class SettingsError(DungeonFighterError):
    """The configuration cannot work; lists every problem with its remedy."""

    code = "settings"

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)
