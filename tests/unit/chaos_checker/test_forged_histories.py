"""A true history that is forged in one place is detected, and named by its own kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec
import pytest

from chaos.checker import Findings, Kind, check
from chaos.checker.calls import RunOptions
from chaos.checker.stored import Rows, StoredBot
from chaos.journal import Answer, Begin, Event, Position
from dungeonfighter.errors import BadInput
from dungeonfighter.rules import Phase
from tests.unit.chaos_checker.histories import MODE, StoredRun, World
from tests.unit.rules.position import rules

BOT: Final = "bot-0"
OTHER: Final = "bot-1"
_LONG: Final = 140
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
    while len(texts) < _LONG:
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


# Forgeries of the store


def lose_the_last_input(story: Story) -> None:
    story.run.inputs.pop()


def lose_an_input_amid_others(story: Story) -> None:
    story.forge_inputs(lambda texts, at: None if texts[at] == texts[at + 1] else texts[:at] + texts[at + 1 :])


def lose_an_input_to_another_one(story: Story) -> None:
    def form(texts: list[str], at: int) -> list[str] | None:
        other = next(text for text in ("3", "5", "0", "8") if text != texts[at])
        return [*texts[:at], other, *texts[at + 1 :]]

    story.forge_inputs(form)


def lose_a_run(story: Story) -> None:
    story.world.server[BOT].runs.pop()


def lose_a_bot(story: Story) -> None:
    del story.rows[BOT]


def double_the_last_input(story: Story) -> None:
    story.run.inputs.append(story.run.inputs[-1])
    assert is_legal(story.run)


def double_an_input_amid_others(story: Story) -> None:
    story.forge_inputs(
        lambda texts, at: None if texts[at] == texts[at + 1] else [*texts[: at + 1], *texts[at:]]
    )


def write_two_versions_with_one_operation(story: Story) -> None:
    trail = decoded_trail(story)
    trail[4] = trail[4][:56] + trail[4][48:56]
    trail[6] = trail[4][-8:] + bytes(4)
    story.change_row(trail=msgspec.msgpack.encode(trail))


def swap_two_inputs(story: Story) -> None:
    story.forge_inputs(
        lambda texts, at: (
            None if texts[at] == texts[at + 1] else [*texts[:at], texts[at + 1], texts[at], *texts[at + 2 :]]
        )
    )


def store_another_digest(story: Story) -> None:
    story.change_row(digest=bytes(16), state=b"")


def store_another_state(story: Story) -> None:
    story.change_row(state=story.run.states()[-2])


def store_a_run_of_another_seed(story: Story) -> None:
    options = msgspec.structs.replace(story.run.options, seed=5)
    story.run.options = options
    story.run.inputs = ["1"] * 3


def begin_a_run_twice(story: Story) -> None:
    story.world.server[BOT].runs.append(StoredRun(story.run.options))


def begin_a_run_unasked(story: Story) -> None:
    story.world.server[BOT].runs.append(StoredRun(RunOptions(5, "stranger", MODE)))


def add_an_input_that_nobody_sent(story: Story) -> None:
    last = story.run.inputs[-1]
    story.run.inputs.append(
        next(text for text in ("1", "3", "5", "0") if text != last and legal_at_end(story, text))
    )


def add_a_bot_that_nobody_played(story: Story) -> None:
    story.rows["stranger"] = story.rows[OTHER]


def legal_at_end(story: Story, text: str) -> bool:
    return is_legal(StoredRun(story.run.options, [*story.run.inputs, text]))


def drop_a_chunk(story: Story) -> None:
    del story.bot.chunks[-2]


def drop_the_last_chunk(story: Story) -> None:
    del story.bot.chunks[-1]


def move_a_chunk(story: Story) -> None:
    chunk = story.bot.chunks[-1]
    story.bot.chunks[-1] = msgspec.structs.replace(chunk, first_turn=chunk.first_turn - 1)


def cut_a_chunk_short(story: Story) -> None:
    chunk = story.bot.chunks[0]
    texts = chunk.inputs.split("\n")
    story.bot.chunks[0:1] = [
        msgspec.structs.replace(chunk, inputs="\n".join(texts[:4])),
        msgspec.structs.replace(chunk, inputs="\n".join(texts[4:]), first_turn=4),
    ]


def change_a_chunk_beside_the_trail(story: Story) -> None:
    chunk = story.bot.chunks[-1]
    texts = chunk.inputs.split("\n")
    texts[-1] = "3" if texts[-1] != "3" else "5"
    story.bot.chunks[-1] = msgspec.structs.replace(chunk, inputs="\n".join(texts))


def add_a_chunk_of_a_later_run(story: Story) -> None:
    story.bot.chunks.append(msgspec.structs.replace(story.bot.chunks[-1], episode=9, first_turn=0))


def count_one_write_too_many(story: Story) -> None:
    story.world.server[BOT].extra_versions = 1


def count_one_operation_too_few(story: Story) -> None:
    trail = decoded_trail(story)
    trail[4] = trail[4][8:]
    story.change_row(trail=msgspec.msgpack.encode(trail))


def forget_the_end_of_a_run(story: Story) -> None:
    del story.bot.ends[1]


def raise_a_score(story: Story) -> None:
    story.bot.ends[1] = msgspec.structs.replace(story.bot.ends[1], score=story.bot.ends[1].score + 1)


def let_a_run_be_won(story: Story) -> None:
    story.bot.ends[1] = msgspec.structs.replace(story.bot.ends[1], result="won")


def let_a_run_live_that_is_over(story: Story) -> None:
    """Take the record of the end from a bot whose last run is over."""
    client = story.world.clients[0]
    while not client.is_over:
        client.send(client.choice())
    del story.bot.ends[2]
    story.bot.chunks.pop()


def store_an_illegal_input(story: Story) -> None:
    chunk = story.bot.chunks[1]
    texts = chunk.inputs.split("\n")
    assert chunk.episode == 2
    texts[1] = "equip 77"
    story.bot.chunks[1] = msgspec.structs.replace(chunk, inputs="\n".join(texts))


def damage_a_trail(story: Story) -> None:
    assert story.bot.row is not None
    story.change_row(trail=b"\xc1" + story.bot.row.trail[1:])


def damage_a_mark(story: Story) -> None:
    trail = decoded_trail(story)
    trail[6] = bytes(12)
    story.change_row(trail=msgspec.msgpack.encode(trail))


def drop_a_row_beside_its_records(story: Story) -> None:
    story.bot.row = None


def decoded_trail(story: Story) -> list[Any]:
    assert story.bot.row is not None
    trail: list[Any] = msgspec.msgpack.decode(story.bot.row.trail)
    return trail


# Forgeries of the answers


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


# Forgeries of fail-overs


def fail_over(story: Story, lost: int, *, is_refused: bool = True, plays_on: bool = True) -> None:
    """Lose the last inputs of the first bot by a fail-over, and let its client go on."""
    world = story.world
    world.server[OTHER].cut(0)
    former = world.stands()
    world.server[BOT].cut(lost)
    world.add_promotion(former)
    client = world.clients[0]
    if is_refused:
        client.send("1")
    if plays_on:
        client.act_plainly()


def lose_more_than_the_promoted_server_lacked(story: Story) -> None:
    fail_over(story, 3)
    promotion = story.world.promotions[0]
    place = promotion.promoted[f"local/{BOT}"]
    promotion.promoted[f"local/{BOT}"] = msgspec.structs.replace(place, turn=place.turn + 1)
    story.run.inputs = story.run.inputs[: place.turn]


def lose_a_turn_that_no_server_had(story: Story) -> None:
    fail_over(story, 3)
    former = story.world.promotions[0].former
    former[f"local/{BOT}"] = msgspec.structs.replace(former[f"local/{BOT}"], digest="0" * 32)


def bring_a_lost_turn_back(story: Story) -> None:
    fail_over(story, 0)
    promoted = story.world.promotions[0].promoted
    place = promoted[f"local/{BOT}"]
    promoted[f"local/{BOT}"] = msgspec.structs.replace(place, turn=place.turn - 1)


def lose_without_a_notice(story: Story) -> None:
    """The bot plays on as if its turns were there: the promoted server jumps over them."""
    fail_over(story, 2, is_refused=False, plays_on=False)


def lose_and_stop(story: Story) -> None:
    fail_over(story, 2, plays_on=False)


def lose_a_run_of_the_promoted_server(story: Story) -> None:
    fail_over(story, 3)
    story.world.clients[0].start(3)
    story.world.server[BOT].runs.pop()


def lose_a_turn_of_the_promoted_server(story: Story) -> None:
    fail_over(story, 3)
    client = story.world.clients[0]
    for _ in range(5):
        client.send("1")
    story.run.inputs.pop()


def replace_a_lost_input_by_one_that_nobody_sent(story: Story) -> None:
    fail_over(story, 1)
    turn, legal = len(story.run.inputs) - 1, ("1", "2", "3", "4")
    lost = story.world.sent(BOT, 2, turn)
    text = next(one for one in legal if one not in lost and is_legal(cut(story, turn, one)))
    story.run.inputs[turn:] = [text]


def replace_a_lost_run_by_one_that_nobody_began(story: Story) -> None:
    fail_over(story, _LONG + 1)
    story.run = story.world.server[BOT].runs[-1]
    story.world.server[BOT].runs.append(StoredRun(RunOptions(5, "stranger", MODE)))


FORGERIES: Final[dict[Kind, list[Callable[[Story], None]]]] = {
    Kind.LOST: [
        lose_the_last_input,
        lose_an_input_amid_others,
        lose_an_input_to_another_one,
        lose_a_run,
        lose_a_bot,
        lose_more_than_the_promoted_server_lacked,
        lose_a_run_of_the_promoted_server,
        lose_a_turn_of_the_promoted_server,
        lose_a_turn_that_no_server_had,
    ],
    Kind.DOUBLED: [
        double_the_last_input,
        double_an_input_amid_others,
        write_two_versions_with_one_operation,
    ],
    Kind.REORDERED: [swap_two_inputs],
    Kind.OTHER_STATE: [
        store_another_digest,
        store_another_state,
        answer_a_state_that_never_was,
        answer_the_state_of_another_turn,
    ],
    Kind.OTHER_EPISODE: [answer_of_another_run, store_a_run_of_another_seed],
    Kind.OTHER_BOT: [answer_the_state_of_another_bot],
    Kind.UNCOMMITTED: [
        show_a_state_before_its_commit,
        show_two_turns_before_their_commit,
        answer_an_input_before_its_commit,
        show_a_turn_that_is_gone,
    ],
    Kind.WENT_BACK: [show_an_earlier_turn, refuse_with_an_earlier_turn, answer_an_earlier_turn],
    Kind.TWO_CALLS: [acknowledge_a_turn_twice],
    Kind.REFUSED_EFFECT: [
        refuse_an_input_that_is_stored,
        refuse_an_input_amid_others,
        refuse_a_run_that_is_stored,
    ],
    Kind.BEGUN_TWICE: [begin_a_run_twice],
    Kind.UNSENT: [
        begin_a_run_unasked,
        add_an_input_that_nobody_sent,
        add_a_bot_that_nobody_played,
        replace_a_lost_input_by_one_that_nobody_sent,
        replace_a_lost_run_by_one_that_nobody_began,
    ],
    Kind.CHUNKS: [
        drop_a_chunk,
        drop_the_last_chunk,
        move_a_chunk,
        cut_a_chunk_short,
        change_a_chunk_beside_the_trail,
        add_a_chunk_of_a_later_run,
    ],
    Kind.VERSION: [count_one_write_too_many, count_one_operation_too_few],
    Kind.RUN_END: [forget_the_end_of_a_run, raise_a_score, let_a_run_be_won, let_a_run_live_that_is_over],
    Kind.ILLEGAL: [store_an_illegal_input],
    Kind.DAMAGED: [damage_a_trail, damage_a_mark, drop_a_row_beside_its_records],
    Kind.CAME_BACK: [bring_a_lost_turn_back],
    Kind.NOT_REFUSED: [lose_without_a_notice],
    Kind.STOPPED: [lose_and_stop],
}
CONSEQUENCES: Final[dict[Callable[[Story], None], set[Kind]]] = {
    lose_more_than_the_promoted_server_lacked: {Kind.WENT_BACK},
    replace_a_lost_input_by_one_that_nobody_sent: {Kind.LOST},
    drop_a_chunk: {Kind.LOST},
    drop_the_last_chunk: {Kind.LOST},
    move_a_chunk: {Kind.LOST},
    change_a_chunk_beside_the_trail: {Kind.LOST},
    forget_the_end_of_a_run: {Kind.LOST},
    store_an_illegal_input: {Kind.LOST},
    damage_a_trail: {Kind.LOST},
    damage_a_mark: {Kind.LOST},
    drop_a_row_beside_its_records: {Kind.LOST},
}
"""Further kinds: of a run that cannot be put together, the turns are lost."""
CASES: Final = [
    pytest.param(kind, forge, id=forge.__name__)
    for kind, forgeries in FORGERIES.items()
    for forge in forgeries
]


def test_the_story_is_true() -> None:
    findings = Story().checked()
    assert findings.violations == []
    assert findings.acknowledged == 2 * (2 + 12 + _LONG)


def test_each_kind_has_a_forgery() -> None:
    assert set(FORGERIES) == set(Kind)


@pytest.mark.parametrize(("kind", "forge"), CASES)
def test_a_forgery_is_named_by_its_kind(kind: Kind, forge: Callable[[Story], None]) -> None:
    story = Story()
    forge(story)
    findings = story.checked()
    assert set(findings.kinds) == {kind, *CONSEQUENCES.get(forge, ())}, list(findings.lines())
