"""Branches that no simulation reaches, each with the reason, so that what is left is a find.

A reason says what the simulation leaves out. Tests of their own cover each of these; a new branch of the
watched modules that no seed reaches has no reason here, and the report lists it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_DAMAGED: Final = "no row is damaged, and all servers ship the same rules: tests/unit/hosting/test_seal.py"
_LIMITS: Final = (
    "limits of fleets, days, queues and reads are off or far away: tests/unit/hosting/test_overload.py"
)
_CLOSING: Final = "hosts close after the last request: tests/unit/hosting/test_late.py"
_DRIVERS: Final = "no driver raises what its store does not translate: tests/unit/hosting/test_trouble.py"
_LANES: Final = "the store has one lane, and nobody waits for it to rest: tests/unit/hosting/test_lanes.py"
_COPIES: Final = (
    "no client repeats a call without a turn by its operation or its connection: "
    "tests/unit/hosting/test_outside_ops.py, tests/unit/hosting/test_lost_answers.py"
)
_LOOKING: Final = (
    "clients play and do not look on: tests/unit/hosting/test_host.py and the tests of web and mcp"
)
_MALFORMED: Final = "clients send only well-formed requests: tests/protocol/test_bad_input.py"
_TRACES: Final = "nothing is traced or logged: tests/unit/hosting/test_call_trace.py, test_game_log.py"
_DELETED: Final = "no bot is deleted: tests/contract/test_pruning.py"
_FORKS: Final = "forks are exact, and each goes into an id of its own: tests/unit/hosting/test_runs.py"
_SAVES: Final = "two slots are saved, and none is deleted: tests/unit/hosting/test_host.py"

_BY_REASON: Final[Mapping[str, tuple[str, ...]]] = {
    _DAMAGED: (
        "hosting/host.py BotHost.recent: except",
        "hosting/new_runs.py Load.plan: if rules.digest",
        "hosting/new_runs.py Start._begin_over",
        "hosting/new_runs.py Start.plan: if is_damaged",
        "hosting/new_runs.py _begin: elif standing is None",
        "hosting/new_runs.py _readable: except",
        "hosting/resolver.py Resolver._plan: if trouble",
        "hosting/resolver.py Resolver._renew: except",
        "hosting/resolver.py Resolver._renew: if type(game.row.version)",
        "hosting/resolver.py Resolver._renew: not: if type(game.row.version)",
        "hosting/rows.py _is_typed: if",
        "hosting/rows.py check: if",
        "hosting/run_ends.py end_of_unreadable",
        "hosting/trail.py appended",
        "hosting/trail.py decode: except",
        "hosting/trail.py only_ops",
        "hosting/trail.py played: except",
        "hosting/trail.py readable: except",
    ),
    _LIMITS: (
        "hosting/bot_queues.py BotQueues.submit: if",
        "hosting/group_commit.py GroupCommit.add: if len",
        "hosting/host.py BotHost.__init__: if tokens",
        "hosting/host.py BotHost._write_tokens",
        "hosting/host.py BotHost.begin_start: not: if self.fleet_sizes",
        "hosting/host.py BotHost.close: if",
        "hosting/host.py BotHost.read: if",
        "hosting/host.py BotHost.write_tokens: if",
        "hosting/hot_games.py HotGames.has_bot",
        "hosting/new_runs.py Fork.plan: except Quota",
        "hosting/new_runs.py Fork.plan: if self.fleet_sizes",
        "hosting/new_runs.py Start.plan: except Quota",
        "hosting/new_runs.py Start.plan: if self.fleet_sizes",
        "hosting/patience.py Patience.overloaded",
        "hosting/requests.py Rewrite._directive",
        "hosting/resolver.py Resolver.fresh_row: if self._reading",
    ),
    _CLOSING: (
        "hosting/bot_queues.py BotQueues.close: if",
        "hosting/bot_queues.py BotQueues.close: not: if",
        "hosting/bot_queues.py BotQueues.close: while",
        "hosting/gather.py Gather._one: except BaseException",
        "hosting/gather.py Gather._run: except BaseException",
        "hosting/group_commit.py GroupCommit._give_up",
        "hosting/group_commit.py GroupCommit._send_batches: except BaseException",
        "hosting/group_commit.py GroupCommit.drain",
        "hosting/group_commit.py Lanes.drain",
    ),
    _DRIVERS: (
        "hosting/bot_queues.py BotQueues._start: except",
        "hosting/gather.py Gather._one: if len",
        "hosting/group_commit.py GroupCommit._commit: except Exception",
        "hosting/group_commit.py GroupCommit._commit: if len",
        "hosting/group_commit.py GroupCommit._send_batches: except Exception",
        "hosting/patience.py Patience._probe_repeatedly: except",
        "hosting/resolver.py Resolver._plan: except",
    ),
    _LANES: (
        "hosting/group_commit.py GroupCommit._send_batches: if self._emptied",
        "hosting/group_commit.py GroupCommit._send_soon: not: if",
        "hosting/group_commit.py Lanes._rest_soon",
        "hosting/group_commit.py Lanes._spread",
    ),
    _COPIES: (
        "hosting/attempts.py Pending.attempt_of: not",
        "hosting/host.py BotHost._answer: if delivery",
        "hosting/host.py BotHost.begin_play: if",
        "hosting/host.py BotHost.begin_plays",
        "hosting/host.py BotHost.begin_start: if episode is None",
        "hosting/play_many.py PlayMany.repeated",
        "hosting/requests.py RepeatablePlay",
        "hosting/requests.py Request.repeated",
        "hosting/requests.py Retry",
        "hosting/requests.py Wrapper",
        "hosting/resolver.py Resolver._settle_attempts: if won is None",
    ),
    _LOOKING: (
        "hosting/bot_queues.py BotQueues._lengths",
        "hosting/group_commit.py GroupCommit.queued",
        "hosting/group_commit.py Lanes.queued",
        "hosting/host.py BotHost.best_runs",
        "hosting/host.py BotHost.feed",
        "hosting/host.py BotHost.is_store_up",
        "hosting/host.py BotHost.list_all_bots",
        "hosting/host.py BotHost.list_bots",
        "hosting/host.py BotHost.store_health",
        "hosting/host.py BotHost.tokens_after",
        "hosting/host.py BotHost.version_in_memory",
        "hosting/hot_games.py HotGames.__len__",
        "hosting/hot_games.py HotGames.version",
        "storage/memory.py MemoryStore.best_runs",
        "storage/memory.py MemoryStore.count_bots",
        "storage/memory.py MemoryStore.health",
        "storage/memory.py MemoryStore.list_bots",
        "storage/memory.py MemoryStore.past_runs",
        "storage/memory.py MemoryStore.put_token",
        "storage/memory.py MemoryStore.settle",
        "storage/memory.py MemoryStore.shared_secret",
        "storage/memory.py MemoryStore.tokens_after",
        "storage/memory.py _past_run",
    ),
    _MALFORMED: (
        "hosting/host.py BotHost.set_directive: if",
        "hosting/host.py _check_slot: if",
        "hosting/new_runs.py Load.plan: if state.mode",
        "hosting/new_runs.py Start._game_options: not",
        "hosting/new_runs.py check_options: if",
        "hosting/play_many.py canonical_inputs: except",
        "hosting/play_many.py canonical_inputs: if not",
    ),
    _TRACES: (
        "hosting/bot_queues.py BotQueues._on_result: if pending.deadline",
        "hosting/bot_queues.py BotQueues._on_result: if self._fleet_turns",
        "hosting/host.py BotHost.traced",
        "hosting/resolver.py Resolver._ask: if pending.request.call",
        "hosting/resolver.py Resolver._count: if self.metrics.fleet_turns",
        "hosting/resolver.py Resolver.fresh_row: if call",
    ),
    _DELETED: (
        "hosting/new_runs.py Load.plan: if not row.state",
        "hosting/rows.py checked: not: if row.state",
    ),
    _FORKS: (
        "hosting/new_runs.py Fork._judge: not",
        "hosting/new_runs.py Fork.plan: if not source.is_exact",
    ),
    _SAVES: (
        "hosting/host.py BotHost._unknown_save",
        "hosting/host.py BotHost.delete_save",
        "hosting/host.py BotHost.load: if save is None",
        "hosting/host.py BotHost.save: if not await",
        "storage/memory.py MemoryStore.delete_save",
        "storage/memory.py MemoryStore.put_save: if",
    ),
}
UNREACHED: Final[Mapping[str, str]] = {name: reason for reason, names in _BY_REASON.items() for name in names}
"""The beginnings of the names of branches (`Branch.name`), each with the reason."""
