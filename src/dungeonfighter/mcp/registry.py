"""The one tool registry: every way in (HTTP, stdio, the short way) ends in `Registry.call`.

A tool is one function over a `Seat` (the host and the caller's bot) with typed arguments. Listings are in the
order of `schemas.DESCRIPTIONS`.

Source: docs/architecture.md, decision 6; product.md, "Tools".
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Generic, Literal

from msgspec import Struct

from dungeonfighter import limits
from dungeonfighter.errors import BadInput, Corrupt, DungeonFighterError, StoreError
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.mcp import arguments, schemas
from dungeonfighter.mcp.answers import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    ProtocolError,
    ToolAnswer,
    bad_argument,
    failure,
)
from dungeonfighter.mcp.arguments import ArgumentsT, Nothing

Toolset = Literal["core", "play"]
TOOLSETS: Final[tuple[Toolset, ...]] = ("core", "play")
DEFAULT_TOOLSET: Final[Toolset] = "play"
LOCAL_FLEET: Final = "local"

logger = logging.getLogger(__name__)


class Seat(Struct, frozen=True):
    """Where a tool sits: the host, the fleet, and the bot it acts for (`key` is `<fleet>/<botId>`)."""

    host: BotHost
    fleet: str
    bot: str

    @property
    def key(self) -> str:
        return f"{self.fleet}/{self.bot}"


Run = Callable[[Seat, ArgumentsT], Awaitable[ToolAnswer]]


class Tool(Struct, Generic[ArgumentsT], frozen=True):
    """One tool: `takes_bot` says whether it acts for one bot, `reads` that it changes nothing."""

    name: str
    toolset: Toolset
    kind: type[ArgumentsT]
    run: Run[ArgumentsT]
    reads: bool
    takes_bot: bool

    def definition(self, *, bound: bool) -> dict[str, Any]:
        """The tool as `tools/list` shows it, without `botId` where the path names the bot."""
        shown: dict[str, Any] = {
            "name": self.name,
            "description": schemas.DESCRIPTIONS[self.name],
            "inputSchema": schemas.input_schema(self.name, with_bot=self.takes_bot and not bound),
        }
        if self.reads:
            shown["annotations"] = {"readOnlyHint": True}
        return shown


_tools: dict[str, Tool[Any]] = {}


def tool(
    toolset: Toolset, kind: type[ArgumentsT], *, reads: bool = False, takes_bot: bool = True
) -> Callable[[Run[ArgumentsT]], Run[ArgumentsT]]:
    """Register a function as the tool of its name."""

    def register(run: Run[ArgumentsT]) -> Run[ArgumentsT]:
        _tools[run.__name__] = Tool(run.__name__, toolset, kind, run, reads, takes_bot)
        return run

    return register


class Registry:
    """All tools over one host."""

    def __init__(self, host: BotHost) -> None:
        # The tools register themselves when their modules are first imported.
        from dungeonfighter.mcp import reports, tools  # noqa: F401, PLC0415

        self._host = host
        self.tools: dict[str, Tool[Any]] = {name: _tools[name] for name in schemas.DESCRIPTIONS}
        self._schemas = {
            (one.name, bound): schemas.input_schema(one.name, with_bot=one.takes_bot and not bound)
            for one in self.tools.values()
            for bound in (False, True)
        }

    def listed(self, toolset: Toolset, *, bound: bool) -> list[dict[str, Any]]:
        """The definitions of a toolset, in a fixed order; `play` contains `core`."""
        wanted = {"core"} if toolset == "core" else {"core", "play"}
        return [one.definition(bound=bound) for one in self.tools.values() if one.toolset in wanted]

    def input_schema(self, name: str, *, bound: bool) -> dict[str, Any] | None:
        """The input schema of a tool, or None if there is no such tool."""
        return self._schemas.get((name, bound))

    async def call(
        self, name: str, given: Mapping[str, object] | None, bound_bot: str | None, fleet: str = LOCAL_FLEET
    ) -> ToolAnswer:
        """Call one tool.

        Args:
            name: The tool.
            given: Its arguments as the caller sent them.
            bound_bot: The bot of the path (already checked); then `botId` may not be given.
            fleet: The caller's fleet.

        Returns:
            The result; the caller's mistakes and the game's refusals are results too (`is_error`).

        Raises:
            Refusal: Nothing was done; another time or another server may do it.
            ProtocolError: There is no such tool, or something broke that is nobody's business outside.
        """
        found = self.tools.get(name)
        if found is None:
            raise ProtocolError(INVALID_PARAMS, f"Unknown tool: {arguments.clip(name)}")
        try:
            own, bot = _bot_of(found, dict(given or {}), bound_bot)
            args = arguments.decode(found.kind, own, takes_bot=found.takes_bot and bound_bot is None)
        except DungeonFighterError as error:
            return failure(error)
        return await self.run(found, bot, args, fleet)

    async def run(self, found: Tool[Any], bot: str, args: Nothing, fleet: str) -> ToolAnswer:
        """Call a tool with arguments that are decoded already; see `call`."""
        try:
            return await found.run(Seat(self._host, fleet, bot), args)
        except DungeonFighterError as error:
            if isinstance(error, StoreError | Corrupt):
                logger.warning("tool %s for %s/%s: %s", found.name, fleet, bot, error)
            return failure(error)
        except Exception as error:
            logger.exception("tool %s broke", found.name)
            raise ProtocolError(INTERNAL_ERROR, "internal error", status=500) from error


def checked_bot_id(given: object) -> str:
    """A bot id as it may be.

    Raises:
        BadInput: bad_argument; the message says what a bot id looks like.
    """
    if isinstance(given, str) and limits.bot_id_pattern.match(given):
        return given
    raise bad_bot_id(given)


def bad_bot_id(given: object) -> BadInput:
    """What is wrong with this bot id, and what one looks like."""
    if not isinstance(given, str):
        wrong = "it is not a string"
    elif not given:
        wrong = "it is empty"
    elif len(given) > limits.bot_id_chars_max:
        wrong = f"it has {len(given)} characters"
    else:
        wrong = f"got {arguments.clip(given)}"
    return bad_argument(
        f"argument `botId` must be 1 to {limits.bot_id_chars_max} of A-Z, a-z, 0-9, dot, underscore and "
        f"minus, beginning with a letter or digit; {wrong}"
    )


def _bot_of(
    found: Tool[Nothing], given: dict[str, object], bound_bot: str | None
) -> tuple[dict[str, object], str]:
    """The tool's own arguments and the bot it acts for: the path's, else the one given, else `hero`."""
    if bound_bot is not None:
        if "botId" in given:
            raise bad_argument(
                f"there is no argument `botId` here: this address belongs to the bot {bound_bot}"
            )
        return given, bound_bot
    if not found.takes_bot:
        return given, arguments.DEFAULT_BOT
    wanted = given.pop("botId", None)
    return given, arguments.DEFAULT_BOT if wanted is None else checked_bot_id(wanted)
