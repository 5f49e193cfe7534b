"""Run and turn of a bot as its client last saw them, and the numbers of its calls.

Every call that changes a run leaves the bridge with `turn` and `episode`, so every attempt of it, even one
that a network delays for minutes, can have its effect only once. Numbers that the client gives are kept.

Source: docs/tools.md, "Repeating a call safely".
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from dungeonfighter.mcp import schemas

_first_line: Final = re.compile(r"e(\d{1,15}) t(\d{1,15})\b").match
_READS: Final = ("get_", "list_", "compare_")


class Position(NamedTuple):
    """A run and a turn; a bot without a run stands at `NO_RUN`."""

    episode: int
    turn: int


NO_RUN: Final = Position(0, 0)


class Kind(enum.Enum):
    """The effect of a tool, as far as a repeat of a call is concerned."""

    READ = enum.auto()
    INPUT = enum.auto()
    """Plays inputs: `turn` and `episode` make a repeat safe."""
    BEGINNING = enum.auto()
    """Begins a run: `episode` makes a repeat safe."""
    FORK = enum.auto()
    """Names the run of the bot by `episode`: a repeat is safe."""
    STEPS = enum.auto()
    """Plays a list of steps, each with its own numbers."""
    SETTING = enum.auto()
    """Changes something beside the run; a second time it has the same effect."""
    UNKNOWN = enum.auto()
    """A tool of a newer server: only the client knows if a repeat is safe."""


_BY_EPISODE: Final = frozenset({Kind.BEGINNING, Kind.FORK})


def kind_of(tool: str) -> Kind:
    if tool.startswith(_READS):
        return Kind.READ
    if tool not in schemas.DESCRIPTIONS:
        return Kind.UNKNOWN
    own = schemas.PROPERTIES.get(tool, {})
    if "steps" in own:
        return Kind.STEPS
    if "newBotIds" in own:
        return Kind.FORK
    if "turn" in own:
        return Kind.INPUT
    return Kind.BEGINNING if "episode" in own else Kind.SETTING


def missing_bots(kind: Kind, arguments: Mapping[str, Any], bot: str) -> set[str]:
    """Return the bots whose position is needed to number a call; `bot` is that of the call itself."""
    if kind is Kind.STEPS:
        return {step["botId"] for step in _steps(arguments) if _needs_numbers(step)}
    names = schemas.NUMBERS if kind is Kind.INPUT else ("episode",) if kind in _BY_EPISODE else ()
    if kind is Kind.INPUT and arguments.get("turn") is not None:
        return set()
    return {bot} if any(arguments.get(name) is None for name in names) else set()


def numbered(
    kind: Kind, arguments: Mapping[str, Any], bot: str, positions: Mapping[str, Position]
) -> dict[str, Any]:
    """Return the arguments of a call with all numbers that the client left out and that are known."""
    result = dict(arguments)
    if kind is Kind.STEPS:
        steps = arguments.get("steps")
        if isinstance(steps, list):
            result["steps"] = [_numbered_step(step, positions) for step in steps]
        return result
    position = positions.get(bot)
    if position is None or bot not in missing_bots(kind, arguments, bot):
        return result
    if kind in _BY_EPISODE:
        result["episode"] = position.episode + (kind is Kind.BEGINNING)
    else:
        _number_input(result, position)
    return result


def is_numbered(kind: Kind, arguments: Mapping[str, Any]) -> bool:
    """Return True if any number of copies of this call have the effect of one."""
    match kind:
        case Kind.INPUT:
            return arguments.get("turn") is not None
        case Kind.BEGINNING:
            return arguments.get("episode") is not None
        case Kind.STEPS:
            steps = arguments.get("steps")
            return isinstance(steps, list) and not any(map(_may_double, steps))
        case _:
            return kind is not Kind.UNKNOWN


def position_in(result: Mapping[str, Any]) -> Position | None:
    """Return the position that a tool's answer shows; None if it shows none."""
    structured = result.get("structuredContent")
    if isinstance(structured, dict):
        episode, turn = structured.get("episode"), structured.get("turn")
        if type(episode) is int and type(turn) is int:
            return Position(episode, turn)
        if structured.get("code") == "unknown_bot":
            return NO_RUN
    found = _first_line(text_of(result))
    return Position(int(found[1]), int(found[2])) if found else None


def steps_in(result: Mapping[str, Any]) -> dict[str, Position]:
    """Return the positions that the answer of a list of steps shows, by bot."""
    structured = result.get("structuredContent")
    rows = structured.get("results") if isinstance(structured, dict) else None
    found: dict[str, Position] = {}
    for row in rows if isinstance(rows, list) else []:
        bot = row.get("botId") if isinstance(row, dict) else None
        position = position_in({"structuredContent": row}) if isinstance(bot, str) else None
        if position is not None and isinstance(bot, str):
            found[bot] = position
    return found


def text_of(result: Mapping[str, Any]) -> str:
    """Return the first text of a tool's answer."""
    content = result.get("content")
    first = content[0] if isinstance(content, list) and content else None
    text = first.get("text") if isinstance(first, dict) else None
    return text if isinstance(text, str) else ""


def _steps(arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the steps that have the form of one."""
    steps = arguments.get("steps")
    rows = steps if isinstance(steps, list) else []
    return [row for row in rows if isinstance(row, dict) and isinstance(row.get("botId"), str)]


def _needs_numbers(step: Mapping[str, Any]) -> bool:
    if step.get("start") is not None:
        return step.get("episode") is None
    return step.get("input") is not None and step.get("turn") is None


def _may_double(step: object) -> bool:
    """Return True if copies of a step could have more than one effect: it has an effect, but no numbers.

    A text may be a step, too (docs/tools.md, "Accepted spellings").
    """
    return _needs_numbers(step) if isinstance(step, dict) else isinstance(step, str)


def _numbered_step(step: object, positions: Mapping[str, Position]) -> object:
    if not isinstance(step, dict) or not isinstance(step.get("botId"), str) or not _needs_numbers(step):
        return step
    position = positions.get(step["botId"])
    if position is None:
        return step
    result = dict(step)
    if step.get("start") is not None:
        result["episode"] = position.episode + 1
    else:
        _number_input(result, position)
    return result


def _number_input(arguments: dict[str, Any], position: Position) -> None:
    """Add the turn, and the episode unless the client names one.

    The turn belongs to the run that the client has seen, so it is left out beside another episode.
    """
    if arguments.get("episode") is None:
        arguments["episode"] = max(1, position.episode)
    if str(arguments["episode"]) == str(max(1, position.episode)):
        arguments["turn"] = position.turn
