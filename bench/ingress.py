"""Turns through Redis Streams: `python -m bench.ingress`.

Redis and the ingress with its SQLite store share one core, the producer has another one. First each of many
bots sends its next turn as soon as the reply to the last one is there: the rate is that of a full queue. Then
the producer sends at a fixed rate and measures each turn from before its XADD to its reply.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, cast

import hiredis
import uvloop

from bench import rows
from bench.options import Options, Progress
from bench.table import Figure
from dungeonfighter.ingress.partitions import stream_of
from testkit.ports import free_port
from testkit.redis_server import RedisServer, redis_program

BOTS: Final = 2000
RATE: Final = 5000
"""Turns a second of the second load."""
_FIGURES: Final = (rows.INGRESS, rows.INGRESS_P99)
_OUT: Final = b"df:out:local:bench"
_START_SECONDS_MAX: Final = 60.0
_AROUND_SECONDS: Final = 8.0
_SILENCE_SECONDS_MAX: Final = 10.0
_pack: Final = cast("Callable[[tuple[bytes, ...]], bytes]", hiredis.pack_command)


def seconds(options: Options) -> float:
    """Return about how long the part takes."""
    is_wanted = bool(options.figures.intersection(_FIGURES))
    return is_wanted * options.repeats * (2 * options.seconds + _AROUND_SECONDS)


def measure(options: Options, progress: Progress) -> dict[str, Figure]:
    """Measure the requested figures of this part."""
    if not options.figures.intersection(_FIGURES):
        return {}
    full, paced = Figure(), Figure()
    for repeat in range(options.repeats):
        around = _AROUND_SECONDS + 2 * options.seconds
        progress.step(f"turns through Redis Streams, {repeat + 1} of {options.repeats}", around)
        result = measure_once(options.seconds)
        full.repeats.append(result["turns_per_second"])
        paced.repeats.append(result["paced_p99_ms"])
        for figure, names in ((full, ("p50_ms", "p99_ms", "cpu_us_per_turn")), (paced, ("paced_p50_ms",))):
            for name in names:
                figure.detail.setdefault(name, []).append(result[name])
        if result["errors"]:
            full.void = paced.void = f"{result['errors']} replies were no turn: {result['example']}"
    full.note = f"p99 {max(full.detail['p99_ms']):.0f} ms with {BOTS} turns in flight"
    return {rows.INGRESS: full, rows.INGRESS_P99: paced}


def measure_once(length: float) -> dict[str, Any]:
    """Start Redis and an ingress, and load them for `length` seconds in each of the two ways."""
    with tempfile.TemporaryDirectory() as folder, _servers(Path(folder)) as (port, pids):
        command = [sys.executable, "-m", "bench.ingress", "--port", str(port), "--seconds", str(length)]
        command += ["--pids", ",".join(map(str, pids))]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, preexec_fn=_on_core(1))
        result: dict[str, Any] = json.loads(done.stdout)
        return result


@contextlib.contextmanager
def _servers(folder: Path) -> Iterator[tuple[int, list[int]]]:
    """Run Redis and an ingress on one core; yield Redis' port and both process ids."""
    program = redis_program()
    if program is None:
        raise SystemExit("no Redis server is installed (make setup installs one)")
    everywhere = os.sched_getaffinity(0)
    _on_core(0)()  # the children inherit it
    try:
        with RedisServer(program, folder) as redis:
            ingress = subprocess.Popen(
                [
                    sys.executable, "-m", "dungeonfighter", "ingress", "--queue", redis.url,
                    "--db", f"sqlite:///{folder}/games.db", "--listen", f"127.0.0.1:{free_port()}",
                ],
                stderr=subprocess.DEVNULL,
            )  # fmt: skip
            try:
                yield redis.port, [redis.pid, ingress.pid]
            finally:
                ingress.kill()
                ingress.wait()
    finally:
        os.sched_setaffinity(0, everywhere)


class _Producer:
    """Sends the turns of many bots over one connection, and receives all replies over another one."""

    def __init__(self, port: int) -> None:
        self._port = port
        bots = [f"local/bench-{number:05}" for number in range(BOTS)]
        self._heads = [
            (b"XADD", f"df:in:{stream_of(bot)}".encode(), b"*", b"bot", bot.encode(), b"reply_to", _OUT)
            for bot in bots
        ]
        self._turns = [0] * BOTS
        self._sent_at = [0.0] * BOTS
        self._reader = hiredis.Reader()
        self._last = b"0"
        self.took: list[float] = []
        self.failures: list[dict[bytes, bytes]] = []
        self.idle: list[int] = []
        """The bots without a turn in flight."""

    async def connect(self) -> None:
        answers, self._sending = await asyncio.open_connection("127.0.0.1", self._port)
        self._forgetting = asyncio.create_task(_forget(answers))
        self._replies, self._asking = await asyncio.open_connection("127.0.0.1", self._port)

    def start(self) -> None:
        """Let every bot begin its first run."""
        self._write([(*head, b"id", b"%d" % bot, b"episode", b"1", b"start", b'{"weapon":"mace"}')
                     for bot, head in enumerate(self._heads)])  # fmt: skip

    def send(self, bots: list[int]) -> None:
        """Send the next turn of these bots."""
        now = time.perf_counter()
        for bot in bots:
            self._sent_at[bot] = now
        self._write([(*self._heads[bot], b"id", b"%d" % bot, b"episode", b"1", b"turn",
                      b"%d" % self._turns[bot], b"input", b"1") for bot in bots])  # fmt: skip

    def _write(self, commands: list[tuple[bytes, ...]]) -> None:
        self._sending.write(b"".join(map(_pack, commands)))

    async def receive(self) -> None:
        """Wait for replies; their bots become idle."""
        ask = (b"XREAD", b"COUNT", b"2000", b"BLOCK", b"1000", b"STREAMS", _OUT, self._last)
        self._asking.write(_pack(ask))
        while (answer := self._reader.gets()) is False:
            async with asyncio.timeout(_SILENCE_SECONDS_MAX):
                self._reader.feed(await self._replies.read(1 << 20))
        now = time.perf_counter()
        for entry, words in answer[0][1] if answer else ():
            self._last = entry
            fields = dict(zip(words[::2], words[1::2], strict=True))
            if fields[b"status"] != b"ok":
                self.failures.append(fields)
                continue
            bot = int(fields[b"id"])
            self.took.append(now - self._sent_at[bot])
            self._turns[bot] = int(fields[b"turn"])
            self.idle.append(bot)


async def _forget(answers: asyncio.StreamReader) -> None:
    """Read the answers to XADD, so that Redis can go on."""
    while await answers.read(1 << 16):
        pass


async def _load(port: int, length: float, pids: list[int]) -> dict[str, Any]:
    producer = _Producer(port)
    await producer.connect()
    deadline = time.monotonic() + _START_SECONDS_MAX
    producer.start()
    while len(producer.idle) < BOTS:
        await producer.receive()
        assert time.monotonic() < deadline, "the ingress does not answer"
    producer.took.clear()
    before = sum(map(_cpu_seconds, pids))
    begun = time.perf_counter()
    while time.perf_counter() < begun + length:
        idle, producer.idle = producer.idle, []
        producer.send(idle)
        await producer.receive()
    passed, cpu = time.perf_counter() - begun, sum(map(_cpu_seconds, pids)) - before
    full, producer.took = sorted(producer.took), []
    while len(producer.idle) < BOTS and not producer.failures:
        await producer.receive()
    producer.took.clear()
    await _load_at_rate(producer, length)
    paced = sorted(producer.took)
    return {
        "turns_per_second": len(full) / passed, "turns": len(full), "cpu_us_per_turn": cpu * 1e6 / len(full),
        "p50_ms": 1000 * full[len(full) // 2], "p99_ms": 1000 * full[len(full) * 99 // 100],
        "paced_per_second": len(paced) / length, "paced_p50_ms": 1000 * paced[len(paced) // 2],
        "paced_p99_ms": 1000 * paced[len(paced) * 99 // 100], "errors": len(producer.failures),
        "example": str(producer.failures[:1]),
    }  # fmt: skip


async def _load_at_rate(producer: _Producer, length: float) -> None:
    """Send `RATE` turns a second, a few every 2 ms, whatever is answered meanwhile."""

    async def pace() -> None:
        begun, sent = time.perf_counter(), 0
        while (passed := time.perf_counter() - begun) < length:
            due = min(int(passed * RATE) - sent, len(producer.idle))
            bots, producer.idle = producer.idle[:due], producer.idle[due:]
            producer.send(bots)
            sent += due
            await asyncio.sleep(0.002)

    pacing = asyncio.create_task(pace())
    while not pacing.done():
        await producer.receive()
    await pacing


def _cpu_seconds(pid: int) -> float:
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def _on_core(number: int) -> Callable[[], None]:
    """Return a function that pins the process to one of its cores, if it has two or more."""

    def pin() -> None:
        if hasattr(os, "sched_setaffinity") and len(cores := sorted(os.sched_getaffinity(0))) > 1:
            os.sched_setaffinity(0, {cores[number]})

    return pin


def main() -> int:
    """Load the ingress behind `--port`, or start servers and load those."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--pids", default="")
    parser.add_argument("--seconds", type=float, default=5.0)
    arguments = parser.parse_args()
    if arguments.port:
        pids = [int(pid) for pid in arguments.pids.split(",") if pid]
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            result = runner.run(_load(arguments.port, arguments.seconds, pids))
    else:
        result = measure_once(arguments.seconds)
    print(json.dumps(result))
    return 1 if result["errors"] else 0


if __name__ == "__main__":
    sys.exit(main())
