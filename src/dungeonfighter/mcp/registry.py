"""The one tool registry: every way in (HTTP, stdio, the short way) ends in `Registry.call`.

A tool is one function over a `Seat` (the host and the caller's bot) with typed arguments. Listings are in the
order of `schemas.DESCRIPTIONS`.

Source: docs/architecture.md, decision 6; product.md, "Tools".
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Generic, Literal

from msgspec import Struct

from dungeonfighter import limits
from dungeonfighter.errors import BadInput, Corrupt, DungeonFighterError, StoreError
from dungeonfighter.hosting.game import Answer
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.mcp import arguments, schemas
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
from dungeonfighter.mcp.arguments import ArgumentsT, Nothing

Toolset = Literal["core", "play", "fleet"]
TOOLSETS: Final[tuple[Toolset, ...]] = ("core", "play", "fleet")
"""Each contains those before it."""
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
Then = Callable[[ToolAnswer | ProtocolError], None]


class Tool(Struct, Generic[ArgumentsT], frozen=True):
    """One tool: `takes_bot` says whether it acts for one bot, `reads` that it changes nothing; `ask` is the
    input that a playing tool stands for; `unbound_only` that it is not offered where the path names the bot.
    """

    name: str
    toolset: Toolset
    kind: type[ArgumentsT]
    run: Run[ArgumentsT]
    reads: bool
    takes_bot: bool
    ask: Callable[[ArgumentsT], Ask] | None = None
    unbound_only: bool = False

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
    toolset: Toolset, kind: type[ArgumentsT], *, reads: bool = False, takes_bot: bool = True,
    unbound_only: bool = False,
) -> Callable[[Run[ArgumentsT]], Run[ArgumentsT]]:  # fmt: skip
    """Register a function as the tool of its name."""

    def register(run: Run[ArgumentsT]) -> Run[ArgumentsT]:
        _tools[run.__name__] = Tool(
            run.__name__, toolset, kind, run, reads, takes_bot, unbound_only=unbound_only
        )
        return run

    return register


def playing(
    toolset: Toolset, kind: type[ArgumentsT]
) -> Callable[[Callable[[ArgumentsT], Ask]], Callable[[ArgumentsT], Ask]]:
    """Register a function as the tool of its name that plays the input it returns."""

    def register(ask: Callable[[ArgumentsT], Ask]) -> Callable[[ArgumentsT], Ask]:
        async def run(seat: Seat, args: ArgumentsT) -> ToolAnswer:
            asked = ask(args)
            return played(
                await seat.host.play(seat.key, asked.text, turn=asked.turn, episode=asked.episode), asked
            )

        _tools[ask.__name__] = Tool(ask.__name__, toolset, kind, run, reads=False, takes_bot=True, ask=ask)
        return ask

    return register


class Registry:
    """All tools over one host."""

    def __init__(self, host: BotHost) -> None:
        # The tools register themselves when their modules are first imported.
        from dungeonfighter.mcp import many, reports, tools  # noqa: F401, PLC0415

        self._host = host
        self._tasks: set[asyncio.Task[None]] = set()
        self.tools: dict[str, Tool[Any]] = {name: _tools[name] for name in schemas.DESCRIPTIONS}
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

    async def run(self, found: Tool[Any], bot: str, args: Nothing, fleet: str) -> ToolAnswer:
        """Call a tool with arguments that are decoded already; see `call`."""
        try:
            return await found.run(Seat(self._host, fleet, bot), args)
        except Exception as error:  # noqa: BLE001 (every failure becomes an answer)
            failed = _failed(error, found, fleet, bot)
        if isinstance(failed, ProtocolError):
            raise failed
        return failed

    def begin(self, found: Tool[Any], bot: str, args: Nothing, fleet: str, then: Then) -> None:
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

    async def _run_then(self, found: Tool[Any], bot: str, args: Nothing, fleet: str, then: Then) -> None:
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

    def show(self, tag: _Call, answer: Answer) -> ToolAnswer:
        return played(answer, tag[3])

    def tell(self, tag: _Call, told: ToolAnswer | Exception) -> None:
        found, fleet, bot, _, then = tag
        then(_failed(told, found, fleet, bot) if isinstance(told, Exception) else told)


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
