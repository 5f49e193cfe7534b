"""Hostile requests against our server with access tokens: wrong answers, and the memory that stays taken.

The requests are those of the test of the same kind (`testkit.hostile_requests`), with a new seed in each
repeat. The first quarter warms the server up: its tables of known heads and messages fill up to their bounds.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from bench import rows
from bench.options import Options, Progress
from bench.processes import usage_of
from bench.table import Figure
from testkit.hostile_client import attack
from testkit.hostile_requests import HostileRequests
from testkit.server_process import ServerProcess

_REQUESTS: Final = 20_000
_SECONDS: Final = 25.0
_FIGURES: Final = (rows.HOSTILE_WRONG, rows.HOSTILE_GROWTH, rows.HOSTILE_RATE)
_FLAGS: Final = ("--auth=tokens", "--trusted-proxies=127.0.0.1", "--connections-per-address=1000")
_REFRESH_SECONDS: Final = 3.0
"""A server learns new tokens every two seconds."""


def seconds(options: Options) -> float:
    """Return about how long the part takes."""
    return options.repeats * _SECONDS if options.figures.intersection(_FIGURES) else 0.0


def measure(options: Options, progress: Progress) -> dict[str, Figure]:
    """Attack a new server in each repeat."""
    if not options.figures.intersection(_FIGURES):
        return {}
    figures = {name: Figure() for name in _FIGURES}
    for repeat in range(options.repeats):
        progress.step("hostile requests", _SECONDS)
        for name, value in zip(_FIGURES, _once(repeat), strict=True):
            figures[name].repeats.append(value)
    return figures


def _once(seed: int) -> tuple[float, float, float]:
    """Return the wrong answers, the megabytes grown, and the requests a second."""
    with (
        tempfile.TemporaryDirectory(prefix="refusals-") as folder,
        ServerProcess(Path(folder), flags=_FLAGS) as server,
    ):
        requests = HostileRequests(seed, _token(server))
        time.sleep(_REFRESH_SECONDS)
        first = asyncio.run(attack(server.port, requests, _REQUESTS // 4))
        before, began = usage_of(server.process_id).pss_bytes, time.perf_counter()
        rest = asyncio.run(attack(server.port, requests, _REQUESTS - _REQUESTS // 4))
        spent = time.perf_counter() - began
        grown = usage_of(server.process_id).pss_bytes - before
        return len(first.wrong) + len(rest.wrong), grown / 1e6, rest.outcomes.total() / spent


def _token(server: ServerProcess) -> str:
    words = ("token", "create", "--fleet", "a", "--bots", "ada", "--db", f"sqlite:///{server.database}")
    made = subprocess.run(
        [sys.executable, "-m", "dungeonfighter", *words], check=True, capture_output=True, text=True
    )
    return made.stdout.strip()
