"""`make soak MINUTES=60`: a server under a million bots that come and go, and the judgement whether it leaks.

It starts PostgreSQL (or SQLite with `--store sqlite`) and `serve`, samples their resources, and prints a
report, which is also written with all samples to `build/soak.json`. The rate of the bots is a million an
hour, so a shorter soak has fewer bots and tells less. Ctrl-C ends the soak and prints what was seen; a second
Ctrl-C ends it at once. The exit code is 0 if everything is as it must be, 1 if not, 2 if the soak could not
begin.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

from dungeonfighter.commands.numbers import amount, count
from dungeonfighter.commands.progress_output import ProgressOutput
from dungeonfighter.fleet.http import Endpoint
from dungeonfighter.task_ending import beside
from soak.churn import Churn
from soak.readings import PostgresReader, SqliteReader, StoreReader, open_connections, read_processes
from soak.refusals import Refusals
from soak.report import missed, text
from soak.samples import Sample, Soak, write
from testkit.postgres_server import PostgresServer
from testkit.server_process import ServerProcess

_BOTS_PER_HOUR: Final = 1_000_000
_HOT_GAMES: Final = 10_000
"""The games that the server keeps in memory: few, so that its memory is full at the end of the warm-up."""
_SAMPLES: Final = 300
_SAMPLE_SECONDS_MIN: Final = 1.0
_PROGRESS_SECONDS: Final = 5.0
_RESTING_SECONDS_MAX: Final = 30.0
_REFUSALS: Final = 0.1
"""Refused calls for each bot that comes."""


def main() -> int:
    options = _options()
    if not sys.platform.startswith("linux"):
        print("soak: it reads /proc, so it runs on Linux only", file=sys.stderr)
        return 2
    bots = options.bots or round(_BOTS_PER_HOUR * options.minutes / 60)
    soak = Soak(options.minutes, bots, options.store, options.warm_up * 60 * options.minutes)
    output = ProgressOutput(sys.stderr)
    try:
        asyncio.run(_run(soak, options, output))
    except KeyboardInterrupt:  # the second one; what was seen is shown
        soak.interrupted = True
    except (AssertionError, RuntimeError, OSError) as error:
        print(f"soak: it could not begin: {error}", file=sys.stderr)
        return 2
    finally:
        output.clear()
    write(options.file, soak)
    print(text(soak))
    print(f"all samples: {options.file}")
    return 1 if missed(soak) else 0


async def _run(soak: Soak, options: argparse.Namespace, output: ProgressOutput) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, _Stopping(stop, soak, output, loop, number))
    with tempfile.TemporaryDirectory(prefix="df-soak-", dir=options.folder) as folder:
        async with _store(options.store, Path(folder), output) as (database, reader):
            output.say("starting the server")
            server = ServerProcess(
                Path(folder), database, ["--max-bots-per-instance", str(options.hot_games)],
                source=options.source,
            )  # fmt: skip
            with server:
                await reader.open()
                await _load(soak, options, server, reader, output, stop)
                await reader.close()


async def _load(
    soak: Soak, options: argparse.Namespace, server: ServerProcess, reader: StoreReader,
    output: ProgressOutput, stop: asyncio.Event,
) -> None:  # fmt: skip
    churn = Churn(server.url, soak.bots, soak.minutes * 60, options.regulars)
    endpoint = Endpoint(server.url)
    refusals = Refusals(endpoint, max(1.0, _REFUSALS * soak.bots / (soak.minutes * 60)))
    async with (
        endpoint.watched(),
        beside(_sample(soak, churn, server, reader, output)) as sampling,
        beside(refusals.run()) as refusing,
    ):
        for task in (sampling, refusing):  # without them the bots would come for naught
            task.add_done_callback(lambda _: stop.set())
        try:
            await churn.run(stop)
        finally:
            soak.late_seconds = churn.late_seconds
    soak.refused = dict(refusals.answers)
    output.say(f"{churn.came:,} bots came; a sample of them is verified")
    verdict = await churn.verify()
    soak.left_open = await _left_open(server.port)
    tally = churn.tally
    soak.came, soak.runs, soak.turns = churn.came, tally.started, tally.turns
    soak.connections = churn.connections
    soak.errors, soak.troubles = dict(tally.errors), dict(tally.troubles)
    soak.verified_bots, soak.verified_turns = verdict.bots, verdict.turns
    soak.findings = {**verdict.counts(), **verdict.unread}


async def _sample(
    soak: Soak, churn: Churn, server: ServerProcess, reader: StoreReader, output: ProgressOutput
) -> None:
    """Take samples until cancelled, and show how far the soak is."""
    every = max(_SAMPLE_SECONDS_MIN, soak.minutes * 60 / _SAMPLES)
    begun = time.monotonic()
    shown_at = 0.0
    while True:
        values = await asyncio.to_thread(read_processes, server.process_id, server.port)
        values |= await reader.read()
        seconds = time.monotonic() - begun
        soak.samples.append(Sample(seconds, churn.came, churn.tally.turns, values))
        if seconds - shown_at >= _PROGRESS_SECONDS:
            shown_at = seconds
            output.progress(_progress(soak, churn, values))
        await asyncio.sleep(max(0.0, every - (time.monotonic() - begun) % every))


def _progress(soak: Soak, churn: Churn, values: dict[str, float]) -> str:
    seconds = soak.samples[-1].seconds
    left = max(0.0, soak.minutes * 60 - seconds + churn.late_seconds)
    return (
        f"{left / 60:5.1f} min left  {churn.came:,} bots  {churn.tally.turns:,} turns  "
        f"{churn.connected} connected  {values['memory'] / 1e6:.0f} MB  "
        f"{values['wal'] / 1e6:.0f} MB log  {churn.tally.errors.total()} errors"
        + (f"  {churn.late_seconds:.0f} s late" if churn.late_seconds >= 1 else "")
    )


async def _left_open(port: int) -> int:
    """Return the connections that stay open although their clients hung up; wait a while for none."""
    deadline = time.monotonic() + _RESTING_SECONDS_MAX
    while (left := open_connections(port)) and time.monotonic() < deadline:  # noqa: ASYNC110 (of a process)
        await asyncio.sleep(0.5)
    return len(left)


@contextlib.asynccontextmanager
async def _store(kind: str, folder: Path, output: ProgressOutput) -> AsyncIterator[tuple[str, StoreReader]]:
    """Start the store; yield its connection string and its reader."""
    if kind == "sqlite":
        file = folder / "games.db"
        yield f"sqlite:///{file}", SqliteReader(file)
        return
    output.say("starting PostgreSQL")
    postgres = PostgresServer(  # so that checkpoints and vacuums come within minutes
        fsync="on", shared_buffers="128MB", max_wal_size="256MB", checkpoint_timeout="60s",
        autovacuum_naptime="10s",
    )  # fmt: skip
    try:
        postgres.start()
        url = postgres.empty_database("soak")
        yield url, PostgresReader(url)
    finally:
        postgres.close()


class _Stopping:
    """Ends the soak in good order at the first signal; the second one has its usual effect."""

    def __init__(
        self, stop: asyncio.Event, soak: Soak, output: ProgressOutput, loop: asyncio.AbstractEventLoop,
        number: int,
    ) -> None:  # fmt: skip
        self._stop = stop
        self._soak = soak
        self._output = output
        self._forget: Callable[[], object] = lambda: loop.remove_signal_handler(number)

    def __call__(self) -> None:
        self._soak.interrupted = True
        self._stop.set()
        self._output.say("ending: the bots leave, and what was played is verified; once more to end at once")
        self._forget()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m soak", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    add = parser.add_argument
    add("--minutes", type=amount, default=60.0, metavar="N", help="how long bots come (%(default)g)")
    add("--bots", type=count, default=0, metavar="N", help="how many come (a million an hour)")
    add("--regulars", type=count, default=50, metavar="N", help="bots that stay (%(default)s)")
    add("--store", choices=("postgresql", "sqlite"), default="postgresql", help="(%(default)s)")
    add(
        "--warm-up", type=float, default=0.25, metavar="SHARE",
        help="the share of the time that is not judged (%(default)g)",
    )  # fmt: skip
    add("--hot-games", type=count, default=_HOT_GAMES, metavar="N", help="games in memory (%(default)s)")
    add("--folder", type=Path, default=None, metavar="DIR", help="for databases (that of the system)")
    add("--file", type=Path, default=Path("build/soak.json"), metavar="FILE", help="(%(default)s)")
    add("--source", type=Path, default=Path("src"), metavar="DIR", help="the sources of the server (src)")
    options = parser.parse_args()
    if not 0 <= options.warm_up < 1:
        parser.error("--warm-up: a share from 0 to below 1")
    return options


if __name__ == "__main__":
    sys.exit(main())
