"""A load of bots for Locust: open loop, MCP 2026-07-28 over HTTP; each user is one bot. See docs/load.md.

    locust -f load/locustfile.py --headless -H http://127.0.0.1:8000 -u 1000 -r 500 --rate 500 --warm-up 5

Each bot has its moments: the n-th user calls first after n / rate seconds, then every users / rate seconds,
whether or not the server keeps up. A late bot calls at once, and its response time counts from the moment at
which the call was due. `wait_time = constant_throughput(...)` would forget the calls of a user that is late.
"""

from __future__ import annotations

import json
import logging
import os
import re
import resource
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import gevent
from geventhttpclient.client import HTTPClientPool
from locust import FastHttpUser, events, task
from locust.env import Environment
from locust.rpc import Message
from locust.runners import MasterRunner, WorkerRunner

# The environment of Locust does not have the package; these two modules need the standard library only.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from dungeonfighter.fleet.latency import Histogram
from dungeonfighter.telemetry.tokens import count_tokens

VERSION = "2026-07-28"
LATE_SECONDS = 0.1
LATE_SHARE = 0.01
BUSY_SHARE = 0.9
WAITING_SHARE = 0.1
REPORT_SECONDS_MAX = 10.0
CONNECTIONS_MAX = 900
"""geventhttpclient opens a connection anew for each call on a descriptor from 1024 on (it asks select)."""
COUNTS = "bot-counts"
"""The message of a worker with its counts."""
TOKENS_OF_EACH = 3
_META = {
    "io.modelcontextprotocol/protocolVersion": VERSION,
    "io.modelcontextprotocol/clientCapabilities": {},
    "io.modelcontextprotocol/clientInfo": {"name": "dungeonfighter-locust", "version": "1"},
}
_position = re.compile(r"e(\d+) t(\d+) \|")
logger = logging.getLogger(__name__)


class Counts:
    """The counts of one process."""

    def __init__(self) -> None:
        self.acknowledged = 0
        self.begun = 0
        self.turns = 0
        self.late = 0
        self.missed = 0
        self.failed: dict[str, int] = {}
        self.examples: dict[str, str] = {}
        self.tokens: list[int] = [0, 0]
        self.from_due = Histogram()
        self.from_sending = Histogram()
        self.seconds = 0.0
        self.cpu_seconds = 0.0
        self.waiting_seconds = 0.0

    def fail(self, code: str, example: str) -> None:
        self.failed[code] = self.failed.get(code, 0) + 1
        self.examples.setdefault(code, example)

    def share(self) -> dict[str, Any]:
        """Return all counts in a form that travels from a worker to its master."""
        share = {name: value for name, value in vars(self).items() if not isinstance(value, Histogram)}
        for name in ("from_due", "from_sending"):
            histogram = getattr(self, name)
            share[name] = [histogram.buckets(), histogram.max_seconds]
        return share

    def merge(self, share: dict[str, Any]) -> None:
        for name in ("acknowledged", "begun", "turns", "late", "missed", "cpu_seconds", "waiting_seconds"):
            setattr(self, name, getattr(self, name) + share[name])
        self.seconds = max(self.seconds, share["seconds"])
        self.tokens = [one + other for one, other in zip(self.tokens, share["tokens"], strict=True)]
        for code, count in share["failed"].items():
            self.failed[code] = self.failed.get(code, 0) + count
        self.examples = {**share["examples"], **self.examples}
        for name in ("from_due", "from_sending"):
            buckets, longest = share[name]
            getattr(self, name).merge(buckets, longest)


class Clock:
    """The moments of the test in this process, as `perf_counter`."""

    began = 0.0
    measured_from = 0.0
    measured_until = 0.0
    every = 0.0
    cpu_began = 0.0
    waiting_began = 0.0
    ends: float | None = None


counts = Counts()
shares: dict[str, dict[str, Any]] = {}  # of the workers, in the master
clock = Clock()


class Bot(FastHttpUser):
    """One bot; it takes a free connection for each call, as the bots of `fleet` do."""

    made = 0

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        options, runner = environment.parsed_options, environment.runner
        assert options is not None
        assert runner is not None
        number, worker = Bot.made, max(0, runner.worker_index)
        Bot.made += 1
        processes = _processes(environment)
        self._bot = f"{options.prefix}-{worker}-{number:05d}"
        self._seed = number * processes + worker
        self._due = clock.began + self._seed / options.rate
        self._episode, self._turn, self._calls = 1, -1, 0
        self._headers = _headers(self._bot, options.reconnect)

    def wait_time(self) -> float:
        left: float = self._due - time.perf_counter()
        return max(0.0, left)

    @task
    def act(self) -> None:
        """Make the call that is due; called early, do without."""
        due = self._due
        late = time.perf_counter() - due
        if late < 0:
            return
        self._due += clock.every
        counts.late += late > LATE_SECONDS and clock.measured_from <= due < clock.measured_until
        if self._turn < 0:
            self._begin(due)
        else:
            self._play(due)

    def on_stop(self) -> None:
        """Count the calls that were due, but never begun."""
        end = (clock.ends or time.perf_counter()) - LATE_SECONDS
        first = max(self._due, clock.measured_from)
        if first <= end:
            counts.missed += int((end - first) / clock.every) + 1

    def _begin(self, due: float) -> None:
        arguments = {"name": self._bot[:24], "seed": self._seed, "mode": "casual", "episode": self._episode}
        if self._call("start_new_game", arguments, due, (self._episode, 0)):
            counts.begun += 1
            self._turn = 0

    def _play(self, due: float) -> None:
        arguments = {"input": "1", "turn": self._turn, "episode": self._episode}
        sent = time.perf_counter()
        if self._call("handle_input", arguments, due, (self._episode, self._turn + 1)):
            now = time.perf_counter()
            self._turn += 1
            counts.acknowledged += 1
            if clock.measured_from <= due < clock.measured_until:
                counts.turns += 1
                counts.from_due.add(now - due)
                counts.from_sending.add(now - sent)

    def _call(self, tool: str, arguments: dict[str, Any], due: float, wanted: tuple[int, int]) -> bool:
        """Make one call; return True if the answer shows the wanted episode and turn."""
        self._calls += 1
        params = {
            "name": tool,
            "arguments": {"botId": self._bot, "view": "text", **arguments},
            "_meta": _META,
        }
        body = json.dumps({"jsonrpc": "2.0", "id": self._calls, "method": "tools/call", "params": params})
        with self.client.post(
            "/mcp", data=body, headers=self._headers[tool], name=tool, catch_response=True
        ) as response:
            response.request_meta["response_time"] = (time.perf_counter() - due) * 1000
            code, text, place = _read(
                response.status_code, response.content, str(getattr(response, "error", None) or "")
            )
            if not code and place == wanted:
                if (self._calls + self._seed) % TOKENS_OF_EACH == 0 and tool == "handle_input":
                    counts.tokens[0] += count_tokens(text)
                    counts.tokens[1] += 1
                response.success()
                return True
            code = code or "wrong_turn"
            counts.fail(code, f"{self._bot}: wanted e{wanted[0]} t{wanted[1]}: {text[:200]}")
            response.failure(f"{tool}: {code}")
        self._take_position(code, place)
        return False

    def _take_position(self, code: str, place: tuple[int, int] | None) -> None:
        if code == "run_over":
            self._episode, self._turn = self._episode + 1, -1
        elif code in {"stale_turn", "future_turn", "conflict", "wrong_turn"} and place is not None:
            self._episode, self._turn = place


def _headers(bot: str, reconnect: bool) -> dict[str, dict[str, str]]:
    shared = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "Accept-Encoding": "identity",
        "MCP-Protocol-Version": VERSION,
        "Mcp-Method": "tools/call",
        "Mcp-Param-Bot-Id": bot,
    }
    if reconnect:
        shared["Connection"] = "close"
    if token := os.environ.get("DUNGEONFIGHTER_TOKEN", ""):
        shared["Authorization"] = f"Bearer {token}"
    return {tool: {**shared, "Mcp-Name": tool} for tool in ("start_new_game", "handle_input")}


def _read(status: int, body: bytes | None, error: str) -> tuple[str, str, tuple[int, int] | None]:
    """Return the code of an error ("" for a success), the text, and episode and turn where they are known."""
    if not status:
        return "no_answer", error, None
    if status != 200:
        return f"http_{status}", str(body or b"", "utf-8", "replace"), None
    try:
        reply = json.loads(body or b"")
        result = reply.get("result")
        if result is None:
            return f"rpc_{reply['error']['code']}", str(reply["error"].get("message")), None
        text = str(result["content"][0]["text"])
        if result.get("isError"):
            refusal = result.get("structuredContent") or {}
            episode, turn = refusal.get("episode"), refusal.get("turn")
            place = (episode, turn) if isinstance(episode, int) and isinstance(turn, int) else None
            return str(refusal.get("code", "unnamed_error")), text, place
    except (ValueError, LookupError, AttributeError, TypeError):
        return "bad_answer", str(body or b"", "utf-8", "replace"), None
    found = _position.match(text)
    return ("", text, (int(found[1]), int(found[2]))) if found else ("bad_answer", text, None)


# The test


@events.init_command_line_parser.add_listener
def add_arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("--rate", type=float, default=500.0, help="calls a second of all bots together")
    add("--warm-up", type=float, default=0.0, help="seconds before it measures, the round of starts included")
    add("--seconds", type=float, default=30.0, help="measured seconds; the test then ends by itself")
    add("--answer-timeout", type=float, default=5.0, help="seconds that an answer may take")
    add("--prefix", default=f"locust-{int(time.time()):x}", help="how the bots are called; new for each test")
    add("--reconnect", action="store_true", help="open a new connection for each call")
    add("--result", default="", help="also write the figures to this file, as JSON")


@events.init.add_listener
def prepare(environment: Environment, **_: object) -> None:
    options = environment.parsed_options
    assert options is not None
    times = {"connection_timeout": options.answer_timeout, "network_timeout": options.answer_timeout}
    Bot.client_pool = HTTPClientPool(concurrency=CONNECTIONS_MAX, insecure=Bot.insecure, **times)
    if isinstance(environment.runner, MasterRunner):
        environment.runner.register_message(COUNTS, take_counts)
    # A call that is cut off at the end might be stored and not acknowledged.
    environment.stop_timeout = environment.stop_timeout or options.answer_timeout + 1
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard > 0 else soft, hard))


@events.test_start.add_listener
def begin(environment: Environment, **_: object) -> None:
    options = environment.parsed_options
    assert options is not None
    clock.began = time.perf_counter() + 1.0  # the first users are made before
    clock.measured_from = clock.began + options.warm_up
    clock.measured_until = clock.measured_from + options.seconds
    clock.every = (options.num_users or 1) / options.rate
    gevent.spawn(_watch_time, environment, clock.measured_from, clock.measured_until)


def _watch_time(environment: Environment, begins: float, ends: float) -> None:
    """Note the beginning of the measured time, and end the test after it.

    Locust's own `--run-time` ends a test early where its start has taken long: a timer of gevent counts from
    the last turn of its loop, which was before the start.
    """
    _sleep_until(begins)
    clock.cpu_began, clock.waiting_began = time.process_time(), _waited()
    _sleep_until(ends)
    runner = environment.runner
    assert runner is not None
    if isinstance(runner, WorkerRunner):
        runner.stop()
        return
    if isinstance(runner, MasterRunner):
        deadline = time.perf_counter() + environment.stop_timeout + REPORT_SECONDS_MAX
        while len(shares) < _processes(environment) and time.perf_counter() < deadline:
            gevent.sleep(0.1)
    runner.quit()


def _waited() -> float:
    """Return the seconds that this thread was ready to run and had no core; 0 where the system does not tell.

    Source: Linux, Documentation/scheduler/sched-stats.
    """
    try:
        return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9
    except (OSError, LookupError, ValueError):
        return 0.0


def _sleep_until(moment: float) -> None:
    gevent.sleep(0)
    while (left := moment - time.perf_counter()) > 0:
        gevent.sleep(left)


@events.test_stopping.add_listener
def end(environment: Environment, **_: object) -> None:
    if clock.ends is None and not isinstance(environment.runner, MasterRunner):
        clock.ends = time.perf_counter()
        options = environment.parsed_options
        assert options is not None
        counts.seconds = min(options.seconds, max(0.0, clock.ends - clock.measured_from))
        counts.cpu_seconds = time.process_time() - clock.cpu_began
        counts.waiting_seconds = _waited() - clock.waiting_began


@events.user_error.add_listener
def count_defect(user_instance: Bot, exception: Exception, tb: object) -> None:
    counts.fail("exception", f"{type(exception).__name__}: {exception}")


@events.test_stop.add_listener
def send_counts(environment: Environment, **_: object) -> None:
    """Send the counts of this process to the master, after the last answer of its bots."""
    if isinstance(environment.runner, WorkerRunner):
        environment.runner.send_message(COUNTS, counts.share())


def take_counts(environment: Environment, msg: Message, **_: object) -> None:
    shares[msg.node_id] = msg.data


@events.quitting.add_listener
def finish(environment: Environment, **_: object) -> None:
    """Print the one line of the result, and decide about the exit code."""
    if isinstance(environment.runner, WorkerRunner):
        return
    total = Counts()
    for share in shares.values() or [counts.share()]:
        total.merge(share)
    result = _result(environment, total)
    options = environment.parsed_options
    assert options is not None
    if options.result:
        Path(options.result).write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    ms = result["answer_ms"]
    verdict = f"FAILED, {'; '.join(result['failures'])}" if result["failures"] else "passed"
    print(
        f"locust: {result['bots']} bots, {result['turns']} turns in {result['seconds']:.1f} s, "
        f"{result['turns_per_second']:.1f} turns/s, p50 {ms['p50']:.2f} ms, p99 {ms['p99']:.2f} ms, "
        f"{result['calls_failed']} failed, {result['missed_starts']} missed starts, {result['late_starts']} "
        f"late, {result['tokens_per_turn']:.1f} tokens a turn, generator at {100 * result['busy']:.0f} % of "
        f"its cores, without a core for {100 * result['waiting']:.0f} %: {verdict}",
        flush=True,
    )
    environment.process_exit_code = 1 if result["failures"] else 0


def _result(environment: Environment, total: Counts) -> dict[str, Any]:
    options = environment.parsed_options
    assert options is not None
    failed = sum(total.failed.values())
    processes = _processes(environment)
    whole = total.seconds * processes
    busy, waiting = (total.cpu_seconds / whole, total.waiting_seconds / whole) if whole else (0.0, 0.0)
    offered = options.rate * total.seconds
    reported = len(shares) if isinstance(environment.runner, MasterRunner) else processes
    checks = [
        (reported == processes, f"{processes - reported} of {processes} processes did not report"),
        (failed == 0, f"{failed} calls failed ({', '.join(sorted(total.failed))})"),
        (total.late <= LATE_SHARE * offered, f"{total.late} calls began over {LATE_SECONDS:g} s late"),
        (total.missed == 0, f"{total.missed} calls were due and never begun"),
        (total.turns >= 0.98 * offered, f"{total.turns} turns of {offered:.0f} offered"),
        (busy <= BUSY_SHARE, f"the generator was busy for {100 * busy:.0f} %: add --processes"),
        (waiting <= WAITING_SHARE, f"the generator waited for a core for {100 * waiting:.0f} % of the time"),
    ]  # fmt: skip
    return {
        "tool": "Locust",
        "url": environment.host,
        "bots": options.num_users,
        "rate": options.rate,
        "warm_up": options.warm_up,
        "seconds": round(total.seconds, 3),
        "turns": total.turns,
        "turns_per_second": round(total.turns / total.seconds, 1) if total.seconds else 0.0,
        "acknowledged": total.acknowledged,
        "runs_begun": total.begun,
        "calls_failed": failed,
        "errors": total.failed,
        "error_examples": total.examples,
        "missed_starts": total.missed,
        "late_starts": total.late,
        "tokens_per_turn": round(total.tokens[0] / total.tokens[1], 2) if total.tokens[1] else 0.0,
        "answer_ms": _percentiles(total.from_due),
        "answer_from_sending_ms": _percentiles(total.from_sending),
        "processes": processes,
        "busy": round(busy, 3),
        "waiting": round(waiting, 3),
        "measured_at": time.time() - time.perf_counter() + clock.measured_from,
        "cpu_us_per_call": round(total.cpu_seconds / total.turns * 1e6, 1) if total.turns else 0.0,
        "failures": [text for is_met, text in checks if not is_met],
    }


def _percentiles(histogram: Histogram) -> dict[str, float]:
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "p999": 0.999, "max": 1.0}
    return {name: round(histogram.percentile(share) * 1000, 3) for name, share in shares.items()}


def _processes(environment: Environment) -> int:
    options = environment.parsed_options
    assert options is not None
    return max(1, options.processes or 1)
