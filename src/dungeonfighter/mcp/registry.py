"""The one tool registry: every entry point (HTTP, stdio, the short way) calls its `run` or `begin`.

Both ask the admission before the tool; nothing else runs a tool. A tool is one function over a `Seat` (the
host, the caller and its bot) with typed arguments. Listings are in the order of `schemas.DESCRIPTIONS`.

Source: docs/architecture.md, decision 6; docs/tools.md.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

import msgspec

from dungeonfighter.access.admission import Admission
from dungeonfighter.access.principals import Principal
from dungeonfighter.errors import (
    Corrupt,
    DungeonFighterError,
    QuotaExceeded,
    ScopeMissing,
    StoreError,
    Unauthenticated,
)
from dungeonfighter.hosting.answers import Answer
from dungeonfighter.hosting.daily_tokens import DailyTokens
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.lost_answers import Delivery
from dungeonfighter.mcp import (
    arguments,
    batch_tools,
    board_tools,
    play_tools,
    read_tools,
    run_tools,
    schemas,
    spellings,
)
from dungeonfighter.mcp.answers import (
    BROKEN,
    INTERNAL_ERROR,
    INVALID_PARAMS,
    Ask,
    ProtocolError,
    Refusal,
    ToolAnswer,
    bad_argument,
    denied,
    failure,
    played,
)
from dungeonfighter.mcp.arguments import ToolArguments
from dungeonfighter.mcp.bot_ids import checked_bot_id
from dungeonfighter.mcp.numbers import demand_numbers
from dungeonfighter.mcp.rejections import Rejections
from dungeonfighter.mcp.tool import TOOLSETS, Seat, Tool, Toolset, registered
from dungeonfighter.mcp.tool_metrics import ToolMetrics
from dungeonfighter.telemetry.tokens import count_tokens

logger = logging.getLogger(__name__)


_TOOL_MODULES: Final = (play_tools, read_tools, batch_tools, run_tools, board_tools)
"""The modules whose import registers the tools."""

Then = Callable[[ToolAnswer | ProtocolError], None]


class Registry:
    """All tools over one host.

    Args:
        host: Plays the calls.
        admission: Decides about each of them.
    """

    def __init__(self, host: BotHost, admission: Admission) -> None:
        self._host = host
        self.admission = admission
        self._admit = admission.admit
        self.rejections = Rejections(host.metrics.rejected)
        self.metrics = ToolMetrics(host.meter, schemas.DESCRIPTIONS)
        self._daily_tokens = host.daily_tokens
        self._tasks: set[asyncio.Task[None]] = set()
        self.tools: dict[str, Tool[Any]] = {name: registered[name] for name in schemas.DESCRIPTIONS}
        self._schemas = {
            (one.name, bound): schemas.input_schema(one.name, with_bot=one.takes_bot and not bound)
            for one in self.tools.values()
            for bound in (False, True)
        }

    def listed(self, toolset: Toolset, *, bound: bool, turns_required: bool = False) -> list[dict[str, Any]]:
        """Return the definitions of a toolset, in a fixed order; each contains the sets before it."""
        wanted = TOOLSETS[: TOOLSETS.index(toolset) + 1]
        return [
            one.definition(bound=bound, turns_required=turns_required)
            for one in self.tools.values()
            if one.toolset in wanted and not (bound and one.unbound_only)
        ]

    async def run_keys(self) -> str:
        """Return the public keys that sign replays of ranked runs, in PEM; empty if there is none."""
        return await self._host.leaderboard.public_keys()

    def input_schema(self, name: str, *, bound: bool) -> dict[str, Any] | None:
        """Return the input schema of a tool, or None if there is no such tool."""
        return self._schemas.get((name, bound))

    async def call(
        self, name: str, given: Mapping[str, object] | None, bound_bot: str | None, principal: Principal,
        delivery: Delivery | None = None, *, turns_required: bool = False,
    ) -> ToolAnswer:  # fmt: skip
        """Call one tool.

        Args:
            name: The tool.
            given: Its arguments as the caller sent them.
            bound_bot: The bot of the path (already checked); then `botId` may not be given.
            principal: The caller.
            delivery, turns_required: As in `Seat`.

        Returns:
            The result; the caller's mistakes and the game's refusals are results too (`is_error`).

        Raises:
            Refusal: Nothing was done; a retry, perhaps at another server, may succeed.
            ProtocolError: There is no such tool, or the server failed (only the log says how).
        """
        found = self.tools.get(name)
        if found is None:
            raise ProtocolError(
                INVALID_PARAMS, f"Unknown tool: {arguments.clip(name)}; tools/list shows the tools"
            )
        counts = self.metrics.of(name)
        try:
            own, bot = _bot_of(found, dict(given or {}), bound_bot, principal)
            args = arguments.decode(found.kind, own, takes_bot=found.takes_bot and bound_bot is None)
        except DungeonFighterError as error:
            counts.count(refused := failure(error))
            return refused
        outcome: ToolAnswer | ProtocolError
        try:
            seat = self._seat(found, bot, args, principal, delivery, turns_required=turns_required)
        except Exception as error:  # noqa: BLE001 (every failure becomes an answer)
            outcome = self._failed(error, found, principal, bot)
        else:
            outcome = await self._served(found, seat, args)
        counts.count(outcome)
        if isinstance(outcome, ProtocolError):
            try:
                raise outcome
            finally:
                del outcome  # its traceback refers to this frame
        if self._daily_tokens is not None and found.takes_bot:
            self._daily_tokens.count(f"{principal.fleet}/{bot}", tokens_of(outcome))
        return outcome

    async def _served(self, found: Tool[Any], seat: Seat, args: ToolArguments) -> ToolAnswer | ProtocolError:
        try:
            return await found.run(seat, args)
        except Exception as error:  # noqa: BLE001 (every failure becomes an answer)
            return self._failed(error, found, seat.principal, seat.bot)

    def _seat(
        self, found: Tool[Any], bot: str, args: ToolArguments, principal: Principal,
        delivery: Delivery | None, *, turns_required: bool,
    ) -> Seat:  # fmt: skip
        """Admit a call; raise what refuses it."""
        self._admit(principal, found.scope, bot if found.takes_bot else None, found.turns(args))
        strict = turns_required or principal.turns_required
        if strict:
            demand_numbers(args, found.numbers)
        return Seat(self._host, self.admission, principal, bot, delivery, strict)

    def begin(
        self, found: Tool[Any], bot: str, args: ToolArguments, principal: Principal, then: Then,
        delivery: Delivery | None = None, turns_required: bool = False,
    ) -> None:  # fmt: skip
        """Call a tool with arguments that are decoded already, without waiting; see `call`.

        `then` gets the answer once, in the event loop, perhaps before this returns. `then` must not raise.
        """
        if self._daily_tokens is not None and found.takes_bot:
            then = _counting(self._daily_tokens, f"{principal.fleet}/{bot}", then)
        try:
            if found.ask is None:
                seat = self._seat(found, bot, args, principal, delivery, turns_required=turns_required)
                task = asyncio.get_running_loop().create_task(_pass_on(self._served(found, seat, args), then))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
                return
            self._admit(principal, "play", bot, 1)
            if turns_required or principal.turns_required:
                demand_numbers(args, found.numbers)
            ask = found.ask(args)
            key, call = f"{principal.fleet}/{bot}", (found, principal, bot, ask, then)
            self._host.begin_play(key, ask.text, ask.turn, ask.episode, self, call, None, delivery)
        except Exception as error:  # noqa: BLE001 (every failure becomes an answer)
            then(self._failed(error, found, principal, bot))

    def render(self, tag: _Call, answer: Answer) -> ToolAnswer:
        """Render the answer to a playing tool for the host; see `Responder`."""
        return played(answer, tag[3])

    def deliver(self, tag: _Call, rendered: ToolAnswer | Exception) -> None:
        """Take the host's result for a playing tool; see `Responder`."""
        found, principal, bot, _, then = tag
        then(self._failed(rendered, found, principal, bot) if isinstance(rendered, Exception) else rendered)

    def _failed(
        self, error: Exception, found: Tool[Any], principal: Principal, bot: str
    ) -> ToolAnswer | ProtocolError:
        """Return the answer to a failure; log the failure if the caller did not cause it."""
        if not isinstance(error, DungeonFighterError):
            logger.error("tool %s broke", found.name, exc_info=error)
            return ProtocolError(INTERNAL_ERROR, BROKEN, status=500)
        if isinstance(error, Unauthenticated | ScopeMissing):
            return denied(error)
        if isinstance(error, StoreError | Corrupt):
            logger.warning("tool %s for %s/%s: %s", found.name, principal.fleet, bot, error)
        try:
            answer = failure(error)
        except Refusal as refusal:
            return refusal
        if isinstance(error, QuotaExceeded):
            self.rejections.count(error.code)
        return answer


def _counting(daily: DailyTokens, key: str, then: Then) -> Then:
    """Return a `then` that counts the tokens of the answer."""

    def count(answer: ToolAnswer | ProtocolError) -> None:
        if isinstance(answer, ToolAnswer):
            daily.count(key, tokens_of(answer))
        then(answer)

    return count


def tokens_of(answer: ToolAnswer) -> int:
    """Return the tokens that an answer costs a model, by estimate: those of its structure, if it has one."""
    if answer.structured is None:
        return count_tokens(answer.text)
    return count_tokens(msgspec.json.encode(answer.structured).decode())


async def _pass_on(serving: Coroutine[Any, Any, ToolAnswer | ProtocolError], then: Then) -> None:
    then(await serving)


_Call = tuple[Tool[Any], Principal, str, Ask, Then]
"""The tool, the caller, the bot, its input, and the function that takes the answer."""


def _bot_of(
    found: Tool[ToolArguments], given: dict[str, object], bound_bot: str | None, principal: Principal
) -> tuple[dict[str, object], str]:
    """Return the arguments without `botId`, and the bot: the path's, the given one, the own, or `hero`."""
    if bound_bot is not None:
        if found.unbound_only:
            raise bad_argument(f"{found.name} is for many bots and this address for one; send it to /mcp")
        if "botId" in given:
            raise bad_argument(
                f"there is no argument `botId` here: this address belongs to the bot {bound_bot}"
            )
        return given, bound_bot
    own_bot = principal.own_bot
    if not found.takes_bot:
        return given, own_bot
    wanted = spellings.as_text(given.pop("botId", None))
    return given, own_bot if wanted is None else checked_bot_id(wanted)
