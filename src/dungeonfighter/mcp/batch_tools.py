"""The tools for many inputs at once: several of one bot in one commit, or one each of many bots.

`step_many` passes all its steps to the host before it waits, so that they share the batches of group commit,
and answers after the last result. A call has up to five hundred steps, so a step must be cheap: it has no
task, and its result is one object, which is encoded without a conversion.

Source: docs/tools.md, "Many inputs at once" and "Repeating a call safely"; docs/decisions/010-batches.md.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec
from msgspec import UNSET, Struct, UnsetType

from dungeonfighter import limits
from dungeonfighter.errors import Corrupt, DungeonFighterError, QuotaExceeded, StoreError
from dungeonfighter.hosting.answers import Answer
from dungeonfighter.mcp import arguments, spellings, views
from dungeonfighter.mcp.answers import (
    INTERNAL_WAY_OUT,
    REPEATED,
    Refusal,
    ToolAnswer,
    bad_argument,
    failure,
    in_both_forms,
)
from dungeonfighter.mcp.bot_ids import bad_bot_id
from dungeonfighter.mcp.numbers import demand_numbers
from dungeonfighter.mcp.play_tools import new_game
from dungeonfighter.mcp.schemas import NUMBERS
from dungeonfighter.mcp.tool import Seat, tool
from dungeonfighter.telemetry.tokens import count_tokens

_SHOWN_MAX: Final = 20
"""The text shows each result of up to so many steps; a larger call is one of a program."""
_EXAMPLES_MAX: Final = 3
_EXAMPLE_CHARS_MAX: Final = 160
_END: Final = r"\Z"
_BROKEN: Final = f"this step broke; {INTERNAL_WAY_OUT}"
_BEGUN_AT_A_TIME: Final = 64
"""After this many steps the event loop serves other calls. A larger number is not faster (measured)."""

_BOT_IDS: Final = re.compile(rf"(?:{limits.bot_id_pattern.pattern.removesuffix(_END)}\n)*{_END}")
"""Matches any number of bot ids, each with a newline after it."""

logger = logging.getLogger(__name__)


@tool("fleet", arguments.HandleInputs, turns=lambda args: len(args.inputs))
async def handle_inputs(seat: Seat, args: arguments.HandleInputs) -> ToolAnswer:
    answer = await seat.host.play_many(
        seat.key, args.inputs, turn=args.turn, episode=args.episode, delivery=seat.delivery
    )
    game, stopped, asked = answer.game, answer.stopped, len(args.inputs)
    text = views.text_view(game)
    structured = views.json_view(game, text) if args.view == "json" else views.place(game)
    structured |= {"applied": answer.applied, "asked": asked}
    if stopped is not None:
        over = stopped.code == "run_over"
        why = "the run is over" if over else f"input {stopped.at} '{stopped.input}' is not legal here"
        text += f"\nplayed {answer.applied} of {asked}; {why}"
        structured["stopped"] = msgspec.to_builtins(stopped)
    if answer.repeated and args.turn is not None and args.turn + answer.applied < game.turn:
        text += REPEATED
        structured["repeated"] = True
    return in_both_forms(text, structured, repeated=answer.repeated)


class Stepped(Struct, rename="camel", gc=False):
    """The result of a step. `score` and `reward` are points; `reward` is the gain of this input, and is left
    out of a repeat.
    """

    bot_id: str
    episode: int
    turn: int
    score: float
    is_over: bool
    reward: float | UnsetType = UNSET
    repeated: bool | UnsetType = UNSET
    text: str | UnsetType = UNSET
    view: dict[str, object] | UnsetType = UNSET


class NotStepped(Struct, rename="camel", gc=False):
    """The error of a step that was not played. `bot_id` is left out where the step has no valid one."""

    bot_id: str | UnsetType
    code: str
    message: object
    text: str
    episode: object = UNSET
    turn: object = UNSET
    legal: object = UNSET


class StepResults(Struct):
    """The results, in the order of the steps."""

    results: list[Stepped | NotStepped]


@tool("fleet", arguments.StepMany, takes_bot=False, unbound_only=True)
async def step_many(seat: Seat, args: arguments.StepMany) -> ToolAnswer:
    steps = _Steps(seat, args)
    await steps.take()
    return ToolAnswer(_text_of(steps.results), StepResults(steps.results))


class _Steps:
    """The steps of one call, and their results; a step's tag for the host is its index."""

    def __init__(self, seat: Seat, args: arguments.StepMany) -> None:
        count = len(args.steps)
        self._host = seat.host
        self._principal = seat.principal
        self._admit = seat.admission.admit
        self._delivery = seat.delivery
        self._turns_required = seat.turns_required
        self._given = args.steps
        self._steps: list[Any] = [None] * count
        self._view = args.view or "text"
        self._open = count
        self._all_done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._troubles: Counter[str] = Counter()
        self._rejected: Counter[str] = Counter()
        self._daily_tokens = seat.host.daily_tokens
        self.results: list[Any] = [None] * count

    async def take(self) -> None:
        """Begin all steps, and return when each has its result."""
        good = _all_good(self._given)
        if good is not None:
            self._steps = good
        seen: set[str | UnsetType] = set()
        for first in range(0, len(self._given), _BEGUN_AT_A_TIME):
            if first:
                await asyncio.sleep(0)
            these = range(first, min(first + _BEGUN_AT_A_TIME, len(self._given)))
            sound = these if good is not None else [number for number in these if self._is_good(number, seen)]
            self._host.begin_plays(self._plays(sound), self, self._delivery)
        await self._all_done
        for code, count in self._rejected.items():
            if code in self._host.metrics.rejected:
                self._host.metrics.rejected[code].add(count)
        if self._troubles:
            troubles = ", ".join(f"{code} {count}" for code, count in self._troubles.items())
            logger.warning("step_many for %s: %s", self._principal.fleet, troubles)

    def _is_good(self, index: int, seen: set[str | UnsetType]) -> bool:
        """Decode one step; report it and return False if it is malformed, or the second one of its bot."""
        given = spellings.as_object(self._given[index])
        bot = _bot_in(given)
        try:
            if not isinstance(given, dict):
                raise bad_argument("a step must be an object {botId, input | start, turn?, episode?}")
            step = arguments.decode(arguments.Step, given, takes_bot=False)
            if bot is UNSET:
                raise bad_bot_id(step.bot_id)
            if bot in seen:
                raise bad_argument(
                    f"a call takes one step of each bot, and there is another step of {bot} before this one"
                )
        except Exception as error:  # noqa: BLE001 (each step fails by itself)
            self.deliver(index, self._not_stepped(bot, error))
            return False
        seen.add(bot)
        self._steps[index] = step
        return True

    def _plays(self, these: Iterable[int]) -> Iterator[tuple[str, str, int | None, int | None, int]]:
        """Admit these steps one by one; yield those that play an input, and begin the others."""
        principal, admit, steps = self._principal, self._admit, self._steps
        prefix = f"{principal.fleet}/"
        for index in these:
            step = steps[index]
            try:
                admit(principal, "fleet", step.bot_id, 1)
                if self._turns_required:
                    demand_numbers(step, NUMBERS if step.start is None else ("episode",))
                if step.input is None or step.start is not None:
                    self._begin_start(prefix + step.bot_id, step, index)
                    continue
            except Exception as error:  # noqa: BLE001 (each step fails by itself)
                self.deliver(index, error)
                continue
            yield prefix + step.bot_id, step.input, step.turn, step.episode, index

    def _begin_start(self, key: str, step: arguments.Step, index: int) -> None:
        if step.input is not None:
            raise bad_argument("a step has `input` or `start`, not both")
        if step.start is None:
            raise bad_argument("a step must have `input` or `start`")
        if step.turn is not None:
            raise bad_argument("argument `turn` goes with `input`; a start may name `episode`")
        options = arguments.decode(arguments.StartOptions, step.start, takes_bot=False)
        self._host.begin_start(key, new_game(options), step.episode, self, index, self._delivery)

    def deliver(self, tag: int, rendered: Stepped | NotStepped | Exception) -> None:
        """Store the result of a step; an exception becomes a `NotStepped`."""
        if isinstance(rendered, Exception):
            rendered = self._not_stepped(self._steps[tag].bot_id, rendered)
        if self._daily_tokens is not None and rendered.bot_id is not UNSET:
            tokens = count_tokens(msgspec.json.encode(rendered).decode())
            self._daily_tokens.count(f"{self._principal.fleet}/{rendered.bot_id}", tokens)
        self.results[tag] = rendered
        self._open -= 1
        if self._open == 0 and not self._all_done.done():
            self._all_done.set_result(None)

    def render(self, tag: int, answer: Answer) -> Stepped:
        """Return the result of a step that was played."""
        game, step = answer.game, self._steps[tag]
        state = game.state
        done = Stepped(step.bot_id, game.episode, game.turn, game.rules.score(state) / 100, state.over)
        if answer.repeated:
            done.repeated = True
        else:
            done.reward = answer.reward / 100
        if self._view == "text":
            done.text = views.text_view(game)
            if answer.repeated and step.turn is not None and step.turn < game.turn - 1:
                done.text += REPEATED
        elif self._view == "json":
            done.view = views.json_view(game)
        return done

    def _not_stepped(self, bot: str | UnsetType, error: Exception) -> NotStepped:
        if not isinstance(error, DungeonFighterError):
            logger.error("a step of step_many broke", exc_info=error)
            return NotStepped(bot, "internal", _BROKEN, f"error internal: {_BROKEN}")
        if isinstance(error, StoreError | Corrupt):
            self._troubles[error.code] += 1
        try:
            answer = failure(error)
        except Refusal as refusal:
            self._rejected[error.code] += 1
            said = refusal.message.removeprefix(f"{error.code}: ")
            return NotStepped(bot, error.code, said, f"error {refusal.message}")
        if isinstance(error, QuotaExceeded):
            self._rejected[error.code] += 1
        of = answer.structured
        assert isinstance(of, dict)
        short = self._view == "none"
        return NotStepped(
            bot, error.code, of["message"], answer.text.partition("\n\n")[0] if short else answer.text,
            of.get("episode", UNSET), of.get("turn", UNSET), UNSET if short else of.get("legal", UNSET),
        )  # fmt: skip


def _all_good(given: list[Any]) -> list[arguments.Step] | None:
    """Return all steps decoded, or None if one is malformed or a bot has two.

    Decoding all at once costs a third of decoding one by one (measured).
    """
    try:
        steps = msgspec.convert(given, list[arguments.Step])
    except msgspec.ValidationError:
        return None
    bots = [step.bot_id for step in steps]
    lines = "\n".join([*bots, ""])
    is_good = _BOT_IDS.match(lines) and lines.count("\n") == len(set(bots)) == len(bots)
    return steps if is_good else None


def _bot_in(given: object) -> str | UnsetType:
    """Return the bot id of a step, if it has a valid one."""
    bot = spellings.as_text(given.get("botId")) if isinstance(given, dict) else None
    return bot if limits.is_bot_id(bot) else UNSET


def _text_of(results: Sequence[Any]) -> str:
    """Return one line with the counts, then each result; of many results only some of the errors."""
    count = len(results)
    failed = [(number, one) for number, one in enumerate(results, 1) if type(one) is NotStepped]
    first = f"{count} step{'s' * (count > 1)}: {count - len(failed)} ok"
    if failed:
        codes = Counter(one.code for _, one in failed)
        counts = ", ".join(f"{code} {times}" for code, times in codes.most_common())
        first += f", {len(failed)} error{'s' * (len(failed) > 1)} ({counts})"
    if count <= _SHOWN_MAX:
        return "\n\n".join([first, *(_block(number, one) for number, one in enumerate(results, 1))])
    lines = [f"{first}; structuredContent has each result, this text only those of up to {_SHOWN_MAX} steps"]
    for number, one in failed[:_EXAMPLES_MAX]:
        lines.append(f"{_name(number, one)}: {one.text.partition(chr(10))[0][:_EXAMPLE_CHARS_MAX]}")
    return "\n".join(lines)


def _block(number: int, one: Stepped | NotStepped) -> str:
    """Return a result as text: its bot and, where it was played, the numbers; then its view or error."""
    if isinstance(one, NotStepped):
        return f"{_name(number, one)}: {one.text}"
    line = f"{one.bot_id}: e{one.episode} t{one.turn}, score {one.score:g}"
    line += ", repeated" if one.reward is UNSET else f", reward {one.reward:g}"
    line += ", the run is over" if one.is_over else ""
    text = one.text if one.view is UNSET else one.view["text"]
    return line if text is UNSET else f"{line}\n{text}"


def _name(number: int, one: Stepped | NotStepped) -> str:
    return f"step {number}" if one.bot_id is UNSET else one.bot_id
