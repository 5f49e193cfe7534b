"""The one tool registry: every way in (HTTP, stdio, the short way) ends in `Registry.call`.

A tool is one function over a `Seat` (the host and the caller's bot) with typed arguments. Listings are in the
order of `schemas.DESCRIPTIONS`.

Source: docs/architecture.md, decision 6; product.md, "Tools".
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

from dungeonfighter.errors import Corrupt, DungeonFighterError, StoreError
from dungeonfighter.hosting.game import Answer
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.mcp import arguments, batch_tools, play_tools, read_tools, schemas
from dungeonfighter.mcp.answers import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    Ask,
    ProtocolError,
    Refusal,
    ToolAnswer,
    bad_argument,
    failure,
    played,
)
from dungeonfighter.mcp.arguments import ToolArguments
from dungeonfighter.mcp.bot_ids import checked_bot_id
from dungeonfighter.mcp.tool import TOOLSETS, Seat, Tool, Toolset, registered

LOCAL_FLEET: Final = "local"

logger = logging.getLogger(__name__)


_TOOL_MODULES: Final = (play_tools, read_tools, batch_tools)
"""The modules whose import registers the tools."""

Then = Callable[[ToolAnswer | ProtocolError], None]


class Registry:
    """All tools over one host."""

    def __init__(self, host: BotHost) -> None:
        self._host = host
        self._tasks: set[asyncio.Task[None]] = set()
        self.tools: dict[str, Tool[Any]] = {name: registered[name] for name in schemas.DESCRIPTIONS}
        self._schemas = {
            (one.name, bound): schemas.input_schema(one.name, with_bot=one.takes_bot and not bound)
            for one in self.tools.values()
            for bound in (False, True)
        }

    def listed(self, toolset: Toolset, *, bound: bool) -> list[dict[str, Any]]:
        """The definitions of a toolset, in a fixed order; each contains those before it."""
        wanted = TOOLSETS[: TOOLSETS.index(toolset) + 1]
        return [
            one.definition(bound=bound)
            for one in self.tools.values()
            if one.toolset in wanted and not (bound and one.unbound_only)
        ]

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

    async def run(self, found: Tool[Any], bot: str, args: ToolArguments, fleet: str) -> ToolAnswer:
        """Call a tool with arguments that are decoded already; see `call`."""
        try:
            return await found.run(Seat(self._host, fleet, bot), args)
        except Exception as error:  # noqa: BLE001 (every failure becomes an answer)
            failed = _failed(error, found, fleet, bot)
        if isinstance(failed, ProtocolError):
            raise failed
        return failed

    def begin(self, found: Tool[Any], bot: str, args: ToolArguments, fleet: str, then: Then) -> None:
        """`run` for those who do not wait: `then` is told, once, in the event loop, perhaps before this
        returns. It must not raise.
        """
        if found.ask is None:
            task = asyncio.get_running_loop().create_task(self._run_then(found, bot, args, fleet, then))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            return

        try:
            ask = found.ask(args)
            key, call = f"{fleet}/{bot}", (found, fleet, bot, ask, then)
            self._host.begin_play(key, ask.text, ask.turn, ask.episode, _CALLING, call)
        except Exception as error:  # noqa: BLE001 (every failure becomes an answer)
            then(_failed(error, found, fleet, bot))

    async def _run_then(
        self, found: Tool[Any], bot: str, args: ToolArguments, fleet: str, then: Then
    ) -> None:
        told: ToolAnswer | ProtocolError
        try:
            told = await self.run(found, bot, args, fleet)
        except ProtocolError as fault:
            told = fault
        then(told)


_Call = tuple[Tool[Any], str, str, Ask, Then]
"""The tool, the fleet, the bot, what is asked, and who is told."""


class _Calling:
    """Asks for calls of playing tools; the tag of each is the call."""

    def render(self, tag: _Call, answer: Answer) -> ToolAnswer:
        return played(answer, tag[3])

    def deliver(self, tag: _Call, rendered: ToolAnswer | Exception) -> None:
        found, fleet, bot, _, then = tag
        then(_failed(rendered, found, fleet, bot) if isinstance(rendered, Exception) else rendered)


_CALLING: Final = _Calling()


def _failed(error: Exception, found: Tool[Any], fleet: str, bot: str) -> ToolAnswer | ProtocolError:
    """The answer that tells a failure, whatever it is."""
    if not isinstance(error, DungeonFighterError):
        logger.error("tool %s broke", found.name, exc_info=error)
        return ProtocolError(INTERNAL_ERROR, "internal error", status=500)
    if isinstance(error, StoreError | Corrupt):
        logger.warning("tool %s for %s/%s: %s", found.name, fleet, bot, error)
    try:
        return failure(error)
    except Refusal as refusal:
        return refusal


def _bot_of(
    found: Tool[ToolArguments], given: dict[str, object], bound_bot: str | None
) -> tuple[dict[str, object], str]:
    """The tool's own arguments and the bot it acts for: the path's, else the one given, else `hero`."""
    if bound_bot is not None:
        if found.unbound_only:
            raise bad_argument(f"{found.name} is for many bots and this address for one; send it to /mcp")
        if "botId" in given:
            raise bad_argument(
                f"there is no argument `botId` here: this address belongs to the bot {bound_bot}"
            )
        return given, bound_bot
    if not found.takes_bot:
        return given, arguments.DEFAULT_BOT
    wanted = given.pop("botId", None)
    return given, arguments.DEFAULT_BOT if wanted is None else checked_bot_id(wanted)
