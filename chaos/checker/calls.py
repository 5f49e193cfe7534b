"""The journal by bots: their calls, each with the outcome of all its attempts, and the positions they saw."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from msgspec import Struct, field

from chaos.checker.stored import Place
from chaos.journal import (
    OK,
    REFUSED,
    START,
    UNKNOWN,
    Answer,
    Begin,
    Event,
    Fault,
    JournalError,
    Position,
)

BEGINNING: Final = -1
"""Stands for the turn of a call that begins a run."""
_NO_ANSWER: Final = "no_answer"


class RunOptions(Struct, frozen=True):
    """The options of a run that a client begins."""

    seed: int
    name: str
    mode: str


class Call(Struct, gc=False):
    """One request with its repeats.

    Attributes:
        turn: The turn that it names; `BEGINNING` for a start.
        text: The input; "" for a start.
        options: Those of a start.
        attempts: The number of attempts so far.
        open_attempts: Attempts whose outcome is unknown.
        error: The code of the last answer; "" after `ok`.
        shown, digest: The position of the answer `ok`; None without one.
        order: The number of the event that answered `ok`, among all events of the journal.
    """

    number: int
    episode: int
    turn: int
    text: str
    options: RunOptions | None
    attempts: int = 0
    open_attempts: int = 0
    error: str = ""
    shown: Place | None = None
    digest: str = ""
    order: int = 0

    @property
    def is_ok(self) -> bool:
        return self.shown is not None

    @property
    def place(self) -> tuple[int, int]:
        """The run and the turn that the call names."""
        return self.episode, self.turn

    @property
    def leads_to(self) -> Place:
        """The position after the effect of the call."""
        return Place(self.episode, self.turn + 1)

    def __str__(self) -> str:
        what = (
            f"input {self.text!r} at {Place(*self.place)}"
            if self.options is None
            else (f"start of run {self.episode} with seed {self.options.seed}")
        )
        return f"call {self.number} ({what})"


class Sight(Struct, gc=False):
    """A position that an answer showed.

    Attributes:
        order: The number of the event among all events of the journal.
        call: The call that was answered `ok`; None for a look and for a refusal.
        error: The code of a refusal.
    """

    order: int
    place: Place
    digest: str
    call: Call | None
    error: str = ""


class BotCalls(Struct):
    """All that one bot did and saw, in order."""

    calls: list[Call] = field(default_factory=list)
    sights: list[Sight] = field(default_factory=list)
    refusals: list[tuple[int, str]] = field(default_factory=list)
    """The number of the event and the code of each refusal."""
    pending: bool = False
    """The last attempt has no answer yet."""
    played_at: float | None = None
    """The time of the first answer `ok` after the end of the last fault."""


class Calls(Struct):
    """The whole journal.

    Attributes:
        events: The number of events.
        fault_end: The time at which the last fault ended; None without a fault.
        first_errors, repeated_errors, last_errors: As in `Findings`.
    """

    bots: dict[str, BotCalls] = field(default_factory=dict)
    events: int = 0
    fault_end: float | None = None
    first_errors: Counter[str] = field(default_factory=Counter)
    repeated_errors: Counter[str] = field(default_factory=Counter)
    last_errors: Counter[str] = field(default_factory=Counter)

    def add_all(self, events: Iterable[Event]) -> None:
        """Read all events.

        Raises:
            JournalError: The events do not follow from each other as those of a journal do.
        """
        for event in events:
            self.events += 1
            if isinstance(event, Begin):
                self._begin(event)
            elif isinstance(event, Answer):
                self._answer(event)
            elif isinstance(event, Position):
                place = Place(event.episode, event.turn)
                self._bot(event.bot).sights.append(Sight(self.events, place, event.digest, None))
            else:
                self._fault(event)
        for bot in self.bots.values():
            self._end_attempt(bot)
            self._end_call(bot)

    def _bot(self, name: str) -> BotCalls:
        bot = self.bots.get(name)
        if bot is None:
            bot = self.bots[name] = BotCalls()
        return bot

    def _begin(self, event: Begin) -> None:
        bot = self._bot(event.bot)
        self._end_attempt(bot)
        last = bot.calls[-1] if bot.calls else None
        if last is None or event.call > last.number:
            self._end_call(bot)
            call = _call_of(event)
            bot.calls.append(call)
        elif event.call == last.number and _is_repeat(last, event):
            call = last
        else:
            raise JournalError(
                f"event {self.events}: {event.bot} makes attempt {event.attempt} of call {event.call} after "
                f"attempt {last.attempts} of {last}"
            )
        call.attempts = event.attempt
        bot.pending = True

    def _answer(self, event: Answer) -> None:
        bot = self._bot(event.bot)
        call = bot.calls[-1] if bot.calls else None
        if call is None or not bot.pending or (event.call, event.attempt) != (call.number, call.attempts):
            raise JournalError(
                f"event {self.events}: {event.bot} has no open attempt {event.attempt} of call {event.call}"
            )
        bot.pending = False
        call.error = event.error if event.outcome != OK else ""
        if event.outcome == UNKNOWN:
            call.open_attempts += 1
        place = Place(event.episode, event.turn)
        if event.outcome == OK:
            call.shown, call.digest, call.order = place, event.digest, self.events
            bot.sights.append(Sight(self.events, place, event.digest, call))
            if bot.played_at is None:
                bot.played_at = event.at
        elif event.outcome == REFUSED:
            bot.refusals.append((self.events, event.error))
            if event.turn >= 0:
                bot.sights.append(Sight(self.events, place, event.digest, None, event.error))
        if call.error:
            self._count(call)

    def _count(self, call: Call) -> None:
        if call.attempts == 1:
            self.first_errors[call.error] += 1
        elif call.attempts == 2:
            self.repeated_errors[call.error] += 1

    def _end_attempt(self, bot: BotCalls) -> None:
        """Count an attempt without an answer as one with an unknown outcome."""
        if bot.pending:
            bot.pending = False
            call = bot.calls[-1]
            call.open_attempts += 1
            call.error = _NO_ANSWER
            self._count(call)

    def _end_call(self, bot: BotCalls) -> None:
        if not bot.calls or not bot.calls[-1].error:
            return
        call = bot.calls[-1]
        self.last_errors[call.error] += 1
        if call.attempts == 1:
            self.repeated_errors[call.error] += 1  # one repeat did not remove it, for nobody repeated

    def _fault(self, event: Fault) -> None:
        """Take the end of each fault as the last one so far; a fault without an end counts by its begin."""
        self.fault_end = event.at
        for bot in self.bots.values():
            bot.played_at = None


def _call_of(event: Begin) -> Call:
    if event.do == START:
        options = RunOptions(event.seed, event.name, event.mode)
        return Call(event.call, event.episode, BEGINNING, "", options)
    return Call(event.call, event.episode, event.turn, event.input, None)


def _is_repeat(call: Call, event: Begin) -> bool:
    """Return True if an attempt is the next one of a call without an answer `ok`, and names the same."""
    other = _call_of(event)
    is_same = (call.place, call.text, call.options) == (other.place, other.text, other.options)
    return is_same and not call.is_ok and event.attempt > call.attempts
