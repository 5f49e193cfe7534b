"""The outcomes of a tool call, and the one place where errors become answers.

A call has one of three outcomes: a `ToolAnswer` (also for the bot's own mistakes: `is_error`), a `Refusal`
(the server did nothing; a retry, perhaps at another server, may succeed: 429 or 503), or a `ProtocolError`
(the request itself is wrong).

Source: docs/tools.md, "Errors"; MCP 2026-07-28, server/tools, "Error Handling".
"""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct

from dungeonfighter.errors import (
    BadArgument,
    DungeonFighterError,
    NewerRules,
    NotAllowed,
    NotWritten,
    Overloaded,
    RateLimited,
    ScopeMissing,
    StoreError,
    StoreUnavailable,
    Unauthenticated,
)
from dungeonfighter.hosting.answers import Answer, Present
from dungeonfighter.hosting.game_errors import ShowsGame
from dungeonfighter.mcp import views

INVALID_REQUEST: Final = -32600
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603
PARSE_ERROR: Final = -32700
REFUSED: Final = -32000

INTERNAL_WAY_OUT: Final = "read the game before you go on, and inform the operator, whose log has details"
"""The advice after a failure of the server: the call may or may not have been applied."""
BROKEN: Final = f"internal error: {INTERNAL_WAY_OUT}"
NEWER_RULES_RETRY_SECONDS: Final = 3
_STORES_OWN: Final = (StoreError, StoreUnavailable, NotWritten)
_STORE_AWAY: Final = "the store cannot be reached now, and nothing was applied; try again in a few seconds"
"""Replaces the driver's message, which may name files and servers."""
_HINTS: Final = {"run_over": "start_new_game begins the next run"}
"""Hints that name a tool: the rules do not know the names of tools."""
REPEATED: Final = "\n(repeated: this input was applied before; nothing happened now)"
"""Follows the view of a repeat where the game has moved on since."""


class ToolAnswer(Struct, frozen=True):
    """The result of one tool call: a text for a model, and the same content as a JSON object for programs.

    A client may show a model either of them alone, so each says everything that matters for play. A plain
    text view has no structure: such clients then show the text. See `in_both_forms`.
    """

    text: str
    structured: dict[str, object] | Struct | None = None
    is_error: bool = False
    repeated: bool = False
    """The call was applied before, and nothing happened now."""


class Ask(Struct, frozen=True):
    """The input that a playing tool stands for, and the view of its answer."""

    text: str
    turn: int | None
    episode: int | None
    view: Literal["text", "json"] | None = None


def in_both_forms(text: str, parts: dict[str, object], *, repeated: bool = False) -> ToolAnswer:
    """Return an answer whose structure has these parts and `text`."""
    return ToolAnswer(text, {**parts, "text": text}, repeated=repeated)


def shown(
    game: Present, view: Literal["text", "json"] | None, note: str = "", *, repeated: bool = False
) -> ToolAnswer:
    """Return a game in the requested view; `note` follows the text, whose first line stays the status."""
    text = views.text_view(game) + note
    if view != "json":
        return ToolAnswer(text, repeated=repeated)
    snapshot = views.json_view(game, text)
    if note:
        snapshot["repeated"] = True
    return ToolAnswer(text, snapshot, repeated=repeated)


def played(answer: Answer, ask: Ask) -> ToolAnswer:
    """Return the answer to an input; a repeat of the last input gets the same answer as the input itself."""
    late = answer.repeated and ask.turn is not None and ask.turn < answer.game.turn - 1
    return shown(answer.game, ask.view, REPEATED if late else "", repeated=answer.repeated)


class ProtocolError(Exception):
    """The request cannot be served at all; answered as a JSON-RPC error with an HTTP status.

    Args:
        code: The code of JSON-RPC.
        message: The reason.
        status: The status of HTTP.
        data: Details for programs.
        allow: The methods that the address takes, for status 405.
        challenge: The way to other credentials, for status 401 and 403.
    """

    def __init__(
        self, code: int, message: str, *, status: int = 400, data: dict[str, object] | None = None,
        allow: bytes = b"POST", challenge: str = "",
    ) -> None:  # fmt: skip
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.data = data
        self.allow = allow
        self.challenge = challenge


class Refusal(ProtocolError):
    """The server did nothing; the client may retry the same request after `retry_after_seconds`."""

    def __init__(self, code: str, message: str, retry_after_seconds: int) -> None:
        said = message if "try again" in message else f"{message}; try again in {retry_after_seconds} s"
        super().__init__(
            REFUSED,
            f"{code}: {said}",
            status=429 if code == RateLimited.code else 503,
            data={"code": code, "message": said, "retryAfterSeconds": retry_after_seconds},
        )
        self.retry_after_seconds = retry_after_seconds


def bad_argument(message: str) -> BadArgument:
    """Return the error about an argument; the message names it and says what is allowed."""
    return BadArgument(message)


def refusal_of(error: Overloaded) -> Refusal:
    """Return the answer to a call that was refused for load."""
    return Refusal(error.code, str(error), error.retry_after_seconds)


def denied(error: NotAllowed, *, status: int = 400) -> ProtocolError:
    """Return the answer to a request that its caller may not make.

    Args:
        error: The reason.
        status: The status where neither other credentials nor another scope would help.
    """
    challenge = ""
    if isinstance(error, Unauthenticated | ScopeMissing):
        status = 401 if isinstance(error, Unauthenticated) else 403
        challenge = error.challenge
    data: dict[str, object] = {"code": error.code, "message": str(error)}
    return ProtocolError(REFUSED, f"{error.code}: {error}", status=status, data=data, challenge=challenge)


def failure(error: DungeonFighterError) -> ToolAnswer:
    """Return the tool result of a failure, with the present game where the failure concerns the game.

    Raises:
        Refusal: The server is overloaded, or this release does not ship the rules of the run.
    """
    if isinstance(error, Overloaded):
        raise refusal_of(error) from error
    if isinstance(error, NewerRules):
        raise Refusal(error.code, str(error), NEWER_RULES_RETRY_SECONDS) from error
    said = _STORE_AWAY if type(error) in _STORES_OWN else str(error)
    hint = _HINTS.get(error.code, error.hint)
    if hint:
        said += f"; {hint}"
    text = f"error {error.code}: {said}"
    structured: dict[str, object] = {"code": error.code, "message": said}
    if isinstance(error, ShowsGame):
        game = error.game
        text += f"\n\n{views.text_view(game)}"
        structured |= {**views.place(game), "legal": views.legal(game)}
    structured["text"] = text
    return ToolAnswer(text, structured, is_error=True)
