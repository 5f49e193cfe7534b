"""Honest bots beside hostile connections, `python -m bench.flood`: about a minute, on this machine.

A real server serves 200 bots that play through `fleet`, each once a second (open loop): first alone, then
beside 200 hostile connections (`hostile.py`), then alone again. The table shows the latencies of the honest
bots and the largest memory (PSS) of the server in each phase. The bench fails if the p99 beside the flood is
at least twice that before it, if the server takes more than 300 MB, or if p99 or memory stay more than a
tenth above their values before the flood. Repeat it on a busy machine: other processes affect a p99 of some
ms.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from bench.hostile import KINDS
from bench.processes import family, usage_of
from testkit.server_process import ServerProcess

_PHASES: Final = ("alone", "flooded", "again")
_WARM_UP_SECONDS: Final = 4.0
_QUIET_SECONDS: Final = 3.0
"""The time that the server gets after the flood to close its connections."""
_MEETING_SECONDS: Final = 3.0
_RATIO_MAX: Final = 2.0
_BYTES_MAX: Final = 300_000_000
_BACK_WITHIN: Final = 1.1


class Phase(NamedTuple):
    """The measurements of one phase; milliseconds and bytes."""

    name: str
    p50: float
    p99: float
    most_bytes: int
    errors: int
    turns: int


def main() -> int:
    """Run the bench; return 0 if all bounds hold, 1 if not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--bots", type=int, default=200)
    parser.add_argument("--connections", type=int, default=200, help="hostile ones")
    parser.add_argument("--seconds", type=float, default=12.0, help="measured in each phase")
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="flood-") as folder,
        ServerProcess(Path(folder)) as server,
    ):
        _meet_each_kind(server.port)
        phases = []
        for name in _PHASES:
            flooding = (
                _flood(server.port, arguments.connections, arguments.seconds) if name == "flooded" else None
            )
            try:
                phases.append(_measured(name, server, Path(folder), arguments.bots, arguments.seconds))
            finally:
                if flooding is not None:
                    flooding.kill()
                    flooding.wait()
                    time.sleep(_QUIET_SECONDS)
    print("\n".join(_table(phases)))
    missed = list(_missed(*phases))
    for line in missed:
        print(f"MISSED: {line}")
    return 1 if missed else 0


def _meet_each_kind(port: int) -> None:
    """Let the server meet each kind once, so that it imports its modules before the measurement."""
    meeting = _flood(port, len(KINDS), 0.0)
    time.sleep(_MEETING_SECONDS)
    meeting.kill()
    meeting.wait()


def _flood(port: int, connections: int, seconds: float) -> subprocess.Popen[bytes]:
    whole = seconds + _WARM_UP_SECONDS + 30
    words = [sys.executable, "-m", "bench.hostile", str(port), str(connections), str(whole)]
    return subprocess.Popen(words, stdin=subprocess.DEVNULL)


def _measured(name: str, server: ServerProcess, folder: Path, bots: int, seconds: float) -> Phase:
    report_file = folder / f"{name}.json"
    words = ["--bots", bots, "--every", 1, "--warm-up", _WARM_UP_SECONDS, "--seconds", seconds,
             "--prefix", name, "--report", report_file]  # fmt: skip
    fleet = subprocess.Popen(
        [sys.executable, "-m", "dungeonfighter", "fleet", server.url, *map(str, words)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    most = 0
    while fleet.poll() is None:
        most = max(most, _server_bytes(server))
        time.sleep(0.5)
    if not report_file.exists():
        raise RuntimeError(f"the honest bots ended with {fleet.returncode} in the phase {name!r}")
    report = json.loads(report_file.read_text())
    errors = sum(report["errors"].values()) + sum(report["warm_up_errors"].values())
    errors += sum(report["findings"].values()) + sum(report["unread"].values())
    ms = report["latency_ms"]
    return Phase(name, ms["p50"], ms["p99"], most, errors, report["turns"])


def _server_bytes(server: ServerProcess) -> int:
    return sum(usage_of(one).pss_bytes for one in family(server.process_id))


def _table(phases: list[Phase]) -> Iterator[str]:
    yield f"{'phase':<10}{'p50 ms':>9}{'p99 ms':>9}{'ratio':>8}{'server MB':>11}{'turns':>8}{'errors':>8}"
    for one in phases:
        ratio = one.p99 / phases[0].p99
        megabytes = one.most_bytes / 1e6
        yield (
            f"{one.name:<10}{one.p50:>9.2f}{one.p99:>9.2f}{ratio:>8.2f}{megabytes:>11.1f}"
            f"{one.turns:>8}{one.errors:>8}"
        )


def _missed(alone: Phase, flooded: Phase, after: Phase) -> Iterator[str]:
    for one in (alone, flooded, after):
        if one.errors:
            yield f"{one.errors} errors of honest bots: {one.name}"
        if one.most_bytes > _BYTES_MAX:
            yield f"{one.most_bytes / 1e6:.0f} MB: {one.name}"
    if flooded.p99 >= _RATIO_MAX * alone.p99:
        yield f"p99 {flooded.p99:g} ms beside the flood, {alone.p99:g} ms alone"
    if after.p99 > _BACK_WITHIN * alone.p99:
        yield f"p99 {after.p99:g} ms after the flood, {alone.p99:g} ms before"
    if after.most_bytes > _BACK_WITHIN * alone.most_bytes:
        yield f"{after.most_bytes / 1e6:.0f} MB after the flood, {alone.most_bytes / 1e6:.0f} MB before"


if __name__ == "__main__":
    sys.exit(main())
