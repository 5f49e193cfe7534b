"""The arguments of every tool, typed, and the messages about wrong ones.

The structs decide; the JSON Schemas in `schemas.py` describe the same arguments to clients in few tokens (a
test compares both). A null stands for an optional argument that is left out. `spellings.py` adds the other
spellings that are accepted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct, inspect

from dungeonfighter import limits
from dungeonfighter.mcp import spellings
from dungeonfighter.mcp.answers import bad_argument

Count = Annotated[int, Meta(ge=0)]
Seed = Annotated[int, Meta(ge=0, le=limits.seed_max)]
Number = Annotated[int, Meta(ge=1, le=limits.bag_items_max)]
SlotName = Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,32}\Z")]
HeroName = Annotated[str, Meta(min_length=1, max_length=limits.hero_name_chars_max)]
_NO_CONTROLS: Final = r"^[^\x00-\x09\x0b-\x1f\x7f-\x9f]*\Z"
Directive = Annotated[str, Meta(max_length=limits.directive_chars_max, pattern=_NO_CONTROLS)]
Strip = Annotated[list[Count], Meta(min_length=1, max_length=limits.strip_slots_max)]
ViewName = Literal["text", "json"]
RowViewName = Literal["text", "json", "none"]
Inputs = Annotated[list[str], Meta(min_length=1, max_length=limits.inputs_at_once_max)]
Steps = Annotated[list[Any], Meta(min_length=1, max_length=limits.steps_at_once_max)]
NewBotIds = Annotated[list[str], Meta(min_length=1, max_length=limits.forks_at_once_max)]
WeaponName = Literal["mace", "sword", "dagger", "wand"]
ModeName = Literal["casual", "ironman", "daily", "short"]
Ascension = Annotated[int, Meta(ge=0, le=limits.ascensions_max)]
WornSlot = Literal["weapon", "head", "chest", "legs", "feet"]

DEFAULT_SLOT: Final = "main"


class ToolArguments(Struct, forbid_unknown_fields=True, rename="camel"):
    """The arguments of a tool that takes none; the base class of all other arguments."""


class StartOptions(ToolArguments):
    """The options of a new run; alone, the members of a step's `start`."""

    name: HeroName | None = None
    weapon: WeaponName | None = None
    seed: Seed | None = None
    mode: ModeName | None = None
    ascension: Ascension | None = None
    seed_set: Literal["own", "public", "private"] | None = None


class StartNewGame(StartOptions):
    view: ViewName | None = None
    episode: Count | None = None


class HandleInput(ToolArguments):
    input: str
    turn: Count | None = None
    episode: Count | None = None
    view: ViewName | None = None


class GetGameState(ToolArguments):
    view: ViewName | None = None


class SaveGame(ToolArguments):
    slot: SlotName | None = None


class LoadGame(ToolArguments):
    slot: SlotName | None = None
    episode: Count | None = None


class ResetGame(ToolArguments):
    episode: Count | None = None


class DeleteSave(ToolArguments):
    slot: SlotName


class ListBots(ToolArguments):
    after: str | None = None
    count: Annotated[int, Meta(ge=1, le=500)] | None = None


class GetRecentOutput(ToolArguments):
    count: Annotated[int, Meta(ge=1, le=100)] | None = None


class GetAgentContext(ToolArguments):
    recent_event_count: Annotated[int, Meta(ge=1, le=50)] | None = None


class SetAgentDirective(ToolArguments):
    directive: Directive


class SelectDungeon(ToolArguments):
    dungeon_index: Annotated[int, Meta(ge=1, le=99)]
    turn: Count | None = None
    episode: Count | None = None


class EquipItem(ToolArguments):
    item: Number
    turn: Count | None = None
    episode: Count | None = None


class UnequipItem(ToolArguments):
    slot: WornSlot
    turn: Count | None = None
    episode: Count | None = None


class SetComboStrip(ToolArguments):
    actions: Strip
    turn: Count | None = None
    episode: Count | None = None


class CompareItems(ToolArguments):
    a: Number
    b: Number | None = None


class HandleInputs(ToolArguments):
    inputs: Inputs
    turn: Count | None = None
    episode: Count | None = None
    view: ViewName | None = None


class StepMany(ToolArguments):
    steps: Steps
    view: RowViewName | None = None


class ForkGame(ToolArguments):
    new_bot_ids: NewBotIds
    turn: Count | None = None
    episode: Count | None = None
    exact: bool | None = None


class GetReplay(ToolArguments):
    episode: Count | None = None


class GetLeaderboard(ToolArguments):
    mode: Literal["ironman", "daily", "short"] | None = None
    ascension: Ascension | None = None
    scope: Literal["fleet", "deployment"] | None = None
    day: Annotated[str, Meta(max_length=10)] | None = None
    rules: Annotated[str, Meta(max_length=64)] | None = None
    count: Annotated[int, Meta(ge=1, le=100)] | None = None
    last: Annotated[int, Meta(ge=2, le=100)] | None = None


class Step(ToolArguments):
    """One step of `step_many`; each is decoded by itself and fails by itself."""

    bot_id: str
    input: str | None = None
    start: dict[str, Any] | None = None
    turn: Count | None = None
    episode: Count | None = None


ArgumentsT = TypeVar("ArgumentsT", bound=ToolArguments)

_UNKNOWN: Final = re.compile(r"unknown field `(.*)`", re.DOTALL)
_MISSING: Final = re.compile(r"missing required field `(\w+)`")
_AT: Final = re.compile(r" - at `\$\.(\w+)")
_SHOWN_CHARS_MAX: Final = 40


def decode(kind: type[ArgumentsT], given: Mapping[str, object], *, takes_bot: bool) -> ArgumentsT:
    """Return the arguments as the tool's struct.

    Args:
        kind: The struct of the tool's arguments.
        given: The arguments as the caller sent them, without `botId`.
        takes_bot: The message about an unknown argument lists `botId` too.

    Raises:
        BadInput: The code is bad_argument; the message names the argument and the allowed values.
    """
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError:
        given = spellings.mended(kind, given)
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as error:
        raise bad_argument(_explanation(str(error), kind, given, takes_bot=takes_bot)) from None


def clip(text: str) -> str:
    """Return a caller's text in a form that is safe and short enough to send back."""
    shown = (
        text if len(text) <= _SHOWN_CHARS_MAX else f"{text[:_SHOWN_CHARS_MAX]}... ({len(text)} characters)"
    )
    return ascii(shown)[1:-1]


def _explanation(
    problem: str, kind: type[ToolArguments], given: Mapping[str, object], *, takes_bot: bool
) -> str:
    allowed = allowed_values(kind)
    if unknown := _UNKNOWN.search(problem):
        names = ", ".join([*(["botId"] if takes_bot else []), *allowed]) or "none"
        return f"there is no argument `{clip(unknown[1])}` here; allowed: {names}"
    if missing := _MISSING.search(problem):
        return f"argument `{missing[1]}` is missing; it must be {allowed[missing[1]]}"
    at = _AT.search(problem)
    if at is None or at[1] not in allowed:
        return "the arguments must be an object"
    return f"argument `{at[1]}` must be {allowed[at[1]]}; got {_shown(given.get(at[1]))}"


def _shown(given: object) -> str:
    """Return a wrong value in a few words; a long or nested one by its kind."""
    if isinstance(given, str):
        return f'"{clip(given)}"'
    if isinstance(given, list):
        return f"a list of {len(given)}"
    if isinstance(given, dict):
        return "an object"
    return clip(msgspec.json.encode(given).decode())


@cache
def allowed_values(kind: type[ToolArguments]) -> dict[str, str]:
    """Return the allowed values of each argument in words, in the order of the struct."""
    struct = inspect.type_info(kind)
    assert isinstance(struct, inspect.StructType)
    return {field.encode_name: _words(field.type) for field in struct.fields}


def _words(kind: inspect.Type) -> str:
    """Return a phrase for the values of a type: `an integer of at least 0`."""
    match kind:
        case inspect.UnionType():
            return _words(next(one for one in kind.types if not isinstance(one, inspect.NoneType)))
        case inspect.LiteralType():
            return "one of " + ", ".join(sorted(map(str, kind.values)))
        case inspect.IntType(ge=low, le=None):
            return f"an integer of at least {low}"
        case inspect.IntType(ge=low, le=high):
            return f"an integer from {low} to {high}"
        case inspect.BoolType():
            return "true or false"
        case inspect.AnyType() | inspect.DictType():
            return "an object"
        case inspect.ListType():
            return f"a list of {kind.min_length} to {kind.max_length}, each {_words(kind.item_type)}"
        case inspect.StrType(pattern=pattern) if pattern == _NO_CONTROLS:
            return f"a string of 0 to {kind.max_length} characters, no control characters but newlines"
        case inspect.StrType(pattern=str()):
            return "a string of 1 to 32 of the characters a-z, 0-9 and -"
        case inspect.StrType(max_length=int()):
            return f"a string of {kind.min_length or 0} to {kind.max_length} characters"
        case _:
            return "a string"
