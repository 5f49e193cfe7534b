"""Forgeries of what the store has: each changes one place of a true history."""

from __future__ import annotations

import msgspec

from chaos.checker.calls import RunOptions
from tests.unit.chaos_checker.histories import MODE, StoredRun
from tests.unit.chaos_checker.stories import (
    BOT,
    OTHER,
    Story,
    decoded_trail,
    is_legal,
    legal_at_end,
)


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
    texts[-1] = "2" if texts[-1] == "1" else "1"
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
