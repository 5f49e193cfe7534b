"""One tool: a function over a `Seat` (the host, the caller and its bot) with typed arguments.

The decorators `tool` and `playing` register a function as the tool of its name.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, Generic, Literal

from msgspec import Struct

from dungeonfighter.access.admission import Admission
from dungeonfighter.access.principals import Principal, Scope
from dungeonfighter.hosting.host import BotHost
from dungeonfighter.hosting.lost_answers import Delivery
from dungeonfighter.mcp import schemas
from dungeonfighter.mcp.answers import Ask, ToolAnswer, played
from dungeonfighter.mcp.arguments import ArgumentsT

Toolset = Literal["core", "play", "fleet"]
TOOLSETS: Final[tuple[Toolset, ...]] = ("core", "play", "fleet")
"""Each contains the sets before it."""
DEFAULT_TOOLSET: Final[Toolset] = "play"


class Seat(Struct, frozen=True):
    """The context of a tool call: host, caller and bot. `bot` is a bot id, `key` is `<fleet>/<botId>`.

    The call as a whole was admitted; a tool that acts for several bots asks `admission` for each of them.

    Attributes:
        delivery: The way of the answer; None if its end cannot be observed.
        turns_required: Each call that changes a run must be numbered (`Tool.numbers`).
    """

    host: BotHost
    admission: Admission
    principal: Principal
    bot: str
    delivery: Delivery | None = None
    turns_required: bool = False

    @property
    def key(self) -> str:
        return f"{self.principal.fleet}/{self.bot}"


Run = Callable[[Seat, ArgumentsT], Awaitable[ToolAnswer]]


class Tool(Struct, Generic[ArgumentsT], frozen=True):
    """One tool.

    Attributes:
        reads: The tool changes nothing.
        takes_bot: The tool acts for one bot.
        turns: The turns that a call costs.
        ask: Turns the arguments of a playing tool into its input; None for other tools.
        unbound_only: The tool is absent where the path names the bot.
        numbers: Those of its arguments that make a repeat of the call safe: `turn` and `episode`.
    """

    name: str
    toolset: Toolset
    kind: type[ArgumentsT]
    run: Run[ArgumentsT]
    reads: bool
    takes_bot: bool
    turns: Callable[[ArgumentsT], int]
    ask: Callable[[ArgumentsT], Ask] | None = None
    unbound_only: bool = False
    numbers: tuple[str, ...] = ()

    @property
    def scope(self) -> Scope:
        """The scope that a caller needs."""
        if self.reads:
            return "read"
        return "fleet" if self.toolset == "fleet" else "play"

    def definition(self, *, bound: bool, turns_required: bool = False) -> dict[str, Any]:
        """Return the tool as `tools/list` shows it, without `botId` where the path names the bot."""
        shown: dict[str, Any] = {
            "name": self.name,
            "description": schemas.DESCRIPTIONS[self.name],
            "inputSchema": schemas.input_schema(
                self.name,
                with_bot=self.takes_bot and not bound,
                turns_required=turns_required,
            ),
        }
        if self.reads:
            shown["annotations"] = {"readOnlyHint": True}
        return shown


_tools: dict[str, Tool[Any]] = {}
registered: Final[Mapping[str, Tool[Any]]] = MappingProxyType(_tools)
"""Every tool by its name."""


def tool(
    toolset: Toolset, kind: type[ArgumentsT], *, reads: bool = False, takes_bot: bool = True,
    turns: int | Callable[[ArgumentsT], int] = 0, unbound_only: bool = False,
) -> Callable[[Run[ArgumentsT]], Run[ArgumentsT]]:  # fmt: skip
    """Register a function as the tool of its name; see `Tool`."""

    def register(run: Run[ArgumentsT]) -> Run[ArgumentsT]:
        _tools[run.__name__] = Tool(
            run.__name__, toolset, kind, run, reads, takes_bot,
            turns=turns if callable(turns) else lambda _: turns, unbound_only=unbound_only,
            numbers=schemas.demanded(run.__name__),
        )  # fmt: skip
        return run

    return register


def playing(
    toolset: Toolset, kind: type[ArgumentsT]
) -> Callable[[Callable[[ArgumentsT], Ask]], Callable[[ArgumentsT], Ask]]:
    """Register a function as the tool of its name; the tool plays the input that the function returns."""

    def register(ask: Callable[[ArgumentsT], Ask]) -> Callable[[ArgumentsT], Ask]:
        async def run(seat: Seat, args: ArgumentsT) -> ToolAnswer:
            asked = ask(args)
            return played(
                await seat.host.play(
                    seat.key, asked.text, turn=asked.turn, episode=asked.episode, delivery=seat.delivery
                ),
                asked,
            )

        _tools[ask.__name__] = Tool(
            ask.__name__,
            toolset,
            kind,
            run,
            reads=False,
            takes_bot=True,
            turns=lambda _: 1,
            ask=ask,
            numbers=schemas.demanded(ask.__name__),
        )
        return ask

    return register
