"""One true history, and the means to forge it: two bots have played a short run and a long one that lives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec

from chaos.checker import Findings, check
from chaos.checker.calls import RunOptions
from chaos.checker.stored import Rows, StoredBot
from chaos.journal import Answer, Begin, Event, Position
from dungeonfighter.errors import BadInput
from dungeonfighter.rules import Phase
from tests.unit.chaos_checker.histories import StoredRun, World
from tests.unit.rules.position import rules

BOT: Final = "bot-0"
OTHER: Final = "bot-1"
LONG: Final = 140
"""Inputs of the second run: two whole chunks and the beginning of a third."""
_STANCES: Final = ("1", "2", "4")


def story() -> World:
    """Return a world in which two bots have played a short run and a long one that lives, without trouble."""
    world = World(11, trouble=0.0)
    for client in world.clients:
        client.start(1)
        for _ in range(12):
            client.send(client.choice())
        client.start(2)
        for text in long_run(client.bot.runs[-1].options):
            client.send(text)
    return world


def long_run(options: RunOptions) -> list[str]:
    """Return inputs of a run that lives: `1`, in fights each stance in turn, so that neighbours differ."""
    state, texts = StoredRun(options).state(), list[str]()
    while len(texts) < LONG:
        text = _STANCES[len(texts) % len(_STANCES)] if state.phase == Phase.Combat else "1"
        state = rules().apply(state, text).state
        texts.append(text)
    assert not state.over
    return texts


class Story:
    """A copy of the true history, to be forged.

    Attributes:
        run: The stored second run of the first bot.
        rows: The rows; None until they are made from the runs.
    """

    def __init__(self) -> None:
        self.world = story()
        self.events = self.world.events
        self.run = self.world.server[BOT].runs[-1]
        self._rows: Rows | None = None

    @property
    def rows(self) -> Rows:
        if self._rows is None:
            self._rows = self.world.rows()
        return self._rows

    @property
    def bot(self) -> StoredBot:
        return self.rows[BOT]

    def checked(self) -> Findings:
        return check(self.events, self.rows, self.world.promotions)

    # Places of the journal

    def of_bot(self, kind: type[Any]) -> list[int]:
        """Return the places of the events of one kind of the first bot."""
        return [at for at, one in enumerate(self.events) if isinstance(one, kind) and one.bot == BOT]

    def answer_to(self, turn: int) -> int:
        """Return the place of the answer that leads to a turn of the second run."""
        return next(
            at
            for at in self.of_bot(Answer)
            if (event := self.events[at]).episode == 2 and event.turn == turn  # type: ignore[union-attr]
        )

    def change(self, at: int, **fields: object) -> None:
        self.events[at] = msgspec.structs.replace(self.events[at], **fields)

    def change_row(self, **fields: object) -> None:
        assert self.bot.row is not None
        self.bot.row = msgspec.structs.replace(self.bot.row, **fields)

    def insert(self, at: int, *events: Event) -> None:
        self.events[at:at] = events

    def look(self, turn: int, digest: str) -> Position:
        return Position(9.0, BOT, 2, turn, digest)

    # Places of the store

    def legal_forms(self, form: Callable[[list[str], int], list[str] | None]) -> Iterator[list[str]]:
        """Yield the changed inputs of the run that are legal, for each place at which they can change."""
        for at in range(5, len(self.run.inputs) - 5):
            texts = form(list(self.run.inputs), at)
            if texts is not None and is_legal(StoredRun(self.run.options, texts)):
                yield texts

    def forge_inputs(self, form: Callable[[list[str], int], list[str] | None]) -> None:
        self.run.inputs = next(self.legal_forms(form))

    def alternative(self) -> tuple[int, str]:
        """Return a turn amid the run, and an input that is legal there and is not the stored one."""
        states = self.run.states()
        for turn, stored in enumerate(self.run.inputs[30:], 30):
            legal = [choice.input for choice in rules().legal_inputs(rules().decode(states[turn]))]
            for text in legal:
                if text != stored and is_legal(cut(self, turn, text)):
                    return turn, text
        raise AssertionError("no turn has two legal inputs")


def is_legal(run: StoredRun) -> bool:
    """Return True if a run can be played, and lives."""
    try:
        return not rules().decode(run.states()[-1]).over
    except BadInput:
        return False


def cut(story: Story, turn: int, text: str) -> StoredRun:
    """Return the run up to a turn, and one more input."""
    return StoredRun(story.run.options, [*story.run.inputs[:turn], text])


def number_at(story: Story, at: int) -> int:
    event = story.events[at]
    assert isinstance(event, Begin | Answer)
    return event.call


def renumber(story: Story) -> None:
    """Give each begin of the first bot the next number of a call, and its answer the same one."""
    number = 0
    for at, event in enumerate(story.events):
        if isinstance(event, Begin | Answer) and event.bot == BOT:
            number += isinstance(event, Begin)
            story.change(at, call=number, attempt=1)


def legal_at_end(story: Story, text: str) -> bool:
    return is_legal(StoredRun(story.run.options, [*story.run.inputs, text]))


def decoded_trail(story: Story) -> list[Any]:
    assert story.bot.row is not None
    trail: list[Any] = msgspec.msgpack.decode(story.bot.row.trail)
    return trail
