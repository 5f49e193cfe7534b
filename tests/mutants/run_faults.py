"""Faults for runs that are forked, loaded and replayed."""

from __future__ import annotations

from typing import Final

from tests.mutants.fault import Fault

_NEW_RUNS: Final = "hosting/new_runs.py"
_RUNS: Final = "hosting/runs.py"
_RECORDED: Final = "hosting/recorded_runs.py"
_EXECUTION: Final = "replays/execution.py"
_PROOFS: Final = "replays/proofs.py"
_RUN_TESTS: Final = "unit/hosting/test_runs.py::test_"
_EXECUTION_TESTS: Final = "unit/replays/test_execution.py::test_"
_PROOF_TESTS: Final = "unit/replays/test_proofs.py::test_"

FAULTS: Final = {
    "a fork keeps the dice of its parent": Fault(
        _NEW_RUNS,
        "        if not source.is_exact:\n            rules.branch(state, self.seed)\n",
        "",
        (_RUN_TESTS + "forks_stand_where_their_parent_stands_with_dice_of_their_own",),
    ),
    "a fork is stored without its base": Fault(
        _NEW_RUNS,
        '    base = b"" if origin in trails.ORIGINS_WITH_OPTIONS else raw\n',
        '    base = b""\n',
        (_RUN_TESTS + "a_loaded_run_stands_alone", _RUN_TESTS + "a_repeated_call_gets_the_same_answer"),
    ),
    "a fork overwrites a bot": Fault(
        _NEW_RUNS,
        "        if row.state:\n            return self._judge(row, book)\n",
        "",
        (
            _RUN_TESTS + "another_fork_into_the_same_id_is_refused_and_the_others_are_made",
            _RUN_TESTS + "a_repeated_call_gets_the_same_answer",
        ),
    ),
    "a fork is one turn further than asked for": Fault(
        _RUNS,
        "at - recorded.first_turn\n",
        "at - recorded.first_turn + 1\n",
        (_RUN_TESTS + "an_exact_fork_from_any_turn_goes_on_as_its_parent_did",),
    ),
    "an exact fork shows the dice of a ranked run": Fault(
        _RUNS,
        "        if is_exact and state.ranked:\n",
        "        if False:\n",
        (_RUN_TESTS + "a_ranked_run_has_forks_without_its_dice_only",),
    ),
    "a seal is not compared": Fault(
        "hosting/seal.py",
        "    return as_sealed.trail == row.trail\n",
        "    return True\n",
        ("unit/hosting/test_seal.py::test_every_flipped_bit_of_a_row_is_noticed",),
    ),
    "a damaged save is loaded": Fault(
        _NEW_RUNS,
        "        if rules.digest(self.save.state) != self.save.digest:\n",
        "        if False:\n",
        ("unit/hosting/test_host.py::test_a_damaged_save_is_not_loaded",),
    ),
    "a replay goes on behind a state that differs": Fault(
        _EXECUTION,
        "        if recorded and digest[:DIGEST_CHARS] != recorded[place : place + DIGEST_CHARS]:\n",
        "        if False:\n",
        (_EXECUTION_TESTS + "a_changed_digest_is_found_at_its_turn",),
    ),
    "the end of a replay is not compared": Fault(
        _EXECUTION,
        "    if digest != recorded.digest:\n",
        "    if False:\n",
        (_EXECUTION_TESTS + "a_changed_result_is_named",),
    ),
    "a server shows a replay that does not end in its stored state": Fault(
        _RUNS,
        "        if last != recorded.result.digest:\n",
        "        if False:\n",
        (_RUN_TESTS + "a_run_that_does_not_end_in_its_stored_state_is_not_shown",),
    ),
    "a live ranked run shows its replay": Fault(
        _RUNS,
        "        if recorded.ranked and recorded.result.result == LIVE:\n",
        "        if False:\n",
        (_RUN_TESTS + "a_ranked_run_shows_its_replay_and_its_proof_when_it_is_over",),
    ),
    "the last inputs of a live run are left out": Fault(
        _RECORDED,
        "        inputs = _with_tail(inputs[: row.turn - trail.first_turn], row, trail)\n",
        "        inputs = inputs[: row.turn - trail.first_turn]\n",
        (_RUN_TESTS + "a_run_that_lives_has_a_replay",),
    ),
    "the signature of a run is not checked": Fault(
        _PROOFS,
        "    if keys is not None and (what := _signature_problem(replay, claim.message(), keys)):\n",
        "    if False and (what := _signature_problem(replay, claim.message(), keys)):\n",
        (_PROOF_TESTS + "a_change_is_found_and_named",),
    ),
    "a commitment does not hold the nonce": Fault(
        "replays/commitment.py",
        "(_DOMAIN, seed, nonce.hex(), bot, episode)",
        "(_DOMAIN, seed, b''.hex(), bot, episode)",
        ("unit/replays/test_commitment.py::test_each_part_matters",),
    ),
}
