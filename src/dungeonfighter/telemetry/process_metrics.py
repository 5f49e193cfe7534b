"""Processor time and memory of this process, and the build that it runs.

The names are those that the client libraries of Prometheus use. The label `worker` is the number of a worker,
not its process id: a worker that replaces another one goes on with the same series.
"""

from __future__ import annotations

import hashlib
import time
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Final

from dungeonfighter import __version__
from dungeonfighter.hosting.instruments import MILLIONTHS
from dungeonfighter.hosting.ports import Meter
from dungeonfighter.telemetry import machine

PARENT: Final = "parent"
"""The label `worker` of the process that supervises the workers."""
_BUILD_CHARS: Final = 12


def declare_process_metrics(meter: Meter, worker: str) -> None:
    """Declare the metrics of this process; those that the platform cannot tell are left out.

    Args:
        meter: Reads them.
        worker: The number of this worker, "0" for a single process, or `PARENT`.
    """
    labels, began = ("worker",), time.time()
    meter.read_counters(
        "process_cpu_seconds_total", "Processor time of each process, user and system.", labels,
        {(worker,): lambda: round(time.process_time() * MILLIONTHS)},
        "A rate near 1 means that this worker has no time left: add workers if there are cores, machines if "
        "not. One worker far above the others: its connections are the busy ones.",
        divisor=MILLIONTHS,
    )  # fmt: skip
    meter.read_gauges(
        "process_start_time_seconds", "When each process began, in seconds since 1970.", labels,
        {(worker,): lambda: began},
        "It changes when a worker was replaced; the log says why it ended.",
    )  # fmt: skip
    if machine.resident_bytes():
        meter.read_gauges(
            "process_resident_memory_bytes", "Memory of each process; workers share a part of it.", labels,
            {(worker,): machine.resident_bytes},
            "It grows with `mcp_hot_games` and open connections, and then stays. If it grows on, lower "
            "`MAX_BOTS_PER_INSTANCE`, and report it.",
        )  # fmt: skip


def declare_build(meter: Meter) -> None:
    """Declare the metric that names the release and the build."""
    meter.read_gauges(
        "mcp_build_info",
        "1; the labels name the release, and a digest of the source that runs.",
        ("version", "build"),
        {(__version__, build_id()): lambda: 1},
        "Two builds at once: a rollout is under way, or was not finished.",
        merge="max",
    )


def declare_restarts(meter: Meter) -> None:
    """Declare the count of replaced workers for a server that has none to replace."""
    meter.counter(RESTARTS, RESTARTS_PURPOSE, RESTARTS_ADVICE)


RESTARTS: Final = "mcp_worker_restarts_total"
RESTARTS_PURPOSE: Final = "Workers that ended while the server went on, and were replaced."
RESTARTS_ADVICE: Final = (
    "No turn is lost. The log of the parent says how the worker ended; signal 9 often comes from the kernel "
    "when memory is short."
)


def build_id() -> str:
    """Return a digest of the package's source; equal builds have equal ones on every machine."""
    digest = hashlib.blake2b(digest_size=_BUILD_CHARS // 2)
    for name, file in _sources(resources.files("dungeonfighter"), ""):
        digest.update(f"{name}\0".encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _sources(folder: Traversable, prefix: str) -> list[tuple[str, Traversable]]:
    found = []
    for entry in folder.iterdir():
        name = f"{prefix}/{entry.name}"
        if entry.is_dir():
            if entry.name != "__pycache__":
                found += _sources(entry, name)
        else:
            found.append((name, entry))
    return sorted(found, key=lambda one: one[0])
