"""Many connected bots on one machine, `make bench-80k`: a real server, real sockets, every turn checked.

`python -m bench.eighty --bots 80000 --seconds 300 --every 10` starts `serve` with enough workers on a fresh
SQLite database and `fleet` with enough generator processes beside it; each bot has its own connection and
acts every 10 s, give or take a fifth, at moments fixed beforehand (open loop: a late answer counts from the
moment its call was due). It measures after the ramp and a warm-up, and reads memory (PSS) and CPU time of
every process near the end. Then `fleet` looks up every acknowledged turn in the store and replays it.

With `--kill-worker` a worker of the server is killed when the measured time begins.

It prints one table, writes `bench-results/eighty.json` with the server's log beside it, and fails if the run
misses a "must" of the list below.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import math
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

from bench.processes import Usage, family, usage_of
from testkit.ports import free_port

RESULTS: Final = Path("bench-results")
_PER_PROCESS: Final = 16_000
"""Bots of one worker or generator: a usual hard limit is 20,000 open files a process."""
_RAMP_BOTS_PER_SECOND: Final = 400
"""A start costs more than a turn: a faster ramp would be a higher load than the turns, and leave a queue."""
_START_SECONDS_MAX: Final = 60.0
_ANSWER_SECONDS_MAX: Final = 60.0
"""The timeout of usual clients. A shorter timeout would turn a short overload into a storm of repeats."""
_STOP_SECONDS_MAX: Final = 60.0
_P99_MS_MUST, _P99_MS_GOAL = 250.0, 50.0
_PSS_GB_MUST, _PSS_GB_GOAL = 2.5, 1.6
_RATE_SHARE_MUST: Final = 0.98
_LINE: Final = re.compile(r"\s*(\d+) s .* (\d+) connected  (\d+) turns ")


class Plan(NamedTuple):
    """The plan of a run, in bots and seconds."""

    bots: int
    seconds: float
    every: float
    ramp: float
    warm_up: float
    workers: int
    generators: int
    results: str
    """The folder of `eighty.json`, of the server's log, and of the database while it runs."""
    kill_worker: bool


class Sample(NamedTuple):
    """The usage of all processes at one moment, and the state of the load then."""

    turns: int
    connected: int
    server: list[Usage]
    generators: list[Usage]
    database_bytes: dict[str, int]


def main() -> int:
    """Run the bench.

    Returns:
        0 if every must is met, 1 if not, 2 if it could not begin, 130 if it was interrupted twice.
    """
    plan = _plan()
    if not sys.platform.startswith("linux"):
        print("bench-80k reads /proc: it runs on Linux only", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    Path(plan.results).mkdir(exist_ok=True, parents=True)
    try:
        with tempfile.TemporaryDirectory(dir=plan.results, prefix="eighty-") as folder:
            return _run(plan, Path(folder))
    except KeyboardInterrupt:
        print("ended at once; nothing was verified", file=sys.stderr)
        return 130


def _plan() -> Plan:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--bots", type=int, default=80_000)
    parser.add_argument("--seconds", type=float, default=300.0, help="measured, after the warm-up")
    parser.add_argument("--every", type=float, default=10.0, help="seconds between the calls of a bot")
    parser.add_argument("--ramp", type=float, help="seconds until all are connected (400 bots a second)")
    parser.add_argument(
        "--warm-up", type=float, help="seconds before it measures (the ramp and three rounds)"
    )
    parser.add_argument("--workers", type=int, help="of the server (one for 16,000 bots, at least 2)")
    parser.add_argument("--generators", type=int, help="processes of the load (likewise)")
    parser.add_argument("--results", default=str(RESULTS), help="the folder of the results")
    parser.add_argument("--kill-worker", action="store_true", help="kill -9 a worker under the load")
    arguments = parser.parse_args()
    ramp = arguments.ramp or max(arguments.every, arguments.bots / _RAMP_BOTS_PER_SECOND)
    needed = max(2, math.ceil(arguments.bots / _PER_PROCESS))
    return Plan(
        arguments.bots,
        arguments.seconds,
        arguments.every,
        ramp,
        arguments.warm_up or ramp + 3 * arguments.every,
        arguments.workers or needed,
        arguments.generators or needed,
        arguments.results,
        arguments.kill_worker,
    )


def _run(plan: Plan, folder: Path) -> int:
    whole = plan.warm_up + plan.seconds
    _log(
        f"{plan.bots} bots, each every {plan.every:g} s; {plan.workers} workers, "
        f"{plan.generators} generators; {plan.ramp:.0f} s ramp, "
        f"measured from {plan.warm_up:.0f} s to {whole:.0f} s, then verified"
    )
    with _server(plan, folder) as (server, port):
        with _fleet(plan, folder, port) as fleet:
            samples, interrupted = _watch(plan, folder, server.pid, fleet)
            fleet.wait()
        report_file = folder / "report.json"
        if not report_file.exists() or not samples:
            _log("stopped before anything was measured" if interrupted else "FAILED: see above")
            return 1
        report = json.loads(report_file.read_text())
    ended_well = server.returncode == 0
    figures = _figures(plan, report, samples)
    missed = _missed(plan, report, figures)
    if not ended_well:
        missed.append(f"the server ended with {server.returncode}")
    if interrupted:
        missed.append("interrupted before its time")
    print("\n".join(_table(plan, report, figures)))
    result = {
        "plan": plan._asdict(),
        "machine": _machine(),
        "figures": figures,
        "report": report,
        "missed": missed,
    }
    (Path(plan.results) / "eighty.json").write_text(json.dumps(result, indent=1))
    for line in missed:
        print(f"MISSED: {line}")
    return 1 if missed else 0


# The processes


@contextlib.contextmanager
def _server(plan: Plan, folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Start a server and wait until it is ready.

    Ctrl-C does not reach the server; it ends when its standard input does.
    """
    port = free_port()
    log = folder / "server.log"
    with log.open("wb") as to:
        server = subprocess.Popen(
            [sys.executable, "-m", "dungeonfighter", "serve", "--host", "127.0.0.1", "--port", str(port),
             "--workers", str(plan.workers), "--db", f"sqlite:///{folder}/games.db", "--until-stdin-closes"],
            stdin=subprocess.PIPE, stdout=to, stderr=to, start_new_session=True,
        )  # fmt: skip
    try:
        _await_ready(server, port, log)
        yield server, port
    finally:
        assert server.stdin is not None
        server.stdin.close()
        _end(server)
        shutil.copy(log, Path(plan.results) / "eighty-server.log")


def _await_ready(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS_MAX
    while time.monotonic() < deadline and server.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(connection):
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        time.sleep(0.05)
    raise RuntimeError(f"the server did not start:\n{log.read_text(errors='replace')[-2000:]}")


@contextlib.contextmanager
def _fleet(plan: Plan, folder: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    words = ["--bots", plan.bots, "--every", plan.every, "--ramp", plan.ramp, "--warm-up", plan.warm_up,
             "--seconds", plan.seconds, "--processes", plan.generators, "--policy", "attack",
             "--timeout", _ANSWER_SECONDS_MAX, "--prefix", "bot",
             "--report", folder / "report.json"]  # fmt: skip
    fleet = subprocess.Popen(
        [sys.executable, "-m", "dungeonfighter", "fleet", f"http://127.0.0.1:{port}", *map(str, words)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        yield fleet
    finally:
        if fleet.poll() is None:
            fleet.kill()  # its generators end with it
        fleet.wait()


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(_STOP_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        _log("the server does not stop: killed")
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


# Watching


def _watch(
    plan: Plan, folder: Path, server_id: int, fleet: subprocess.Popen[str]
) -> tuple[list[Sample], bool]:
    """Read the load's lines to their end, and sample the processes twice.

    The samples are from the start and from near the end of the measured time. The first Ctrl-C ends the load
    in good order.
    """
    watching = _Watching(plan, folder, server_id, fleet.pid)
    assert fleet.stderr is not None
    interrupted = False
    while True:
        try:
            watching.follow(fleet.stderr)
        except KeyboardInterrupt:
            if interrupted:
                raise
            interrupted = True
            _log("stopping, then verifying what was played; once more to end at once")
            fleet.send_signal(signal.SIGINT)
        else:
            return watching.samples, interrupted


class _Watching:
    def __init__(self, plan: Plan, folder: Path, server_id: int, fleet_id: int) -> None:
        self._plan = plan
        self._folder = folder
        self._server_id = server_id
        self._fleet_id = fleet_id
        near_end = plan.warm_up + plan.seconds - max(1.0, min(10.0, plan.seconds / 5))
        self._moments = [plan.warm_up, near_end]
        self._lines = 0
        self.samples: list[Sample] = []

    def follow(self, lines: IO[str]) -> None:
        for line in lines:
            found = _LINE.match(line)
            if not found:
                _log(line.rstrip())
                continue
            seconds, connected, turns = (int(number) for number in found.groups())
            if self._moments and seconds >= self._moments[0]:
                self._moments.pop(0)
                self.samples.append(self._sample(connected, turns))
                if self._plan.kill_worker and len(self.samples) == 1:
                    _kill_largest_child(self.samples[0].server)
            if self._lines % 5 == 0 or seconds == 1:
                _log(f"{self._left(seconds):<24}{line.rstrip()}")
            self._lines += 1

    def _left(self, seconds: float) -> str:
        plan = self._plan
        if seconds < plan.ramp:
            return f"ramp, {plan.ramp - seconds:.0f} s left"
        if seconds < plan.warm_up:
            return f"warm-up, {plan.warm_up - seconds:.0f} s left"
        return f"{(plan.warm_up + plan.seconds - seconds) / 60:.1f} min left"

    def _sample(self, connected: int, turns: int) -> Sample:
        sizes = {path.name: path.stat().st_size for path in sorted(self._folder.glob("games.db*"))}
        return Sample(
            turns,
            connected,
            [usage_of(one) for one in family(self._server_id)],
            [usage_of(one) for one in family(self._fleet_id)],
            sizes,
        )


def _kill_largest_child(server: Sequence[Usage]) -> None:
    """Kill a worker: the parent comes first, and the verifier needs less memory than any worker."""
    worker = max(server[1:], key=lambda one: one.pss_bytes)
    _log(f"killing worker {worker.process_id}: the longest answer tells how long its bots waited")
    os.kill(worker.process_id, signal.SIGKILL)


# Results


def _figures(plan: Plan, report: dict[str, Any], samples: Sequence[Sample]) -> dict[str, Any]:
    first, last = samples[0], samples[-1]
    turns = max(1, last.turns - first.turns)

    def us_per_turn(before: list[Usage], after: list[Usage]) -> float:
        began = {one.process_id: one.cpu_seconds for one in before}
        spent = sum(one.cpu_seconds - began.get(one.process_id, 0.0) for one in after)
        return round(spent / turns * 1e6, 1)

    server_bytes = sum(one.pss_bytes for one in last.server)
    return {
        "connected": last.connected,
        "server_pss": [one._asdict() for one in last.server],
        "server_pss_bytes": server_bytes,
        "server_bytes_per_bot": round(server_bytes / plan.bots),
        "generator_pss": [one._asdict() for one in last.generators],
        "generator_pss_bytes": sum(one.pss_bytes for one in last.generators),
        "server_cpu_us_per_turn": us_per_turn(first.server, last.server),
        "generator_cpu_us_per_turn": us_per_turn(first.generators, last.generators),
        "database_bytes": last.database_bytes,
        "turns_per_second_asked": round(plan.bots / plan.every, 1),
        "lost_or_doubled": sum(report["findings"].values()),
        "turns": report["turns"],
    }


def _missed(plan: Plan, report: dict[str, Any], figures: dict[str, Any]) -> list[str]:
    """Return a sentence for each must that was not met."""
    errors = sum(report["errors"].values()) + sum(report["warm_up_errors"].values())
    gigabytes = figures["server_pss_bytes"] / 1e9
    p99 = report["latency_ms"]["p99"]
    rate, requested = report["turns_per_second"], figures["turns_per_second_asked"]
    checks = [
        (not errors, f"{errors} errors"),
        (not figures["lost_or_doubled"], f"lost, doubled or wrong: {report['findings']}"),
        (not report["unread"], f"not verified: {report['unread']}"),
        (report["verified_bots"] == plan.bots, f"verified {report['verified_bots']} of {plan.bots} bots"),
        (not report["cut_off"], f"{report['cut_off']} bots were not answered at the end"),
        (not report["ended"], "; ".join(report["ended"])),
        (figures["connected"] == plan.bots, f"connected {figures['connected']} of {plan.bots} bots"),
        (rate >= _RATE_SHARE_MUST * requested, f"{rate:.0f} turns/s of {requested:.0f} asked"),
        (p99 <= _P99_MS_MUST, f"p99 {p99:g} ms, must be <= {_P99_MS_MUST:g} ms"),
        (gigabytes <= _PSS_GB_MUST, f"servers' PSS {gigabytes:.2f} GB, must be <= {_PSS_GB_MUST:g} GB"),
    ]  # fmt: skip
    return [what for is_met, what in checks if not is_met]


def _table(plan: Plan, report: dict[str, Any], figures: dict[str, Any]) -> Iterator[str]:
    for name, value in (*_play_rows(plan, report, figures), *_cost_rows(figures)):
        yield f"{name:<22}{value}"


def _play_rows(plan: Plan, report: dict[str, Any], figures: dict[str, Any]) -> Iterator[tuple[str, str]]:
    ms = report["latency_ms"]
    yield "bots", f"{plan.bots}, {figures['connected']} connected, each every {plan.every:g} s"
    measured = f"{report['turns']} in {report['seconds']:.0f} s"
    yield "turns", f"{measured} after {report['warm_up_turns']} in the warm-up"
    requested = figures["turns_per_second_asked"]
    yield "turns/s", f"{report['turns_per_second']:.1f} of {requested:.1f} asked"
    names = {"p50": "p50", "p95": "p95", "p99": "p99", "p999": "p99.9", "max": "max"}
    yield "latency ms", "  ".join(f"{shown} {ms[name]:g}" for name, shown in names.items())
    yield "", f"p99 must <= {_P99_MS_MUST:g}, goal {_P99_MS_GOAL:g}"
    yield "errors", _counted(report["errors"])
    yield "failed attempts", _counted(report["troubles"])
    early = _counted(report["warm_up_errors"]), _counted(report["warm_up_troubles"])
    yield "in the warm-up", f"errors {early[0]}, failed attempts {early[1]}"
    yield "cut off at the end", str(report["cut_off"])
    yield "verified", f"{report['verified_bots']} bots, {report['verified_turns']} acknowledged turns"
    yield "lost, doubled, wrong", _counted(report["findings"])


def _cost_rows(figures: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield _memory("server PSS", figures["server_pss"], figures["server_pss_bytes"])
    limits = f"must <= {_PSS_GB_MUST:g} GB, goal {_PSS_GB_GOAL:g} GB"
    yield "", f"{figures['server_bytes_per_bot']} bytes a bot; {limits}"
    yield _memory("generator PSS", figures["generator_pss"], figures["generator_pss_bytes"])
    server, generators = figures["server_cpu_us_per_turn"], figures["generator_cpu_us_per_turn"]
    yield "CPU us a turn", f"server {server:.0f}, generators {generators:.0f}"
    sizes = figures["database_bytes"]
    yield "database", ", ".join(f"{name} {size / 1e6:.0f} MB" for name, size in sizes.items())


def _memory(name: str, rows: Sequence[dict[str, Any]], total: int) -> tuple[str, str]:
    """Return a row of the table; the first of `rows` is the parent of the others."""
    sizes = " + ".join(f"{row['pss_bytes'] / 1e6:.0f}" for row in rows)
    return name, f"{total / 1e9:.3f} GB ({sizes} MB)"


def _counted(kinds: dict[str, int]) -> str:
    if not kinds:
        return "0"
    return f"{sum(kinds.values())} ({', '.join(f'{kind} {count}' for kind, count in sorted(kinds.items()))})"


def _machine() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "system": platform.release(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
    }


def _log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
