"""The verifier: one process beside the workers of a server, which executes ranked runs again.

It has the lowest priority, and bounds for time and memory. It reports its counts to its parent over a
socketpair, one JSON object a line, and ends when that closes. If it is killed, what it had claimed stays
pending until the lease ends.

Source: docs/leaderboard.md, "The verifier".
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from dungeonfighter.errors import StoreError
from dungeonfighter.hosting.daily_seeds import SECRET_NAME, DailySeeds
from dungeonfighter.hosting.ranked_runs import RankingStore, Selection
from dungeonfighter.hosting.shipped_rules import ShippedRules
from dungeonfighter.hosting.verification import Verification
from dungeonfighter.replays.attestations import Attestations
from dungeonfighter.rules.releases import shipped_rules
from dungeonfighter.serving.composition import make_store
from dungeonfighter.serving.opening import Opening
from dungeonfighter.serving.secrets_anew import Secrets
from dungeonfighter.settings import Settings, instance_name
from dungeonfighter.telemetry.logs import set_up_logs

logger = logging.getLogger(__name__)

POLL_SECONDS: Final = 2.0
TROUBLE_SECONDS: Final = 10.0
"""The pause after the store did not answer."""
EXECUTION_SECONDS_MAX: Final = 10.0
"""Processor time for one run; a ranked run of the most turns takes a hundredth of it."""
MEMORY_BYTES_MAX: Final = 2 << 30
CONNECTIONS: Final = 2
PENDING_MAX: Final = 100_000
_LEAST_PRIORITY: Final = 19


class Tally(Struct, frozen=True):
    """A report to the parent: the pending runs of the store, and the results since the verifier began."""

    pending: int
    results: dict[str, int]


def run_verifier(settings: Settings, descriptor: int, secrets: Secrets) -> int:
    """Verify runs until the parent is gone or SIGTERM; return the exit code.

    Args:
        settings: The settings of the server.
        descriptor: This process' end of the channel to the parent.
        secrets: The secrets of this process.
    """
    set_up_logs(settings, f"{instance_name(settings)}/verifier")
    _bound_memory()
    asyncio.run(_verify(replace(settings, db_pool_size=CONNECTIONS), descriptor, secrets))
    return 0


async def _verify(settings: Settings, descriptor: int, secrets: Secrets) -> None:
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    # Python's own handler also runs during an execution, which blocks the loop.
    signal.signal(signal.SIGTERM, lambda *_: _stop(loop, stopping))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    hang_up = getattr(signal, "SIGHUP", None)
    if hang_up is not None:
        loop.add_signal_handler(hang_up, secrets.read_anew)
    reader, writer = await asyncio.open_unix_connection(sock=socket.socket(fileno=descriptor))
    watching = asyncio.create_task(_set_at_end(reader, stopping))
    store = await Opening(settings, make_store, secrets).open(settings.startup_timeout_seconds, lambda: None)
    try:
        # The threads of the store keep their priority: they hold locks that the serving processes wait for.
        _take_least_priority()
        await _work(settings, secrets, store, writer, stopping)
    finally:
        watching.cancel()
        writer.close()
        await store.close()


async def _work(
    settings: Settings, secrets: Secrets, store: RankingStore, writer: asyncio.StreamWriter,
    stopping: asyncio.Event,
) -> None:  # fmt: skip
    attestations = Attestations(settings.signing_key)
    secrets.call_at_change("signing_key", attestations.use)
    book = ShippedRules(shipped_rules(Path(settings.catalog) if settings.catalog else None))
    daily_seeds = DailySeeds(await store.shared_secret(SECRET_NAME, os.urandom(32)))
    verification = Verification(
        store, book, daily_seeds, attestations, is_stopped=stopping.is_set, bounded=bounded_time
    )
    while not stopping.is_set():
        pause = POLL_SECONDS
        try:
            pending = await store.ranked.count_pending(Selection(), PENDING_MAX)
            done = await verification.check_some() if pending else 0
            tally = Tally(max(0, pending - done), dict(verification.counts))
            writer.write(msgspec.json.encode(tally) + b"\n")
            pause = 0.0 if done else POLL_SECONDS
        except StoreError as error:
            logger.warning("no ranked run can be checked now: %s", error)
            pause = TROUBLE_SECONDS
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stopping.wait(), pause)


def _stop(loop: asyncio.AbstractEventLoop, stopping: asyncio.Event) -> None:
    stopping.set()  # the flag, for an execution that runs now
    loop.call_soon_threadsafe(stopping.set)  # wakes the loop


async def _set_at_end(reader: asyncio.StreamReader, stopping: asyncio.Event) -> None:
    with contextlib.suppress(ConnectionError):
        await reader.read()
    stopping.set()


@contextlib.contextmanager
def bounded_time() -> Iterator[None]:
    """End this process if the block uses more than `EXECUTION_SECONDS_MAX` of processor time."""
    timer: Any = getattr(signal, "ITIMER_PROF", None)
    if timer is None:
        yield
        return
    signal.setitimer(timer, EXECUTION_SECONDS_MAX)
    try:
        yield
    finally:
        signal.setitimer(timer, 0)


def _bound_memory() -> None:
    try:
        import resource  # noqa: PLC0415
    except ImportError:  # Windows
        return
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))


def _take_least_priority() -> None:
    if hasattr(os, "nice"):
        with contextlib.suppress(OSError):
            os.nice(_LEAST_PRIORITY)
