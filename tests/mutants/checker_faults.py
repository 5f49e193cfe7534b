"""Faults for the checker of histories: each removes one of its checks, or makes it too strict.

As in `faults.py` the text must occur exactly once in its file.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class CheckerFault(NamedTuple):
    """The removal of one check.

    Attributes:
        module: A module of `chaos.checker`.
        old: The text with the check.
        new: The text without it.
        detected_by: A forgery of `tests/unit/chaos_checker/test_forged_histories.py` that is no longer named;
            or a seed or a test of `test_true_histories.py` that no longer holds.
    """

    module: str
    old: str
    new: str
    detected_by: str


CHECKER_FAULTS: Final = {
    "digests are not compared": CheckerFault(
        "history",
        "if call.digest != stored and call.digest and stored",
        "if False and call.digest and stored",
        "answer_a_state_that_never_was",
    ),
    "the stored run may be shorter": CheckerFault(
        "history", "self._gaps_of(episode).missing.append(turn)", "pass", "lose_the_last_input"
    ),
    "another input may be stored": CheckerFault(
        "history", "self._gaps_of(episode).wrong.append(turn)", "pass", "swap_two_inputs"
    ),
    "the order of inputs has no name": CheckerFault(
        "history", "elif sorted(stored) == sorted(expected):", "elif False:", "swap_two_inputs"
    ),
    "a stored input needs no call": CheckerFault(
        "history", "self._gaps_of(episode).extra.append(turn)", "pass", "double_the_last_input"
    ),
    "a stored run needs no call": CheckerFault(
        "history", "            self._report_start(run, calls)\n", "            pass\n", "begin_a_run_unasked"
    ),
    "any run is the acknowledged one": CheckerFault(
        "history",
        "return run.origin == NEW and run.options is not None and call.options == run.options",
        "return True",
        "store_a_run_of_another_seed",
    ),
    "a refused call counts as open": CheckerFault(
        "history",
        "is_open = any(call.open_attempts for call in fitting)",
        "is_open = bool(fitting)",
        "refuse_an_input_that_is_stored",
    ),
    "a turn may be acknowledged for two calls": CheckerFault(
        "history",
        "self._surplus([call for call in acknowledged if call is not kept[-1]], kept[-1])",
        "pass",
        "acknowledge_a_turn_twice",
    ),
    "a lost turn may come back": CheckerFault(
        "history", "if not any(call.open_attempts for call in calls):", "if False:", "bring_a_lost_turn_back"
    ),
    "a fail-over excuses nothing": CheckerFault(
        "history", "            if number < lacking:\n", "            if False:\n", "9"
    ),
    "a place that was lost is explained by its first call": CheckerFault(
        "history",
        "key=_number, default=None)",
        "key=lambda call: -call.number, default=None)",
        "test_a_lost_turn_that_an_unknown_call_played_once_more_is_lost",
    ),
    "the promoted server lacks its own position": CheckerFault(
        "promotions",
        "if not self.promoted_of(bot).place < place <=",
        "if not self.promoted_of(bot).place <= place <=",
        "lose_more_than_the_promoted_server_lacked",
    ),
    "the promoted server lacks its own turns": CheckerFault(
        "promotions",
        "< place <= self.former_of(bot).place:",
        "< place:",
        "lose_a_run_of_the_promoted_server",
    ),
    "only one fail-over leads back": CheckerFault(
        "promotions",
        "            place = promotion.promoted_of(bot).place\n",
        "            return promotion.promoted_of(bot).place\n",
        "81",
    ),
    "no notice is needed": CheckerFault(
        "sights", "if notice == _NEVER or not all(", "if False and not all(", "lose_without_a_notice"
    ),
    "positions may go back": CheckerFault(
        "sights", "sight.place < before.place", "False", "show_an_earlier_turn"
    ),
    "a look may show what is gone": CheckerFault(
        "sights", "elif place not in history.lost_places:", "elif False:", "show_a_turn_that_is_gone"
    ),
    "states of other bots are not looked for": CheckerFault(
        "digests",
        "if owner is not None and owner != answers.bot:",
        "if False:",
        "answer_the_state_of_another_bot",
    ),
    "inputs that were sent and not stored are not tried": CheckerFault(
        "digests", 'texts - {stored or ""}', "set()", "show_a_state_before_its_commit"
    ),
    "the version is not compared": CheckerFault(
        "checking", "if row.version != writes:", "if False:", "count_one_write_too_many"
    ),
    "the state may have another digest": CheckerFault(
        "checking",
        'self._digest(row.rules, row.state) not in {"", row.digest.hex()}:',
        "False:",
        "store_another_state",
    ),
    "the last digest is not compared": CheckerFault(
        "runs", "run.digests[-1] != run.digest.hex():", "False:", "store_another_digest"
    ),
    "one operation may write twice": CheckerFault(
        "runs", "if len(set(ops)) != len(ops):", "if False:", "write_two_versions_with_one_operation"
    ),
    "a chunk may begin anywhere": CheckerFault(
        "runs", "if chunk.first_turn != expected:", "if False:", "move_a_chunk"
    ),
    "trail and chunks may differ": CheckerFault(
        "runs",
        "if run.inputs[begin:] != texts[: max(both, 0)]:",
        "if False:",
        "change_a_chunk_beside_the_trail",
    ),
    "a run may end without a record": CheckerFault(
        "runs",
        '        report(Kind.RUN_END, f"run {episode} ended without a record")\n',
        "",
        "forget_the_end_of_a_run",
    ),
    "scores are not compared": CheckerFault(
        "runs", "if run.end.score != rules.score(state):", "if False:", "raise_a_score"
    ),
    "an unknown outcome is a refusal": CheckerFault(
        "calls",
        "        if event.outcome == UNKNOWN:\n            call.open_attempts += 1\n",
        "",
        "6",
    ),
    "an attempt without an answer is a refusal": CheckerFault(
        "calls",
        "            call.open_attempts += 1\n            call.error = _NO_ANSWER\n",
        "            call.error = _NO_ANSWER\n",
        "103",
    ),
}
"""The faults by their description."""
