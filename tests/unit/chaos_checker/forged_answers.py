"""Forgeries of what the clients were answered: each changes one place of a true history."""

from __future__ import annotations

import msgspec

from chaos.journal import Answer, Begin
from tests.unit.chaos_checker.histories import StoredRun
from tests.unit.chaos_checker.stories import (
    BOT,
    OTHER,
    Story,
    cut,
    legal_at_end,
    number_at,
    renumber,
)


def answer_a_state_that_never_was(story: Story) -> None:
    story.change(story.answer_to(30), digest="0" * 32)


def answer_the_state_of_another_turn(story: Story) -> None:
    story.change(story.answer_to(30), digest=story.run.digest(29))


def answer_of_another_run(story: Story) -> None:
    story.change(story.answer_to(30), episode=1)


def answer_the_state_of_another_bot(story: Story) -> None:
    other = story.world.server[OTHER].runs[-1]
    story.change(story.answer_to(30), digest=other.digest(30))


def show_a_state_before_its_commit(story: Story) -> None:
    """A call has an unknown outcome, a look shows its effect, and then its turn is played by another call."""
    turn, text = story.alternative()
    at = story.answer_to(turn)
    story.insert(
        at + 1,
        Begin(9.0, BOT, number_at(story, at), 2, "input", 2, turn, text),
        Answer(9.0, BOT, number_at(story, at), 2, "unknown", "timeout"),
        story.look(turn + 1, cut(story, turn, text).digest(turn + 1)),
    )
    renumber(story)


def show_two_turns_before_their_commit(story: Story) -> None:
    """Two calls have unknown outcomes, a look shows the effect of both, and the store has neither."""
    run = story.run
    end = len(run.inputs)
    texts = [text for text in ("1", "3", "5") if legal_at_end(story, text)]
    last = number_at(story, story.of_bot(Begin)[-1])
    run_after = StoredRun(run.options, [*run.inputs, texts[0], "1"])
    story.events += [
        Begin(9.0, BOT, last + 1, 1, "input", 2, end, texts[0]),
        Answer(9.0, BOT, last + 1, 1, "unknown", "timeout"),
        Begin(9.0, BOT, last + 2, 1, "input", 2, end + 1, "1"),
        Answer(9.0, BOT, last + 2, 1, "unknown", "timeout"),
        story.look(end + 2, run_after.digest(end + 2)),
    ]


def answer_an_input_before_its_commit(story: Story) -> None:
    """An answer shows the effect of another input that was sent; the store has the acknowledged one."""
    turn, text = story.alternative()
    at = story.answer_to(turn)
    story.insert(
        at + 1,
        Begin(9.0, BOT, number_at(story, at), 2, "input", 2, turn, text),
        Answer(9.0, BOT, number_at(story, at), 2, "unknown", "timeout"),
    )
    renumber(story)
    story.change(story.answer_to(turn + 1), digest=cut(story, turn, text).digest(turn + 1))


def show_a_turn_that_is_gone(story: Story) -> None:
    story.events.append(story.look(len(story.run.inputs) + 1, ""))


def show_an_earlier_turn(story: Story) -> None:
    story.insert(story.answer_to(30) + 1, story.look(29, story.run.digest(29)))


def refuse_with_an_earlier_turn(story: Story) -> None:
    at = story.answer_to(30) + 1
    story.insert(
        at,
        Begin(9.0, BOT, number_at(story, at - 1), 2, "input", 2, 30, "equip 88"),
        Answer(9.0, BOT, number_at(story, at - 1), 2, "refused", "stale_turn", 2, 28),
    )
    renumber(story)


def answer_an_earlier_turn(story: Story) -> None:
    story.change(story.answer_to(30), turn=29)


def acknowledge_a_turn_twice(story: Story) -> None:
    at = story.answer_to(30)
    story.insert(
        at + 1,
        Begin(9.0, BOT, number_at(story, at), 2, "input", 2, 29, story.run.inputs[29]),
        msgspec.structs.replace(story.events[at], attempt=2),
    )
    renumber(story)


def refuse_an_input_that_is_stored(story: Story) -> None:
    story.change(
        story.answer_to(len(story.run.inputs)),
        outcome="refused",
        error="store_unavailable",
        turn=-1,
        digest="",
    )


def refuse_an_input_amid_others(story: Story) -> None:
    story.change(story.answer_to(30), outcome="refused", error="store_unavailable", turn=-1, digest="")


def refuse_a_run_that_is_stored(story: Story) -> None:
    story.change(story.answer_to(0), outcome="refused", error="store_unavailable", turn=-1, digest="")
