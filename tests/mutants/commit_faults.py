"""Faults for the commit path."""

from __future__ import annotations

from typing import Final

from tests.mutants.fault import Fault

_QUEUES: Final = "hosting/bot_queues.py"
_RESOLVER: Final = "hosting/resolver.py"
_HOT: Final = "hosting/hot_games.py"
_ATTEMPTS: Final = "hosting/attempts.py"
_REQUESTS: Final = "hosting/requests.py"
_PLANTED: Final = "unit/hosting/test_planted.py::test_"
_TRAIL: Final = "unit/hosting/test_trail.py::test_"
_HOST: Final = "unit/hosting/test_host.py::test_"
_LOST: Final = "unit/hosting/test_lost_answers.py::test_"
_COMPARED: Final = "contract/test_compared.py::test_a_write_from_a_row_that_differs_in_one_of_them_conflicts"
_MEMORY_COMPARES: Final = (
    "if version != write.from_version or digest != write.from_digest or tail != write.from_tail:"
)

FAULTS: Final = {
    "`covers` is not checked": Fault(
        _RESOLVER,
        "if not all(trails.covers(trail, row.version, tried) for tried in pending.unknown):",
        "if False:",
        (
            _PLANTED + "an_unknown_attempt_behind_more_writes_than_the_trail_has_is_not_applied_twice",
            _PLANTED + "an_attempt_that_never_was_is_unknown_too_behind_more_writes_than_the_trail_has",
            _PLANTED + "a_new_run_with_an_unknown_outcome_is_not_begun_twice",
        ),
        seeds=100,
    ),
    "a row is in memory before its commit": Fault(
        _QUEUES,
        "            self._add(write, self._on_result, (game, pending, attempt))\n",
        "            self._add(write, self._on_result, (game, pending, attempt))\n"
        "            game.row = attempt.write.row\n",
        (
            _PLANTED + "a_row_is_not_in_memory_before_its_commit",
            _PLANTED + "a_row_that_was_refused_is_not_in_memory",
        ),
        seeds=10,
    ),
    "a row is in memory before its commit after a conflict": Fault(
        _RESOLVER,
        "            result = await self._commit(attempt, pending)\n",
        "            game.row, sent = attempt.write.row, self._commit(attempt, pending)\n"
        "            result = await sent\n",
        (_PLANTED + "a_row_is_not_in_memory_before_its_commit_after_a_conflict_either",),
        seeds=10,
    ),
    "a plain read in place of `settle`": Fault(
        _RESOLVER,
        "self._settles = Gather(store.settle)",
        "self._settles = Gather(store.load)",
        (
            _PLANTED + "an_unknown_attempt_is_settled_and_not_tried_beside_itself",
            _PLANTED + "an_attempt_on_its_way_is_never_reported_as_not_applied",
            _PLANTED + "a_read_settles_what_could_not_be_settled_in_time",
        ),
        seeds=100,
    ),
    "a read does not settle": Fault(
        _RESOLVER,
        "gather = self._settles if game is not None and game.unsettled else self._loads",
        "gather = self._loads",
        (_PLANTED + "a_read_settles_what_could_not_be_settled_in_time",),
    ),
    "an unknown outcome counts as not written": Fault(
        _RESOLVER,
        "            if not isinstance(result, NotWritten):\n",
        "            if False:\n",
        (
            _PLANTED + "an_unknown_attempt_is_settled_and_not_tried_beside_itself",
            _PLANTED + "an_attempt_on_its_way_is_never_reported_as_not_applied",
        ),
    ),
    "the memory store does not compare the version": Fault(
        "storage/memory.py",
        _MEMORY_COMPARES,
        "if digest != write.from_digest or tail != write.from_tail:",
        (_COMPARED + "[memory-version]",),
    ),
    "the memory store does not compare the digest": Fault(
        "storage/memory.py",
        _MEMORY_COMPARES,
        "if version != write.from_version or tail != write.from_tail:",
        (_COMPARED + "[memory-digest]",),
    ),
    "the memory store does not compare the tail": Fault(
        "storage/memory.py",
        _MEMORY_COMPARES,
        "if version != write.from_version or digest != write.from_digest:",
        (_COMPARED + "[memory-tail]",),
    ),
    "a head is of any row with its version": Fault(
        "hosting/ports.py",
        "return (self.version, self.digest, self.tail) == (row.version, row.digest, row.tail)",
        "return self.version == row.version",
        (_PLANTED + "a_read_sees_that_another_lineage_has_the_same_version",),
    ),
    "an input does not append its op": Fault(
        "hosting/trail.py",
        "    trail.ops = (trail.ops + op)[-_OPS_BYTES:]\n",
        "    trail.ops = trail.ops[-_OPS_BYTES:]\n",
        (
            _PLANTED + "an_unknown_attempt_that_had_won_is_found_behind_fewer_writes_than_the_trail_has",
            _TRAIL + "an_input_added_to_the_bytes_makes_the_bytes_of_the_trail_it_is_added_to",
        ),
    ),
    "an attempt with an unknown outcome is retried with another op": Fault(
        _ATTEMPTS,
        "        self.unknown |= {self.last.write.row.version}\n",
        "        self.unknown |= {self.last.write.row.version}\n"
        "        self.request.op = self.request.op[::-1]\n",
        (_PLANTED + "an_unknown_attempt_that_had_won_is_found_behind_fewer_writes_than_the_trail_has",),
    ),
    "delivered before the commit": Fault(
        _QUEUES,
        "            self._add(write, self._on_result, (game, pending, attempt))\n",
        "            pending.responder.deliver(pending.tag, attempt.rendered)\n"
        "            self._add(write, self._on_result, (game, pending, attempt))\n",
        (
            "unit/hosting/test_rendered.py::test_an_answer_is_rendered_before_its_commit_and_delivered_after_it",
        ),
    ),
    "a verdict from memory needs no fresh head": Fault(
        _RESOLVER,
        "                if is_fresh or await self._is_head(row, pending):\n",
        "                if True:\n",
        (_HOST + "a_verdict_from_an_old_memory_is_judged_by_a_fresh_row",),
    ),
    "the retry table is off by one": Fault(
        "hosting/trail.py",
        "    begin = turn - (turn_now - len(inputs))\n",
        "    begin = turn - (turn_now - len(inputs)) - 1\n",
        (_PLANTED + "a_repeat_is_known_by_the_input_of_its_own_turn",),
    ),
    "a second request of a bot does not wait for the first": Fault(
        _QUEUES,
        "        if game.busy:\n            if game.waiting is None:\n",
        "        if False:\n            if game.waiting is None:\n",
        (_PLANTED + "two_requests_of_one_bot_are_never_on_their_way_together",),
    ),
    "no chunk is written at 64 inputs": Fault(
        _REQUESTS,
        "        if over or turn % limits.trail_inputs_max == 0:\n",
        "        if over:\n",
        (
            _HOST + "a_run_ends_as_abandoned_with_all_its_inputs_when_the_next_begins",
            _HOST + "a_run_left_exactly_at_a_chunk_has_that_chunk_once",
        ),
    ),
    "a request for a new run is replayed after a conflict": Fault(
        _RESOLVER,
        "pending.request.is_replayable or pending.is_from_memory or pending.was_planned_from(row)",
        "True",
        (_HOST + "two_new_games_at_once_on_two_replicas_do_not_wipe_each_other",),
    ),
    "a lost call counts as the last one although another write followed": Fault(
        _REQUESTS,
        "            if version == row.version:\n",
        "            if version <= row.version:\n",
        (_LOST + "a_write_of_another_server_after_a_loss_makes_the_repeat_a_new_call",),
    ),
    "a repeat leaves the note of the lost call": Fault(
        "hosting/lost_answers.py",
        "        note = self._notes.pop(key, None)\n",
        "        note = self._notes.get(key)\n",
        (_LOST + "after_a_repeat_was_read_the_same_input_is_a_new_turn",),
    ),
    "the commit timeout is ignored": Fault(
        "hosting/host.py",
        "        self._timeout_seconds = commit_timeout_seconds\n",
        "        self._timeout_seconds = 3 * commit_timeout_seconds\n",
        (_PLANTED + "a_store_that_cannot_write_is_reported_within_the_commit_timeout",),
    ),
    "a busy game hibernates": Fault(
        _HOT,
        "            if game.busy or game.unsettled:\n",
        "            if game.unsettled:\n",
        (_PLANTED + "a_busy_game_does_not_hibernate",),
    ),
    "a game that is not settled hibernates": Fault(
        _HOT,
        "            if game.busy or game.unsettled:\n",
        "            if game.busy:\n",
        (_PLANTED + "a_game_that_is_not_settled_does_not_hibernate",),
    ),
    "an unsettled row counts as won": Fault(
        "hosting/group_commit.py",
        "StoreUnavailable(outcome.reason) if isinstance(outcome, Unsettled) else outcome",
        "Won() if isinstance(outcome, Unsettled) else outcome",
        (_PLANTED + "a_row_with_an_unknown_outcome_is_no_winner",),
    ),
}
"""The faults by their description."""
