"""All limits in one place; the end of each name gives its unit.

A queue, cache, retry loop or input without a limit is a bug. Source: docs/architecture.md.
"""

from __future__ import annotations

import re
from typing import Final, TypeGuard

# Names and inputs
bot_id_chars_max: Final = 128
bot_id_rule: Final = "1 to 128 letters, digits, '.', '_' and '-', the first a letter or digit"
"""The pattern in words, for people."""
bot_id_pattern: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}\Z")
fleet_pattern: Final = re.compile(r"[a-z0-9-]{1,32}\Z")
fleet_name_pattern: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,31}\Z")
"""Public names of fleets: they come into the contexts of other fleets' agents, so they hold no sentences."""
slot_pattern: Final = re.compile(r"[a-z0-9-]{1,32}\Z")
hero_name_chars_max: Final = 24
input_chars_max: Final = 48
directive_chars_max: Final = 300
seed_max: Final = 2**53 - 1
save_slots_max: Final = 16

# The rules
state_bytes_max: Final = 4096
log_events_max: Final = 24
bag_items_max: Final = 20
strip_slots_max: Final = 8
ranked_turns_max: Final = 3000
short_turns_max: Final = 180
"""The limit of a run of the mode `short` (docs/decisions/065-ranked-for-few-tokens.md)."""
ascensions_max: Final = 10
public_seeds: Final = 100
"""The number of seeds of the set `public`."""
nonce_bytes: Final = 16
fight_actions_max: Final = 400
"""A longer fight ends as if the hero had fled, so that no input loops for ever."""

# Hosting
trail_inputs_max: Final = 64
trail_ops_max: Final = 8
op_bytes: Final = 8
row_tail_bytes: Final = 12
"""The length of the mark at the end of a trail, which stores compare before they write."""
batch_rows_max: Final = 256
waiting_per_bot_max: Final = 32
attempts_max: Final = 256
pending_writes_max: Final = 100_000
unanswered_max: Final = 20_000
"""Accepted requests of one process that wait for their answers: some seconds of work. The process refuses
further ones at once, so that a load beyond its capacity does not make every answer late."""
reads_max: Final = 10_000
"""The same, for reads."""
overloaded_retry_seconds_max: Final = 4
hot_games_default: Final = 100_000
commit_timeout_seconds: Final = 10.0
slow_turn_milliseconds: Final = 1000
"""By default the log names the turns that take longer."""
startup_timeout_seconds: Final = 60.0
db_pool_size_most: Final = 64
"""Beyond this, connections of one process wait for each other's locks and cores in the database."""
read_ahead_seconds: Final = 1.0
inputs_at_once_max: Final = 100
steps_at_once_max: Final = 1000
forks_at_once_max: Final = 64
reexecuted_inputs_max: Final = 100_000
"""A server executes no longer run again for a caller; the commands `replay` and `trajectories` do."""

# The wire
body_bytes_max: Final = 1_048_576
"""By default."""
body_bytes_least: Final = 16_384
body_bytes_most: Final = 67_108_864
"""The bounds of the setting."""
head_bytes_max: Final = 32_768
head_fields_max: Final = 128
head_seconds_max: Final = 20.0
waiting_bytes_max: Final = 262_144
"""Unparsed bytes that a connection may hold behind an unanswered request: one read of the event loop."""
unsent_bytes_max: Final = 131_072
"""Unsent bytes of a connection in the kernel; the process holds at most as many more, and one answer."""
compressible_bytes_min: Final = 2048
"""A balancer may compress answers of this length; shorter ones forbid it, because that would gain nothing."""
keep_alive_seconds: Final = 75
"""By default an idle connection is closed after so long."""
unread_seconds_max: Final = 60.0
"""The longest time that a client may leave answers unread while its buffers are full."""
json_depth_max: Final = 64
recent_output_max: Final = 24
lost_answer_seconds: Final = 60.0
"""The time within which a repeat of an unnumbered call is recognised if the first answer was lost."""
lost_answers_max: Final = 32_768


def is_bot_id(given: object) -> TypeGuard[str]:
    """Return True if a value of any type is a bot id; this is the only check of the ids that callers send."""
    return isinstance(given, str) and bot_id_pattern.match(given) is not None
