"""A true history that is forged in one place is detected, and named by its own kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from chaos.checker import Kind
from tests.unit.chaos_checker import forged_answers, forged_fail_overs, forged_rows
from tests.unit.chaos_checker.stories import (
    LONG,
    Story,
)

FORGERIES: Final[dict[Kind, list[Callable[[Story], None]]]] = {
    Kind.LOST: [
        forged_rows.lose_the_last_input,
        forged_rows.lose_an_input_amid_others,
        forged_rows.lose_an_input_to_another_one,
        forged_rows.lose_a_run,
        forged_rows.lose_a_bot,
        forged_fail_overs.lose_more_than_the_promoted_server_lacked,
        forged_fail_overs.lose_a_run_of_the_promoted_server,
        forged_fail_overs.lose_a_turn_of_the_promoted_server,
        forged_fail_overs.lose_a_turn_that_no_server_had,
    ],
    Kind.DOUBLED: [
        forged_rows.double_the_last_input,
        forged_rows.double_an_input_amid_others,
        forged_rows.write_two_versions_with_one_operation,
    ],
    Kind.REORDERED: [forged_rows.swap_two_inputs],
    Kind.OTHER_STATE: [
        forged_rows.store_another_digest,
        forged_rows.store_another_state,
        forged_answers.answer_a_state_that_never_was,
        forged_answers.answer_the_state_of_another_turn,
    ],
    Kind.OTHER_EPISODE: [forged_answers.answer_of_another_run, forged_rows.store_a_run_of_another_seed],
    Kind.OTHER_BOT: [forged_answers.answer_the_state_of_another_bot],
    Kind.UNCOMMITTED: [
        forged_answers.show_a_state_before_its_commit,
        forged_answers.show_two_turns_before_their_commit,
        forged_answers.answer_an_input_before_its_commit,
        forged_answers.show_a_turn_that_is_gone,
    ],
    Kind.WENT_BACK: [
        forged_answers.show_an_earlier_turn,
        forged_answers.refuse_with_an_earlier_turn,
        forged_answers.answer_an_earlier_turn,
    ],
    Kind.TWO_CALLS: [forged_answers.acknowledge_a_turn_twice],
    Kind.REFUSED_EFFECT: [
        forged_answers.refuse_an_input_that_is_stored,
        forged_answers.refuse_an_input_amid_others,
        forged_answers.refuse_a_run_that_is_stored,
    ],
    Kind.BEGUN_TWICE: [forged_rows.begin_a_run_twice],
    Kind.UNSENT: [
        forged_rows.begin_a_run_unasked,
        forged_rows.add_an_input_that_nobody_sent,
        forged_rows.add_a_bot_that_nobody_played,
        forged_fail_overs.replace_a_lost_input_by_one_that_nobody_sent,
        forged_fail_overs.replace_a_lost_run_by_one_that_nobody_began,
    ],
    Kind.CHUNKS: [
        forged_rows.drop_a_chunk,
        forged_rows.drop_the_last_chunk,
        forged_rows.move_a_chunk,
        forged_rows.cut_a_chunk_short,
        forged_rows.change_a_chunk_beside_the_trail,
        forged_rows.add_a_chunk_of_a_later_run,
    ],
    Kind.VERSION: [forged_rows.count_one_write_too_many, forged_rows.count_one_operation_too_few],
    Kind.RUN_END: [
        forged_rows.forget_the_end_of_a_run,
        forged_rows.raise_a_score,
        forged_rows.let_a_run_be_won,
        forged_rows.let_a_run_live_that_is_over,
    ],
    Kind.ILLEGAL: [forged_rows.store_an_illegal_input],
    Kind.DAMAGED: [
        forged_rows.damage_a_trail,
        forged_rows.damage_a_mark,
        forged_rows.drop_a_row_beside_its_records,
    ],
    Kind.CAME_BACK: [forged_fail_overs.bring_a_lost_turn_back],
    Kind.NOT_REFUSED: [forged_fail_overs.lose_without_a_notice],
    Kind.STOPPED: [forged_fail_overs.lose_and_stop],
}
CONSEQUENCES: Final[dict[Callable[[Story], None], set[Kind]]] = {
    forged_fail_overs.lose_more_than_the_promoted_server_lacked: {Kind.WENT_BACK},
    forged_fail_overs.replace_a_lost_input_by_one_that_nobody_sent: {Kind.LOST},
    forged_rows.drop_a_chunk: {Kind.LOST},
    forged_rows.drop_the_last_chunk: {Kind.LOST},
    forged_rows.move_a_chunk: {Kind.LOST},
    forged_rows.change_a_chunk_beside_the_trail: {Kind.LOST},
    forged_rows.forget_the_end_of_a_run: {Kind.LOST},
    forged_rows.store_an_illegal_input: {Kind.LOST},
    forged_rows.damage_a_trail: {Kind.LOST},
    forged_rows.damage_a_mark: {Kind.LOST},
    forged_rows.drop_a_row_beside_its_records: {Kind.LOST},
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
    assert findings.acknowledged == 2 * (2 + 12 + LONG)


def test_each_kind_has_a_forgery() -> None:
    assert set(FORGERIES) == set(Kind)


@pytest.mark.parametrize(("kind", "forge"), CASES)
def test_a_forgery_is_named_by_its_kind(kind: Kind, forge: Callable[[Story], None]) -> None:
    story = Story()
    forge(story)
    findings = story.checked()
    assert set(findings.kinds) == {kind, *CONSEQUENCES.get(forge, ())}, list(findings.lines())
