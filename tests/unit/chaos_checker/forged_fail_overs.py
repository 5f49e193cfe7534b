"""Forgeries of fail-overs that lose commits."""

from __future__ import annotations

import msgspec

from chaos.checker.calls import RunOptions
from tests.unit.chaos_checker.histories import MODE, StoredRun
from tests.unit.chaos_checker.stories import (
    BOT,
    LONG,
    OTHER,
    Story,
    cut,
    is_legal,
)


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
    fail_over(story, LONG + 1)
    story.run = story.world.server[BOT].runs[-1]
    story.world.server[BOT].runs.append(StoredRun(RunOptions(5, "stranger", MODE)))
