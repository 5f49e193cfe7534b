"""The modules whose branches `make sim-many` counts: the path of a request from its queue to the store."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import dungeonfighter

PACKAGE: Final = Path(dungeonfighter.__file__).parent
WATCHED: Final = (
    "hosting/attempts.py", "hosting/bot_queues.py", "hosting/gather.py", "hosting/group_commit.py",
    "hosting/host.py", "hosting/hot_games.py", "hosting/new_runs.py", "hosting/patience.py",
    "hosting/play_many.py", "hosting/requests.py", "hosting/resolver.py", "hosting/retry_table.py",
    "hosting/rows.py", "hosting/run_ends.py", "hosting/trail.py", "hosting/verdicts.py",
    "storage/memory.py",
)  # fmt: skip
