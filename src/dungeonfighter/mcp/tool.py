"""One tool: a function over a `Seat` (the host and the caller's bot) with typed arguments.

The decorators `tool` and `playing` register a function as the tool of its name.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, Generic, Literal

from msgspec import Struct

from dungeonfighter.hosting.host import BotHost
from dungeonfighter.mcp import schemas
from dungeonfighter.mcp.answers import Ask, ToolAnswer, played
from dungeonfighter.mcp.arguments import ArgumentsT

Toolset = Literal["core", "play", "fleet"]
TOOLSETS: Final[tuple[Toolset, ...]] = ("core", "play", "fleet")
"""Each contains those before it."""
DEFAULT_TOOLSET: Final[Toolset] = "play"


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
registered: Final[Mapping[str, Tool[Any]]] = MappingProxyType(_tools)
"""Every tool by its name."""


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
